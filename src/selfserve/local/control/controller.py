"""The controller: the one place where local clusters change.

Every change is decided by the pure model, saved, and only then carried out by
the engine: what a killed daemon had promised can be found in the store.
"""

import logging
import random
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from selfserve.core.cluster import ClusterState
from selfserve.errors import NotFoundError
from selfserve.local.control import ids
from selfserve.local.control.clock import Now, system_now
from selfserve.local.control.creation import new_cluster
from selfserve.local.control.effects import carry_out, outcome_of_failure
from selfserve.local.control.events import Effect, Event, StartEngine, Tick
from selfserve.local.control.model import advance, effects_after_restart
from selfserve.local.control.ports import Engine, Nodes, NoNodes
from selfserve.local.control.records import ClusterRecord, Json
from selfserve.local.control.store import Store, StoreError

RETENTION = timedelta(days=60)
"""EMR keeps what it knows of terminated clusters for two months."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Queue:
    """Effects of one cluster that wait for the engine, each with the record of its moment."""

    waiting: deque[tuple[ClusterRecord, Effect]] = field(default_factory=deque)
    is_worked_on: bool = False


class Controller:
    """Knows all clusters. Every method may be called from any thread, engine callbacks included."""

    def __init__(
        self,
        store: Store,
        *,
        nodes: Nodes | None = None,
        now: Now = system_now,
        randomness: random.Random = ids.SYSTEM,
        tick_interval: timedelta = timedelta(seconds=1),
    ) -> None:
        self._store = store
        self._nodes = nodes or NoNodes()
        self._now = now
        self._randomness = randomness
        self._tick_interval = tick_interval
        self._lock = threading.RLock()
        self._clusters: dict[str, ClusterRecord] = {}
        self._queues: dict[str, _Queue] = {}
        self._facts: deque[tuple[str, Event]] = deque()
        self._store_fails = False
        self._engine: Engine | None = None
        self._closed = threading.Event()
        self._ticker = threading.Thread(target=self._tick_until_closed, name="ticker", daemon=True)

    def attach(self, engine: Engine) -> None:
        """Set the engine that carries effects out; before anything else is called."""
        self._engine = engine

    def recover(self) -> None:
        """Load the store, let the engine compare it with what still lives, redo what was cut off.

        Raises:
            StoreError: the store cannot be read.
        """
        with self._lock:
            self._store.delete_ended_before(self._now() - RETENTION)
            loaded = self._store.load_all()
            self._clusters = {cluster.id: cluster for cluster in loaded}
        alive = [cluster for cluster in loaded if not cluster.state.is_gone]
        self._attached().recover(alive)
        with self._lock:
            for before in alive:
                now = self._clusters[before.id]
                # A cluster that the engine has just found dead has its StopEngine already.
                if now.state is not ClusterState.TERMINATING or now.state is before.state:
                    self._enqueue(now, effects_after_restart(now))
        self._work_off()

    def start(self) -> None:
        """Let time pass: idle clusters end from now on."""
        self._ticker.start()

    def close(self) -> None:
        """Stop the ticker. Nothing is saved or carried out afterwards; the store stays open."""
        self._closed.set()
        if self._ticker.ident is not None:
            self._ticker.join()

    def create(self, request: Json) -> ClusterRecord:
        """Make the cluster of a validated RunJobFlow request and begin to start it.

        Raises:
            StoreError: it could not be saved, so there is no such cluster.
        """
        record = new_cluster(request, now=self._now(), randomness=self._randomness)
        with self._lock:
            self._store.save(record)
            self._clusters[record.id] = record
            self._enqueue(record, (StartEngine(),))
        self._work_off()
        return record

    def apply(self, cluster_id: str, event: Event) -> ClusterRecord:
        """Let `event` happen to a cluster and return what became of it.

        Raises:
            NotFoundError: there is no such cluster.
            StoreError: it could not be saved, so nothing happened.
        """
        return self.apply_to(cluster_id, lambda _: event)

    def apply_to(
        self, cluster_id: str, choose: Callable[[ClusterRecord], Event | None]
    ) -> ClusterRecord:
        """`apply` an event that depends on the cluster's present record; None for no event.

        No other change comes between, so `choose` may refuse by raising an
        error, or add to what is there.
        """
        with self._lock:
            self._catch_up()
            cluster = self._clusters.get(cluster_id)
            if cluster is None:
                raise NotFoundError(
                    f"There is no local cluster {cluster_id}.", hint="Look at: selfserve status"
                )
            event = choose(cluster)
            if event is not None:
                cluster = self._change(cluster, event)
        self._work_off()
        return cluster

    def notify(self, cluster_id: str, event: Event) -> None:
        """What the engine calls. It tells facts, so a full disk only delays them."""
        with self._lock, self._postponing():
            self._facts.append((cluster_id, event))
            self._catch_up()
        self._work_off()

    def tick(self) -> None:
        """Tell every cluster that time has passed."""
        with self._lock, self._postponing():
            self._catch_up()
            for cluster in self._live():
                self._change(cluster, Tick(self._nodes.busy_at(cluster.id)))
        self._work_off()
        with self._lock:
            self._nodes.beat(self._live(), self._now())

    def get(self, cluster_id: str) -> ClusterRecord | None:
        """The cluster of this id, if there is one.

        Raises:
            StoreError: what the engine has told cannot be saved; the record would be out of date.
        """
        with self._lock:
            self._catch_up()
            return self._clusters.get(cluster_id)

    def all(self) -> list[ClusterRecord]:
        """Every cluster, oldest first. Raises StoreError, as `get`."""
        with self._lock:
            self._catch_up()
            return list(self._clusters.values())

    def has_live_clusters(self) -> bool:
        """Whether a process of a cluster may still run."""
        with self._lock:
            return bool(self._live())

    def _live(self) -> list[ClusterRecord]:
        return [cluster for cluster in self._clusters.values() if not cluster.state.is_gone]

    def _tick_until_closed(self) -> None:
        while not self._closed.wait(self._tick_interval.total_seconds()):
            self.tick()

    @contextmanager
    def _postponing(self) -> Iterator[None]:
        """Go on when the store fails; say so once, and once when it works again."""
        try:
            yield
        except StoreError as error:
            if not self._store_fails:
                _log.warning("%s %s; will try again every tick", error, error.hint)
            self._store_fails = True
        else:
            if self._store_fails:
                _log.warning("the store works again")
            self._store_fails = False

    def _catch_up(self) -> None:
        """Let what the engine told happen, in order. Raises StoreError; the rest then waits."""
        while self._facts:
            cluster_id, event = self._facts.popleft()
            cluster = self._clusters.get(cluster_id)
            if cluster is None:
                continue  # forgotten: it ended long ago
            try:
                self._change(cluster, event)
            except StoreError:
                self._facts.appendleft((cluster_id, event))
                raise

    def _change(self, cluster: ClusterRecord, event: Event) -> ClusterRecord:
        if self._closed.is_set():
            return cluster
        changed, effects = advance(cluster, event, self._now())
        if changed != cluster:
            self._store.save(changed)
            self._clusters[cluster.id] = changed
        self._enqueue(changed, effects)
        return changed

    def _enqueue(self, cluster: ClusterRecord, effects: Sequence[Effect]) -> None:
        if effects:
            queue = self._queues.setdefault(cluster.id, _Queue())
            queue.waiting.extend((cluster, effect) for effect in effects)

    def _work_off(self) -> None:
        """Carry out waiting effects outside of the lock, those of a cluster in order.

        One thread at a time works for a cluster. Whoever comes meanwhile, be it
        the engine from within an effect, leaves its effects to that thread.
        """
        while (cluster_id := self._take_queue()) is not None:
            while (next_effect := self._take_effect(cluster_id)) is not None:
                self._perform(*next_effect)

    def _take_queue(self) -> str | None:
        with self._lock:
            for cluster_id, queue in self._queues.items():
                if not queue.is_worked_on:
                    queue.is_worked_on = True
                    return cluster_id
        return None

    def _take_effect(self, cluster_id: str) -> tuple[ClusterRecord, Effect] | None:
        with self._lock:
            queue = self._queues[cluster_id]
            if queue.waiting:
                return queue.waiting.popleft()
            del self._queues[cluster_id]
            return None

    def _perform(self, cluster: ClusterRecord, effect: Effect) -> None:
        if self._closed.is_set():
            return
        try:
            carry_out(effect, cluster, self._attached())
        except Exception as error:  # noqa: BLE001  any failure must become an outcome
            # The engine should report trouble as events. Should it raise, the cluster must not
            # wait forever for an outcome that nobody will tell.
            _log.exception("%s of %s failed", effect, cluster.id)
            outcome = outcome_of_failure(effect, error)
            if outcome is not None:
                self.notify(cluster.id, outcome)

    def _attached(self) -> Engine:
        if self._engine is None:
            raise RuntimeError("attach an engine first")
        return self._engine
