"""Hand-written stand-ins: a backend, an object store and a clock, all in memory.

They keep the promises of `selfserve.backends.base` and `usecases.targets.clock`, and the
contract suite holds them to it, so a use case tested on them works on EMR.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from selfserve.core.cluster import (
    Cluster,
    ClusterState,
    ClusterSummary,
    NodeCount,
    Step,
    StepState,
)
from selfserve.core.launch import ActionOnFailure, LaunchSpec, Scaling, StepSpec
from selfserve.errors import (
    AwsError,
    BadInputError,
    NotFoundError,
    OutcomeUnknownError,
    RefusedByPolicyError,
    SelfserveError,
)

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

AT_ONCE = (ClusterState.WAITING,)
LIKE_EMR = (ClusterState.STARTING, ClusterState.BOOTSTRAPPING, ClusterState.WAITING)
"""Paths for `FakeBackend.arrival`: the states that one look after another sees."""


class FakeClock:
    """Time that passes only when somebody sleeps."""

    def __init__(self, start: datetime = NOON) -> None:
        self.time = start
        self.slept: list[timedelta] = []
        self.on_sleep: list[Callable[[], None]] = []
        """Called at every sleep: what happens elsewhere meanwhile."""

    def now(self) -> datetime:
        """The time, in UTC."""
        return self.time

    def sleep(self, duration: timedelta) -> None:
        """Let `duration` pass at once."""
        self.slept.append(duration)
        self.time += duration
        for act in self.on_sleep:
            act()

    def tick(self) -> datetime:
        """One more microsecond, so that nothing happens at the same time."""
        self.time += timedelta(microseconds=1)
        return self.time


@dataclass
class _FakeStep:
    spec: StepSpec
    seen: Step
    path: list[StepState]


@dataclass
class _FakeCluster:
    spec: LaunchSpec
    seen: Cluster
    path: list[ClusterState]
    steps: list[_FakeStep] = field(default_factory=list)


class FakeBackend:
    """Clusters that move one state along their path each time somebody looks.

    `arrival` is the path of a new cluster, `step_path` that of a new step; a
    test that wants something else to happen calls `move` or `move_step`. With
    `refuse` or `lose_answer_of` the next such call goes wrong once.
    """

    def __init__(
        self,
        clock: FakeClock | None = None,
        *,
        arrival: Sequence[ClusterState] = AT_ONCE,
        step_path: Sequence[StepState] = (
            StepState.PENDING,
            StepState.RUNNING,
            StepState.COMPLETED,
        ),
    ) -> None:
        self.clock = clock or FakeClock()
        self.arrival = arrival
        self.step_path = step_path
        self.launched: list[LaunchSpec] = []
        self.calls: list[str] = []
        """Names of the methods called, in order."""
        self._clusters: dict[str, _FakeCluster] = {}
        self._ids = count(1)
        self._refusals: dict[str, SelfserveError] = {}
        self._lost: set[str] = set()

    # What tests arrange

    def refuse(self, method: str, error: SelfserveError) -> None:
        """Let the next call of `method` raise `error` and change nothing."""
        self._refusals[method] = error

    def lose_answer_of(self, method: str) -> None:
        """Let the next call of `method` take effect, and its answer get lost."""
        self._lost.add(method)

    def move(
        self,
        cluster_id: str,
        state: ClusterState,
        *,
        reason: str | None = None,
        reason_code: str | None = None,
    ) -> None:
        """Put a cluster into `state`, where it stays."""
        cluster = self._find(cluster_id)
        cluster.path.clear()
        self._enter(cluster, state, reason)
        cluster.seen = replace(cluster.seen, reason_code=reason_code)

    def move_step(self, cluster_id: str, step_id: str, *path: StepState) -> None:
        """Let a step pass through `path`, one state a look, and stay in its last."""
        step = self._find_step(self._find(cluster_id), step_id)
        step.path[:] = path

    def protect(self, cluster_id: str, *, protected: bool = True) -> None:
        """Set termination protection, or lift it."""
        cluster = self._find(cluster_id)
        cluster.seen = replace(cluster.seen, termination_protected=protected)

    # What Backend promises

    def launch(self, spec: LaunchSpec) -> str:
        """See Backend."""
        self._begin("launch")
        if not spec.fleets:
            raise BadInputError("No fleets.", hint="Name the nodes in the profile.")
        self.launched.append(spec)
        cluster_id = f"j-FAKE{next(self._ids):09d}"
        seen = Cluster(
            id=cluster_id,
            raw_name=str(spec.name),
            state=ClusterState.STARTING,
            reason_code=None,
            reason=None,
            created=self.clock.tick(),
            ready=None,
            ended=None,
            release=spec.release,
            applications=dict.fromkeys(spec.applications, ""),
            tags={**spec.tags, **spec.name.tags()},
            log_uri=spec.log_uri,
            keep_alive=spec.keep_alive,
            termination_protected=False,
            step_concurrency=spec.step_concurrency,
            subnet=next(iter(spec.subnets), None),
        )
        self._clusters[cluster_id] = _FakeCluster(spec, seen, list(self.arrival))
        self._append_steps(self._clusters[cluster_id], spec.steps)
        self._end("launch")
        return cluster_id

    def list_clusters(
        self, *, states: Sequence[ClusterState] = (), created_after: datetime | None = None
    ) -> list[ClusterSummary]:
        """See Backend."""
        self._begin("list_clusters")
        for cluster in self._clusters.values():
            self._advance(cluster)
        found = [
            cluster.seen
            for cluster in self._clusters.values()
            if (not states or cluster.seen.state in states)
            and (created_after is None or cluster.seen.created > created_after)
        ]
        return [_summary(cluster) for cluster in reversed(found)]

    def describe(self, cluster_id: str) -> Cluster:
        """See Backend."""
        self._begin("describe")
        cluster = self._find(cluster_id)
        self._advance(cluster)
        return cluster.seen

    def nodes(self, cluster_id: str) -> list[NodeCount]:
        """See Backend."""
        self._begin("nodes")
        cluster = self._find(cluster_id)
        up = cluster.seen.state.takes_steps
        return [
            NodeCount(fleet.role, fleet.target_units if up else 0, fleet.target_units)
            for fleet in cluster.spec.fleets
        ]

    def add_steps(self, cluster_id: str, steps: Sequence[StepSpec]) -> list[str]:
        """See Backend."""
        self._begin("add_steps")
        cluster = self._find(cluster_id)
        if not cluster.seen.state.is_live:
            raise AwsError(f"{cluster_id} is over.", hint="Start another cluster.")
        step_ids = self._append_steps(cluster, steps)
        self._end("add_steps")
        return step_ids

    def list_steps(
        self, cluster_id: str, *, states: Sequence[StepState] = (), most: int | None = None
    ) -> list[Step]:
        """See Backend."""
        self._begin("list_steps")
        cluster = self._find(cluster_id)
        self._advance_steps(cluster)
        newest_first = (step.seen for step in reversed(cluster.steps))
        return [step for step in newest_first if not states or step.state in states][:most]

    def describe_step(self, cluster_id: str, step_id: str) -> Step:
        """See Backend."""
        self._begin("describe_step")
        cluster = self._find(cluster_id)
        step = self._find_step(cluster, step_id)
        self._advance_steps(cluster)
        return step.seen

    def cancel_steps(self, cluster_id: str, step_ids: Sequence[str]) -> None:
        """See Backend."""
        self._begin("cancel_steps")
        cluster = self._find(cluster_id)
        for step in cluster.steps:
            if step.seen.id in step_ids and not step.seen.state.is_over:
                step.path.clear()
                self._enter_step(step, StepState.CANCELLED)

    def terminate(self, cluster_ids: Sequence[str]) -> None:
        """See Backend."""
        self._begin("terminate")
        for cluster_id in cluster_ids:
            cluster = self._find(cluster_id)
            if cluster.seen.termination_protected and not cluster.seen.state.is_gone:
                raise RefusedByPolicyError("It is protected.", hint="Remove the protection.")
            if not cluster.seen.state.is_gone:
                self._end_cluster(cluster, ClusterState.TERMINATED, "Terminated by user request")

    def resize(self, cluster_id: str, scaling: Scaling) -> None:
        """See Backend."""
        self._begin("resize")
        cluster = self._find(cluster_id)
        before = sum(fleet.target_units for fleet in cluster.spec.fleets[1:])
        after = min(max(before, scaling.minimum_units), scaling.maximum_units)
        *others, last = cluster.spec.fleets
        grown = replace(last, target_units=last.target_units + after - before)
        cluster.spec = replace(cluster.spec, scaling=scaling, fleets=(*others, grown))

    # How it works

    def _begin(self, method: str) -> None:
        self.calls.append(method)
        if method in self._refusals:
            raise self._refusals.pop(method)

    def _end(self, method: str) -> None:
        if method in self._lost:
            self._lost.discard(method)
            raise OutcomeUnknownError("The answer was lost.", hint="Look before asking again.")

    def _find(self, cluster_id: str) -> _FakeCluster:
        if cluster_id not in self._clusters:
            raise NotFoundError(f"No cluster {cluster_id}.", hint="selfserve status")
        return self._clusters[cluster_id]

    def _find_step(self, cluster: _FakeCluster, step_id: str) -> _FakeStep:
        for step in cluster.steps:
            if step.seen.id == step_id:
                return step
        raise NotFoundError(f"No step {step_id}.", hint="selfserve status")

    def _append_steps(self, cluster: _FakeCluster, steps: Sequence[StepSpec]) -> list[str]:
        added = [
            _FakeStep(
                spec,
                Step(
                    id=f"s-FAKE{next(self._ids):09d}",
                    name=spec.name,
                    state=StepState.PENDING,
                    args=spec.args,
                    reason=None,
                    failure=None,
                    log_file=None,
                    created=self.clock.tick(),
                    started=None,
                    ended=None,
                ),
                list(self.step_path),
            )
            for spec in steps
        ]
        cluster.steps.extend(added)
        return [step.seen.id for step in added]

    def _advance(self, cluster: _FakeCluster) -> None:
        if cluster.path and not cluster.seen.state.is_gone:
            self._enter(cluster, cluster.path.pop(0), None)

    def _advance_steps(self, cluster: _FakeCluster) -> None:
        """Move the first step that is not over; EMR's default concurrency is 1."""
        step = next((step for step in cluster.steps if not step.seen.state.is_over), None)
        if step is None or not step.path:
            return
        self._enter_step(step, step.path.pop(0))
        if not step.seen.state.is_over or cluster.seen.state.is_gone:
            return
        failed = step.seen.state is StepState.FAILED
        if failed and step.spec.on_failure is ActionOnFailure.TERMINATE_CLUSTER:
            self._end_cluster(cluster, ClusterState.TERMINATED_WITH_ERRORS, "A step failed")
        elif not cluster.spec.keep_alive and all(one.seen.state.is_over for one in cluster.steps):
            self._end_cluster(cluster, ClusterState.TERMINATED, "Steps completed")

    def _enter(self, cluster: _FakeCluster, state: ClusterState, reason: str | None) -> None:
        now = self.clock.tick()
        seen = cluster.seen
        cluster.seen = replace(
            seen,
            state=state,
            reason=reason,
            ready=seen.ready or (now if state.takes_steps else None),
            ended=seen.ended or (now if state.is_gone else None),
        )

    def _enter_step(self, step: _FakeStep, state: StepState) -> None:
        now = self.clock.tick()
        seen = step.seen
        started = seen.started or (now if state is StepState.RUNNING else None)
        step.seen = replace(
            seen, state=state, started=started, ended=now if state.is_over else None
        )

    def _end_cluster(self, cluster: _FakeCluster, state: ClusterState, reason: str) -> None:
        cluster.path.clear()
        self._enter(cluster, state, reason)
        for step in cluster.steps:
            if not step.seen.state.is_over:
                step.path.clear()
                self._enter_step(step, StepState.CANCELLED)


def list_nothing(
    cluster_id: str, *, states: Sequence[StepState] = (), most: int | None = None
) -> list[Step]:
    """`Backend.list_steps` of an EMR that has not listed the cluster's steps yet."""
    del cluster_id, states, most
    return []


def _summary(cluster: Cluster) -> ClusterSummary:
    return ClusterSummary(
        id=cluster.id,
        raw_name=cluster.raw_name,
        state=cluster.state,
        reason_code=cluster.reason_code,
        reason=cluster.reason,
        created=cluster.created,
        ready=cluster.ready,
        ended=cluster.ended,
    )


class MemoryStore:
    """One bucket in memory. `refuse` lets the next use of it go wrong."""

    def __init__(self, bucket: str = "memory", *, clock: FakeClock | None = None) -> None:
        self._bucket = bucket
        self._clock = clock or FakeClock()
        self._modified: dict[str, datetime] = {}
        self.objects: dict[str, bytes] = {}
        self.calls: list[tuple[str, str]] = []
        """What was asked for, in order: the method, and the key or prefix."""
        self.refusal: SelfserveError | None = None

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self._bucket

    def put(self, key: str, body: bytes, *, only_if_absent: bool = False) -> bool:
        """See ObjectStore."""
        self._begin("put", key)
        if only_if_absent and key in self.objects:
            return False
        self._write(key, body)
        return True

    def put_file(self, key: str, path: Path) -> None:
        """See ObjectStore."""
        self.put(key, path.read_bytes())

    def get_file(self, key: str, path: Path) -> bool:
        """See ObjectStore."""
        self._begin("get_file", key)
        if key not in self.objects:
            return False
        path.write_bytes(self.objects[key])
        return True

    def swap(self, key: str, body: bytes, *, etag: str | None) -> str | None:
        """See ObjectStore."""
        self._begin("swap", key)
        there = self.objects.get(key)
        if (None if there is None else _etag(there)) != etag:
            return None
        self._write(key, body)
        return _etag(body)

    def get(self, key: str) -> bytes | None:
        """See ObjectStore."""
        self._begin("get", key)
        return self.objects.get(key)

    def get_with_etag(self, key: str) -> tuple[bytes, str] | None:
        """See ObjectStore."""
        self._begin("get_with_etag", key)
        body = self.objects.get(key)
        return None if body is None else (body, _etag(body))

    def exists(self, key: str) -> bool:
        """See ObjectStore."""
        self._begin("exists", key)
        return key in self.objects

    def list_keys(self, prefix: str, *, after: str = "") -> list[str]:
        """See ObjectStore."""
        self._begin("list_keys", prefix)
        return sorted(key for key in self.objects if key.startswith(prefix) and key > after)

    def list_modified(self, prefix: str) -> dict[str, datetime]:
        """See ObjectStore. What a test put into `objects` itself is as old as the clock."""
        self._begin("list_modified", prefix)
        return {
            key: self._modified.get(key, NOON)
            for key in sorted(self.objects)
            if key.startswith(prefix)
        }

    def list_folders(self, prefix: str, *, after: str = "") -> list[str]:
        """See ObjectStore."""
        self._begin("list_folders", prefix)
        below = (key.removeprefix(prefix) for key in self.objects if key.startswith(prefix))
        folders = {f"{prefix}{rest.split('/')[0]}/" for rest in below if "/" in rest}
        return sorted(folder for folder in folders if folder > after)

    def delete(self, key: str) -> None:
        """See ObjectStore."""
        self._begin("delete", key)
        self.objects.pop(key, None)

    def _write(self, key: str, body: bytes) -> None:
        self.objects[key] = body
        self._modified[key] = self._clock.now()

    def _begin(self, method: str, key: str) -> None:
        self.calls.append((method, key))
        if self.refusal is not None:
            error, self.refusal = self.refusal, None
            raise error


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
