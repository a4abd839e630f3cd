"""Rules of one instance fleet.

Source: EMR Management Guide, "Planning and configuring instance fleets"
https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-instance-fleet.html
"""

from collections.abc import Iterator, Sequence

from selfserve.aws.emr_rules.limits import Json, below, outside, too_many
from selfserve.aws.emr_rules.types import typed_problems
from selfserve.core.instances import load_instances
from selfserve.core.releases import release_number

MOST_INSTANCES = 4_000
"""Of one fleet, from emr-7.7.0 with an allocation strategy; half of that otherwise."""

_MOST_TYPES = 5
_MOST_TYPES_WITH_STRATEGY = 30
_LAUNCH_MINUTES = (5, 1_440)
_RESIZE_MINUTES = (5, 10_080)


def fleet_problems(fleet: Json, path: str, label: str | None) -> Iterator[str]:
    """One InstanceFleetConfig of a launch."""
    types = fleet.get("InstanceTypeConfigs", ())
    if not types:
        yield f"{path}.InstanceTypeConfigs: at least one instance type is required"
    yield from _target_problems(fleet, path)
    yield from _size_problems(fleet, path, label)
    yield from fleet_type_problems(
        types,
        f"{path}.InstanceTypeConfigs",
        label,
        weighted=fleet["InstanceFleetType"] != "MASTER",
        strategy=_has_strategy(fleet),
    )
    yield from _launch_problems(fleet, path)
    yield from resize_problems(fleet, path)


def fleet_type_problems(
    types: Sequence[Json], path: str, label: str | None, *, weighted: bool, strategy: bool
) -> Iterator[str]:
    """The InstanceTypeConfigs of one fleet; `weighted` for core and task fleets."""
    if strategy:
        yield from too_many(path, types, _MOST_TYPES_WITH_STRATEGY)
    else:
        why = f" without an allocation strategy, {_MOST_TYPES_WITH_STRATEGY} with one"
        yield from too_many(path, types, _MOST_TYPES, why)
    for index, config in enumerate(types):
        yield from typed_problems(config, f"{path}[{index}]", label)
        if weighted:
            weight = config.get("WeightedCapacity")
            yield from below(f"{path}[{index}].WeightedCapacity", weight, 1)
    found = (load_instances().get(config["InstanceType"]) for config in types)
    architectures = {known.arch for known in found if known}
    if len(architectures) > 1:
        yield f"{path}: one fleet cannot mix {' and '.join(sorted(architectures))} instances"


def _target_problems(fleet: Json, path: str) -> Iterator[str]:
    total = fleet.get("TargetOnDemandCapacity", 0) + fleet.get("TargetSpotCapacity", 0)
    if fleet["InstanceFleetType"] == "MASTER":
        if total != 1:
            yield f"{path}: the target of a MASTER fleet is 1, not {total}"
    elif total < 1:
        yield f"{path}: TargetOnDemandCapacity or TargetSpotCapacity must be more than 0"


def _size_problems(fleet: Json, path: str, label: str | None) -> Iterator[str]:
    """The fleet may not need too many instances, whichever of its types are found."""
    weights = [config.get("WeightedCapacity", 1) for config in fleet.get("InstanceTypeConfigs", ())]
    smallest = max(1, min(weights, default=1))
    number = release_number(label) if label else None
    is_large = number is not None and number >= (7, 7, 0) and _has_strategy(fleet)
    most = MOST_INSTANCES if is_large else MOST_INSTANCES // 2
    for member in ("TargetOnDemandCapacity", "TargetSpotCapacity"):
        if (units := fleet.get(member, 0)) > most * smallest:
            yield f"{path}.{member}: {units} units may need more than {most} instances"


def _has_strategy(fleet: Json) -> bool:
    specifications = fleet.get("LaunchSpecifications", {}).values()
    return any("AllocationStrategy" in specification for specification in specifications)


def _launch_problems(fleet: Json, path: str) -> Iterator[str]:
    spot = fleet.get("LaunchSpecifications", {}).get("SpotSpecification", {})
    path = f"{path}.LaunchSpecifications.SpotSpecification.TimeoutDurationMinutes"
    yield from outside(path, spot.get("TimeoutDurationMinutes"), *_LAUNCH_MINUTES)


def resize_problems(fleet: Json, path: str) -> Iterator[str]:
    """The ResizeSpecifications of a launch or of ModifyInstanceFleet."""
    for name, specification in fleet.get("ResizeSpecifications", {}).items():
        minutes = specification.get("TimeoutDurationMinutes")
        member = f"{path}.ResizeSpecifications.{name}.TimeoutDurationMinutes"
        yield from outside(member, minutes, *_RESIZE_MINUTES)
