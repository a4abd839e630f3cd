"""A team's clusters in memory, for tests of the sweep: they idle, work, and beat."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from fakes import FakeBackend, FakeClock, MemoryStore
from selfserve.core.beat import Beat, format_beat
from selfserve.core.cluster import Cluster, Step, StepState
from selfserve.core.idle import Engine
from selfserve.core.launch import StepSpec
from selfserve.core.naming import beat_key, sweep_memory_key
from selfserve.core.resolve import Resolved
from selfserve.core.sweep_report import SweepReport
from selfserve.core.sweeping import SweepPolicy
from selfserve.usecases.launches.launching import launch
from selfserve.usecases.sweep import sweep
from selfserve.usecases.targets.target import Target
from targets import make_target, resolve_small

PERIOD = timedelta(minutes=10)
STEP = StepSpec("a step", ("true",))
STEP_PATH = (StepState.PENDING, StepState.RUNNING, StepState.COMPLETED)
"""What a step of `FakeBackend` passes through, one look after another."""


def nothing(method: str) -> None:
    """What a backend does before its methods."""
    del method


class WatchedBackend(FakeBackend):
    """A FakeBackend whose clusters are described otherwise, or that does something else first."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.seen_as: Callable[[Cluster], Cluster] = lambda cluster: cluster
        self.listed_as: Callable[[list[Step]], list[Step]] = lambda steps: steps
        self.before: Callable[[str], None] = nothing
        self.terminated: list[list[str]] = []
        """The ids of each call that ended clusters."""

    def describe(self, cluster_id: str) -> Cluster:
        return self.seen_as(super().describe(cluster_id))

    def list_steps(
        self, cluster_id: str, *, states: Sequence[StepState] = (), most: int | None = None
    ) -> list[Step]:
        return self.listed_as(super().list_steps(cluster_id, states=states, most=most))

    def terminate(self, cluster_ids: list[str]) -> None:  # type: ignore[override]
        super().terminate(cluster_ids)
        self.terminated.append(list(cluster_ids))

    def _begin(self, method: str) -> None:
        self.before(method)
        super()._begin(method)


class WatchedStore(MemoryStore):
    """A MemoryStore before whose methods something else happens."""

    def __init__(self, *, clock: FakeClock) -> None:
        super().__init__(clock=clock)
        self.before: Callable[[str], None] = nothing

    def _begin(self, method: str, key: str) -> None:
        self.before(method)
        super()._begin(method, key)


class Team:
    """An AWS target with clusters that are idle unless a test says otherwise."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.backend = WatchedBackend(self.clock)
        self.store = WatchedStore(clock=self.clock)
        self.target: Target = make_target(
            kind="aws", clock=self.clock, backend=self.backend, store=self.store
        )
        self.small: Resolved = resolve_small(folder)
        self.silent: set[str] = set()
        """Clusters whose probe does not write."""
        self.at_work: dict[str, int] = {}
        self.ids: list[str] = []
        self.memory_key = sweep_memory_key(self.target.region, self.target.installation)

    def start(self, *names: str, profile: Resolved | None = None, user: str = "ada") -> list[str]:
        """Named clusters of one owner, ready at once."""
        target = replace(self.target, user=user)
        ids = [launch(target, profile or self.small, name=name).cluster_id for name in names]
        self.backend.list_clusters()
        self.ids += ids
        return ids

    def wait(self, duration: timedelta) -> None:
        """Let time pass; the probes write."""
        self.clock.sleep(duration)
        self.beat()

    def beat(self) -> None:
        """Every cluster tells that its YARN has so much at work."""
        for cluster_id in self.ids:
            if cluster_id not in self.silent:
                beat = Beat({Engine.YARN: self.at_work.get(cluster_id, 0)})
                body = format_beat(beat, self.clock.now())
                self.store.put(beat_key(cluster_id), body)

    def sweep(self, policy: SweepPolicy | None = None) -> SweepReport:
        """One sweep; `calls` of backend and store hold only what it has asked."""
        self.beat()
        self.backend.calls.clear()
        self.store.calls.clear()
        return sweep(self.target, policy or SweepPolicy())

    def sweep_until_warned(self, *, idle: timedelta = timedelta(minutes=55)) -> SweepReport:
        """Idle so long that the next sweep but this one ends them."""
        self.wait(idle)
        return self.sweep()

    def sweep_next(self, policy: SweepPolicy | None = None) -> SweepReport:
        """The sweep a period later."""
        self.wait(PERIOD)
        return self.sweep(policy)

    def work(self, cluster_id: str) -> str:
        """Add a step that goes on."""
        step_id = self.backend.add_steps(cluster_id, [STEP])[0]
        self.backend.move_step(cluster_id, step_id, StepState.RUNNING)
        return step_id

    def live(self) -> list[str]:
        """Ids of the clusters that run."""
        found = self.backend.list_clusters()
        return sorted(cluster.id for cluster in found if cluster.state.is_live)


def verdicts(report: SweepReport) -> dict[str, str]:
    """By cluster name."""
    return {line.name: str(line.verdict) for line in report.lines}


def reasons(report: SweepReport) -> dict[str, str]:
    """By cluster name."""
    return {line.name: line.reason for line in report.lines}
