"""Managed scaling and auto-termination: their limits, and the releases that have them.

Sources: EMR API Reference, `ComputeLimits`, `ManagedScalingPolicy`,
`AutoTerminationPolicy`; EMR Management Guide, "Using managed scaling".
"""

from collections.abc import Iterator

from selfserve.aws.emr_rules.limits import Json, below, outside
from selfserve.core.releases import release_number

_PERFORMANCE_INDEXES = (1, 25, 50, 75, 100)
_FLEET_UNIT = "InstanceFleetUnits"


def auto_termination_problems(policy: Json, label: str | None) -> Iterator[str]:
    """One AutoTerminationPolicy; `label` is the cluster's release, when it is known."""
    yield from outside("AutoTerminationPolicy.IdleTimeout", policy.get("IdleTimeout"), 60, 604_800)
    yield from _release_problems("AutoTerminationPolicy", label)


def managed_scaling_problems(
    policy: Json, label: str | None, *, fleets: bool | None
) -> Iterator[str]:
    """One ManagedScalingPolicy; `fleets` is whether the cluster has fleets, when it is known."""
    yield from _release_problems("ManagedScalingPolicy", label)
    yield from _strategy_problems(policy)
    limits = policy.get("ComputeLimits")
    if limits is None:
        yield "ManagedScalingPolicy.ComputeLimits: required"
        return
    yield from _limit_problems(limits, "ManagedScalingPolicy.ComputeLimits")
    unit = limits["UnitType"]
    if fleets and unit != _FLEET_UNIT:
        yield f"ManagedScalingPolicy.ComputeLimits.UnitType: fleets need {_FLEET_UNIT}, not {unit}"
    if fleets is False and unit == _FLEET_UNIT:
        yield f"ManagedScalingPolicy.ComputeLimits.UnitType: {unit} is for instance fleets only"


def _release_problems(policy: str, label: str | None) -> Iterator[str]:
    number = release_number(label) if label else None
    if number and not ((5, 30, 0) <= number < (6, 0, 0) or number >= (6, 1, 0)):
        yield f"{policy}: {label} has none; emr-5.30.0, emr-6.1.0 and newer have"


def _limit_problems(limits: Json, path: str) -> Iterator[str]:
    lowest, highest = limits["MinimumCapacityUnits"], limits["MaximumCapacityUnits"]
    yield from below(f"{path}.MinimumCapacityUnits", lowest, 0)
    yield from below(f"{path}.MaximumCapacityUnits", highest, 1)
    if lowest > highest:
        yield f"{path}: MinimumCapacityUnits {lowest} is more than MaximumCapacityUnits {highest}"
    for member in ("MaximumOnDemandCapacityUnits", "MaximumCoreCapacityUnits"):
        value = limits.get(member)
        yield from below(f"{path}.{member}", value, 0)
        if value is not None and value > highest:
            yield f"{path}: {member} {value} is more than MaximumCapacityUnits {highest}"


def _strategy_problems(policy: Json) -> Iterator[str]:
    index = policy.get("UtilizationPerformanceIndex")
    if index is not None and index not in _PERFORMANCE_INDEXES:
        allowed = ", ".join(map(str, _PERFORMANCE_INDEXES))
        yield f"ManagedScalingPolicy.UtilizationPerformanceIndex: {index} is not one of {allowed}"
    if index is not None and policy.get("ScalingStrategy") != "ADVANCED":
        yield "ManagedScalingPolicy.UtilizationPerformanceIndex: needs ScalingStrategy ADVANCED"
