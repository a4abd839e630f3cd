"""What sweeps tell each other: which clusters were looked at, warned of, and ended. Pure.

One object in S3, changed with If-Match only. Each change is a function of what is
there, so that of two who write at once one reads again and changes that.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from selfserve.core.idle import Decision, IdleAction, IdlePolicy

_FORMAT = 1
_ENDINGS_KEPT = timedelta(hours=1)
_LEAST_ENDINGS = 5
_SHARE_PERCENT = 20


class NewerFormatError(ValueError):
    """A later version has written it. To start anew would undo what that one has found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the last look at a cluster has told."""

    looked: datetime
    next_look: datetime
    """Before that, nothing can have to be done."""
    action: IdleAction
    reason: str
    idle_since: datetime | None = None
    ends_at: datetime | None = None
    warned: datetime | None = None
    """The first look that has found it about to end, if it has been idle ever since."""
    last_at_work: datetime | None = None
    """When an engine was last seen at work."""
    orphaned: str | None = None
    """Why nobody will use it again."""
    idle: timedelta | None = None
    max_age: timedelta | None = None
    applications: tuple[str, ...] = ()
    release: str | None = None
    """None, as are no applications, unless the look has warned."""
    is_ours: bool = True
    """Whether its tags say what its name says."""

    @property
    def decision(self) -> Decision:
        """What was decided then."""
        return Decision(self.action, self.reason, self.idle_since, self.ends_at)

    def policy(self, of_sweep: IdlePolicy) -> IdlePolicy:
        """The sweep's policy with the cluster's own limits."""
        return replace(of_sweep, idle=self.idle, max_age=self.max_age)


@dataclass(frozen=True, slots=True)
class Intended:
    """That a sweep is about to end a cluster, or has."""

    sweep_id: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Memory:
    """The object's content; by cluster id."""

    clusters: Mapping[str, Known] = field(default_factory=dict)
    endings: Mapping[str, Intended] = field(default_factory=dict)
    """Kept until a listing shows that the cluster is gone, and for as long as they count."""
    adopted: Mapping[str, datetime] = field(default_factory=dict)
    """Clusters of one run, and when that run's place was seen to be written down."""


def most_endings(live: int) -> int:
    """How many clusters may be ended in one period, of so many of ours that are live."""
    return max(_LEAST_ENDINGS, live * _SHARE_PERCENT // 100)


def counts(intended: Intended, now: datetime, period: timedelta) -> bool:
    """Whether it was in this period; not quite, or the next sweep, on the dot, would come too soon.

    A sweep writes its intentions down some seconds after it has begun.
    """
    return now - intended.since < period * 0.9


def is_being_ended(memory: Memory, cluster_id: str, now: datetime, period: timedelta) -> bool:
    """Whether a sweep has lately begun to end it; one that is still there later lives again."""
    intended = memory.endings.get(cluster_id)
    return intended is not None and counts(intended, now, period)


def allowance(memory: Memory, live: int, now: datetime, period: timedelta) -> int:
    """How many more may be ended now, whoever has ended the others."""
    ended = sum(counts(intended, now, period) for intended in memory.endings.values())
    return max(most_endings(live) - ended, 0)


def reserve(
    memory: Memory, cluster_ids: Iterable[str], sweep_id: str, now: datetime, period: timedelta
) -> Memory:
    """The memory with the intention to end these; those of others are left alone."""
    mine = {
        cluster_id: Intended(sweep_id, now)
        for cluster_id in cluster_ids
        if not is_being_ended(memory, cluster_id, now, period)
    }
    return replace(memory, endings={**memory.endings, **mine})


def give_back(memory: Memory, cluster_ids: Collection[str], sweep_id: str) -> Memory:
    """The memory without this sweep's intention to end these: they are spared."""
    kept = {
        cluster_id: intended
        for cluster_id, intended in memory.endings.items()
        if not (cluster_id in cluster_ids and intended.sweep_id == sweep_id)
    }
    return replace(memory, endings=kept)


def take_in(memory: Memory, seen: Mapping[str, Known], adopted: Mapping[str, datetime]) -> Memory:
    """The memory with newer looks in the place of older ones."""
    newer = {
        cluster_id: known
        for cluster_id, known in seen.items()
        if cluster_id not in memory.clusters or memory.clusters[cluster_id].looked <= known.looked
    }
    return replace(
        memory,
        clusters={**memory.clusters, **newer},
        adopted={**memory.adopted, **adopted},
    )


def forget_gone(
    memory: Memory, live: Collection[str], listed: datetime, period: timedelta
) -> Memory:
    """The memory without what is gone by a listing of that time."""
    keep_endings = max(period, _ENDINGS_KEPT)

    def stays(cluster_id: str, since: datetime, *, at_least: timedelta = timedelta(0)) -> bool:
        return cluster_id in live or since > listed - at_least

    return Memory(
        clusters={i: k for i, k in memory.clusters.items() if stays(i, k.looked)},
        endings={
            i: e for i, e in memory.endings.items() if stays(i, e.since, at_least=keep_endings)
        },
        adopted={i: t for i, t in memory.adopted.items() if stays(i, t)},
    )


def to_bytes(memory: Memory, *, by: str) -> bytes:
    """The object's content as the sweep `by` writes it. Values that are None are left out."""
    document = {
        "format": _FORMAT,
        "by": by,
        "clusters": {i: _to_fields(known) for i, known in memory.clusters.items()},
        "endings": {
            i: {"sweep_id": intended.sweep_id, "since": intended.since.isoformat()}
            for i, intended in memory.endings.items()
        },
        "adopted": {i: time.isoformat() for i, time in memory.adopted.items()},
    }
    return json.dumps(document, separators=(",", ":")).encode()


def from_bytes(body: bytes) -> Memory:
    """Read what `to_bytes` wrote.

    Raises:
        ValueError: it is something else, such as what a later version writes.
    """
    try:
        return _from_document(json.loads(body))
    except NewerFormatError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"not a memory of sweeps: {error!r}") from error


def _from_document(document: dict[str, Any]) -> Memory:  # Any: it is checked by being read
    if int(document["format"]) > _FORMAT:
        raise NewerFormatError(f"it has format {document['format']}, and not {_FORMAT}")
    if document["format"] != _FORMAT:
        raise ValueError(f"not a memory of sweeps of format {_FORMAT}")
    return Memory(
        clusters={i: _to_known(fields) for i, fields in document["clusters"].items()},
        endings={
            i: Intended(fields["sweep_id"], datetime.fromisoformat(fields["since"]))
            for i, fields in document["endings"].items()
        },
        adopted={i: datetime.fromisoformat(time) for i, time in document["adopted"].items()},
    )


_TIMES: Sequence[str] = (
    "looked", "next_look", "idle_since", "ends_at", "warned", "last_at_work",
)  # fmt: skip
_DURATIONS: Sequence[str] = ("idle", "max_age")


def _to_known(fields: dict[str, Any]) -> Known:
    # Any: keyword arguments of two types
    times: dict[str, Any] = {
        key: datetime.fromisoformat(fields[key]) for key in _TIMES if key in fields
    }
    durations: dict[str, Any] = {
        key: timedelta(seconds=fields[key]) for key in _DURATIONS if key in fields
    }
    return Known(
        **times,
        **durations,
        action=IdleAction(fields["action"]),
        reason=str(fields["reason"]),
        orphaned=fields.get("orphaned"),
        applications=tuple(fields.get("applications", ())),
        release=fields.get("release"),
        is_ours=bool(fields["is_ours"]),
    )


def _to_fields(known: Known) -> dict[str, object]:
    """Field by field: there may be ten thousand, and `dataclasses.asdict` copies them deeply."""
    fields: dict[str, object] = {
        "action": known.action,
        "reason": known.reason,
        "is_ours": known.is_ours,
    }
    for key in _TIMES:
        if (time := getattr(known, key)) is not None:
            fields[key] = time.isoformat()
    for key in _DURATIONS:
        if (duration := getattr(known, key)) is not None:
            fields[key] = duration.total_seconds()
    if known.orphaned is not None:
        fields["orphaned"] = known.orphaned
    if known.release is not None:
        fields |= {"applications": known.applications, "release": known.release}
    return fields
