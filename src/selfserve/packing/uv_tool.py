"""Run the `uv` program, and turn its failures into errors that say what to do."""

import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import uv

from selfserve.core.credentials import without_credentials
from selfserve.errors import ClusterFailedError

Cancelled = Callable[[], bool]
"""Whether nobody wants the result any more."""

_LOOK_S = 0.2
_SAID_LIMIT = 600
_FREE_SPACE = "Free some space, or choose another folder: export SELFSERVE_CACHE=/path"
_NETWORK = "Check the network; a proxy is named by HTTPS_PROXY, an index by UV_DEFAULT_INDEX."
_HINTS = (
    ("No space left on device", _FREE_SPACE),
    ("Disk quota exceeded", _FREE_SPACE),
    ("no version of", "See which versions there are: https://pypi.org/project/pyspark/#history"),
    ("not found in the package registry", "Check the package index: UV_DEFAULT_INDEX"),
    ("network was disabled", "Go online once, for the first use of this version: unset UV_OFFLINE"),
    ("error sending request", _NETWORK),
    ("Failed to fetch", _NETWORK),
    ("No interpreter found", "Let uv install one: uv python install 3.11"),
)
_OTHERWISE = (
    "Try again; if it fails again, see: https://docs.astral.sh/uv/reference/troubleshooting/"
)


def never() -> bool:
    """For callers that never cancel."""
    return False


def raise_if_cancelled(cancelled: Cancelled) -> None:
    """Raises ClusterFailedError when cancelled."""
    if cancelled():
        raise ClusterFailedError(
            "The cluster was ended while it started.", hint="Start another: selfserve up"
        )


class UvError(ClusterFailedError):
    """uv ended unsuccessfully; `said` is all of its stderr, but for passwords in URLs."""

    def __init__(self, message: str, *, hint: str, said: str) -> None:
        super().__init__(message, hint=hint)
        self.said = without_credentials(said)


class Uv:
    """The uv that came with selfserve; `environment` is added to ours."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = {**os.environ, **(environment or {})}
        self._environment.pop("VIRTUAL_ENV", None)
        self._environment["COLUMNS"] = "10000"  # uv breaks its messages into lines of this width

    def run(
        self,
        arguments: Sequence[str],
        cancelled: Cancelled = never,
        *,
        holding: int | None = None,
        folder: Path | None = None,
    ) -> str:
        """Run uv to its end, in `folder` if given, and return its stdout.

        The child keeps the descriptor `holding` open: a lock outlives us until uv is done.

        Raises:
            UvError: uv failed.
            ClusterFailedError: cancelled.
        """
        with (
            # Builds with setuptools leave lock files in the temporary folder.
            tempfile.TemporaryDirectory(prefix="selfserve-uv-") as temporary,
            subprocess.Popen(
                [uv.find_uv_bin(), "--no-progress", *arguments],
                env={**self._environment, "TMPDIR": temporary},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                pass_fds=() if holding is None else (holding,),
            ) as child,
        ):
            try:
                stdout, stderr = _communicate(child, cancelled)
            except BaseException:
                child.kill()
                raise
        if child.returncode != 0:
            raise _failure(arguments, stderr)
        return stdout


def _communicate(child: "subprocess.Popen[str]", cancelled: Cancelled) -> tuple[str, str]:
    while True:
        raise_if_cancelled(cancelled)
        try:
            return child.communicate(timeout=_LOOK_S)
        except subprocess.TimeoutExpired:
            continue


def _failure(arguments: Sequence[str], stderr: str) -> UvError:
    told = without_credentials(stderr)
    hint = next((hint for sign, hint in _HINTS if sign in told), _OTHERWISE)
    wanted = arguments[-1] if arguments[0] == "pip" else "Python"
    said = " ".join(told.split())[-_SAID_LIMIT:] or "it said nothing"
    return UvError(f"uv could not install {wanted}: {said}", hint=hint, said=told)
