"""Counts of workers become units of EMR's fleets and of managed scaling.

Pure. A unit is the greatest common divisor of the vCPUs of all worker types, so
an instance's weight is its vCPUs in units and every count comes out whole.
https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-instance-fleet.html
"""

from math import gcd

from selfserve.core import launch
from selfserve.core.instances import load_instances
from selfserve.core.launch import InstanceChoice, Market, NodeRole, Scaling
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
    """Limits of managed scaling; without `scale` they hold the size at the start."""
    weights = _weights(profile)
    core, task = _core_units(profile, weights), _task_units(profile, weights)
    worker = weights[profile.nodes.core.types[0]]
    minimum = profile.scale.min * worker if profile.scale else core + task
    maximum = profile.scale.max * worker if profile.scale else core + task
    return Scaling(
        minimum_units=minimum,
        # A first task node larger than a worker may start above what scale.max names.
        maximum_units=max(maximum, core + task),
        maximum_on_demand_units=_on_demand_units(profile, core, max(maximum, core + task)),
        # Growth goes to the task fleet: HDFS and drivers stay on a core that does not shrink.
        maximum_core_units=core if profile.nodes.task else maximum,
    )


def _on_demand_units(profile: Profile, core: int, maximum: int) -> int:
    """Spot task nodes on an On-Demand core: managed scaling buys no On-Demand beyond the core."""
    task = profile.nodes.task
    spot_tasks = task is not None and task.buys is Market.SPOT
    return core if spot_tasks and profile.nodes.core.buys is Market.ON_DEMAND else maximum


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
