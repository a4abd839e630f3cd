"""What a sweep does with each cluster: whom it looks at, when again, and what it says. Pure.

The screening needs only what one listing tells and what earlier looks have told, so
a cluster of which nothing is due costs no request.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from selfserve.core.cluster import ClusterState, ClusterSummary
from selfserve.core.durations import to_words
from selfserve.core.idle import Activity, Decision, IdleAction, IdlePolicy, decide_idle
from selfserve.core.sweep_memory import Known

_LONGEST_BETWEEN_LOOKS = timedelta(hours=6)
"""EMR's metrics do not reach back for ever; each look is to begin where the last has ended."""

_PROTECTED_AGAIN = timedelta(hours=1)
"""Who protects a cluster wants it for longer than a period; EMR's own rule acts meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPolicy:
    """How to sweep."""

    period: timedelta = timedelta(minutes=10)
    """From one sweep to the next."""
    second_look: timedelta = timedelta(minutes=5)
    """The least time between the look that warns and the one that ends."""
    grace: timedelta = timedelta(minutes=10)
    """A cluster that is ready for less is not ended."""
    ready_within: timedelta = timedelta(hours=1)
    """A cluster that takes longer to get its instances, or then to set them up, never will."""
    all_at_once: bool = False
    """End as many as there are, not 20 % of ours in a period."""
    dry_run: bool = False
    """Change nothing, not even the memory of sweeps."""
    parallel: int = 8
    """How many objects to get from S3 at a time; 1 for one after the other, without threads."""

    def to_idle_policy(
        self, idle: timedelta | None = None, max_age: timedelta | None = None
    ) -> IdlePolicy:
        """When a cluster with these limits of its own ends."""
        return IdlePolicy(
            idle=idle,
            max_age=max_age,
            period=self.period,
            second_look=self.second_look,
            grace=self.grace,
            ready_within=self.ready_within,
        )


class Look(StrEnum):
    """How closely a cluster is to be looked at."""

    NONE = "none"
    FIRST = "first"
    LAST = "last"
    """It was warned of, and its time has come."""


@dataclass(frozen=True, slots=True)
class Screened:
    """What a listing and the memory of earlier looks tell of one cluster."""

    look: Look
    decision: Decision


def screen(
    cluster: ClusterSummary, known: Known | None, policy: SweepPolicy, now: datetime
) -> Screened:
    """Whether anything can have to be done with a live cluster, and what is known without."""
    if known is not None and not known.is_ours and now < known.next_look:
        return Screened(Look.NONE, known.decision)
    if cluster.state is ClusterState.RUNNING:
        ends_at = _of_age(cluster, known, now)
        why = "EMR says that it is running something"
        return Screened(Look.NONE, Decision(IdleAction.KEEP, why, ends_at=ends_at))
    if known is None:
        return _screen_unknown(cluster, policy, now)
    if now >= known.next_look:
        is_ripe = known.warned is not None
        return Screened(Look.LAST if is_ripe else Look.FIRST, known.decision)
    return Screened(Look.NONE, retell(cluster, known, policy.to_idle_policy(), now))


def retell(cluster: ClusterSummary, known: Known, policy: IdlePolicy, now: datetime) -> Decision:
    """What an earlier look has told, as it reads now if nothing has happened since."""
    if known.idle_since is None or not cluster.state.is_live or not known.is_ours:
        return known.decision
    activity = Activity(
        state=cluster.state,
        created=cluster.created,
        ready=cluster.ready,
        open_steps=0,
        last_at_work=known.idle_since,
        warned=known.warned,
        orphaned=known.orphaned,
    )
    decision = decide_idle(activity, known.policy(policy), now)
    action = known.action if decision.action is IdleAction.END else decision.action
    return replace(decision, action=action)


def to_known(decision: Decision, activity: Activity, policy: IdlePolicy, now: datetime) -> Known:
    """What to remember of a look at a cluster of ours."""
    return Known(
        looked=now,
        next_look=next_look(decision, activity, policy, now),
        action=decision.action,
        reason=decision.reason,
        idle_since=decision.idle_since,
        ends_at=decision.ends_at,
        warned=_warned(decision, activity, now),
        last_at_work=activity.last_at_work,
        orphaned=activity.orphaned,
        idle=policy.idle,
        max_age=policy.max_age,
    )


def _warned(decision: Decision, activity: Activity, now: datetime) -> datetime | None:
    """When it was first warned of, if the warning still counts: it was idle then, and is."""
    since, warned = decision.idle_since, activity.warned
    if decision.action is IdleAction.KEEP:
        return warned if warned is not None and since is not None and warned >= since else None
    return warned if warned is not None and (since is None or warned >= since) else now


def next_look(
    decision: Decision, activity: Activity, policy: IdlePolicy, now: datetime
) -> datetime:
    """Before when nothing can have to be done, whatever happens on the cluster."""
    if decision.action is not IdleAction.KEEP and decision.ends_at is not None:
        return decision.ends_at
    if activity.protected:
        return now + _PROTECTED_AGAIN
    if decision.ends_at is not None and decision.idle_since is not None:
        warned = _warned(decision, activity, now)
        if warned is not None:  # a warning with a longer period than this sweep's
            due = max(decision.ends_at, warned + policy.second_look)
            return min(due, now + _LONGEST_BETWEEN_LOOKS)
        earliest = decision.ends_at
    elif is_at_work(activity) and activity.orphaned is None:
        earliest = earliest_end(activity.created, policy, now)
    else:
        return now + policy.period
    return min(max(earliest - policy.period, now), now + _LONGEST_BETWEEN_LOOKS)


def is_at_work(activity: Activity) -> bool:
    """Whether something is certainly at work at this moment."""
    return bool(
        activity.open_steps
        or any(activity.at_work.values())
        or any(session.idle_since is None for session in activity.sessions)
        or (activity.state is ClusterState.RUNNING)
    )


def earliest_end(created: datetime, policy: IdlePolicy, now: datetime) -> datetime:
    """When a cluster that is at work now can end at the earliest."""
    ends = [now + policy.idle] if policy.idle is not None else []
    if policy.max_age is not None:
        ends.append(created + policy.max_age)
    return max(min(ends), now) if ends else now + _LONGEST_BETWEEN_LOOKS


def to_foreign(reason: str, now: datetime) -> Known:
    """What to remember of a cluster that is not ours by its tags."""
    return Known(
        looked=now,
        next_look=now + _LONGEST_BETWEEN_LOOKS,
        action=IdleAction.KEEP,
        reason=reason,
        is_ours=False,
    )


def after_running(
    cluster: ClusterSummary, known: Known, policy: IdlePolicy, now: datetime
) -> Known:
    """What is known of a cluster whose listing says that it is running something."""
    if not known.is_ours:
        return known
    earliest = earliest_end(cluster.created, known.policy(policy), now)
    if known.orphaned is not None:
        earliest = now
    due = min(max(earliest - policy.period, now), now + _LONGEST_BETWEEN_LOOKS)
    return replace(
        known,
        looked=now,
        next_look=max(known.next_look, due),
        action=IdleAction.KEEP,
        reason="EMR said that it was running something",
        idle_since=None,
        ends_at=None,
        warned=None,
    )


def _screen_unknown(cluster: ClusterSummary, policy: SweepPolicy, now: datetime) -> Screened:
    if cluster.state.is_starting:
        ends_at = cluster.created + policy.to_idle_policy().start_limit(cluster.state)
        starting = Decision(IdleAction.KEEP, "it is starting", ends_at=ends_at)
        return Screened(Look.FIRST if now >= ends_at - policy.period else Look.NONE, starting)
    ready = cluster.ready or cluster.created
    why = f"it has been ready for {to_words(now - ready)} only"
    decision = Decision(IdleAction.KEEP, why)
    young = now < ready + policy.grace - policy.period
    return Screened(Look.NONE if young else Look.FIRST, decision)


def _of_age(cluster: ClusterSummary, known: Known | None, now: datetime) -> datetime | None:
    if known is None or known.max_age is None or cluster.created + known.max_age <= now:
        return None
    return cluster.created + known.max_age
