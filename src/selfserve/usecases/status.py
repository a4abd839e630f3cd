"""What runs, whose it is, when it ends and what it has cost so far."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from selfserve.core.cluster import LIVE_STATES, ClusterState, ClusterSummary, NodeCount
from selfserve.core.durations import to_words
from selfserve.core.idle import Decision, IdlePolicy, decide_idle
from selfserve.core.instances import load_instances
from selfserve.core.launch import LaunchSpec
from selfserve.core.naming import ClusterName
from selfserve.core.price import estimate_cost
from selfserve.core.sweep_memory import Known
from selfserve.core.sweeping import retell
from selfserve.usecases.launches.clusters import RECENT, list_ours, no_cluster
from selfserve.usecases.launches.launching import read_intent
from selfserve.usecases.sweeping.activity import look_at
from selfserve.usecases.sweeping.signs import gather_signs
from selfserve.usecases.sweeping.sweep_memory import read_memory
from selfserve.usecases.targets.target import Target

_SHOWN = (*LIVE_STATES, ClusterState.TERMINATING)
_CENT = Decimal("0.01")
_LIMITS = IdlePolicy(idle=None, max_age=None, second_look=timedelta(0), grace=timedelta(0))
"""EMR's own policy and the timer on the cluster act at the limit, without a sweep's patience."""


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
    """When it ends if nothing happens until then; or when its maximum age ends it."""
    cost: Cost | None
    """So far. None on this machine, where nothing is charged, and for unknown prices."""
    spec: LaunchSpec | None
    idle_for: timedelta | None = None
    """None while something is, or may be, at work."""
    because: str | None = None
    """Why it ends then, or why it does not: a sentence without its full stop."""
    nodes: Sequence[NodeCount] | None = None


def list_status(target: Target) -> list[ClusterRow]:
    """All our clusters that are not gone, newest first, the other owners' too.

    One listing, whatever the number of clusters: EMR's rates are tiny. When they end is
    what the last sweep has found. On this machine, where asking is free, each cluster is
    looked at as well.
    """
    found = list_ours(target, states=_SHOWN)
    rows = [_to_row(target, name, cluster) for name, cluster in found]
    if target.is_local:
        return [_look_closer(target, row) for row in rows]
    known = read_memory(target).clusters if found else {}
    return [
        _foretell(target, row, cluster, known.get(cluster.id))
        for row, (_, cluster) in zip(rows, found, strict=True)
    ]


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


def _foretell(
    target: Target, row: ClusterRow, cluster: ClusterSummary, known: Known | None
) -> ClusterRow:
    """Add what the last sweep that looked at the cluster has found."""
    if not cluster.state.is_live or (known is not None and not known.is_ours):
        return row
    now = target.clock.now()
    if known is None or cluster.state is ClusterState.RUNNING:
        return _with_age(row)
    return _with_decision(row, retell(cluster, known, _LIMITS, now), now)


def _look_closer(target: Target, row: ClusterRow) -> ClusterRow:
    """Add what only questions about this one cluster tell."""
    if not row.state.is_gone:
        row = replace(row, nodes=tuple(target.backend.nodes(row.id)))
    if not row.state.is_live:
        return row
    unknown: list[str] = []
    signs = gather_signs(target, [row.id], {}, parallel=1, failed=unknown.append, only_these=True)
    seen = look_at(target, row.id, signs[row.id], _LIMITS)
    state = seen.activity.state
    if not state.is_live:  # since it was listed
        return replace(row, state=state, ends_at=None)
    now = target.clock.now()
    decision = decide_idle(seen.activity, seen.policy, now)
    if seen.activity.protected:
        return replace(row, ends_at=None, because=decision.reason)
    return _with_decision(row, decision, now)


def _with_decision(row: ClusterRow, decision: Decision, now: datetime) -> ClusterRow:
    since = decision.idle_since
    if since is None or decision.ends_at is None:
        age = _with_age(row).because
        return replace(row, because=f"{decision.reason}; {age}" if age else decision.reason)
    return replace(
        row,
        ends_at=max(decision.ends_at, now),
        because=decision.reason,
        idle_for=now - since,
    )


def _with_age(row: ClusterRow) -> ClusterRow:
    """Say that it is the maximum age which ends it, as nothing nearer is known."""
    if row.spec is None:
        return row
    return replace(row, because=f"its maximum age is {to_words(row.spec.max_age)}")
