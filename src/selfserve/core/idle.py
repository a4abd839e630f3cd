"""Decide whether a cluster should be kept, warned about or ended.

Pure: callers pass the clock reading and what was seen. The one place where this is
decided: the sweep acts on it, `status` shows it, and the local target's own timers
follow it. What is not known to be idle is not idle.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from selfserve.core.cluster import ClusterState
from selfserve.core.durations import to_words


class IdleAction(StrEnum):
    """What is to be done with a cluster."""

    KEEP = "keep"
    WARN = "warn"
    """It ends at the next look unless something happens."""
    END = "end"


class Engine(StrEnum):
    """What may be at work on a cluster without a step; the value is what one is called."""

    YARN = "YARN application"
    QUERIES = "query"
    NOTEBOOK = "notebook kernel"
    LIVY = "Livy session"
    SPARK_CONNECT = "Spark Connect session"


@dataclass(frozen=True, slots=True)
class Session:
    """An open session of a person."""

    engine: Engine
    idle_since: datetime | None
    """None while it is working, and when it does not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What was seen of one cluster."""

    state: ClusterState
    created: datetime
    ready: datetime | None
    open_steps: int | None
    """PENDING, RUNNING or CANCEL_PENDING; None if it is not known."""
    last_step: datetime | None = None
    """When a step was last added, started or over."""
    at_work: Mapping[Engine, int | None] = field(default_factory=dict)
    """How many of each engine that the cluster has are at work; None if it is not known."""
    last_at_work: datetime | None = None
    """When an engine was last seen at work."""
    sessions: Sequence[Session] = ()
    submitting: Sequence[str] | None = ()
    """Runs whose submitters hold a lease on the cluster; None if it is not known."""
    protected: bool = False
    warned: datetime | None = None
    """When an earlier look found it idle, and it has been so ever since."""
    orphaned: str | None = None
    """Why nobody will use it again, as a sentence without its full stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdlePolicy:
    """When a cluster ends. `idle` and `max_age` are the profile's, the others the sweep's."""

    idle: timedelta | None
    """None: unknown, so that idleness never ends it."""
    max_age: timedelta | None
    period: timedelta = timedelta(minutes=10)
    """Between two looks; a warning goes out that long before the end."""
    second_look: timedelta = timedelta(minutes=5)
    """The least time between the look that warns and the one that ends."""
    grace: timedelta = timedelta(minutes=10)
    """A cluster that is ready for less is not ended: its owner may be about to use it."""
    ready_within: timedelta = timedelta(hours=1)
    """A cluster that takes longer to get its instances, or then to set them up, never will."""

    def start_limit(self, state: ClusterState) -> timedelta:
        """The age at which a cluster in this state is stuck."""
        return self.ready_within * (2 if state is ClusterState.BOOTSTRAPPING else 1)


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with a cluster, and why."""

    action: IdleAction
    reason: str
    """A sentence without its full stop."""
    idle_since: datetime | None = None
    """None while something is, or may be, at work."""
    ends_at: datetime | None = None
    """When it ends if nothing happens until then; None if that is not known."""


def decide_idle(activity: Activity, policy: IdlePolicy, now: datetime) -> Decision:
    """What is to be done with the cluster at `now`.

    Whatever works, or may work, or is about to, keeps it; past `max_age` too. An end
    needs two looks: one that warns, and one at least `second_look` later.
    """
    kept = next(_reasons_to_keep(activity), None)
    if kept is not None:
        return Decision(IdleAction.KEEP, kept, ends_at=_once_of_age(activity, policy, now))
    if activity.state.is_starting:
        return _while_starting(activity, policy, now)
    return _while_idle(activity, policy, now)


def _reasons_to_keep(activity: Activity) -> Iterator[str]:
    if not activity.state.is_live:
        yield f"it is {activity.state} already"
    if activity.protected:
        yield "it is protected from termination"
    if activity.submitting is None:
        yield "it is not known whether somebody is submitting to it"
    elif activity.submitting:
        yield f"{_count(len(activity.submitting), 'run')} being submitted"
    if activity.state.is_starting:
        return  # its steps wait for it, and nothing else can be at work
    yield from _steps_at_work(activity)
    yield from _engines_at_work(activity)


def _steps_at_work(activity: Activity) -> Iterator[str]:
    if activity.open_steps is None:
        yield "its steps are not known"
    elif activity.open_steps:
        yield f"{_count(activity.open_steps, 'step')} running or pending"
    elif activity.state is ClusterState.RUNNING:
        yield "EMR says that it is running something"


def _engines_at_work(activity: Activity) -> Iterator[str]:
    for engine, number in activity.at_work.items():
        if number is None:
            yield f"it is not known whether a {engine} is at work"
        elif number:
            yield f"{_count(number, engine)} at work"
    working = [session for session in activity.sessions if session.idle_since is None]
    if working:
        yield f"{_count(len(working), working[0].engine)} at work"


def _while_starting(activity: Activity, policy: IdlePolicy, now: datetime) -> Decision:
    age = now - activity.created
    ends_at = activity.created + policy.start_limit(activity.state)
    if now < ends_at - policy.period:
        return Decision(IdleAction.KEEP, "it is starting", ends_at=ends_at)
    limit = to_words(policy.start_limit(activity.state))
    why = f"it is {activity.state} at an age of {to_words(age)}; it ought not to be after {limit}"
    return _after_two_looks(activity, policy, now, Decision(IdleAction.END, why, ends_at=ends_at))


def _while_idle(activity: Activity, policy: IdlePolicy, now: datetime) -> Decision:
    since = _idle_since(activity)
    idle_ends, age_ends = _of_idleness(activity, policy), _of_age(activity, policy)
    ends = [end for end in (idle_ends, age_ends) if end is not None]
    if not ends:
        return Decision(IdleAction.KEEP, "when it may end is not known", since)
    why = _why_it_ends(activity, policy, now, by_age=min(ends) == age_ends)
    ends_at = max(min(ends), (activity.ready or activity.created) + policy.grace)
    if now < ends_at - policy.period:
        return Decision(IdleAction.KEEP, why, since, ends_at)
    return _after_two_looks(activity, policy, now, Decision(IdleAction.END, why, since, ends_at))


def _after_two_looks(
    activity: Activity, policy: IdlePolicy, now: datetime, end: Decision
) -> Decision:
    """`end`, if it is time and an earlier look has warned of it; else a warning."""
    warned = activity.warned
    # A warning from before the last activity is about another time of idleness.
    if warned is None or (end.idle_since is not None and warned < end.idle_since):
        warned = now
    ends_at = max(end.ends_at or now, warned + policy.second_look)
    if now >= ends_at:
        return end
    return Decision(IdleAction.WARN, end.reason, end.idle_since, ends_at)


def _why_it_ends(activity: Activity, policy: IdlePolicy, now: datetime, *, by_age: bool) -> str:
    if by_age and policy.max_age is not None:
        age = to_words(now - activity.created)
        return f"it is {age} old; its maximum age is {to_words(policy.max_age)}"
    idle_for = to_words(now - _idle_since(activity))
    if activity.orphaned is not None:
        return f"{activity.orphaned}, and it has been idle for {idle_for}"
    limit = to_words(policy.idle) if policy.idle is not None else "unknown"
    return f"it has been idle for {idle_for}; its limit is {limit}"


def _idle_since(activity: Activity) -> datetime:
    times = (
        activity.created,
        activity.ready,
        activity.last_step,
        activity.last_at_work,
        *(session.idle_since for session in activity.sessions),
    )
    return max(time for time in times if time is not None)


def _of_idleness(activity: Activity, policy: IdlePolicy) -> datetime | None:
    """When it has been idle for long enough; one that nobody will use has at once."""
    if activity.orphaned is not None:
        return _idle_since(activity)
    return None if policy.idle is None else _idle_since(activity) + policy.idle


def _of_age(activity: Activity, policy: IdlePolicy) -> datetime | None:
    return None if policy.max_age is None else activity.created + policy.max_age


def _once_of_age(activity: Activity, policy: IdlePolicy, now: datetime) -> datetime | None:
    """When its age ends a cluster that is kept; not known if that time is over, or it may not."""
    ends_at = _of_age(activity, policy)
    if ends_at is None or ends_at <= now or activity.protected or not activity.state.is_live:
        return None
    return ends_at


def _count(number: int, what: str) -> str:
    one = what.removesuffix("y") + "ies" if what.endswith("y") else f"{what}s"
    return f"1 {what}" if number == 1 else f"{number} {one}"
