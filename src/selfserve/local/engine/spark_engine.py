"""The engine of the local target: real Spark processes behind the records.

Each cluster has a thread of its own (`cluster_actor.py`); nothing here waits
for one, except `close`.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

from selfserve.local.control.clock import Now, system_now
from selfserve.local.control.events import EngineFailed, Event, StepExited
from selfserve.local.control.ports import Notify
from selfserve.local.control.records import ClusterRecord, StepRecord
from selfserve.local.engine.catalogue_start import CatalogueStart
from selfserve.local.engine.cluster_actor import ClusterActor, EngineParts
from selfserve.local.engine.cluster_folder import remove_old, unclean
from selfserve.local.engine.machine import Machine, this_machine
from selfserve.local.engine.pins import SparkPin, pin_of
from selfserve.local.engine.processes import find_clusters
from selfserve.local.engine.step_runs import WAREHOUSE, StepTools
from selfserve.local.engine.watcher import Watcher
from selfserve.local.lake.catalogue import Catalogue
from selfserve.local.lake.folders import Lake
from selfserve.local.runtime.install import Runtime, RuntimeSource, default_source
from selfserve.local.steps.plan import needs_catalogue

_PUBLISH_S = 20.0
_LOOK_S = 2.0
"""Spark asks for executors a second after tasks have begun to wait, and for more every second."""


class SparkEngine:
    """Implements `ports.Engine`. Notifies until `close` has returned, never after."""

    def __init__(
        self,
        home: Path,
        lake: Lake,
        notify: Notify,
        *,
        endpoint_env: Mapping[str, str] | None = None,
        tools: StepTools | None = None,
        source: RuntimeSource | None = None,
        pin: Callable[[ClusterRecord], SparkPin | None] = pin_of,
        machine: Callable[[], Machine] = this_machine,
        now: Now = system_now,
    ) -> None:
        self._home = home.absolute()
        self._watcher = Watcher()
        self._catalogue = Catalogue(self._home, lake, WAREHOUSE)
        self._parts = EngineParts(
            home=self._home,
            notify=notify,
            watcher=self._watcher,
            tools=tools or StepTools(lake, endpoint_env or {}, metastore=self._metastore),
            source=source or default_source(),
            pin=pin,
            machine=machine,
            now=now,
        )
        self._catalogue_start = CatalogueStart(self._catalogue, self._parts.source)
        self._lock = threading.Lock()
        self._actors: dict[str, ClusterActor] = {}
        self._closed = threading.Event()
        self._threads = [
            threading.Thread(target=self._publish_until_closed, name="step-logs", daemon=True),
            threading.Thread(target=self._look_until_closed, name="load", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def start_cluster(self, cluster: ClusterRecord) -> None:
        """Begin to start Master and Workers."""
        self._submit(cluster.id, lambda actor: actor.start(cluster), EngineFailed(self._bug()))

    def resize_cluster(self, cluster: ClusterRecord) -> None:
        """Begin to bring the Workers to `cluster.worker_count`."""
        self._submit(cluster.id, lambda actor: actor.resize(cluster), EngineFailed(self._bug()))

    def stop_cluster(self, cluster: ClusterRecord) -> None:
        """Begin to end every process of the cluster."""
        self._stop(cluster.id)

    def start_step(self, cluster: ClusterRecord, step: StepRecord) -> None:
        """Begin to run a step."""
        on_bug = StepExited(step.id, None, self._bug())
        self._submit(cluster.id, lambda actor: actor.start_step(cluster, step), on_bug)

    def cancel_step(self, cluster: ClusterRecord, step: StepRecord, *, force: bool) -> None:
        """Begin to signal the step's processes."""
        self._submit(cluster.id, lambda actor: actor.cancel_step(step, force=force))

    def begin_catalogue(self) -> Future[str]:
        """Begin to start the table catalogue for who is no step; the future has its URI.

        It fails with a SelfserveError.
        """
        return self._catalogue_start.begin()

    def recover(self, clusters: Sequence[ClusterRecord]) -> None:
        """Begin to adopt what lives, and to end what belongs to no live cluster."""
        self._catalogue.adopt()
        for cluster in clusters:
            self._adopt(cluster)
        known = {cluster.id for cluster in clusters}
        for cluster_id in (find_clusters(self._home) | unclean(self._home)) - known:
            self._stop(cluster_id)
        remove_old(self._home, keep=known)

    def close(self) -> None:
        """End every process and thread of the engine; returns when they are gone."""
        self._closed.set()
        for thread in self._threads:
            thread.join()
        actors = self._all_actors()
        for cluster_id in actors:
            self._stop(cluster_id)
        for actor in actors.values():
            actor.close(wait=True)
        self._watcher.close()
        self._catalogue_start.ask_to_stop()
        self._catalogue.stop()
        self._catalogue_start.close()

    def _publish_until_closed(self) -> None:
        while not self._closed.wait(_PUBLISH_S):
            for actor in self._all_actors().values():
                actor.submit(actor.publish_logs)

    def _look_until_closed(self) -> None:
        while not self._closed.wait(_LOOK_S):
            for actor in self._all_actors().values():
                actor.ask_to_look()

    def _metastore(self, cluster: ClusterRecord, step: StepRecord, runtime: Runtime) -> str | None:
        return self._catalogue.ensure(runtime) if needs_catalogue(cluster, step) else None

    def _all_actors(self) -> dict[str, ClusterActor]:
        with self._lock:
            return dict(self._actors)

    def _adopt(self, cluster: ClusterRecord) -> None:
        self._submit(cluster.id, lambda actor: actor.adopt(cluster), EngineFailed(self._bug()))

    def _stop(self, cluster_id: str) -> None:
        def stop(actor: ClusterActor) -> None:
            actor.stop()
            with self._lock:
                if self._actors.get(cluster_id) is actor:
                    del self._actors[cluster_id]
            actor.close(wait=False)

        self._actor(cluster_id).ask_to_stop()
        self._submit(cluster_id, stop)

    def _submit(
        self, cluster_id: str, action: Callable[[ClusterActor], None], on_bug: Event | None = None
    ) -> None:
        actor = self._actor(cluster_id)
        actor.submit(lambda: action(actor), on_bug=on_bug)

    def _actor(self, cluster_id: str) -> ClusterActor:
        with self._lock:
            if cluster_id not in self._actors:
                self._actors[cluster_id] = ClusterActor(cluster_id, self._parts)
            return self._actors[cluster_id]

    def _bug(self) -> str:
        return f"The local engine failed; see {self._home / 'daemon.log'}."
