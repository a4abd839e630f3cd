"""Find what nobody looks after any more: clusters that have lost their name, runs without a place.

Two live clusters of one owner and name are left over from a launch whose answer came
too late: the one that has the claim to the name keeps it, the other ends when it is
idle. If nobody has the claim, the newest cluster gets it: `find_live` takes that one too.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from selfserve.core.cluster import ClusterSummary
from selfserve.core.naming import ClusterName, claim_key
from selfserve.core.run import Placement, is_run_id, placement_key, run_id_of_step
from selfserve.core.run_json import to_json
from selfserve.core.sweeping import SweepPolicy
from selfserve.errors import AwsError, NotFoundError
from selfserve.usecases.launches.claims import Claim
from selfserve.usecases.sweeping.signs import map_parallel
from selfserve.usecases.targets.target import Target

_LAUNCH_TAKES = timedelta(minutes=15)
"""A claim that is younger may be that of a cluster that is not listed yet."""
_SUBMITTER_TAKES = timedelta(minutes=5)
"""So long a submitter may take to write down itself where its run has gone."""

Named = tuple[ClusterName, ClusterSummary]


@dataclass(frozen=True, slots=True)
class Orphans:
    """What was found, and put in order."""

    reasons: Mapping[str, str] = field(default_factory=dict)
    """By cluster id: why nobody will use it again."""
    notes: Sequence[str] = ()


def find_orphans(
    target: Target, ours: Sequence[Named], *, dry_run: bool, failed: Callable[[str], None]
) -> Orphans:
    """Clusters that share their owner and name with the one that has the claim to it.

    What AWS refuses is told to `failed`; then fewer are found.
    """
    by_name: dict[tuple[str, str], list[Named]] = defaultdict(list)
    for name, cluster in ours:
        if not is_run_id(name.name):
            by_name[name.owner, name.name].append((name, cluster))
    reasons: dict[str, str] = {}
    notes: list[str] = []
    for same in by_name.values():
        if len(same) > 1:
            try:
                holder = _holder(target, same, notes, dry_run=dry_run)
            except AwsError as error:
                failed(str(error))
                break
            if holder is not None:
                reason = f"another cluster, {holder.id}, has its name"
                reasons.update((other.id, reason) for _, other in same if other.id != holder.id)
    return Orphans(reasons, notes)


def _holder(
    target: Target, same: Sequence[Named], notes: list[str], *, dry_run: bool
) -> ClusterSummary | None:
    """Which of these has the name; None while that cannot be said."""
    name, newest = max(same, key=lambda named: named[1].created)
    key = claim_key(target.region, target.installation, name.owner, name.name)
    found = target.store.get_with_etag(key)
    now = target.clock.now()
    if found is not None:
        try:
            claim = Claim.from_json(found[0])
        except (ValueError, LookupError, TypeError):
            notes.append(f"The claim to {name.name} of {name.owner} cannot be read: {key}")
            return None
        for known, cluster in same:
            if known.launch_id == claim.launch_id:
                return cluster
        if now - claim.time < _LAUNCH_TAKES:
            return None
    notes.append(f"{newest.id} gets the name {name.name} of {name.owner}, which nobody had.")
    if dry_run:
        return newest
    body = Claim(name.launch_id, now).to_json()
    etag = target.store.swap(key, body, etag=found[1] if found else None)
    return newest if etag is not None else None


@dataclass(slots=True)
class Placed:
    """Runs on clusters of their own whose place is written down now."""

    cluster_ids: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def place_lost_runs(
    target: Target,
    ours: Sequence[Named],
    known: Collection[str],
    *,
    policy: SweepPolicy,
    failed: Callable[[str], None],
) -> Placed:
    """Write down where a run is whose submitter has died after it had asked for its cluster.

    A request to S3 for each cluster of one run that is not in `known`, and one to EMR
    for each whose run has no place.
    """
    old = target.clock.now() - _SUBMITTER_TAKES
    unseen = [
        (name.name, cluster.id)
        for name, cluster in ours
        if is_run_id(name.name) and cluster.id not in known and cluster.created < old
    ]
    placed = Placed()

    def is_placed(one: tuple[str, str]) -> bool:
        return target.store.exists(placement_key(one[0]))

    try:
        there = map_parallel(is_placed, unseen, policy.parallel)
        for (run_id, cluster_id), is_there in zip(unseen, there, strict=True):
            if is_there or _place(target, run_id, cluster_id, dry_run=policy.dry_run):
                placed.cluster_ids.append(cluster_id)
                if not is_there:
                    note = f"Run {run_id} is on {cluster_id}; nobody had written that down."
                    placed.notes.append(note)
    except AwsError as error:
        failed(str(error))
    return placed


def _place(target: Target, run_id: str, cluster_id: str, *, dry_run: bool) -> bool:
    """Whether EMR lists the run's step, so that its place is known."""
    try:
        steps = target.backend.list_steps(cluster_id)
    except NotFoundError:
        return False
    step = next((step for step in steps if run_id_of_step(step.name) == run_id), None)
    if step is not None and not dry_run:
        body = to_json(Placement(cluster_id, step.id))
        target.store.put(placement_key(run_id), body, only_if_absent=True)
    return step is not None
