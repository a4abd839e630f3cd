"""Counts of workers become units of EMR's fleets and of managed scaling.

Pure. A unit is the greatest common divisor of the vCPUs of all worker types, so
an instance's weight is its vCPUs in units and every count comes out whole.
https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-instance-fleet.html
"""

from collections.abc import Sequence
from math import gcd

from selfserve.core import launch
from selfserve.core.instances import load_instances
from selfserve.core.launch import HandLimits, InstanceChoice, Market, NodeRole, Scaling
from selfserve.core.profile import Fleet, Profile


def to_fleets(profile: Profile) -> tuple[launch.Fleet, ...]:
    """Primary, core and, where there is one, task."""
    weights = _weights(profile)
    nodes = profile.nodes
    alone = dict.fromkeys(nodes.primary.types, 1)  # a primary fleet's capacity is always 1
    fleets = [
        _to_fleet(NodeRole.PRIMARY, nodes.primary, alone, 1),
        _to_fleet(NodeRole.CORE, nodes.core, weights, _core_units(profile, weights)),
    ]
    if nodes.task is not None:
        units = _task_units(profile, weights)
        fleets.append(_to_fleet(NodeRole.TASK, nodes.task, weights, units))
    return tuple(fleets)


def to_scaling(profile: Profile) -> Scaling:
    """Limits of managed scaling; without `scale`, and by hand, they hold the size at the start."""
    weights = _weights(profile)
    start = _core_units(profile, weights) + _task_units(profile, weights)
    worker, scale = weights[profile.nodes.core.types[0]], profile.scale
    fleets = to_fleets(profile)
    if scale is None:
        return scaling_between(fleets, start, start)
    minimum, maximum = scale.min * worker, scale.max * worker
    if scale.by == "hand":
        limits = HandLimits(minimum, max(maximum, start))
        return scaling_between(fleets, start, start, by_hand=limits)
    # A first task node larger than a worker may start above what scale.max names.
    return scaling_between(fleets, minimum, max(maximum, start))


def scaling_between(
    fleets: Sequence[launch.Fleet], minimum: int, maximum: int, by_hand: HandLimits | None = None
) -> Scaling:
    """Limits of managed scaling for these fleets, in units. `core.resizing` asks for others later.

    Growth goes to the task fleet, where there is one: HDFS and drivers stay on a core
    that does not shrink. With Spot task nodes it buys no On-Demand beyond the core.
    """
    by_role = {fleet.role: fleet for fleet in fleets}
    core, task = by_role[NodeRole.CORE], by_role.get(NodeRole.TASK)
    spot_tasks = task is not None and task.market is Market.SPOT
    held = spot_tasks and core.market is Market.ON_DEMAND
    return Scaling(
        minimum_units=minimum,
        maximum_units=maximum,
        maximum_on_demand_units=core.target_units if held else maximum,
        maximum_core_units=core.target_units if task else maximum,
        by_hand=by_hand,
    )


def _core_units(profile: Profile, weights: dict[str, int]) -> int:
    core = profile.nodes.core
    return core.count * weights[core.types[0]]


def _task_units(profile: Profile, weights: dict[str, int]) -> int:
    """What the profile asks for, else what scale.min needs beyond core.

    At least one instance of the first type: EMR refuses a fleet whose targets are both 0.
    """
    task, scale = profile.nodes.task, profile.scale
    if task is None:
        return 0
    first = weights[task.types[0]]
    if task.count is not None:
        return task.count * first
    minimum = scale.min * weights[profile.nodes.core.types[0]] if scale else 0
    return max(minimum - _core_units(profile, weights), first)


def _weights(profile: Profile) -> dict[str, int]:
    """Units of each worker type. `core.checks` has seen to it that all are known."""
    nodes = profile.nodes
    names = (*nodes.core.types, *(nodes.task.types if nodes.task else ()))
    table = load_instances().types
    unit = gcd(*(table[name].vcpu for name in names))
    return {name: table[name].vcpu // unit for name in names}


def _to_fleet(role: NodeRole, fleet: Fleet, weights: dict[str, int], units: int) -> launch.Fleet:
    return launch.Fleet(
        role=role,
        choices=tuple(InstanceChoice(name, weights[name]) for name in fleet.types),
        target_units=units,
        market=fleet.buys,
        fallback_to_on_demand=fleet.fallback is not None,
        spot_timeout=fleet.spot_timeout,
        disk_gib=fleet.disk,
    )
