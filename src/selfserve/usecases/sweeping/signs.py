"""What can be told of a cluster without asking EMR: its lease, its own beat, its metrics."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from selfserve.backends.base import YarnSeen
from selfserve.core.beat import FRESH, Beat, parse_beat
from selfserve.core.lease import LEASE_TIME, Lease
from selfserve.core.naming import beat_key, lease_key
from selfserve.core.sweep_memory import Known
from selfserve.errors import AwsError
from selfserve.usecases.placement.leases import read_lease
from selfserve.usecases.targets.target import Target

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
