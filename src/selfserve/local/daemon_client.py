"""Find, start and stop the daemon that serves EMR on this machine.

Runs in the client's process. Fast when the daemon is already up: one small
file and one request on the loopback, and no heavy import.
"""

import contextlib
import fcntl
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

from selfserve.errors import ClusterFailedError
from selfserve.local.endpoint import LocalEndpoint
from selfserve.local.home import Home, cannot_write, local_home, write_private
from selfserve.local.marks import without_marks

_START_DEADLINE_S = 60.0
_STOP_DEADLINE_S = 45.0
_POLL_S = 0.05
_LOCKED_OUT_S = 0.5


def running(home: Home | None = None) -> LocalEndpoint | None:
    """The endpoint if its daemon answers now."""
    home = home or local_home()
    daemon = home.read_daemon()
    if daemon is None or not _answers(daemon.port, daemon.pid):
        return None
    return home.endpoint(daemon)


def ensure_running(home: Home | None = None, *, port: int | None = None) -> LocalEndpoint:
    """Return the endpoint, after starting its daemon if need be.

    Clients at once start one daemon: the others wait for it.

    Raises:
        ClusterFailedError: it could not start; the message says why.
    """
    home = home or local_home()
    endpoint = running(home)
    if endpoint is not None:
        return endpoint
    home.make()
    with _alone(home):
        return running(home) or _start(home, port)


def revive(home: Home) -> LocalEndpoint | None:
    """Start a daemon again that has died; None if it was stopped, or has ended itself.

    Raises:
        ClusterFailedError: it could not start.
    """
    if home.read_daemon() is None:  # a daemon that ends in peace takes its file with it
        return None
    return ensure_running(home)


def _start(home: Home, port: int | None) -> LocalEndpoint:
    process = _spawn(home, port)
    deadline = time.monotonic() + _START_DEADLINE_S
    while time.monotonic() < deadline:
        endpoint = running(home)
        if endpoint is not None:
            process.returncode = 0  # it is meant to outlive us: nobody will wait for it
            return endpoint
        if process.poll() == 0:
            # Another daemon held its lock: one on its way out.
            time.sleep(_LOCKED_OUT_S)
            process = _spawn(home, port)
        _raise_failure(home, process)
        time.sleep(_POLL_S)
    raise ClusterFailedError(
        f"The local endpoint did not answer within {_START_DEADLINE_S:.0f} s.",
        hint=f"See its log: tail {home.log}",
    )


def stop(home: Home | None = None) -> bool:
    """End the daemon and everything that it started; False when none was running.

    Live clusters are terminated first. Returns when the processes are gone.
    """
    from selfserve.local.engine.leftovers import end_leftovers  # noqa: PLC0415  only this verb needs psutil

    home = home or local_home()
    if not home.root.is_dir():
        return False
    with _alone(home):
        daemon = home.read_daemon()
        was_running = daemon is not None and _answers(daemon.port, daemon.pid)
        if daemon is not None and was_running:
            _end(daemon.pid)
        end_leftovers(home.root)
        home.daemon.unlink(missing_ok=True)
    return was_running


@contextlib.contextmanager
def _alone(home: Home) -> Iterator[None]:
    """One client at a time starts or stops the daemon; the lock goes with its holder."""
    try:
        lock = (home.root / "client.lock").open("w", encoding="utf-8")
    except OSError as error:
        raise cannot_write(home.root, error) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _answers(port: int, pid: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/selfserve/health")
        answer = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()
    return bool(answer.get("pid") == pid)


def _spawn(home: Home, port: int | None) -> subprocess.Popen[bytes]:
    home.failure.unlink(missing_ok=True)
    command = [sys.executable, "-m", "selfserve.local.daemon", "--home", str(home.root)]
    if port is not None:
        command += ["--port", str(port)]
    try:
        with home.log.open("ab") as log:
            return subprocess.Popen(
                command,
                env=without_marks(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=home.root,
                start_new_session=True,
            )
    except OSError as error:
        raise cannot_write(home.log, error) from error


def _raise_failure(home: Home, process: subprocess.Popen[bytes]) -> None:
    code = process.poll()
    if code is None or code == 0:
        return
    try:
        failure = json.loads(home.failure.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        write_private(home.failure, "{}")  # on a full disk, this is what it could not do either
        raise ClusterFailedError(
            f"The local endpoint ended while starting (exit code {code}).",
            hint=f"See its log: tail {home.log}",
        ) from None
    raise ClusterFailedError(failure["message"], hint=failure["hint"])


def _end(pid: int) -> None:
    """SIGTERM, then SIGKILL: the daemon terminates its clusters on the first."""
    for number, patience_s in ((signal.SIGTERM, _STOP_DEADLINE_S), (signal.SIGKILL, 5.0)):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        if _is_gone(pid, patience_s):
            return


def _is_gone(pid: int, patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)  # it is our child if this process started it
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(_POLL_S)
    return False
