"""Give a running cluster other limits to scale between, and write down that it has them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from selfserve.core.beat import known_at_work, parse_beat
from selfserve.core.cluster import Cluster, ClusterSummary
from selfserve.core.idle import Engine
from selfserve.core.instances import load_instances
from selfserve.core.launch import LaunchSpec
from selfserve.core.launch_json import spec_to_json
from selfserve.core.naming import ClusterName, beat_key, launch_key
from selfserve.core.price import CostEstimate, estimate_cost
from selfserve.core.resizing import Size, grows_much, query_engine, resized, size_of, worker_type
from selfserve.errors import NotFoundError, RefusedByPolicyError, SelfserveError
from selfserve.usecases.launches.clusters import RECENT, is_tagged_ours, list_ours, no_cluster
from selfserve.usecases.launches.launching import read_intent
from selfserve.usecases.targets.target import Target


@dataclass(frozen=True, slots=True)
class Resized:
    """A cluster whose limits are set."""

    name: str
    cluster_id: str
    worker_type: str
    """The instance type that counts as one worker."""
    before: Size
    after: Size
    per_hour: CostEstimate | None = None
    """What it costs from now on; None where it costs nothing."""


def resize(
    target: Target,
    name_or_id: str,
    *,
    minimum: int | None = None,
    maximum: int | None = None,
    everyone: bool = False,
    force: bool = False,
) -> Resized:
    """Set the limits of a live cluster, in workers; None leaves one as it is. Idempotent.

    The cluster's launch record changes with it, so that `plan` and `status` tell the truth.
    With `force`, a cluster shrinks whatever queries run on it, and grows to any size.

    Raises:
        NotFoundError: nothing that lives has such a name or id, or its record is gone.
        BadInputError: the limits contradict each other, or what the cluster is.
        RefusedByPolicyError: it is another user's or not ours; or queries may run on it;
            or it would grow to many times its maximum.
    """
    cluster = _find(target, name_or_id, everyone=everyone)
    spec = _read_spec(target, cluster)
    scaling = resized(spec, minimum=minimum, maximum=maximum)
    before, after = size_of(spec), size_of(spec, scaling)
    if after.maximum < before.maximum and not force:
        _check_may_shrink(target, cluster, spec)
    if grows_much(before, after) and not force:
        raise _grows_much(spec, before, after)
    target.backend.resize(cluster.id, scaling)
    changed = replace(spec, scaling=scaling)
    target.store.put(launch_key(spec.name.launch_id), spec_to_json(changed).encode())
    per_hour = None if target.is_local else estimate_cost(changed, load_instances())
    return Resized(spec.name.name, cluster.id, worker_type(spec), before, after, per_hour)


def _find(target: Target, wanted: str, *, everyone: bool) -> Cluster:
    """The newest live cluster of this name or id; this user's, or with `everyone` anybody's."""
    live = list_ours(target)
    matches = [(name, cluster) for name, cluster in live if wanted in {name.name, cluster.id}]
    if not matches:
        raise _not_live(target, wanted, [name for name, _ in live])
    cluster = target.backend.describe(_allowed(target, matches, wanted, everyone=everyone).id)
    if not is_tagged_ours(target, cluster):
        raise RefusedByPolicyError(
            f"{cluster.id} has a name of ours, but not the tags: selfserve did not start it so.",
            hint="Look at it, and resize it yourself: "
            f"aws emr describe-cluster --cluster-id {cluster.id}",
        )
    return cluster


def _not_live(target: Target, wanted: str, known: Sequence[ClusterName]) -> SelfserveError:
    """Tell a cluster that has ended from a mistyped name."""
    since = target.clock.now() - RECENT
    for name, cluster in list_ours(target, states=(), created_after=since):
        if wanted in {name.name, cluster.id}:
            ended = "has ended" if cluster.state.is_gone else "is ending"
            return NotFoundError(
                f"{wanted} {ended}, and has no size any more.",
                hint=f"See why with: selfserve why {wanted}",
            )
    return no_cluster(wanted, known, target)


def _allowed(
    target: Target,
    matches: list[tuple[ClusterName, ClusterSummary]],
    wanted: str,
    *,
    everyone: bool,
) -> ClusterSummary:
    mine = [cluster for name, cluster in matches if name.owner == target.user]
    if mine:
        return mine[0]
    if not everyone:
        raise RefusedByPolicyError(
            f"{wanted} belongs to {matches[0][0].owner}.",
            hint=f"To resize it all the same: selfserve resize {wanted} --everyone …",
        )
    return matches[0][1]


def _read_spec(target: Target, cluster: Cluster) -> LaunchSpec:
    spec = read_intent(target, cluster.name.launch_id) if cluster.name else None
    if spec is None:
        raise NotFoundError(
            f"The launch record of {cluster.id} is gone, and with it what a worker is there.",
            hint=f"Set its limits with: aws emr put-managed-scaling-policy --cluster-id "
            f"{cluster.id} --managed-scaling-policy …",
        )
    return spec


def _grows_much(spec: LaunchSpec, before: Size, after: Size) -> RefusedByPolicyError:
    option = "--workers" if after.minimum == after.maximum else "--max"
    return RefusedByPolicyError(
        f"{after.maximum:g} workers are more than ten times the maximum that {spec.name.name} "
        f"has, {before.maximum:g}.",
        hint=f"If it is meant: selfserve resize {spec.name.name} {option} {after.maximum:g} "
        "--force",
    )


def _check_may_shrink(target: Target, cluster: Cluster, spec: LaunchSpec) -> None:
    """EMR ends YARN's nodes once their work is done, but fails every query on a node it takes."""
    engine = query_engine(spec)
    if engine is None:
        return
    running = _queries(target, cluster)
    if running == 0:
        return
    seen = "It is not known whether" if running is None else f"{running}, as last seen:"
    raise RefusedByPolicyError(
        f"{seen} {engine} queries run on {spec.name.name}; those on a worker that goes would fail.",
        hint=f"Try again later, or shrink it all the same: selfserve resize {spec.name.name} "
        "--workers N --force",
    )


def _queries(target: Target, cluster: Cluster) -> int | None:
    """How many ran when the cluster's own probe last looked; None if it has not lately."""
    key = beat_key(cluster.id)
    modified = target.store.list_modified(key).get(key)
    body = target.store.get(key) if modified is not None else None
    beat = parse_beat(body, modified, target.clock.now()) if body and modified else None
    at_work = known_at_work(beat, tuple(cluster.applications), cluster.release or "")
    return at_work.get(Engine.QUERIES)
