"""Take a run's lease on a cluster, and give it back when its step was refused.

One write where nobody interferes: over the version that this machine remembers, or
where there is none yet. Whoever loses the race reads once and writes again. What a
lease means is in `core.lease`.
"""

import contextlib
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from selfserve.core import lease as leases
from selfserve.core.lease import ACT_WITHIN, Lease
from selfserve.core.naming import lease_key
from selfserve.core.slots import Slots
from selfserve.errors import AwsError, NotFoundError
from selfserve.usecases.targets.target import Target

_MOST_TRIES = 100  # each that fails is somebody else's success


@dataclass(frozen=True, slots=True)
class Version:
    """A cluster's lease as it was last seen or written."""

    lease: Lease
    etag: str | None
    """None: there is no object."""


NONE_YET = Version(Lease(), None)
"""The lease of a cluster that nobody has held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A lease that a run has. Its holder may act on it while `may_act` says so."""

    cluster_id: str
    run_id: str
    version: Version
    """As this run has written it."""
    since: datetime
    taken_at: float
    """Seconds of this machine's monotonic clock."""

    @property
    def fence(self) -> int:
        """Higher than that of whoever had it before."""
        return self.version.lease.fence


class BeingEndedError(NotFoundError):
    """A sweep is ending the cluster at this moment."""


def take_hold(
    target: Target,
    cluster_id: str,
    run_id: str,
    *,
    remembered: Version | None = None,
    slots: Slots | None = None,
) -> Held | None:
    """Hold the cluster for this run, with one write if `remembered` is still true.

    With `slots`, only if one of them is free: of two who want the last one, one gets
    None. Without, the run waits for its turn there. A run that holds the cluster
    already takes it again, and keeps its slot.

    Raises:
        BeingEndedError: a sweep is about to end the cluster, or has.
    """
    key, seen, is_fresh = lease_key(cluster_id), remembered or NONE_YET, False
    for _ in range(_MOST_TRIES):
        taken_at, now = time.monotonic(), target.clock.now()
        is_ending = leases.is_ending(seen.lease, now)
        is_full = slots is not None and not slots.has_one_for(run_id, seen.lease, now)
        if not (is_ending or is_full):
            held = leases.hold(seen.lease, run_id, target.user, now)
            body = leases.to_bytes(held, by=run_id)
            etag = target.store.swap(key, body, etag=seen.etag)
            if etag is not None:
                return Held(
                    cluster_id=cluster_id,
                    run_id=run_id,
                    version=Version(held, etag),
                    since=now,
                    taken_at=taken_at,
                )
        elif is_fresh and is_ending:
            raise BeingEndedError(
                f"Cluster {cluster_id} is being ended by a sweep.",
                hint="Start another with: selfserve up PROFILE",
            )
        elif is_fresh:
            return None
        seen, is_fresh = read_lease(target, cluster_id), True
    raise AwsError(
        f"So many submit to cluster {cluster_id} at once that its lease could not be taken.",
        hint="Run the same command again.",
    )


def may_act(target: Target, held: Held) -> bool:
    """Whether its holder may still send the request that the lease is for."""
    return _is_in_time(target, held.since, held.taken_at)


def let_go(target: Target, held: Held) -> None:
    """Give the lease back if that is easily done: its step was refused."""
    seen = held.version
    with contextlib.suppress(AwsError):  # it stops counting by itself
        for _ in range(2):
            given_back = leases.let_go(seen.lease, held.run_id, target.clock.now())
            body = leases.to_bytes(given_back, by=held.run_id)
            if target.store.swap(lease_key(held.cluster_id), body, etag=seen.etag) is not None:
                return
            seen = read_lease(target, held.cluster_id)


def end_unused(target: Target, cluster_id: str, ender_id: str) -> bool:
    """End a cluster unless it has been used or is about to be; whether that was asked for.

    Under the lease, as a sweep does. One that is left is ended by a sweep when it is idle.
    """
    taken_at, since = time.monotonic(), target.clock.now()
    seen = read_lease(target, cluster_id)
    try:
        ending = leases.begin_ending(seen.lease, ender_id, since)
    except ValueError:
        return False
    body = leases.to_bytes(ending, by=ender_id)
    etag = target.store.swap(lease_key(cluster_id), body, etag=seen.etag)
    if etag is None:
        return False
    is_ended = False
    try:
        is_used = bool(target.backend.list_steps(cluster_id, most=1))
        if not is_used and _is_in_time(target, since, taken_at):
            target.backend.terminate([cluster_id])
            is_ended = True
    finally:
        if not is_ended:
            with contextlib.suppress(AwsError):  # it stops counting by itself
                spare(target, cluster_id, Version(ending, etag), by=ender_id)
    return is_ended


def spare(target: Target, cluster_id: str, version: Version, *, by: str) -> None:
    """Let submitters in again: the cluster, whose lease was taken to end it, is not ended."""
    body = leases.to_bytes(leases.spare(version.lease), by=by)
    target.store.swap(lease_key(cluster_id), body, etag=version.etag)


def _is_in_time(target: Target, since: datetime, taken_at: float) -> bool:
    """By two clocks: one stands still while the machine sleeps, the other may be put back."""
    by_machine = timedelta(seconds=time.monotonic() - taken_at)
    return max(target.clock.now() - since, by_machine) < ACT_WITHIN


def read_lease(target: Target, cluster_id: str) -> Version:
    """The cluster's lease as it is now.

    Raises:
        AwsError: S3 cannot be asked, or what is there is no lease that this version knows.
    """
    found = target.store.get_with_etag(lease_key(cluster_id))
    if found is None:
        return NONE_YET
    body, etag = found
    try:
        return Version(leases.from_bytes(body), etag)
    except ValueError as error:
        raise AwsError(
            f"The lease on cluster {cluster_id} cannot be read: {error}",
            hint="Most likely a newer selfserve wrote it; update this one.",
        ) from error
