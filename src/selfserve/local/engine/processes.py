"""Start, adopt, find and end the processes of the local target.

Every process leads its own session and carries three marker variables in its
environment, which all its descendants inherit. So everything of a cluster is
found by a scan even when the daemon died between starting a process and writing
down its id. A shell around each process writes its exit code to a file, so an
outcome outlives the daemon too.

A process has a folder: `pid.json`, `stdout`, `stderr` and, at the end, `exit`.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from selfserve.local.home import cannot_write
from selfserve.local.marks import CLUSTER_VARIABLE, HOME_VARIABLE, PROCESS_VARIABLE

_RECORD_EXIT = """\
trap : HUP INT TERM  # a trap, unlike being ignored, is not inherited: the program can be ended
"$@"
code=$?
echo $code > "$0.part" && mv "$0.part" "$0"
exit $code
"""
_DEADLY = frozenset(
    {
        signal.SIGHUP,
        signal.SIGINT,
        signal.SIGQUIT,
        signal.SIGILL,
        signal.SIGTRAP,
        signal.SIGABRT,
        signal.SIGBUS,
        signal.SIGFPE,
        signal.SIGKILL,
        signal.SIGSEGV,
        signal.SIGPIPE,
        signal.SIGALRM,
        signal.SIGTERM,
        signal.SIGXCPU,
    }
)
_CLOCK_SLACK_S = 2.0
_LAST_WORDS_S = 3.0
_MARKED_WITHIN_S = 5.0
_LOOK_S = 0.001


@dataclass(frozen=True, slots=True)
class Marker:
    """Whose a process is: home folder, cluster id, and `master`, `worker-N` or `step-ID`."""

    home: Path
    cluster: str
    process: str

    def environment(self) -> dict[str, str]:
        """The variables that a process and its descendants carry."""
        return {
            HOME_VARIABLE: str(self.home),
            CLUSTER_VARIABLE: self.cluster,
            PROCESS_VARIABLE: self.process,
        }


class ManagedProcess:
    """A process that this daemon, or one before it, has started in `folder`."""

    def __init__(
        self, folder: Path, process: psutil.Process, child: "subprocess.Popen[bytes] | None" = None
    ) -> None:
        self.folder = folder
        self._process = process
        self._child = child

    @property
    def pid(self) -> int:
        """Id of the process, its session and its group."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether it still runs; reaps it if it was ours to reap."""
        if self._child is not None:
            return self._child.poll() is None
        return is_running(self._process)

    def exit_code(self) -> int | None:
        """How it ended: negative for a signal, None if nobody can know.

        Only the shell around it knows, so a shell that was killed leaves None.
        """
        return recorded_exit(self.folder)


def spawn(
    folder: Path, argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, marker: Marker
) -> ManagedProcess:
    """Start `argv` as leader of a new session, with its files in `folder`.

    `env` is the whole environment; the marker is added to it.

    Raises:
        ClusterFailedError: it cannot be started, such as on a full disk.
    """
    shell = ["/bin/sh", "-c", _RECORD_EXIT, str(folder / "exit"), *argv]
    child = None
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / "exit").unlink(missing_ok=True)
        with (folder / "stdout").open("ab") as stdout, (folder / "stderr").open("ab") as stderr:
            child = subprocess.Popen(
                shell,
                env={**env, **marker.environment()},
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        process = psutil.Process(child.pid)
        _write_record(folder, process)
        _wait_until_marked(process)
    except OSError as error:
        if child is not None:
            end(lambda: find_marked(marker.home, marker.cluster, marker.process), grace_s=0)
            child.wait()
        raise cannot_write(folder, error) from error
    return ManagedProcess(folder, process, child)


def _wait_until_marked(process: psutil.Process) -> None:
    """Linux lets a parent go on before the new program's environment can be read.

    Whoever were to end everything in that instant would miss it.
    """
    deadline = time.monotonic() + _MARKED_WITHIN_S
    while sys.platform == "linux" and _marker_of(process) is None and is_running(process):
        if time.monotonic() > deadline:
            return
        time.sleep(_LOOK_S)


def adopt(folder: Path, marker: Marker) -> ManagedProcess | None:
    """The process that an earlier daemon started in `folder`, if it still runs."""
    record = _read_record(folder)
    if record is None:
        return _adopt_unrecorded(folder, marker)
    pid, created = record
    try:
        process = psutil.Process(pid)
        found = _marker_of(process)
        # Where the system hides a shell's environment (macOS), its age has to do.
        is_same = (
            found == marker if found else abs(process.create_time() - created) < _CLOCK_SLACK_S
        )
    except psutil.NoSuchProcess:
        return None
    return ManagedProcess(folder, process) if is_same and is_running(process) else None


def _adopt_unrecorded(folder: Path, marker: Marker) -> ManagedProcess | None:
    """The daemon died between starting it and writing `pid.json`: look for its marker."""
    for process in find_marked(marker.home, marker.cluster, marker.process):
        if leads_session(process):
            return ManagedProcess(folder, process)
    return None


def recorded_exit(folder: Path) -> int | None:
    """The exit code that the shell around a process has left behind, if it has."""
    try:
        return to_exit_code(int((folder / "exit").read_text(encoding="ascii")))
    except (OSError, ValueError):
        return None


def to_exit_code(shell_code: int) -> int:
    """Turn a shell's 128 + N for a deadly signal N into -N, as Python has it."""
    return 128 - shell_code if shell_code - 128 in _DEADLY else shell_code


def find_marked(
    home: Path, cluster: str | None = None, process: str | None = None
) -> list[psutil.Process]:
    """Every running process that carries our marker: of a home, a cluster, or one process."""
    ourselves = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    return [
        candidate
        for candidate, marker in _marked()
        if marker.home == home
        and cluster in {None, marker.cluster}
        and process in {None, marker.process}
        and candidate.pid not in ourselves
    ]


def find_strays(home: Path, cluster: str, *, keep: Collection[str]) -> list[psutil.Process]:
    """Running processes of a cluster, except those of the processes named in `keep`."""
    expected = {found.pid for name in keep for found in find_marked(home, cluster, name)}
    return [found for found in find_marked(home, cluster) if found.pid not in expected]


def find_clusters(home: Path) -> set[str]:
    """Ids of the clusters of `home` that have a process, known to anybody or not."""
    return {marker.cluster for _, marker in _marked() if marker.home == home}


def send(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    """Signal each; those that are gone meanwhile are no concern."""
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue


def end(find: Callable[[], list[psutil.Process]], *, grace_s: float) -> None:
    """SIGTERM what `find` finds, then SIGKILL what is left; returns when it finds nothing."""
    if grace_s > 0:
        processes = find()
        send(processes, signal.SIGTERM)
        psutil.wait_procs(processes, timeout=grace_s)
    while processes := find():
        kill(processes)


def kill(processes: Sequence[psutil.Process]) -> None:
    """SIGKILL each; the shells last, so that they can write down how their program ended."""
    leaders = [process for process in processes if leads_session(process)]
    others = [process for process in processes if process not in leaders]
    send(others, signal.SIGKILL)
    psutil.wait_procs(others, timeout=_LAST_WORDS_S)
    if others:
        psutil.wait_procs(leaders, timeout=_LAST_WORDS_S)
    send(leaders, signal.SIGKILL)
    psutil.wait_procs(leaders, timeout=_LAST_WORDS_S)


def _marked() -> Iterator[tuple[psutil.Process, Marker]]:
    for process in psutil.process_iter():
        marker = _marker_of(process)
        if marker is not None and is_running(process):
            yield process, marker


def _marker_of(process: psutil.Process) -> Marker | None:
    try:
        environment = process.environ()
    except (psutil.Error, OSError):
        return None  # another user's, gone meanwhile, or hidden by the system
    try:
        return Marker(
            Path(environment[HOME_VARIABLE]),
            environment[CLUSTER_VARIABLE],
            environment[PROCESS_VARIABLE],
        )
    except KeyError:
        return None


def is_running(process: psutil.Process) -> bool:
    """Whether it is there, and not a zombie."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def leads_session(process: psutil.Process) -> bool:
    """Whether it is one that was started here, and not a child of such a one."""
    try:
        return os.getsid(process.pid) == process.pid
    except ProcessLookupError:
        return False


def _write_record(folder: Path, process: psutil.Process) -> None:
    partial = folder / "pid.json.part"
    partial.write_text(json.dumps({"pid": process.pid, "created": process.create_time()}))
    partial.replace(folder / "pid.json")


def _read_record(folder: Path) -> tuple[int, float] | None:
    try:
        record = json.loads((folder / "pid.json").read_text(encoding="utf-8"))
        return int(record["pid"]), float(record["created"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
