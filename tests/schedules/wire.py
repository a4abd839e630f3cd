"""How a process sees AWS: requests that take time, go wrong, and answers that are out of date.

The bounds, which the product relies on (seconds):

- A request takes effect within `SIGNED_FOR` of being signed: AWS refuses older signatures.
- ListClusters shows nothing older than `Weather.listing_lag` (120 at most), DescribeCluster
  no state older than 5, ListSteps nothing older than `Weather.step_lag` (45 at most). AWS
  promises none of this. What leases can bear of ListSteps is, for sweeps, LEASE_TIME -
  ACT_WITHIN - SIGNED_FOR, so just under 3 minutes; for those who join, who may use a
  listing for ACT_WITHIN, just under 1.
- S3 is strongly consistent. A clock is right to `CLOCK_ERROR`, or in some weather an hour
  off until the process has its first answer.

A process may be killed at any request, before it, while it is on its way or after it, and
may be suspended there for up to two hours, on either side of it; but see `Weather.stalls`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from greenlet import GreenletExit

from schedules.chance import Stream, spread
from schedules.timeline import Timeline, at
from schedules.truth import TrueBucket, TrueCluster, TrueEmr, TrueStep
from selfserve.core.cluster import (
    Cluster,
    ClusterState,
    ClusterSummary,
    NodeCount,
    Step,
    StepState,
)
from selfserve.core.launch import LaunchSpec, Scaling, StepSpec
from selfserve.errors import AwsError, NoAnswerError, OutcomeUnknownError, SelfserveError

_Value = TypeVar("_Value")

SIGNED_FOR = 297.0  # 300, less what the clocks may be off
READ_TIMEOUT = 60.0
LEASED = ("add_steps", "terminate")
"""The requests that are made under a lease."""
CLOCK_ERROR = 3.0
LONGEST_PAUSE = 7200.0
PERIOD = 600.0
"""Seconds from one sweep to the next; see `SweepPolicy.period`."""

TROUBLES = (
    "slow",
    "slow answer",
    "stall",
    "pause",
    "die",
    "die sent",
    "die done",
    "lost",
    "refused",
)
"""What can befall a request. A stall suspends the process right before it is signed, a pause
right after it was answered."""


@dataclass(frozen=True, slots=True)
class Weather:
    """How bad things are for the processes of a schedule."""

    trouble: float = 0.0
    """The share of requests that something befalls."""
    troubles: tuple[str, ...] = TROUBLES
    listing_lag: float = 0.0
    step_lag: float = 0.0
    stalls: bool = False
    """Whether requests under a lease, too, stall between their last check and their signature."""
    only: str = ""
    """What befalls requests befalls only those that begin so."""
    hour_off: bool = False
    """Whether clocks are an hour off until the first answer."""


@dataclass(slots=True, kw_only=True)
class Process:
    """One run of a command on one machine."""

    name: str
    timeline: Timeline
    stream: Stream
    weather: Weather
    clock_error: float = 0.0
    is_dead: bool = False
    is_done: bool = False
    began: float = 0.0
    ended: float | None = None
    suspended: float = 0.0
    """Seconds that its monotonic clock has stood still."""
    has_heard: bool = False
    log: list[str] | None = None

    def call(
        self,
        what: str,
        effect: Callable[[], _Value],
        *,
        again: Callable[[_Value], _Value] | None = None,
        once: bool = False,
    ) -> _Value:
        """Do `effect` at some moment between now and the return.

        A request that may be repeated is, after a lost answer: `again` makes the second
        answer of the first. With `once` the loss is told instead.
        """
        if self.is_dead or self.timeline.is_over:
            raise GreenletExit
        chance, which, how = self.stream.draw()
        timeline = self.timeline
        weather = self.weather
        if chance < 1.0 - weather.trouble or not what.startswith(weather.only):
            timeline.wait_until(timeline.now + 0.02 + 0.6 * how)
            value = self._do(what, effect)
        else:
            trouble = weather.troubles[int(which * len(weather.troubles))]
            value = self._in_trouble(trouble, how, what, effect, again=again, once=once)
        self.has_heard = True
        return value

    def _in_trouble(
        self,
        trouble: str,
        how: float,
        what: str,
        effect: Callable[[], _Value],
        *,
        again: Callable[[_Value], _Value] | None,
        once: bool,
    ) -> _Value:
        self.note(f"{what}: {trouble}")
        if trouble == "refused":
            self._wait(0.02 + 0.6 * how)
            raise (AwsError if once else NoAnswerError)("Slow down.", hint="Wait.")
        if trouble.startswith("die"):
            self._die(trouble, spread(how, 0.02, SIGNED_FOR), what, effect)
        if trouble == "lost" and once:
            return self._lose(how, what, effect)
        self._be_late(trouble, how, is_leased=what.startswith(LEASED))
        value = self._do(what, effect)
        if trouble == "slow answer":
            self._wait(spread(how, 1.0, READ_TIMEOUT))
        elif trouble in {"pause", "doze"}:
            self._be_suspended(how, doze=trouble == "doze")
        elif trouble == "lost" and again is not None:
            self._wait(spread(how, 1.0, 2 * READ_TIMEOUT))
            return again(value)
        return value

    def _be_late(self, trouble: str, how: float, *, is_leased: bool) -> None:
        """Wait for the request to take effect."""
        if trouble == "slow" or (trouble == "stall" and is_leased and not self.weather.stalls):
            self._wait(spread(how, 1.0, SIGNED_FOR))
            return
        if trouble == "stall":
            self._be_suspended(how, doze=False)
        self._wait(0.02 + 0.6 * how)

    def _wait(self, seconds: float) -> None:
        self.timeline.wait_until(self.timeline.now + seconds)

    def _be_suspended(self, how: float, *, doze: bool) -> None:
        """Half of them wake up while sweeps are under way. One monotonic clock in two notices.

        With `doze` all do, and by then no lease of theirs counts any more.
        """
        now = self.timeline.now
        if doze:
            wakes = (now // PERIOD + 2) * PERIOD + 3.5 * how
        elif how < 0.5:
            wakes = now + spread(2 * how, 1.0, LONGEST_PAUSE)
        else:
            periods, rest = divmod(8 * how - 4, 1)
            wakes = (now // PERIOD + 1 + periods) * PERIOD + 5 * rest
        self.timeline.wait_until(wakes)
        if self.clock_error > 0:
            self.suspended += wakes - now

    def _die(self, trouble: str, delay: float, what: str, effect: Callable[[], object]) -> None:
        if trouble == "die sent":
            self.timeline.at(self.timeline.now + delay, lambda: self.do_alone(what, effect))
        elif trouble == "die done":
            self.timeline.wait_until(self.timeline.now + delay)
            self.do_alone(what, effect)
        self.is_dead = True
        self.ended = self.timeline.now
        self.note("is dead")
        self.timeline.die()

    def _lose(self, how: float, what: str, effect: Callable[[], _Value]) -> _Value:
        """The effect comes now, never, or long after the process has given up."""
        now = self.timeline.now
        case, rest = int(how * 3), how * 3 % 1
        if case == 0:
            self.do_alone(what, effect)
        elif case == 1:
            late = now + spread(rest, 1.0, SIGNED_FOR)
            self.timeline.at(late, lambda: self.do_alone(what, effect))
        self.timeline.wait_until(now + spread(rest, 1.0, READ_TIMEOUT))
        raise OutcomeUnknownError("The answer was lost.", hint="Look before asking again.")

    def _do(self, what: str, effect: Callable[[], _Value]) -> _Value:
        if self.log is None:
            return effect()
        try:
            value = effect()
        except SelfserveError as error:
            self.note(f"{what} -> {type(error).__name__}: {error}")
            raise
        self.note(f"{what} -> {_brief(value)}")
        return value

    def do_alone(self, what: str, effect: Callable[[], object]) -> None:
        """Do it with nobody there to hear of it."""
        try:
            self._do(what, effect)
        except SelfserveError:
            return

    def note(self, what: str) -> None:
        """Write a line of the trace, if one is kept."""
        if self.log is not None:
            self.log.append(f"{self.timeline.now:10.2f}  {self.name:<14} {what}")


class ProcessClock:
    """A Clock as good as a machine's that hears the time from AWS."""

    def __init__(self, process: Process, hour_off: float) -> None:
        self._process = process
        self._hour_off = hour_off

    def now(self) -> datetime:
        """The time, nearly."""
        process = self._process
        error = process.clock_error if process.has_heard else self._hour_off
        return at(process.timeline.now + error)

    def sleep(self, duration: timedelta) -> None:
        """Wait, give or take a fifth."""
        process = self._process
        if process.is_dead or process.timeline.is_over:
            raise GreenletExit
        jitter = 0.8 + 0.4 * process.stream.draw()[0]
        process.timeline.wait_until(process.timeline.now + duration.total_seconds() * jitter)


class WireBackend:
    """A Backend as one process sees it. `lasts`: seconds that its steps run for."""

    def __init__(self, process: Process, emr: TrueEmr, *, lasts: float, may_kill: bool) -> None:
        self._process = process
        self._emr = emr
        self._lasts = lasts
        self._may_kill = may_kill

    def launch(self, spec: LaunchSpec) -> str:
        """See Backend."""
        by, lasts = self._process.name, self._lasts
        return self._process.call(
            "launch", lambda: self._emr.launch(spec, by=by, lasts=lasts), once=True
        )

    def add_steps(self, cluster_id: str, steps: Sequence[StepSpec]) -> list[str]:
        """See Backend."""
        by, lasts = self._process.name, self._lasts
        return self._process.call(
            f"add_steps {cluster_id} {[step.name for step in steps]}",
            lambda: self._emr.add_steps(cluster_id, steps, by=by, lasts=lasts),
            once=True,
        )

    def terminate(self, cluster_ids: Sequence[str]) -> None:
        """See Backend. A request that was thought lost may yet arrive after its repetition."""
        ids, emr, process = tuple(cluster_ids), self._emr, self._process

        def effect() -> None:
            emr.terminate(ids, by=process.name, may_kill=self._may_kill)

        def again(_: None) -> None:
            late = process.timeline.now + spread(process.stream.draw()[0], 1.0, SIGNED_FOR - 120)
            process.timeline.at(late, lambda: process.do_alone(f"terminate {ids}, late", effect))

        process.call(f"terminate {ids}", effect, again=again)

    def list_clusters(
        self, *, states: Sequence[ClusterState] = (), created_after: datetime | None = None
    ) -> list[ClusterSummary]:
        """See Backend."""

        def effect() -> list[ClusterSummary]:
            seen = self._as_of(self._process.weather.listing_lag)
            views = [
                _summary(cluster, state)
                for cluster in reversed(self._emr.clusters.values())
                if (state := cluster.state_at(seen)) is not None and (not states or state in states)
            ]
            if created_after is None:
                return views
            return [view for view in views if view.created > created_after]

        return self._process.call("list_clusters", effect)

    def describe(self, cluster_id: str) -> Cluster:
        """See Backend."""

        def effect() -> Cluster:
            cluster = self._emr.find(cluster_id)
            state = cluster.state_at(self._as_of(5.0)) or cluster.states[0]
            return _described(cluster, state)

        return self._process.call(f"describe {cluster_id}", effect)

    def nodes(self, cluster_id: str) -> list[NodeCount]:
        """See Backend."""
        raise NotImplementedError

    def list_steps(
        self, cluster_id: str, *, states: Sequence[StepState] = (), most: int | None = None
    ) -> list[Step]:
        """See Backend."""

        def effect() -> list[Step]:
            seen = self._as_of(self._process.weather.step_lag)
            views = [
                _step_view(step, state, seen)
                for step in reversed(self._emr.find(cluster_id).steps)
                if (state := step.state_at(seen)) is not None and (not states or state in states)
            ]
            return views[:most]

        return self._process.call(f"list_steps {cluster_id}", effect)

    def describe_step(self, cluster_id: str, step_id: str) -> Step:
        """See Backend."""
        return next(step for step in self.list_steps(cluster_id) if step.id == step_id)

    def cancel_steps(self, cluster_id: str, step_ids: Sequence[str]) -> None:
        """See Backend."""
        raise NotImplementedError

    def resize(self, cluster_id: str, scaling: Scaling) -> None:
        """See Backend."""
        raise NotImplementedError

    def _as_of(self, lag: float) -> float:
        """The moment that an answer with up to this lag tells of."""
        late, how, _ = self._process.stream.draw() if lag else (0.0, 0.0, 0.0)
        return self._emr.timeline.now - (lag * how if late > 0.5 else 0.0)


class WireStore:
    """An ObjectStore as one process sees it."""

    def __init__(self, process: Process, bucket: TrueBucket) -> None:
        self._process = process
        self._bucket = bucket

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return "lake"

    def put(self, key: str, body: bytes, *, only_if_absent: bool = False) -> bool:
        """See ObjectStore."""
        if only_if_absent:
            return self.swap(key, body, etag=None) is not None
        self._process.call(f"put {key}", lambda: self._bucket.write(key, body))
        return True

    def put_file(self, key: str, path: Path) -> None:
        """See ObjectStore."""
        self.put(key, path.read_bytes())

    def swap(self, key: str, body: bytes, *, etag: str | None) -> str | None:
        """See ObjectStore. A repeated write knows its own first attempt, unless that is gone."""
        bucket = self._bucket

        def again(first: str | None) -> str | None:
            return first if first is not None and bucket.objects.get(key) == body else None

        what = f"swap {key}"
        if self._process.log is not None:
            what += f" {body[:300].decode()}"
        return self._process.call(what, lambda: bucket.write_over(key, body, etag), again=again)

    def get(self, key: str) -> bytes | None:
        """See ObjectStore."""
        found = self.get_with_etag(key)
        return None if found is None else found[0]

    def get_with_etag(self, key: str) -> tuple[bytes, str] | None:
        """See ObjectStore."""
        return self._process.call(f"get {key}", lambda: self._bucket.read(key))

    def exists(self, key: str) -> bool:
        """See ObjectStore."""
        return self._process.call(f"exists {key}", lambda: key in self._bucket.objects)

    def list_keys(self, prefix: str, *, after: str = "") -> list[str]:
        """See ObjectStore."""
        objects = self._bucket.objects
        return self._process.call(
            f"list {prefix}",
            lambda: sorted(key for key in objects if key.startswith(prefix) and key > after),
        )

    def list_modified(self, prefix: str) -> dict[str, datetime]:
        """See ObjectStore."""
        times = self._process.call(f"list {prefix}", lambda: self._bucket.times(prefix))
        return {key: at(time) for key, time in times.items()}

    def list_folders(self, prefix: str, *, after: str = "") -> list[str]:
        """See ObjectStore."""
        raise NotImplementedError

    def delete(self, key: str) -> None:
        """See ObjectStore."""
        self._process.call(f"delete {key}", lambda: self._bucket.remove(key))


def _summary(cluster: TrueCluster, state: ClusterState) -> ClusterSummary:
    is_up = not state.is_starting and cluster.ready is not None
    return ClusterSummary(
        id=cluster.id,
        raw_name=str(cluster.spec.name),
        state=state,
        reason_code=None,
        reason=None,
        created=at(cluster.created),
        ready=at(cluster.ready or 0) if is_up else None,
        ended=at(cluster.ended) if state.is_gone and cluster.ended is not None else None,
    )


def _described(cluster: TrueCluster, state: ClusterState) -> Cluster:
    spec, seen = cluster.spec, _summary(cluster, state)
    return Cluster(
        **{field.name: getattr(seen, field.name) for field in fields(seen)},
        release=spec.release,
        applications=dict.fromkeys(spec.applications, ""),
        tags=cluster.tags,
        log_uri=spec.log_uri,
        keep_alive=spec.keep_alive,
        termination_protected=cluster.protected,
        step_concurrency=spec.step_concurrency,
        subnet=next(iter(spec.subnets), None),
    )


def _step_view(step: TrueStep, state: StepState, seen: float) -> Step:
    started = step.started if step.started is not None and step.started <= seen else None
    ended = step.ended if step.ended is not None and step.ended <= seen else None
    return Step(
        id=step.id,
        name=step.name,
        state=state,
        args=(),
        reason=None,
        failure=None,
        log_file=None,
        created=at(step.added),
        started=None if started is None else at(started),
        ended=None if ended is None else at(ended),
    )


def _brief(value: object) -> str:
    if isinstance(value, list):
        value = ", ".join(
            f"{one.id}:{one.state}" if isinstance(one, ClusterSummary | Step) else str(one)
            for one in value
        )
    return str(value)[:300]
