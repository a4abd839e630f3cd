"""Start one shared cluster for all who want one at the same time: the others take its slots.

Who starts it is decided by a claim in S3, one for each profile, which also says
where the cluster is once EMR has it. So those who wait ask S3, not EMR.
"""

import contextlib
import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from selfserve.core.cluster import ClusterState
from selfserve.core.joining import why_not
from selfserve.core.launch import LaunchSpec
from selfserve.core.lease import LEASE_TIME
from selfserve.core.naming import pool_key
from selfserve.core.resolve import Resolved
from selfserve.errors import AwsError, NotFoundError, OutcomeUnknownError, SelfserveError
from selfserve.usecases.launches.clusters import list_ours
from selfserve.usecases.launches.launching import launch_shared, new_launch_id
from selfserve.usecases.placement.joining import (
    Joined,
    Ours,
    Shared,
    count_slots,
    join,
    join_best,
    read_spec,
)
from selfserve.usecases.placement.leases import take_hold
from selfserve.usecases.progress import Note, Report, Waiting
from selfserve.usecases.targets.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolClaim:
    """Which launch is the profile's newest shared cluster."""

    launch_id: str
    time: datetime
    cluster_id: str | None = None
    """None until EMR has been asked for it."""

    def to_json(self) -> bytes:
        """The object's content."""
        document = {
            "launch_id": self.launch_id,
            "time": self.time.isoformat(),
            "cluster_id": self.cluster_id,
        }
        return json.dumps(document).encode()

    @classmethod
    def from_json(cls, body: bytes) -> "PoolClaim":
        """Read what `to_json` wrote."""
        data: dict[str, Any] = json.loads(body)  # Any: it is ours
        return cls(
            launch_id=data["launch_id"],
            time=datetime.fromisoformat(data["time"]),
            cluster_id=data["cluster_id"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """The shared clusters of one profile, as one run sees them."""

    target: Target
    resolved: Resolved
    wanted: LaunchSpec
    """What such a cluster would be."""
    run_id: str
    but_not: Collection[str] = ()
    """Ids of clusters that have turned the run away."""
    report: Report

    @property
    def _key(self) -> str:
        return pool_key(self.target.region, self.target.installation, self.resolved.name)

    def join_or_start(self, ours: Ours) -> Joined:
        """Book a slot on one of `ours`, or on a cluster that is started if there is no other.

        Raises:
            OutcomeUnknownError: EMR's answer to the launch was lost; no cluster has appeared.
            SelfserveError: the launch was refused.
        """
        started = self.target.clock.now()
        joined = self._join_listed(ours)
        while joined is None:
            found = self._read()
            if found is not None and self._is_on_its_way(found[0]):
                self.report(Waiting(f"a shared {self.resolved.name} cluster", since=started))
                self.target.clock.sleep(self.target.pace.quickest)
                continue
            joined = self._join_claimed(found[0]) if found else None
            joined = joined or self._take_over(found)
        return joined

    def _join_listed(self, ours: Ours) -> Joined | None:
        return join_best(
            self.target, self.wanted, ours, self.run_id, but_not=self.but_not, report=self.report
        )

    def _is_on_its_way(self, claim: PoolClaim) -> bool:
        """Whether somebody is asking EMR for a cluster, or looking for one after a lost answer."""
        age = self.target.clock.now() - claim.time
        return claim.cluster_id is None and age <= 2 * self.target.pace.appears_within

    def _join_claimed(self, claim: PoolClaim) -> Joined | None:
        """A slot of the newest cluster, if EMR need not list it yet."""
        is_new = self.target.clock.now() - claim.time < LEASE_TIME
        if claim.cluster_id is None or claim.cluster_id in self.but_not or not is_new:
            return None
        spec = read_spec(self.target, claim.launch_id)
        if spec is None or why_not(self.wanted, spec) is not None:
            return None
        state = self._state_of(claim.cluster_id, claim.time)
        if not state.is_live:
            return None
        shared = Shared(cluster_id=claim.cluster_id, state=state, created=claim.time, spec=spec)
        return join(self.target, [shared], self.run_id, report=self.report)

    def _state_of(self, cluster_id: str, started: datetime) -> ClusterState:
        """Those who come all at once need not ask EMR; who comes later may be too late."""
        if self.target.clock.now() - started <= self.target.pace.appears_within:
            return ClusterState.STARTING
        try:
            return self.target.backend.describe(cluster_id).state
        except (AwsError, NotFoundError):
            return ClusterState.STARTING  # not known: what it says to the run decides

    def _take_over(self, found: tuple[PoolClaim, str] | None) -> Joined | None:
        """Start a cluster if nobody else does; None if somebody was faster."""
        if found is not None and found[0].cluster_id is None:
            # Its launcher has died, perhaps after the launch.
            joined = self._join_listed(list_ours(self.target))
            if joined is not None:
                return joined
        now = self.target.clock.now()
        claim = PoolClaim(launch_id=new_launch_id(self.target.clock), time=now)
        etag = self.target.store.swap(self._key, claim.to_json(), etag=found[1] if found else None)
        return None if etag is None else self._start(claim, etag)

    def _start(self, claim: PoolClaim, etag: str) -> Joined | None:
        """None if others have seen the cluster and taken all slots before its launcher could."""
        target = self.target
        try:
            launched = launch_shared(target, self.resolved, claim.launch_id, report=self.report)
        except OutcomeUnknownError:
            raise  # the claim stays: the cluster may yet come
        except SelfserveError:
            self._give_up(claim, etag)
            raise
        shared = Shared(
            cluster_id=launched.cluster_id,
            state=ClusterState.STARTING,
            created=claim.time,
            spec=launched.spec,
        )
        self._announce(shared)
        slots = count_slots(target, shared)
        held = take_hold(target, shared.cluster_id, self.run_id, slots=slots)
        self._publish(replace(claim, cluster_id=launched.cluster_id), etag)
        return Joined(shared, held, is_new=True) if held is not None else None

    def _announce(self, shared: Shared) -> None:
        name = shared.name.name
        self.report(
            Note(
                f"Starting shared cluster {name} ({shared.cluster_id}), which others may join. "
                f"It ends when it is idle, or with: selfserve down {name}"
            )
        )
        if shared.spec.step_concurrency == 1:
            self.report(
                Note(
                    "It takes one job at a time; for more at once set step_concurrency in the "
                    f"profile {self.resolved.name}."
                )
            )

    def _publish(self, claim: PoolClaim, etag: str) -> None:
        """Tell those who wait. Somebody who has taken the claim over meanwhile may keep it."""
        try:
            self.target.store.swap(self._key, claim.to_json(), etag=etag)
        except AwsError as error:
            self.report(Note(f"Others will find {claim.cluster_id} late: {error}"))

    def _give_up(self, claim: PoolClaim, etag: str) -> None:
        """Let the next try at once: a claim from long ago counts for nothing."""
        long_ago = replace(claim, time=claim.time - timedelta(days=1))
        with contextlib.suppress(AwsError):  # it stops counting by itself
            self.target.store.swap(self._key, long_ago.to_json(), etag=etag)

    def _read(self) -> tuple[PoolClaim, str] | None:
        found = self.target.store.get_with_etag(self._key)
        if found is None:
            return None
        try:
            return PoolClaim.from_json(found[0]), found[1]
        except (ValueError, LookupError, TypeError) as error:
            raise AwsError(
                f"Who starts shared {self.resolved.name} clusters cannot be read: {error!r}",
                hint="Most likely a newer selfserve wrote it; update this one.",
            ) from error
