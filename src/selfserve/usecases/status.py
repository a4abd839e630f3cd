"""What runs, whose it is, when it ends and what it has cost so far."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from selfserve.core.cluster import LIVE_STATES, ClusterState, ClusterSummary, NodeCount, StepState
from selfserve.core.instances import load_instances
from selfserve.core.launch import LaunchSpec
from selfserve.core.naming import ClusterName
from selfserve.core.price import estimate_cost
from selfserve.usecases.clusters import RECENT, list_ours, no_cluster
from selfserve.usecases.launching import read_intent
from selfserve.usecases.target import Target

_SHOWN = (*LIVE_STATES, ClusterState.TERMINATING)
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Cost:
    """Dollars, between two bounds: which node ran when, and at which spot price, is not known."""

    low: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True)
class ClusterRow:
    """One cluster as `status` shows it; None is what is not known."""

    id: str
    name: str
    profile: str
    owner: str
    state: ClusterState
    reason: str | None
    created: datetime
    age: timedelta
    ends_at: datetime | None
    """When its maximum age ends it at the latest."""
    cost: Cost | None
    """So far. None on this machine, where nothing is charged, and for unknown prices."""
    spec: LaunchSpec | None
    idle_for: timedelta | None = None
    nodes: Sequence[NodeCount] | None = None


def list_status(target: Target) -> list[ClusterRow]:
    """All our clusters that are not gone, newest first, the other owners' too.

    One listing, whatever the number of clusters: EMR's rates are tiny. On this machine,
    where asking is free, each cluster is looked at as well.
    """
    rows = [_to_row(target, *found) for found in list_ours(target, states=_SHOWN)]
    return [_look_closer(target, row) for row in rows] if target.is_local else rows


def cluster_status(target: Target, name_or_id: str) -> ClusterRow:
    """One cluster by name (this user's, else anybody's) or id; a recent one that is gone too.

    Raises:
        NotFoundError: there is none.
    """
    since = target.clock.now() - RECENT
    found = list_ours(target, states=_SHOWN)
    chosen = _choose(target, found, name_or_id) or _choose(
        target, list_ours(target, states=(), created_after=since), name_or_id
    )
    if chosen is None:
        raise no_cluster(name_or_id, [name for name, _ in found], target)
    return _look_closer(target, _to_row(target, *chosen))


def _choose(
    target: Target, found: Sequence[tuple[ClusterName, ClusterSummary]], wanted: str
) -> tuple[ClusterName, ClusterSummary] | None:
    """The newest match: an id, then a name of this user's, then anybody's."""
    matches = [(n, c) for n, c in found if wanted in {c.id, n.name}]
    mine = [(n, c) for n, c in matches if n.owner == target.user]
    return next(iter(mine or matches), None)


def _to_row(target: Target, name: ClusterName, cluster: ClusterSummary) -> ClusterRow:
    spec = read_intent(target, name.launch_id)
    age = (cluster.ended or target.clock.now()) - cluster.created
    return ClusterRow(
        id=cluster.id,
        name=name.name,
        profile=name.profile,
        owner=name.owner,
        state=cluster.state,
        reason=cluster.reason,
        created=cluster.created,
        age=age,
        ends_at=cluster.created + spec.max_age if spec and cluster.state.is_live else None,
        cost=None if target.is_local or spec is None else _cost(spec, age),
        spec=spec,
    )


def _cost(spec: LaunchSpec, age: timedelta) -> Cost | None:
    per_hour = estimate_cost(spec, load_instances())
    if per_hour.low is None or per_hour.high is None:
        return None
    hours = Decimal(int(age.total_seconds())) / 3600
    return Cost((per_hour.low * hours).quantize(_CENT), (per_hour.high * hours).quantize(_CENT))


def _look_closer(target: Target, row: ClusterRow) -> ClusterRow:
    """Add what only questions about this one cluster tell."""
    if row.state.is_gone:
        return row
    return replace(
        row,
        nodes=tuple(target.backend.nodes(row.id)),
        idle_for=_idle_for(target, row) if row.state is ClusterState.WAITING else None,
    )


def _idle_for(target: Target, row: ClusterRow) -> timedelta | None:
    """Since the last step ended; a cluster that has run none is idle since it is ready."""
    steps = target.backend.list_steps(row.id)
    if any(step.state in {StepState.PENDING, StepState.RUNNING} for step in steps):
        return None
    ends = [step.ended for step in steps if step.ended is not None]
    ready = target.backend.describe(row.id).ready
    since = max([*ends, *([ready] if ready else [])], default=None)
    return target.clock.now() - since if since else None
