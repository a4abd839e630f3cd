"""Find out what is at work on a cluster: from EMR, its own beat, its metrics and its lease.

The sweep and `status` ask here, so that both decide by the same.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from selfserve.backends.base import YarnSeen
from selfserve.core.beat import FRESH, Beat, known_at_work, parse_beat
from selfserve.core.cluster import Cluster, Step
from selfserve.core.durations import parse_duration
from selfserve.core.idle import Activity, Engine, IdlePolicy, Session
from selfserve.core.lease import LEASE_TIME, Lease, live_holds
from selfserve.core.naming import TAG_IDLE, TAG_MAX_AGE, beat_key, lease_key
from selfserve.core.run import run_id_of_step
from selfserve.core.sweep_memory import Known
from selfserve.errors import AwsError
from selfserve.usecases.leases import read_lease
from selfserve.usecases.target import Target

_STEPS = 50
"""One page. EMR itself says RUNNING while an older step than these goes on."""
_METRIC_HOLDS = timedelta(minutes=15)
"""IsIdle is sampled every five minutes."""

_Item = TypeVar("_Item")
_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What can be told of a cluster without asking EMR about it."""

    lease: Lease | None = field(default_factory=Lease)
    """None if it cannot be read."""
    beat: Beat | None = None
    yarn: YarnSeen | None = None
    known: Known | None = None
    """What the last sweep that looked at it has found."""
    orphaned: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One look at a cluster."""

    cluster: Cluster
    steps: Sequence[Step]
    """The newest ones."""
    activity: Activity
    policy: IdlePolicy


def look_at(target: Target, cluster_id: str, signs: Signs, policy: IdlePolicy) -> Seen:
    """Ask EMR about the cluster; `policy` is the sweep's, the cluster's own limits are its tags'.

    Two requests, and one for its sessions where it may have some. Raises NotFoundError.
    """
    cluster = target.backend.describe(cluster_id)
    steps = target.backend.list_steps(cluster_id, most=_STEPS)
    sessions = target.observer.sessions(cluster)
    activity = _to_activity(cluster, steps, signs, sessions, target.clock.now())
    return Seen(cluster=cluster, steps=steps, activity=activity, policy=own(policy, cluster))


def own(policy: IdlePolicy, cluster: Cluster) -> IdlePolicy:
    """The policy with the limits that the cluster's tags give."""
    return replace(
        policy, idle=_duration(cluster, TAG_IDLE), max_age=_duration(cluster, TAG_MAX_AGE)
    )


def gather_signs(
    target: Target,
    cluster_ids: Collection[str],
    known: Mapping[str, Known],
    *,
    parallel: int,
    failed: Callable[[str], None],
    only_these: bool = False,
) -> dict[str, Signs]:
    """The signs of each: two listings of S3, the objects that count, and the metrics at once.

    With `only_these` S3 lists no other cluster's leases and beats, at two requests each.
    Without the metrics, which AWS may refuse, less is known; then `failed` is told.
    """
    if not cluster_ids:
        return {}
    now = target.clock.now()
    ids = cluster_ids if only_these else None
    held = _recent(target, lease_key, ids, since=now - LEASE_TIME)
    beating = _recent(target, beat_key, ids, since=now - FRESH)
    leases = _for_each(
        lambda cluster_id: _read_lease(target, cluster_id, failed),
        [cluster_id for cluster_id in cluster_ids if lease_key(cluster_id) in held],
        parallel,
    )
    beats = _for_each(
        lambda cluster_id: _read_beat(target, cluster_id, beating[beat_key(cluster_id)]),
        [cluster_id for cluster_id in cluster_ids if beat_key(cluster_id) in beating],
        parallel,
    )
    yarn: Mapping[str, YarnSeen] = {}
    try:
        yarn = target.observer.yarn(list(cluster_ids))
    except AwsError as error:
        failed(str(error))
    return {
        cluster_id: Signs(
            lease=leases.get(cluster_id, Lease()),
            beat=beats.get(cluster_id),
            yarn=yarn.get(cluster_id),
            known=known.get(cluster_id),
        )
        for cluster_id in cluster_ids
    }


def _recent(
    target: Target,
    key_of: Callable[[str], str],
    cluster_ids: Collection[str] | None,
    *,
    since: datetime,
) -> dict[str, datetime]:
    """Keys written since then, of these clusters or of all."""
    folder = key_of("").rpartition("/")[0] + "/"
    prefixes = [folder] if cluster_ids is None else [key_of(one) for one in cluster_ids]
    listed = [item for prefix in prefixes for item in target.store.list_modified(prefix).items()]
    return {key: modified for key, modified in listed if modified > since}


def _for_each(
    ask: Callable[[str], _Found], cluster_ids: Sequence[str], parallel: int
) -> dict[str, _Found]:
    return dict(zip(cluster_ids, map_parallel(ask, cluster_ids, parallel), strict=True))


def map_parallel(
    ask: Callable[[_Item], _Found], items: Sequence[_Item], parallel: int
) -> Iterable[_Found]:
    """Like `map`, with that many requests at a time; without threads if there is no need."""
    if parallel <= 1 or len(items) <= 1:
        return [ask(item) for item in items]
    with ThreadPoolExecutor(min(parallel, len(items))) as pool:
        return list(pool.map(ask, items))


def _read_lease(target: Target, cluster_id: str, failed: Callable[[str], None]) -> Lease | None:
    try:
        return read_lease(target, cluster_id).lease
    except AwsError as error:
        failed(str(error))
        return None


def _read_beat(target: Target, cluster_id: str, modified: datetime) -> Beat | None:
    body = target.store.get(beat_key(cluster_id))
    return None if body is None else parse_beat(body, modified, target.clock.now())


def _to_activity(
    cluster: Cluster,
    steps: Sequence[Step],
    signs: Signs,
    sessions: Sequence[Session] | None,
    now: datetime,
) -> Activity:
    listed = {run_id_of_step(step.name) for step in steps}
    at_work = _at_work(cluster, signs, now)
    if sessions is None:
        at_work[Engine.SPARK_CONNECT] = None
    times = [time for step in steps for time in (step.created, step.started, step.ended) if time]
    return Activity(
        state=cluster.state,
        created=cluster.created,
        ready=cluster.ready,
        open_steps=sum(not step.state.is_over for step in steps),
        last_step=max(times, default=None),
        at_work=at_work,
        last_at_work=_last_at_work(signs, at_work, now),
        sessions=(*(sessions or ()), *(signs.beat.sessions if signs.beat else ())),
        submitting=_submitting(signs.lease, listed, now),
        protected=cluster.termination_protected,
        warned=signs.known.warned if signs.known else None,
        orphaned=signs.orphaned,
    )


def _submitting(
    lease: Lease | None, listed: Collection[str | None], now: datetime
) -> list[str] | None:
    if lease is None:
        return None
    return [held.run_id for held in live_holds(lease, now) if held.run_id not in listed]


def _at_work(cluster: Cluster, signs: Signs, now: datetime) -> dict[Engine, int | None]:
    """By the cluster's own beat; of YARN, EMR's metric tells as well."""
    found = known_at_work(signs.beat, list(cluster.applications), cluster.release or "")
    yarn = _fresh_metric(signs, now)
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
