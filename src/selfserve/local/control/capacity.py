"""How many instances a cluster has: fleets, groups, resizing, managed scaling limits.

Pure. The records follow the request; how many real Workers the machine can
carry is the engine's business. Nothing here looks at load; `scaling.py` does.

A fleet is counted in units; each of its instances is of the first type listed,
and counts for that type's weight. A group is counted in instances.
"""

import sys
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from selfserve.core.launch import NodeRole
from selfserve.local.control import ids
from selfserve.local.control.events import CapacityRequested
from selfserve.local.control.records import ClusterRecord, InstanceRecord, Json, NodeGroupRecord

ON_DEMAND = "ON_DEMAND"
SPOT = "SPOT"

Groups = tuple[NodeGroupRecord, ...]


def units(group: NodeGroupRecord) -> int:
    """The wanted size of a fleet or group, both markets together."""
    return group.requested_on_demand + group.requested_spot


def resize_problem(group: NodeGroupRecord, on_demand: int | None, spot: int | None) -> str | None:
    """Why EMR would refuse this size, or None. None for a market means: as it is."""
    wanted = _resized(group, on_demand, spot)
    if min(wanted.requested_on_demand, wanted.requested_spot) < 0:
        return "A capacity cannot be negative."
    if group.role is NodeRole.PRIMARY:
        return "The primary node cannot be resized."
    if group.role is NodeRole.CORE and units(wanted) == 0:
        return "The core nodes cannot be resized to zero."
    return None


def resize(cluster: ClusterRecord, request: CapacityRequested, now: datetime) -> ClusterRecord:
    """The cluster with the size that was asked for, if EMR allows it, within the scaling limits."""
    groups = tuple(
        _resized(group, request.on_demand, request.spot)
        if group.id == request.group_id
        and resize_problem(group, request.on_demand, request.spot) is None
        else group
        for group in cluster.groups
    )
    return fill(replace(cluster, groups=groups), now)


def fill(cluster: ClusterRecord, now: datetime) -> ClusterRecord:
    """Bring sizes within the managed scaling limits, then instances to the sizes.

    Instances that are added to a cluster that is up are ready at once.
    """
    groups = within_limits(cluster.groups, cluster.scaling)
    ready = now if cluster.state.takes_steps else None
    instances = cluster.instances
    for group in groups:
        for market, wanted in (
            (ON_DEMAND, group.requested_on_demand),
            (SPOT, group.requested_spot),
        ):
            count = -(-wanted // _weight(group))  # EMR may overshoot by less than one instance
            instances = _with_count(instances, group, market, count=count, now=now, ready=ready)
    if groups == cluster.groups and instances == cluster.instances:
        return cluster
    return replace(cluster, groups=groups, instances=instances)


def with_workers(cluster: ClusterRecord, count: int, now: datetime) -> ClusterRecord:
    """The cluster with `count` core and task instances, or as near to it as its limits allow."""
    limits: Json = (cluster.scaling or {}).get("ComputeLimits", {})
    more, sizes = count - cluster.worker_count, _Sizes(cluster.groups)
    if more == 0:
        return cluster
    if more > 0:
        total, maximum = sizes.total(), limits.get("MaximumCapacityUnits", sys.maxsize)
        missing = min(more * (growth_weight(cluster.groups) or 1), maximum - total)
        sizes.grow(missing, **_rooms(sizes, limits))
    else:
        sizes.end_instances(-more)
    return fill(replace(cluster, groups=sizes.applied(cluster.groups)), now)


def unit_limits(policy: Json | None) -> tuple[int, int] | None:
    """Minimum and maximum of a ManagedScalingPolicy; None without one, and for vCPUs."""
    limits: Json = (policy or {}).get("ComputeLimits", {})
    if not limits or limits.get("UnitType") == "VCPU":
        return None
    return limits["MinimumCapacityUnits"], limits["MaximumCapacityUnits"]


def worker_units(groups: Groups) -> int:
    """Wanted units of core and task nodes."""
    return _Sizes(groups).total()


def growth_weight(groups: Groups) -> int | None:
    """Units of one instance where managed scaling grows; None without core and task nodes."""
    group = _growing(group for group in groups if group.role in _WORKERS)
    return None if group is None else _weight(group)


def within_limits(groups: Groups, policy: Json | None) -> Groups:
    """Sizes of core and task nodes between the limits of a ManagedScalingPolicy.

    Shrinks task before core nodes, and never the core nodes to zero; grows task
    nodes where there are any. Limits in vCPUs are not followed.

    Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_ComputeLimits.html
    """
    bounds = unit_limits(policy)
    if policy is None or bounds is None:
        return groups
    minimum, maximum = bounds
    limits: Json = policy["ComputeLimits"]
    maximum_core = limits.get("MaximumCoreCapacityUnits", maximum)
    maximum_on_demand = limits.get("MaximumOnDemandCapacityUnits", maximum)
    sizes = _Sizes(groups)
    sizes.shrink(sizes.total({NodeRole.CORE}) - maximum_core, {NodeRole.CORE}, {SPOT, ON_DEMAND})
    sizes.shrink(sizes.total(markets={ON_DEMAND}) - maximum_on_demand, _WORKERS, {ON_DEMAND})
    sizes.shrink(sizes.total() - maximum, _WORKERS, {SPOT, ON_DEMAND})
    sizes.grow(minimum - sizes.total(), **_rooms(sizes, limits))
    return sizes.applied(groups)


_WORKERS = {NodeRole.CORE, NodeRole.TASK}
_MARKETS = {SPOT, ON_DEMAND}


def _rooms(sizes: "_Sizes", limits: Json) -> dict[str, int]:
    """What On-Demand and core nodes may still grow by."""
    maximum = limits.get("MaximumCapacityUnits", sys.maxsize)
    on_demand = limits.get("MaximumOnDemandCapacityUnits", maximum)
    core = limits.get("MaximumCoreCapacityUnits", maximum)
    return {
        "on_demand_room": on_demand - sizes.total(markets={ON_DEMAND}),
        "core_room": core - sizes.total({NodeRole.CORE}),
    }


def _growing(workers: Iterable[NodeGroupRecord]) -> NodeGroupRecord | None:
    """Where managed scaling grows: the task nodes, where there are any."""
    return min(workers, key=lambda group: group.role is NodeRole.CORE, default=None)


class _Sizes:
    """The sizes of core and task nodes while limits are applied to them."""

    def __init__(self, groups: Groups) -> None:
        self._groups = {group.id: group for group in groups if group.role in _WORKERS}
        self._units = {
            (group.id, market): size
            # Shrinking goes through these in this order: task before core, Spot before On-Demand.
            for group in sorted(
                self._groups.values(), key=lambda group: group.role is NodeRole.CORE
            )
            for market, size in (
                (SPOT, group.requested_spot),
                (ON_DEMAND, group.requested_on_demand),
            )
        }

    def total(self, roles: Iterable[NodeRole] = _WORKERS, markets: Iterable[str] = _MARKETS) -> int:
        return sum(
            size
            for (group_id, market), size in self._units.items()
            if self._groups[group_id].role in roles and market in markets
        )

    def shrink(self, excess: int, roles: set[NodeRole], markets: set[str]) -> None:
        for (group_id, market), size in self._units.items():
            role = self._groups[group_id].role
            if excess <= 0 or role not in roles or market not in markets:
                continue
            spare = size if role is NodeRole.TASK else min(size, self.total({NodeRole.CORE}) - 1)
            taken = max(0, min(excess, spare))
            self._units[group_id, market] = size - taken
            excess -= taken

    def grow(self, missing: int, *, on_demand_room: int, core_room: int) -> None:
        group = _growing(self._groups.values())
        if missing <= 0 or group is None:
            return
        if group.role is NodeRole.CORE:
            missing = min(missing, core_room)
        on_spot = _buys_spot_only(group)
        on_demand = 0 if on_spot else min(missing, max(0, on_demand_room))
        self._units[group.id, ON_DEMAND] += on_demand
        # Groups buy in one market only; fleets fall back to Spot beyond the On-Demand limit.
        if on_spot or group.is_fleet:
            self._units[group.id, SPOT] += max(0, missing - on_demand)

    def end_instances(self, count: int) -> None:
        """Shrink by so many whole instances, task before core; one core instance stays."""
        for (group_id, market), size in self._units.items():
            group = self._groups[group_id]
            weight = _weight(group)
            instances = -(-size // weight)
            if group.role is NodeRole.CORE:
                others = self.total({NodeRole.CORE}) - size
                spare = instances if others > 0 else instances - 1
            else:
                spare = instances
            ended = max(0, min(count, spare))
            if ended:
                self._units[group_id, market] = (instances - ended) * weight
            count -= ended

    def applied(self, groups: Groups) -> Groups:
        return tuple(
            _resized(group, self._units[group.id, ON_DEMAND], self._units[group.id, SPOT])
            if group.id in self._groups
            else group
            for group in groups
        )


def _resized(group: NodeGroupRecord, on_demand: int | None, spot: int | None) -> NodeGroupRecord:
    return replace(
        group,
        requested_on_demand=group.requested_on_demand if on_demand is None else on_demand,
        requested_spot=group.requested_spot if spot is None else spot,
    )


def _buys_spot_only(group: NodeGroupRecord) -> bool:
    """By its size; an empty one by what it was asked for."""
    if units(group):
        return group.requested_on_demand == 0
    config = group.config
    if group.is_fleet:
        return not config.get("TargetOnDemandCapacity") and bool(config.get("TargetSpotCapacity"))
    return config.get("Market") == SPOT


def _weight(group: NodeGroupRecord) -> int:
    if not group.is_fleet or group.role is NodeRole.PRIMARY:
        return 1
    weight: int = group.config["InstanceTypeConfigs"][0].get("WeightedCapacity", 1)
    return max(1, weight)


def _instance_type(group: NodeGroupRecord) -> str:
    config = group.config["InstanceTypeConfigs"][0] if group.is_fleet else group.config
    return str(config["InstanceType"])


def _with_count(
    instances: tuple[InstanceRecord, ...],
    group: NodeGroupRecord,
    market: str,
    *,
    count: int,
    now: datetime,
    ready: datetime | None,
) -> tuple[InstanceRecord, ...]:
    """Add instances at the end, or end the newest, until `count` of this market run."""
    running = [
        i for i in instances if i.group_id == group.id and i.market == market and not i.ended
    ]
    ending = {instance.id for instance in running[count:]}
    kept = tuple(
        replace(instance, ended=max(now, instance.created)) if instance.id in ending else instance
        for instance in instances
    )
    ever = sum(instance.group_id == group.id for instance in instances)
    added = (
        InstanceRecord(
            id=ids.instance_id(group.id, number),
            ec2_id=ids.ec2_id(group.id, number),
            role=group.role,
            instance_type=_instance_type(group),
            market=market,
            group_id=group.id,
            created=now,
            ready=ready,
        )
        for number in range(ever + 1, ever + 1 + count - len(running))
    )
    return (*kept, *added)
