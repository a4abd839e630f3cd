"""Master and Workers of one cluster: start them, adopt them, keep them, end them.

Methods block; each cluster's own thread calls them, one at a time.
"""

import logging
import re
import secrets
import time
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path

from selfserve.errors import ClusterFailedError
from selfserve.local.engine.cluster_folder import ClusterFolder, Sizing
from selfserve.local.engine.machine import WorkerPlan
from selfserve.local.engine.master_ui import MasterSilentError, MasterState, look
from selfserve.local.engine.processes import (
    ManagedProcess,
    Marker,
    adopt,
    end,
    find_marked,
    find_strays,
    spawn,
)
from selfserve.local.engine.spark_daemons import (
    DaemonCommand,
    SparkDaemons,
    is_registered,
    master_url,
    web_ui_port,
    worker_port,
)
from selfserve.local.home import write_private
from selfserve.local.runtime.install import Runtime
from selfserve.packing.uv_tool import Cancelled, raise_if_cancelled

_log = logging.getLogger(__name__)
MASTER = "master"
_START_S = 120.0
_LOOK_S = 0.05
_GRACE_S = 5.0
_MOST_RESTARTS = 5
_SHOWN_LINES = 5

Lost = Callable[[str], None]
"""Called from another thread when `master` or `worker-N` is gone."""
Watch = Callable[[ManagedProcess, Callable[[], None]], None]


class SparkCluster:
    """The standing processes of one cluster."""

    def __init__(
        self,
        folder: ClusterFolder,
        runtime: Runtime,
        sizing: Sizing,
        *,
        base_env: Mapping[str, str],
        watch: Watch,
        lost: Lost,
    ) -> None:
        self.runtime = runtime
        self.sizing = sizing
        self.url = ""
        self._folder = folder
        self._daemons = SparkDaemons(runtime, folder, base_env)
        self._watch = watch
        self._lost = lost
        self._workers: dict[str, ManagedProcess] = {}
        self._ports: dict[str, int] = {}
        self._web_ui: int | None = None
        self._wanted = 0
        self._restarts = 0

    @property
    def plan(self) -> WorkerPlan:
        """The sizes that were decided at the start."""
        return self.sizing.plan

    @property
    def workers(self) -> list[str]:
        """Their names, such as `worker-1`: the one that was there first has the lowest number."""
        return sorted(self._workers, key=lambda name: int(name.rpartition("-")[2]))

    def last_words(self, name: str) -> str:
        """The end of a process's log, in one line."""
        return _last_lines(self._folder.process(name))

    def start(self, wanted: int, cancelled: Cancelled) -> None:
        """Start the Master and `wanted` Workers, or as many as planned; return when all are up.

        Raises:
            ClusterFailedError: one does not come up; whatever did is left for `end_cluster`.
            OSError: the disk is full.
        """
        self._folder.make()
        self._folder.write_sizing(self.sizing)
        for name, text in self._daemons.conf_files(self.sizing.secret).items():
            write_private(self._folder.conf / name, text)
        master = self._spawn(MASTER, self._daemons.master())
        self.url = self._wait(master, MASTER, master_url, cancelled)
        self._web_ui = web_ui_port(_read(master.folder))
        self.resize(wanted, cancelled)

    def adopt(self) -> bool:
        """Take over what an earlier daemon has started; False when the Master is gone."""
        folder = self._folder.process(MASTER)
        master = adopt(folder, self._marker(MASTER))
        url = master_url(_read(folder))
        if master is None or url is None:
            return False
        self.url = url
        self._web_ui = web_ui_port(_read(folder))
        self._watch(master, partial(self._lost, MASTER))
        for number in range(1, self.plan.count + 1):
            name = f"worker-{number}"
            if worker := adopt(self._folder.process(name), self._marker(name)):
                self._workers[name] = worker
                self._watch(worker, partial(self._lost, name))
        self._wanted = len(self._workers)
        return True

    def resize(self, wanted: int, cancelled: Cancelled) -> None:
        """Bring the Workers to `wanted`, or to as many as were planned; at least one.

        More than planned would not be more: the planned ones share all that there is.
        One too many that has executors stays until they are gone: see `retire`.

        Raises:
            ClusterFailedError: a new one does not come up.
        """
        self._wanted = max(1, min(wanted, self.plan.count))
        self.retire()
        names = (f"worker-{number}" for number in range(1, self.plan.count + 1))
        absent = [name for name in names if name not in self._workers]
        started = {
            name: self._spawn(name, self._daemons.worker(name, self.url, self.plan))
            for name in absent[: max(0, self._wanted - len(self._workers))]
        }
        for name, worker in started.items():
            self._wait(worker, name, self._registered, cancelled)
            self._workers[name] = worker

    def retire(self) -> None:
        """End Workers beyond the wanted number that have no executors, the newest first.

        The Master is asked right before. Should an executor start in the instant between,
        Spark starts it elsewhere and counts no failure, as for any Worker that is lost.
        """
        surplus = len(self._workers) - self._wanted
        if surplus <= 0:
            return
        try:
            busy = self.busy(self.look())
        except MasterSilentError as error:
            _log.warning("%s: no worker is ended: %s", self._folder.cluster_id, error)
            return
        idle = [name for name in reversed(self.workers) if name not in busy]
        for name in idle[:surplus]:
            self._forget(name)
            self._end(name)

    def look(self) -> MasterState:
        """What the Master says now. Raises MasterSilentError."""
        if self._web_ui is None:
            raise MasterSilentError("the Master's log does not tell where its web UI listens")
        return look(self._web_ui)

    def busy(self, state: MasterState) -> set[str]:
        """Names of the Workers that have executors, or of which the Master does not tell."""
        idle = {worker.port for worker in state.workers if not worker.has_executors}
        return {name for name in self._workers if self._port(name) not in idle}

    def replace_worker(self, name: str, cancelled: Cancelled) -> None:
        """Start a Worker again that has died; nothing if it was, or is, meant to go.

        Raises:
            ClusterFailedError: it does not come up, or has died too often.
        """
        if name not in self._workers or self._workers[name].is_alive():
            return
        self._forget(name)
        if len(self._workers) >= self._wanted:
            self._end(name)  # it was one too many, and had executors
            return
        said = _last_lines(self._folder.process(name))
        _log.warning("%s of %s died: %s", name, self._folder.cluster_id, said)
        self._restarts += 1
        if self._restarts > _MOST_RESTARTS:
            raise ClusterFailedError(
                f"Spark Workers die again and again: {said}",
                hint=f"Look at {self._folder.process(name) / 'stderr'}",
            )
        self._end(name)  # executors that it has left
        worker = self._spawn(name, self._daemons.worker(name, self.url, self.plan))
        self._wait(worker, name, self._registered, cancelled)
        self._workers[name] = worker

    def _port(self, name: str) -> int | None:
        """Where a Worker listens; None as long as its log does not say."""
        if name not in self._ports:
            port = worker_port(_read(self._folder.process(name)))
            if port is None:
                return None
            self._ports[name] = port
        return self._ports[name]

    def _forget(self, name: str) -> None:
        del self._workers[name]
        self._ports.pop(name, None)

    def _registered(self, log: str) -> str | None:
        return self.url if is_registered(log, self.url) else None

    def _marker(self, name: str) -> Marker:
        return Marker(self._folder.home, self._folder.cluster_id, name)

    def _spawn(self, name: str, command: DaemonCommand) -> ManagedProcess:
        folder = self._folder.process(name)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / "stderr").unlink(missing_ok=True)  # an earlier life's log says that it is up
        marker = self._marker(name)
        process = spawn(folder, command.argv, env=command.env, cwd=folder, marker=marker)
        self._watch(process, partial(self._lost, name))
        return process

    def _end(self, name: str) -> None:
        marker = self._marker(name)
        end(lambda: find_marked(marker.home, marker.cluster, name), grace_s=_GRACE_S)

    def _wait(
        self,
        process: ManagedProcess,
        name: str,
        look: Callable[[str], str | None],
        cancelled: Cancelled,
    ) -> str:
        deadline = time.monotonic() + _START_S
        while (found := look(_read(process.folder))) is None:
            raise_if_cancelled(cancelled)
            if not process.is_alive():
                self._fail(name, "ended as it started")
            if time.monotonic() > deadline:
                self._fail(name, f"was not ready after {_START_S:.0f} s")
            time.sleep(_LOOK_S)
        return found

    def _fail(self, name: str, what: str) -> None:
        folder = self._folder.process(name)
        raise ClusterFailedError(
            f"Spark's {name} {what}: {_last_lines(folder)}", hint=f"Look at {folder / 'stderr'}"
        )


def end_strays(home: Path, cluster_id: str, *, keep: Collection[str]) -> None:
    """End what runs of a cluster beside the processes named in `keep`."""
    end(lambda: find_strays(home, cluster_id, keep=keep), grace_s=_GRACE_S)


def new_sizing(plan: WorkerPlan) -> Sizing:
    """The sizing of a cluster that starts now, with a new secret."""
    return Sizing(secrets.token_hex(32), plan)


def end_cluster(home: Path, cluster_id: str) -> None:
    """End every process of a cluster, whatever it is; returns when none is left."""
    end(lambda: find_marked(home, cluster_id), grace_s=_GRACE_S)


def _read(folder: Path) -> str:
    try:
        return (folder / "stderr").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def _last_lines(folder: Path) -> str:
    lines = [line.strip() for line in _read(folder).splitlines() if line.strip()]
    told = [re.sub(r"^\d\d/\d\d/\d\d [\d:]+ ", "", line) for line in lines[-_SHOWN_LINES:]]
    return " | ".join(told) or "it said nothing"
