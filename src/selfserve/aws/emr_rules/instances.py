"""Which instances a cluster may have: groups or fleets, one primary, one network.

Sources: EMR API Reference, `JobFlowInstancesConfig`; EMR Management Guide,
"Planning and configuring instance fleets" and "uniform instance groups".
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from selfserve.aws.emr_rules.fleets import (
    MOST_INSTANCES,
    fleet_problems,
    fleet_type_problems,
    resize_problems,
)
from selfserve.aws.emr_rules.limits import Json, below, outside, together
from selfserve.aws.emr_rules.types import type_problems, typed_problems

_MOST_TASK_GROUPS = 48
_PRIMARY_COUNTS = (1, 3)
_SECURITY_GROUPS = ("EmrManagedMasterSecurityGroup", "EmrManagedSlaveSecurityGroup")


def instances_problems(instances: Json, label: str | None) -> Iterator[str]:
    """RunJobFlow's `Instances`; `label` is the release that the types must suit."""
    yield from _layout_problems(instances)
    yield from _network_problems(instances)
    fleets, path = instances.get("InstanceFleets", ()), "Instances.InstanceFleets"
    if fleets:
        yield from _role_problems([fleet["InstanceFleetType"] for fleet in fleets], path, 1)
    for index, fleet in enumerate(fleets):
        yield from fleet_problems(fleet, f"{path}[{index}]", label)
    groups, path = instances.get("InstanceGroups", ()), "Instances.InstanceGroups"
    if groups:
        roles = [group["InstanceRole"] for group in groups]
        yield from _role_problems(roles, path, _MOST_TASK_GROUPS)
    for index, group in enumerate(groups):
        yield from _group_problems(group, f"{path}[{index}]", label)
    for member in ("MasterInstanceType", "SlaveInstanceType"):
        if member in instances:
            yield from type_problems(instances[member], f"Instances.{member}", label)


def _layout_problems(instances: Json) -> Iterator[str]:
    simple = [m for m in ("MasterInstanceType", "SlaveInstanceType") if m in instances]
    layouts = [m for m in ("InstanceFleets", "InstanceGroups") if instances.get(m)]
    layouts += simple[:1]
    if not layouts:
        yield "Instances: InstanceFleets, InstanceGroups or MasterInstanceType is required"
    if len(layouts) > 1:
        yield f"Instances: {' and '.join(layouts)} cannot be given together"
    if not simple:
        return
    if "MasterInstanceType" not in instances:
        yield "Instances.MasterInstanceType: required with SlaveInstanceType"
    count = instances.get("InstanceCount")
    yield from outside("Instances.InstanceCount", count, 1, MOST_INSTANCES)
    if count is None:
        yield "Instances.InstanceCount: required with MasterInstanceType"
    elif count > 1 and "SlaveInstanceType" not in instances:
        yield "Instances.SlaveInstanceType: required for more than one instance"


def _network_problems(instances: Json) -> Iterator[str]:
    yield from together("Instances: ", instances, ("Ec2SubnetId", "Ec2SubnetIds"))
    if instances.get("InstanceFleets") and instances.get("Ec2SubnetId"):
        yield "Instances.Ec2SubnetId: for instance groups; with fleets give Ec2SubnetIds"
    if not instances.get("InstanceFleets") and instances.get("Ec2SubnetIds"):
        yield "Instances.Ec2SubnetIds: for instance fleets; without them give Ec2SubnetId"
    if len([group for group in _SECURITY_GROUPS if instances.get(group)]) == 1:
        yield f"Instances: {' and '.join(_SECURITY_GROUPS)} must be given together"


def _role_problems(roles: Sequence[str], path: str, most_task: int) -> Iterator[str]:
    counts = Counter(roles)
    if counts["MASTER"] != 1:
        yield f"{path}: exactly one must be MASTER, not {counts['MASTER']}"
    if counts["CORE"] > 1:
        yield f"{path}: at most one may be CORE, not {counts['CORE']}"
    if counts["TASK"] > most_task:
        yield f"{path}: at most {most_task} may be TASK, not {counts['TASK']}"
    if counts["TASK"] and not counts["CORE"]:
        yield f"{path}: TASK needs a CORE beside it"


def _group_problems(group: Json, path: str, label: str | None) -> Iterator[str]:
    count = group["InstanceCount"]
    if group["InstanceRole"] == "MASTER":
        if count not in _PRIMARY_COUNTS:
            yield f"{path}.InstanceCount: a MASTER group has 1 or 3 instances, not {count}"
    else:
        lowest = 1 if group["InstanceRole"] == "CORE" else 0
        yield from outside(f"{path}.InstanceCount", count, lowest, MOST_INSTANCES)
    yield from typed_problems(group, path, label)


def modify_fleet_problems(request: Json, label: str | None) -> Iterator[str]:
    """ModifyInstanceFleet."""
    fleet = request["InstanceFleet"]
    types = fleet.get("InstanceTypeConfigs", ())
    path = "InstanceFleet.InstanceTypeConfigs"
    yield from fleet_type_problems(types, path, label, weighted=True, strategy=True)
    yield from resize_problems(fleet, "InstanceFleet")


def modify_groups_problems(request: Json) -> Iterator[str]:
    """ModifyInstanceGroups."""
    for index, group in enumerate(request.get("InstanceGroups", ())):
        yield from below(f"InstanceGroups[{index}].InstanceCount", group.get("InstanceCount"), 0)
