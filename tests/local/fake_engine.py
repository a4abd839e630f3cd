"""An engine without processes, for tests of what stands above it.

Outcomes are told at once, from within the call, unless a test holds them back
and tells them itself. That is the hardest case for a controller, too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from selfserve.local.control.events import (
    EngineFailed,
    EngineProvisioned,
    EngineReady,
    EngineStopped,
    Event,
    StepExited,
)
from selfserve.local.control.ports import Notify
from selfserve.local.control.records import ClusterRecord, StepRecord

HOLD = "hold"
"""As an exit code: the step runs until the test calls `finish_step`."""


@dataclass
class FakeEngine:
    """Implements `selfserve.local.control.ports.Engine`.

    `exit_codes` tells by step name how a step ends; others end with `exit_code`.
    `calls` is what was asked for, in order, such as ("start_step", "s-1").
    """

    notify: Notify
    exit_code: int | str | None = 0
    exit_codes: Mapping[str, int | str | None] = field(default_factory=dict)
    holds_start: bool = False
    holds_stop: bool = False
    heeds_cancel: bool = True
    start_failure: EngineFailed | None = None
    raises: Mapping[str, Exception] = field(default_factory=dict)
    """By method name: what it raises instead of working."""
    recovers: Callable[[Sequence[ClusterRecord]], Sequence[tuple[str, Event]]] = lambda _: ()
    calls: list[tuple[str, str]] = field(default_factory=list)
    worker_counts: dict[str, int] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)
    """Ids of steps that have a pretended process."""
    closed: bool = False

    def start_cluster(self, cluster: ClusterRecord) -> None:
        self._called("start_cluster", cluster.id)
        self.worker_counts[cluster.id] = cluster.worker_count
        if self.start_failure is not None:
            self.notify(cluster.id, self.start_failure)
        elif not self.holds_start:
            self.become_ready(cluster.id)

    def resize_cluster(self, cluster: ClusterRecord) -> None:
        self._called("resize_cluster", cluster.id)
        self.worker_counts[cluster.id] = cluster.worker_count

    def stop_cluster(self, cluster: ClusterRecord) -> None:
        self._called("stop_cluster", cluster.id)
        if not self.holds_stop:
            self.finish_stop(cluster)

    def start_step(self, cluster: ClusterRecord, step: StepRecord) -> None:
        self._called("start_step", step.id)
        self.running.add(step.id)
        code = self.exit_codes.get(step.name, self.exit_code)
        if not isinstance(code, str):
            self.finish_step(cluster.id, step.id, code)

    def cancel_step(self, cluster: ClusterRecord, step: StepRecord, *, force: bool) -> None:
        self._called("kill_step" if force else "cancel_step", step.id)
        if step.id in self.running and (force or self.heeds_cancel):
            self.finish_step(cluster.id, step.id, -9 if force else -15)

    def recover(self, clusters: Sequence[ClusterRecord]) -> None:
        self._called("recover", " ".join(cluster.id for cluster in clusters))
        for cluster_id, event in self.recovers(clusters):
            self.notify(cluster_id, event)

    def close(self) -> None:
        self.closed = True

    def become_ready(self, cluster_id: str) -> None:
        """Tell that a held start has succeeded."""
        self.notify(cluster_id, EngineProvisioned())
        self.notify(cluster_id, EngineReady())

    def finish_step(self, cluster_id: str, step_id: str, exit_code: int | None = 0) -> None:
        """Tell that a held step has ended."""
        self.running.discard(step_id)
        self.notify(cluster_id, StepExited(step_id, exit_code))

    def finish_stop(self, cluster: ClusterRecord) -> None:
        """Tell that a held stop is done: first the steps' ends, then the cluster's."""
        for step in cluster.steps:
            if step.id in self.running:
                self.finish_step(cluster.id, step.id, -15)
        self.notify(cluster.id, EngineStopped())

    def _called(self, method: str, subject: str) -> None:
        self.calls.append((method, subject))
        if method in self.raises:
            raise self.raises[method]
