"""Look at a cluster: what is at work on it, by EMR and by the signs of it.

The sweep and `status` ask here, so that both decide by the same.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from selfserve.backends.base import YarnSeen
from selfserve.core.beat import known_at_work
from selfserve.core.cluster import Cluster, ClusterState, ClusterSummary, Step
from selfserve.core.durations import parse_duration
from selfserve.core.idle import Activity, Engine, IdlePolicy
from selfserve.core.lease import Lease, live_holds
from selfserve.core.naming import TAG_IDLE, TAG_MAX_AGE
from selfserve.core.run import run_id_of_step
from selfserve.usecases.launches.clusters import is_tagged_ours
from selfserve.usecases.sweeping.signs import Signs
from selfserve.usecases.targets.target import Target

STEPS = 50
"""One page. EMR itself says RUNNING while an older step than these goes on."""
_LOOK_HOLDS = timedelta(minutes=30)
"""So long what does not change by work, such as tags, need not be asked again."""
_CLOCKS_DIFFER = timedelta(minutes=1)
_HAS_SESSIONS = "emr-spark-"
_METRIC_HOLDS = timedelta(minutes=15)
"""IsIdle is sampled every five minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One look at a cluster."""

    cluster_id: str
    state: ClusterState
    is_ours: bool
    """By its name and its tags."""
    applications: tuple[str, ...]
    release: str | None
    activity: Activity
    policy: IdlePolicy


def look_at(target: Target, cluster_id: str, signs: Signs, policy: IdlePolicy) -> Seen:
    """Ask EMR about the cluster; `policy` is the sweep's, the cluster's own limits are its tags'.

    Two requests, and one for its sessions where it may have some. Raises NotFoundError.
    """
    cluster = target.backend.describe(cluster_id)
    steps = target.backend.list_steps(cluster_id, most=STEPS)
    sessions = target.observer.sessions(cluster)
    applications = tuple(cluster.applications)
    at_work = known_at_work(signs.beat, applications, cluster.release or "")
    if sessions is None:
        at_work[Engine.SPARK_CONNECT] = None
    activity = _to_activity(cluster, steps, signs, at_work, target.clock.now())
    return Seen(
        cluster_id=cluster_id,
        state=cluster.state,
        is_ours=is_tagged_ours(target, cluster),
        applications=applications,
        release=cluster.release,
        activity=replace(
            activity,
            sessions=(*activity.sessions, *(sessions or ())),
            protected=cluster.termination_protected,
        ),
        policy=own(policy, cluster),
    )


def look_again(
    target: Target, cluster: ClusterSummary, signs: Signs, policy: IdlePolicy
) -> Seen | None:
    """Ask EMR for the steps only, soon after a look that has found no other reason to keep it.

    None if that does not tell enough. Protection is not seen: EMR sees to it when it is
    asked for the end.
    """
    known, now = signs.known, target.clock.now()
    if (
        known is None
        or known.release is None
        or known.release.startswith(_HAS_SESSIONS)
        or cluster.state is not ClusterState.WAITING
        or now - known.looked > _LOOK_HOLDS
    ):
        return None
    steps = target.backend.list_steps(cluster.id, most=STEPS)
    oldest = steps[-1].created if len(steps) == STEPS else None
    if len(steps) == STEPS and (oldest is None or oldest > known.looked - _CLOCKS_DIFFER):
        return None  # older ones, not seen by that look either, may be at work
    at_work = known_at_work(signs.beat, known.applications, known.release)
    return Seen(
        cluster_id=cluster.id,
        state=cluster.state,
        is_ours=known.is_ours,
        applications=known.applications,
        release=known.release,
        activity=_to_activity(cluster, steps, signs, at_work, target.clock.now()),
        policy=known.policy(policy),
    )


def own(policy: IdlePolicy, cluster: Cluster) -> IdlePolicy:
    """The policy with the limits that the cluster's tags give."""
    return replace(
        policy, idle=_duration(cluster, TAG_IDLE), max_age=_duration(cluster, TAG_MAX_AGE)
    )


def _to_activity(
    cluster: ClusterSummary,
    steps: Sequence[Step],
    signs: Signs,
    at_work: Mapping[Engine, int | None],
    now: datetime,
) -> Activity:
    """What the steps and the signs tell; `at_work` is by the cluster's own beat."""
    listed = {run_id_of_step(step.name) for step in steps}
    at_work = _with_metric(at_work, signs, now)
    times = [time for step in steps for time in (step.created, step.started, step.ended) if time]
    return Activity(
        state=cluster.state,
        created=cluster.created,
        ready=cluster.ready,
        open_steps=sum(not step.state.is_over for step in steps),
        last_step=max(times, default=None),
        at_work=at_work,
        last_at_work=_last_at_work(signs, at_work, now),
        sessions=signs.beat.sessions if signs.beat else (),
        submitting=_submitting(signs.lease, listed, now),
        warned=signs.known.warned if signs.known else None,
        orphaned=signs.orphaned,
    )


def _submitting(
    lease: Lease | None, listed: Collection[str | None], now: datetime
) -> list[str] | None:
    if lease is None:
        return None
    return [held.run_id for held in live_holds(lease, now) if held.run_id not in listed]


def _with_metric(
    at_work: Mapping[Engine, int | None], signs: Signs, now: datetime
) -> dict[Engine, int | None]:
    """Where the beat does not tell of YARN, EMR's metric does."""
    found, yarn = dict(at_work), _fresh_metric(signs, now)
    if yarn is not None and found.get(Engine.YARN, 0) is None:
        found[Engine.YARN] = 0 if yarn.idle_since is not None else 1
    return found


def _last_at_work(
    signs: Signs, at_work: Mapping[Engine, int | None], now: datetime
) -> datetime | None:
    times = [
        signs.known.last_at_work if signs.known else None,
        signs.beat.last_at_work if signs.beat else None,
        _busy_by_metric(signs, now),
        now if any(at_work.values()) else None,
    ]
    return max((time for time in times if time is not None), default=None)


def _busy_by_metric(signs: Signs, now: datetime) -> datetime | None:
    """Until when YARN may have been at work, by EMR's metric.

    To the metric an idle shell is at work; the cluster's own beat knows better.
    """
    yarn, known = _fresh_metric(signs, now), signs.known
    if yarn is None or (signs.beat is not None and signs.beat.at_work.get(Engine.YARN) is not None):
        return None
    if yarn.idle_since is None:
        return yarn.at
    if known is not None and known.idle_since is not None and known.looked >= yarn.idle_since:
        return None  # idle at the last look, and at every sample since
    return yarn.idle_since


def _fresh_metric(signs: Signs, now: datetime) -> YarnSeen | None:
    yarn = signs.yarn
    return yarn if yarn is not None and now - yarn.at <= _METRIC_HOLDS else None


def _duration(cluster: Cluster, tag: str) -> timedelta | None:
    try:
        return parse_duration(cluster.tags.get(tag, ""))
    except ValueError:
        return None  # not one of ours, or an older one: then nobody knows, and it is kept
