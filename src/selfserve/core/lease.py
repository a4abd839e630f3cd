"""Leases: who is about to use a cluster, and who is about to end it. Pure.

One object in S3 for each cluster, written with If-None-Match or If-Match only, so
that of two who write at once one has to read again. Submitters and the sweep
share it: a cluster that somebody holds is not ended, and one that is being ended
is not submitted to. Each change has a number, the fence, higher than the last.

Nobody has to give a lease back. A hold counts until its step is listed, or for
`LEASE_TIME`; whoever takes longer must take another before going on.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

LEASE_TIME = timedelta(minutes=10)
"""Longer than any request can be on its way: AWS refuses a signature that is older than 5
minutes (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html), and no
holder begins to send one later than `ACT_WITHIN`, nor goes on for long when throttled."""
ACT_WITHIN = timedelta(minutes=2)
"""How long after the lease was taken its holder may begin to send the request that it is
for. Throttled, it is sent again for half a minute more (`aws.session`)."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A run that is being submitted to the cluster, or may have been."""

    run_id: str
    owner: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Ending:
    """A sweep that is about to end the cluster."""

    sweep_id: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Lease:
    """The object's content; that of a cluster without one is `Lease()`."""

    fence: int = 0
    holds: tuple[Hold, ...] = ()
    ending: Ending | None = None


def live_holds(lease: Lease, now: datetime) -> tuple[Hold, ...]:
    """The holds that count."""
    return tuple(hold for hold in lease.holds if now - hold.since < LEASE_TIME)


def is_ending(lease: Lease, now: datetime) -> bool:
    """Whether a sweep may be ending the cluster now. One that died stops counting."""
    return lease.ending is not None and now - lease.ending.since < LEASE_TIME


def slots_taken(
    lease: Lease,
    *,
    open_runs: Collection[str],
    listed_runs: Collection[str],
    other_steps: int,
    now: datetime,
) -> int:
    """How many of the cluster's steps at a time are spoken for.

    `open_runs` are the runs whose steps are not over, `listed_runs` all that EMR
    lists, `other_steps` the open steps that are no run of ours.
    """
    coming = {hold.run_id for hold in live_holds(lease, now)} - set(listed_runs)
    return len(set(open_runs) | coming) + other_steps


def hold(lease: Lease, run_id: str, owner: str, now: datetime) -> Lease:
    """The lease once more held, by this run.

    Raises:
        ValueError: the cluster is being ended; see `is_ending`.
    """
    if is_ending(lease, now):
        raise ValueError("the cluster is being ended")
    others = tuple(other for other in live_holds(lease, now) if other.run_id != run_id)
    return Lease(lease.fence + 1, (*others, Hold(run_id, owner, now)))


def let_go(lease: Lease, run_id: str, now: datetime) -> Lease:
    """The lease without this run's hold: its step was refused, or went elsewhere."""
    others = tuple(other for other in live_holds(lease, now) if other.run_id != run_id)
    return replace(lease, fence=lease.fence + 1, holds=others)


def begin_ending(
    lease: Lease, sweep_id: str, now: datetime, *, listed: Collection[str] = ()
) -> Lease:
    """The lease of a cluster that this sweep is about to end.

    Holds of runs whose steps are `listed` do not stand in the way: those speak for
    themselves. The holds are kept, as the next listing may be an older one.

    Raises:
        ValueError: it is held, or another sweep is ending it.
    """
    holds = live_holds(lease, now)
    if any(one.run_id not in listed for one in holds):
        raise ValueError("somebody is submitting to the cluster")
    if is_ending(lease, now) and lease.ending and lease.ending.sweep_id != sweep_id:
        raise ValueError("another sweep is ending the cluster")
    return Lease(lease.fence + 1, holds, Ending(sweep_id, now))


def spare(lease: Lease) -> Lease:
    """The lease of a cluster that is not ended after all."""
    return replace(lease, fence=lease.fence + 1, ending=None)


def to_bytes(lease: Lease, *, by: str) -> bytes:
    """The object's content, as the run or sweep `by` writes it.

    No two writes are alike: fences rise, and of two writers at one fence each gives
    its own id. So an ETag stands for one write, and a writer whose answer was lost
    knows its own.
    """
    document = {
        "fence": lease.fence,
        "by": by,
        "holds": [
            {"run_id": one.run_id, "owner": one.owner, "since": one.since.isoformat()}
            for one in lease.holds
        ],
        "ending": lease.ending
        and {"sweep_id": lease.ending.sweep_id, "since": lease.ending.since.isoformat()},
    }
    return json.dumps(document).encode()


def from_bytes(body: bytes) -> Lease:
    """Read what `to_bytes` wrote.

    Raises:
        ValueError: it is something else, such as what a later version writes.
    """
    try:
        return _from_document(json.loads(body))
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"not a lease: {error!r}") from error


def _from_document(document: dict[str, Any]) -> Lease:  # Any: it is checked by being read
    ending = document["ending"]
    return Lease(
        fence=int(document["fence"]),
        holds=tuple(
            Hold(one["run_id"], one["owner"], datetime.fromisoformat(one["since"]))
            for one in document["holds"]
        ),
        ending=ending and Ending(ending["sweep_id"], datetime.fromisoformat(ending["since"])),
    )
