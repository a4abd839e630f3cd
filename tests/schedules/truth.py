"""What is true at EMR: clusters, steps, and what was done to them.

Processes see it through `wire.py`, late and through requests that go wrong. Here every
effect happens at one moment. What must never happen is written down when it does.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial

from schedules.timeline import Timeline
from selfserve.core.cluster import ClusterState, StepState
from selfserve.core.launch import LaunchSpec, StepSpec
from selfserve.core.naming import ClusterName
from selfserve.errors import AwsError, NotFoundError, RefusedByPolicyError

JOINER = "join"
"""What the names of processes begin with that come only if a slot is free."""
STARTS_IN = 420.0
SHUTS_DOWN_IN = 60.0  # seconds from TERMINATING to TERMINATED
TERMINATING = ClusterState.TERMINATING


@dataclass(slots=True)
class TrueStep:
    """One step; times are seconds on the timeline."""

    id: str
    name: str
    by: str
    added: float
    lasts: float
    started: float | None = None
    ended: float | None = None
    outcome: StepState = StepState.COMPLETED

    @property
    def is_open(self) -> bool:
        """Whether it is pending or running."""
        return self.ended is None

    def state_at(self, time: float) -> StepState | None:
        """Its state at that time; None before it was added."""
        if time < self.added:
            return None
        if self.ended is not None and time >= self.ended:
            return self.outcome
        if self.started is not None and time >= self.started:
            return StepState.RUNNING
        return StepState.PENDING


@dataclass
class TrueCluster:
    """One cluster and its history."""

    id: str
    spec: LaunchSpec
    by: str
    created: float
    protected: bool = False
    ready: float | None = None
    ended: float | None = None
    ended_by: str | None = None
    times: list[float] = field(default_factory=list)
    states: list[ClusterState] = field(default_factory=list)
    steps: list[TrueStep] = field(default_factory=list)

    @cached_property
    def tags(self) -> dict[str, str]:
        """Its tags."""
        return {**self.spec.tags, **self.spec.name.tags()}

    @property
    def whose(self) -> tuple[str, str]:
        """Its owner and name."""
        return self.spec.name.owner, self.spec.name.name

    @property
    def state(self) -> ClusterState:
        """Its state now."""
        return self.states[-1]

    def state_at(self, time: float) -> ClusterState | None:
        """Its state at that time; None before it was there."""
        number = bisect_right(self.times, time)
        return self.states[number - 1] if number else None

    @property
    def open_steps(self) -> list[TrueStep]:
        """Steps that are pending or running."""
        return [step for step in self.steps if step.ended is None]

    @property
    def ended_at(self) -> float | None:
        """When it was told to end."""
        return None if self.ended_by is None else self.times[self.states.index(TERMINATING)]

    @property
    def idle_since(self) -> float | None:
        """Since when nothing is at work, or was until its end; None if something is, or was."""
        if self.ready is None or any(
            step.ended is None or step.outcome is StepState.CANCELLED for step in self.steps
        ):
            return None
        return max([self.ready, *(step.ended or 0 for step in self.steps)])


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must never happen, and did."""

    time: float
    what: str


class TrueEmr:
    """The clusters. Each method is one effect, at the timeline's present."""

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        self.clusters: dict[str, TrueCluster] = {}
        self.violations: list[Violation] = []
        self.endings: list[tuple[float, str, str]] = []
        """When, which cluster, and who asked for it."""
        self.names_are_unique = False
        """Whether two live clusters of one owner and name break a law at once."""

    def place(self, spec: LaunchSpec, *, created: float, ready: float) -> TrueCluster:
        """A cluster that has been up since `ready`."""
        cluster = TrueCluster(f"j-{len(self.clusters) + 1:04d}", spec, "before", created)
        cluster.ready = ready
        cluster.times += [created, ready]
        cluster.states += [ClusterState.STARTING, ClusterState.WAITING]
        self.clusters[cluster.id] = cluster
        return cluster

    def protect(self, owner: str, name: str) -> None:
        """Protect the live clusters that this owner calls so."""
        for cluster in self.clusters.values():
            if cluster.state.is_live and cluster.whose == (owner, name):
                cluster.protected = True

    def launch(self, spec: LaunchSpec, *, by: str, lasts: float) -> str:
        """See Backend.launch."""
        now = self.timeline.now
        if self.names_are_unique and self._is_taken(spec.name):
            self.violate(f"{by} launches a second {spec.name.name} of {spec.name.owner}")
        if any(one.spec.name == spec.name for one in self.clusters.values()):
            self.violate(f"{by} launches {spec.name} again")
        cluster = TrueCluster(f"j-{len(self.clusters) + 1:04d}", spec, by, now)
        self.clusters[cluster.id] = cluster
        self._enter(cluster, ClusterState.STARTING)
        self._append(cluster, spec.steps, by, lasts)
        ready = now + STARTS_IN
        self.timeline.at(ready, lambda: self._become_ready(cluster))
        return cluster.id

    def add_steps(
        self, cluster_id: str, steps: Sequence[StepSpec], *, by: str, lasts: float
    ) -> list[str]:
        """See Backend.add_steps."""
        cluster = self.find(cluster_id)
        if not cluster.state.is_live:
            raise AwsError(f"{cluster_id} is {cluster.state}.", hint="Start another.")
        return self._append(cluster, steps, by, lasts)

    def terminate(self, cluster_ids: Sequence[str], *, by: str, may_kill: bool) -> None:
        """See Backend.terminate. All or nothing, as EMR does in one zone."""
        found = [self.find(cluster_id) for cluster_id in cluster_ids]
        live = [cluster for cluster in found if cluster.state.is_live]
        if any(cluster.protected for cluster in live):
            raise RefusedByPolicyError("One is protected.", hint="Leave it.")
        for cluster in live:
            names = [step.name for step in cluster.open_steps]
            if names and not may_kill:
                self.violate(f"FALSE KILL: {by} ends {cluster.id}, where {names} are at work")
            self.endings.append((self.timeline.now, cluster.id, by))
            self._end(cluster, by)

    def find(self, cluster_id: str) -> TrueCluster:
        """Raises NotFoundError."""
        if cluster_id not in self.clusters:
            raise NotFoundError(f"No cluster {cluster_id}.", hint="-")
        return self.clusters[cluster_id]

    def violate(self, what: str) -> None:
        """Write down that a law was broken."""
        self.violations.append(Violation(self.timeline.now, what))

    def _is_taken(self, name: ClusterName) -> bool:
        whose = (name.owner, name.name)
        return any(one.state.is_live and one.whose == whose for one in self.clusters.values())

    def _append(
        self, cluster: TrueCluster, specs: Sequence[StepSpec], by: str, lasts: float
    ) -> list[str]:
        first = len(cluster.steps) + 1
        added = [
            TrueStep(f"s-{cluster.id[2:]}-{number:03d}", spec.name, by, self.timeline.now, lasts)
            for number, spec in enumerate(specs, first)
        ]
        cluster.steps += added
        joined = sum(step.by.startswith(JOINER) for step in cluster.open_steps)
        if joined > cluster.spec.step_concurrency and by.startswith(JOINER):
            self.violate(f"{by} is the {joined}th to join {cluster.id}")
        self._go_on(cluster)
        return [step.id for step in added]

    def _become_ready(self, cluster: TrueCluster) -> None:
        if cluster.state.is_live:
            cluster.ready = self.timeline.now
            self._enter(cluster, ClusterState.WAITING)
            self._go_on(cluster)

    def _go_on(self, cluster: TrueCluster) -> None:
        """Start what may start now, and let EMR draw its conclusions."""
        if not cluster.state.takes_steps:
            return
        waiting = cluster.open_steps
        for step in waiting[: cluster.spec.step_concurrency]:
            if step.started is None:
                step.started = self.timeline.now
                over = partial(self._finish, cluster, step)
                self.timeline.at(step.started + step.lasts, over)
        if waiting:
            self._enter(cluster, ClusterState.RUNNING)
        elif not cluster.spec.keep_alive:
            self._end(cluster, "EMR")
        else:
            self._enter(cluster, ClusterState.WAITING)

    def _finish(self, cluster: TrueCluster, step: TrueStep) -> None:
        if step.is_open:
            step.ended = self.timeline.now
            self._go_on(cluster)

    def _end(self, cluster: TrueCluster, by: str) -> None:
        cluster.ended_by = by
        self._enter(cluster, ClusterState.TERMINATING)
        for step in cluster.open_steps:
            step.ended, step.outcome = self.timeline.now, StepState.CANCELLED
        self.timeline.at(self.timeline.now + SHUTS_DOWN_IN, lambda: self._be_gone(cluster))

    def _be_gone(self, cluster: TrueCluster) -> None:
        cluster.ended = self.timeline.now
        self._enter(cluster, ClusterState.TERMINATED)

    def _enter(self, cluster: TrueCluster, state: ClusterState) -> None:
        if not cluster.states or cluster.state is not state:
            cluster.times.append(self.timeline.now)
            cluster.states.append(state)
