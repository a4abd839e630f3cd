"""A helper process of the daemon that listens on the loopback: rclone, the table catalogue.

It carries a mark in its environment, other than that of clusters, by which the
next daemon finds what a killed one has left running, and adopts or ends it.
"""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from selfserve.errors import ClusterFailedError
from selfserve.local.engine.processes import end, is_running, leads_session
from selfserve.local.marks import HOME_VARIABLE, SERVICE_VARIABLE, without_marks

_STOP_DEADLINE_S = 5.0
_LOOK_S = 0.05
_REASON_CHARACTERS = 500


class Service:
    """One such process, by name; it chooses its port itself."""

    def __init__(self, name: str, home: Path) -> None:
        self.name = name
        self.log = home / f"{name}.log"
        self._home = home
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._adopted: psutil.Process | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the last launch, or of the process that was adopted."""
        process = self._process or self._adopted
        return process.pid if process else None

    @property
    def is_stopping(self) -> bool:
        """Whether `stop` has been called: the end of the process is no accident."""
        return self._stopping.is_set()

    def is_alive(self) -> bool:
        """Whether the process runs."""
        if self._process is not None:
            return self._process.poll() is None
        return self._adopted is not None and is_running(self._adopted)

    def adopt(self, find_port: Callable[[int], int | None]) -> int | None:
        """Go on with the process that an earlier daemon has started; the port it answers on.

        None when there is none. One that is not up yet is ended: nobody uses it.
        """
        for process in find_services(self._home, self.name):
            if leads_session(process) and (port := find_port(process.pid)) is not None:
                self._adopted = process
                return port
        self._end_leftovers(grace_s=0)
        return None

    def launch(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        *,
        find_port: Callable[[int], int | None],
        deadline_s: float,
    ) -> int:
        """Start the process and return the port it answers on.

        `find_port` is called with the process id until it knows the port.

        Raises:
            ClusterFailedError: it does not start; the message has the end of its log.
        """
        self._end_leftovers(grace_s=0)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                argv,
                env=self._marked(env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        port = self._wait_for_port(self._process, find_port, time.monotonic() + deadline_s)
        if port is None:
            self._end_process()
            said = self.log.read_text(encoding="utf-8", errors="replace").strip()
            raise ClusterFailedError(
                f"The local {self.name} did not start: {said[-_REASON_CHARACTERS:] or 'no reason'}",
                hint=f"See {self.log}, then try again.",
            )
        return port

    def leave_running(self) -> None:
        """It is meant to outlive this process: nobody will wait for it."""
        if self._process is not None:
            self._process.returncode = 0
            self._process = None

    def wait(self) -> int | None:
        """Wait until the process ends; its exit code."""
        return self._process.wait() if self._process else None

    def pause(self, seconds: float) -> None:
        """Wait, but not longer than until `stop`."""
        self._stopping.wait(seconds)

    def stop(self) -> None:
        """End the process, for good. Fine when it never started."""
        self._stopping.set()
        self._end_process()

    def _marked(self, env: Mapping[str, str]) -> dict[str, str]:
        return {
            **without_marks(env),
            HOME_VARIABLE: str(self._home),
            SERVICE_VARIABLE: self.name,
        }

    def _wait_for_port(
        self,
        process: subprocess.Popen[bytes],
        find_port: Callable[[int], int | None],
        deadline: float,
    ) -> int | None:
        while process.poll() is None and time.monotonic() < deadline:
            if (port := find_port(process.pid)) is not None:
                return port
            if self._stopping.wait(_LOOK_S):
                break
        return None

    def _end_leftovers(self, *, grace_s: float) -> None:
        """End what an earlier daemon has started."""
        end(lambda: find_services(self._home, self.name), grace_s=grace_s)
        self._adopted = None

    def _end_process(self) -> None:
        if self._adopted is not None:
            self._end_leftovers(grace_s=_STOP_DEADLINE_S)
        process = self._process
        if process is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            if process.poll() is None:
                with suppress(ProcessLookupError):  # somebody who waits for it has seen it end
                    os.killpg(process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_DEADLINE_S)
                return


def find_services(home: Path, name: str | None = None) -> list[psutil.Process]:
    """Running helper processes of a home: the one of this name, or all."""
    return [process for process in psutil.process_iter() if _serves(process, home, name)]


def _serves(process: psutil.Process, home: Path, name: str | None) -> bool:
    try:
        environment = process.environ()
    except (psutil.Error, OSError):
        return False  # another user's, or gone meanwhile
    service = environment.get(SERVICE_VARIABLE)
    is_ours = environment.get(HOME_VARIABLE) == str(home)
    is_wanted = service is not None and name in {None, service}
    return is_ours and is_wanted and is_running(process)


def listening_port(pid: int) -> int | None:
    """The TCP port that a process listens on, if it does."""
    try:
        connections = psutil.Process(pid).net_connections("tcp")
    except psutil.NoSuchProcess:
        return None
    return next((c.laddr.port for c in connections if c.status == psutil.CONN_LISTEN), None)
