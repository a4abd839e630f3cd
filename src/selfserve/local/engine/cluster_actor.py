"""One local cluster as the engine sees it: a thread that does one thing after the other.

What is asked of the cluster and what is noticed about its processes goes
through the same queue, so nothing here needs a lock. Only `ask_to_stop` acts
at once: it cuts a start short.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from selfserve.core.cluster import StepState
from selfserve.errors import SelfserveError
from selfserve.local.control.clock import Now
from selfserve.local.control.events import (
    EngineFailed,
    EngineProgress,
    EngineProvisioned,
    EngineReady,
    EngineStopped,
    Event,
    LoadSeen,
    StepExited,
)
from selfserve.local.control.model_steps import ACTIVE
from selfserve.local.control.ports import Notify
from selfserve.local.control.records import ClusterRecord, StepRecord
from selfserve.local.control.scaling import most_workers
from selfserve.local.engine.cluster_folder import ClusterFolder, Sizing
from selfserve.local.engine.container_logs import ContainerLogs
from selfserve.local.engine.load_watch import LoadWatch
from selfserve.local.engine.machine import Machine, plan_workers
from selfserve.local.engine.master_ui import MasterSilentError
from selfserve.local.engine.pins import SparkPin
from selfserve.local.engine.spark_cluster import (
    MASTER,
    SparkCluster,
    end_cluster,
    end_strays,
    new_sizing,
)
from selfserve.local.engine.step_runs import StepRuns, StepTools, base_environment, process_name
from selfserve.local.engine.watcher import Watcher
from selfserve.local.runtime.install import Runtime, RuntimeSource, ensure_runtime
from selfserve.local.steps.logs import publish_bootstrap_note

_log = logging.getLogger(__name__)
_NO_SPARK = "This cluster has no Spark; its other applications do not run on the local target."
_NOT_UP = "The step was not started: the cluster's Spark does not run any more."


@dataclass(frozen=True, slots=True)
class EngineParts:
    """What all clusters of an engine share."""

    home: Path
    notify: Notify
    watcher: Watcher
    tools: StepTools
    source: RuntimeSource
    pin: Callable[[ClusterRecord], SparkPin | None]
    machine: Callable[[], Machine]
    now: Now


class ClusterActor:
    """Owns the processes of one cluster."""

    def __init__(self, cluster_id: str, parts: EngineParts) -> None:
        self._id = cluster_id
        self._parts = parts
        self._folder = ClusterFolder(parts.home, cluster_id)
        self._queue = ThreadPoolExecutor(1, thread_name_prefix=f"cluster-{cluster_id}")
        self._lock = threading.Lock()
        self._is_closed = False
        self._stopping = threading.Event()
        self._is_look_due = threading.Event()
        self._load = LoadWatch(parts.now)
        self._spark: SparkCluster | None = None
        self._containers = self._container_logs(None)
        self._steps = StepRuns(
            self._folder,
            parts.tools,
            watch=parts.watcher.watch,
            gone=lambda step_id: self.submit(lambda: self._finish(step_id)),
        )

    def submit(self, action: Callable[[], None], *, on_bug: Event | None = None) -> None:
        """Let the cluster's thread do `action` in its turn; `on_bug` is told if it raises."""

        def look(done: Future[None]) -> None:
            if error := done.exception():
                _log.error("%s: %r", self._id, error, exc_info=error)
                if on_bug is not None:
                    self._tell(on_bug)

        with self._lock:
            if self._is_closed:
                return  # late news of a process that was ended with the cluster
            future = self._queue.submit(action)
        future.add_done_callback(look)

    def close(self, *, wait: bool) -> None:
        """Do what is queued, then nothing more; `wait` for the thread's end."""
        with self._lock:
            self._is_closed = True
        self._queue.shutdown(wait=wait)

    def ask_to_stop(self) -> None:
        """Cut short what waits for something to start. Returns at once; `stop` must follow."""
        self._stopping.set()

    def ask_to_look(self) -> None:
        """Let the cluster's thread tell the load of its Workers, unless it is about to."""
        if not self._is_look_due.is_set():
            self._is_look_due.set()
            self.submit(self._look)

    def start(self, cluster: ClusterRecord) -> None:
        """Install what is missing, then start Master and Workers."""
        self._containers = self._container_logs(cluster)
        try:
            self._start(cluster)
        except (SelfserveError, OSError) as error:
            self._tell_failed(error)

    def resize(self, cluster: ClusterRecord) -> None:
        """Bring the Workers to the record's number."""
        if self._spark is None or self._stopping.is_set():
            return
        try:
            self._spark.resize(cluster.worker_count, self._stopping.is_set)
        except (SelfserveError, OSError) as error:
            self._tell_failed(error)

    def start_step(self, cluster: ClusterRecord, step: StepRecord) -> None:
        """Start a step, or say why it cannot be."""
        if self._spark is None or self._stopping.is_set():
            has_spark = self._parts.pin(cluster) is not None
            self._tell(StepExited(step.id, 1, _NOT_UP if has_spark else _NO_SPARK))
            return
        try:
            self._steps.start(cluster, step, self._spark)
        except (SelfserveError, OSError) as error:
            self._tell(StepExited(step.id, 1, _sentence(error)))

    def cancel_step(self, step: StepRecord, *, force: bool) -> None:
        """Signal a step; nothing if it is over."""
        self._steps.cancel(step, force=force)

    def publish_logs(self) -> None:
        """Publish what the running steps, and executors, have written so far."""
        self._steps.publish_logs()
        self._containers.publish()

    def stop(self) -> None:
        """End everything, the cluster's scratch files included."""
        end_cluster(self._parts.home, self._id)
        for step_id in self._steps.running():
            self._finish(step_id)
        self._containers.publish()
        try:
            self._folder.clear()
        except OSError as error:
            _log.warning("%s: cannot remove its files: %s", self._id, error)
        self._spark = None
        self._tell(EngineStopped())

    def adopt(self, cluster: ClusterRecord) -> None:
        """Go on with what an earlier daemon has left of the cluster."""
        self._containers = self._container_logs(cluster)
        if cluster.state.is_starting:
            end_cluster(self._parts.home, self._id)
            self.start(cluster)
        elif cluster.state.takes_steps:
            self._adopt_running(cluster)

    def _start(self, cluster: ClusterRecord) -> None:
        pin = self._parts.pin(cluster)
        if pin is None:
            self._tell(EngineProvisioned())
            self._tell(EngineProgress(_NO_SPARK))
            self._tell(EngineReady())
            return
        runtime = self._runtime(pin)
        wanted, most = cluster.worker_count, most_workers(cluster)
        plan = plan_workers(self._parts.machine(), wanted, most)
        self._tell(EngineProvisioned())
        self._tell(EngineProgress(f"Starting Spark {pin.spark}: {plan}"))
        self._spark = self._make_spark(runtime, new_sizing(plan))
        self._spark.start(wanted, self._stopping.is_set)
        publish_bootstrap_note(cluster, self._parts.tools.lake, self._folder.scratch)
        self._tell(EngineReady())

    def _adopt_running(self, cluster: ClusterRecord) -> None:
        try:
            self._spark = self._adopt_spark(cluster)
        except (SelfserveError, OSError) as error:
            why = _sentence(error)
        else:
            why = "Spark's Master died while the local endpoint was not running."
        expected = {MASTER, *self._spark.workers} if self._spark else set()
        for step in cluster.steps:
            if step.state in ACTIVE and self._adopt_step(cluster, step):
                expected.add(process_name(step.id))
        end_strays(self._parts.home, self._id, keep=expected)
        if self._spark is None and self._parts.pin(cluster) is not None:
            self._tell(EngineFailed(why))

    def _adopt_spark(self, cluster: ClusterRecord) -> SparkCluster | None:
        pin, sizing = self._parts.pin(cluster), self._folder.read_sizing()
        if pin is None or sizing is None:
            return None
        spark = self._make_spark(self._runtime(pin), sizing)
        return spark if spark.adopt() else None

    def _adopt_step(self, cluster: ClusterRecord, step: StepRecord) -> bool:
        """Whether the step's process is running now."""
        if self._steps.adopt(cluster, step):
            return True
        if self._steps.was_begun(step):
            self._tell_exited(self._steps.finish_unseen(cluster, step))
            return False
        if step.state is StepState.CANCEL_PENDING:
            self._tell(StepExited(step.id, None, "Cancelled before it had started."))
            return False
        self.start_step(cluster, step)  # saved as running, but the daemon died before
        return True

    def _runtime(self, pin: SparkPin) -> Runtime:
        return ensure_runtime(
            pin.spark,
            pin.python,
            lambda message: self._tell(EngineProgress(message)),
            source=self._parts.source,
            cancelled=self._stopping.is_set,
        )

    def _make_spark(self, runtime: Runtime, sizing: Sizing) -> SparkCluster:
        return SparkCluster(
            self._folder,
            runtime,
            sizing,
            base_env={**base_environment(), **self._parts.tools.endpoint_env},
            watch=self._parts.watcher.watch,
            lost=lambda name: self.submit(lambda: self._lost(name)),
        )

    def _look(self) -> None:
        """Let Workers go that were busy when they were to go, and tell the load."""
        self._is_look_due.clear()
        if self._spark is None or self._spark.plan.count == 1 or self._stopping.is_set():
            return
        try:
            self._spark.retire()
            load = self._load.look(self._spark)
        except MasterSilentError as error:
            _log.info("%s: the load is not known: %s", self._id, error)
            return
        self._tell(LoadSeen(load))

    def _lost(self, name: str) -> None:
        """The Master or a Worker is gone."""
        if self._spark is None or self._stopping.is_set():
            return
        if name == MASTER:
            self._tell(EngineFailed(f"Spark's Master died: {self._spark.last_words(MASTER)}"))
            return
        try:
            self._spark.replace_worker(name, self._stopping.is_set)
        except (SelfserveError, OSError) as error:
            self._tell_failed(error)

    def _finish(self, step_id: str) -> None:
        if step_id in self._steps.running():
            self._tell_exited(self._steps.finish(step_id))

    def _tell_exited(self, exited: StepExited) -> None:
        """Tell how a step ended once all its logs, its executors' too, are published."""
        self._containers.publish()
        self._tell(exited)

    def _container_logs(self, cluster: ClusterRecord | None) -> ContainerLogs:
        """Of a cluster that only its files are known of, there is no LogUri either."""
        log_uri = cluster.request.get("LogUri") if cluster else None
        return ContainerLogs(self._folder, self._parts.tools.lake, log_uri)

    def _tell_failed(self, error: SelfserveError | OSError) -> None:
        if not self._stopping.is_set():  # else it failed because it was to
            self._tell(EngineFailed(_sentence(error)))

    def _tell(self, event: Event) -> None:
        self._parts.notify(self._id, event)


def _sentence(error: SelfserveError | OSError) -> str:
    return f"{error} Hint: {error.hint}" if isinstance(error, SelfserveError) else f"{error}."
