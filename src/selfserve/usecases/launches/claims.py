"""Claim a cluster's name, so that two `up` of the same name at once make one cluster.

The claim is an object in S3, written with If-None-Match, and taken over with
If-Match when the cluster that it stood for is gone or never came. Whoever does
not get it waits for the other's cluster and joins it.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from selfserve.core.cluster import ClusterSummary
from selfserve.core.naming import claim_key
from selfserve.usecases.launches.clusters import find_live, list_ours
from selfserve.usecases.progress import Report, Waiting
from selfserve.usecases.targets.target import Target

CLOCKS_DIFFER = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Claim:
    """Which launch holds a name, and since when."""

    launch_id: str
    time: datetime

    def to_json(self) -> bytes:
        """The object's content."""
        return json.dumps({"launch_id": self.launch_id, "time": self.time.isoformat()}).encode()

    @classmethod
    def from_json(cls, body: bytes) -> "Claim":
        """Read what `to_json` wrote."""
        data = json.loads(body)
        return cls(data["launch_id"], datetime.fromisoformat(data["time"]))


def claim_name(
    target: Target, name: str, launch_id: str, *, report: Report
) -> ClusterSummary | None:
    """Claim this user's `name` for `launch_id`.

    Returns:
        None when the name is now ours, and the cluster may be launched; otherwise the
        live cluster that has the name already, to be joined.
    """
    started = target.clock.now()
    while True:
        live = find_live(target, name)
        if live is not None:
            return live
        if _take(target, name, launch_id):
            return None
        report(Waiting(f"another launch of {name} to get its cluster", since=started))
        target.clock.sleep(target.pace.quickest)


def holds_name(target: Target, name: str, launch_id: str) -> bool:
    """Whether `launch_id` still has the name; a launch that took too long may have lost it."""
    held = _read(target, name)
    return held is not None and held[0].launch_id == launch_id


def release_name(target: Target, name: str, launch_id: str) -> None:
    """Give the name back after a launch that certainly made no cluster."""
    if holds_name(target, name, launch_id):
        target.store.delete(_key(target, name))


def _take(target: Target, name: str, launch_id: str) -> bool:
    """Write the claim if there is none, or none that counts."""
    key = _key(target, name)
    body = Claim(launch_id, target.clock.now()).to_json()
    held = _read(target, name)
    if held is None:
        return target.store.put(key, body, only_if_absent=True)
    claim, etag = held
    if claim.launch_id == launch_id:
        return True
    if _still_counts(target, claim):
        return False
    return target.store.swap(key, body, etag=etag) is not None


def _still_counts(target: Target, claim: Claim) -> bool:
    """Whether the cluster that the claim stands for may still come, or has just come.

    An older claim counts only while its cluster lives. That is looked at once more: since
    `find_live` did, this machine may have slept.
    """
    if target.clock.now() - claim.time > target.pace.appears_within:
        return any(name.launch_id == claim.launch_id for name, _ in list_ours(target))
    ours = list_ours(target, states=(), created_after=claim.time - CLOCKS_DIFFER)
    made = [cluster for name, cluster in ours if name.launch_id == claim.launch_id]
    return all(cluster.state.is_live for cluster in made)


def _read(target: Target, name: str) -> tuple[Claim, str] | None:
    held = target.store.get_with_etag(_key(target, name))
    return None if held is None else (Claim.from_json(held[0]), held[1])


def _key(target: Target, name: str) -> str:
    return claim_key(target.region, target.installation, target.user, name)
