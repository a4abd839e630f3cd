"""EMR operations on instances, instance fleets and instance groups: list and resize."""

from collections.abc import Sequence

from selfserve.aws.emr_rules.rules import MOST_INSTANCES
from selfserve.local.api.describe_clusters import has_fleets
from selfserve.local.api.describe_nodes import (
    describe_fleet,
    describe_group,
    describe_instance,
    instance_state,
)
from selfserve.local.api.errors import ApiError, invalid_request, validation_error
from selfserve.local.api.operations.desk import Answer, Choose, Desk, refuse_by_rules
from selfserve.local.api.paging import in_order, page_of, with_marker
from selfserve.local.control.capacity import resize_problem
from selfserve.local.control.events import CapacityRequested, Event
from selfserve.local.control.records import ClusterRecord, InstanceRecord, Json, NodeGroupRecord


def list_instances(desk: Desk, request: Json) -> Answer:
    """ListInstances."""
    cluster = desk.cluster(request["ClusterId"])
    matching = (
        (place, instance)
        for place, instance in in_order(cluster.instances)
        if _matches(cluster, instance, request)
    )
    found, marker = page_of("ListInstances", matching, request.get("Marker"))
    answer = {"Instances": [describe_instance(cluster, instance) for instance in found]}
    return with_marker(answer, marker)


def _matches(cluster: ClusterRecord, instance: InstanceRecord, request: Json) -> bool:
    groups = {request.get("InstanceFleetId"), request.get("InstanceGroupId")} - {None}
    roles = {*request.get("InstanceGroupTypes", ()), request.get("InstanceFleetType")} - {None}
    states = request.get("InstanceStates", ())
    return (
        (not groups or instance.group_id in groups)
        and (not roles or instance.role.to_emr() in roles)
        and (not states or instance_state(cluster, instance) in states)
    )


def list_instance_fleets(desk: Desk, request: Json) -> Answer:
    """ListInstanceFleets."""
    cluster = desk.cluster(request["ClusterId"])
    if not has_fleets(cluster):
        raise _wrong_layout("groups", "ListInstanceFleets", "fleets", "ListInstanceGroups")
    found, marker = page_of("ListInstanceFleets", in_order(cluster.groups), request.get("Marker"))
    answer = {"InstanceFleets": [describe_fleet(cluster, fleet) for fleet in found]}
    return with_marker(answer, marker)


def list_instance_groups(desk: Desk, request: Json) -> Answer:
    """ListInstanceGroups."""
    cluster = desk.cluster(request["ClusterId"])
    if has_fleets(cluster):
        raise _wrong_layout("fleets", "ListInstanceGroups", "groups", "ListInstanceFleets")
    found, marker = page_of("ListInstanceGroups", in_order(cluster.groups), request.get("Marker"))
    answer = {"InstanceGroups": [describe_group(cluster, group) for group in found]}
    return with_marker(answer, marker)


def _wrong_layout(has: str, asked: str, wants: str, instead: str) -> ApiError:
    """EMR's own sentence; clients read "instance groups" and "instance fleets" in it."""
    return invalid_request(
        f"Instance fleets and instance groups are mutually exclusive. The EMR cluster specified "
        f"in the request uses instance {has}. The {asked} request is for instance {wants}. "
        f"Use the {instead} request instead."
    )


def modify_instance_fleet(desk: Desk, request: Json) -> Answer:
    """ModifyInstanceFleet: target capacities."""
    change = request["InstanceFleet"]
    _refuse_unserved(change, ("InstanceTypeConfigs", "Context"))
    on_demand, spot = change.get("TargetOnDemandCapacity"), change.get("TargetSpotCapacity")
    fleet_id = change["InstanceFleetId"]

    def choose(cluster: ClusterRecord) -> Event:
        refuse_by_rules("ModifyInstanceFleet", request, cluster)
        fleet = _resizable(cluster, fleet_id, "fleet")
        return _resize(fleet, on_demand, spot)

    desk.change(request["ClusterId"], choose)
    return {}


def modify_instance_groups(desk: Desk, request: Json) -> Answer:
    """ModifyInstanceGroups: instance counts. The cluster's id may be left out."""
    changes: Sequence[Json] = request.get("InstanceGroups", ())
    for change in changes:
        _refuse_unserved(
            change, ("Configurations", "EC2InstanceIdsToTerminate", "ReconfigurationType")
        )
    for change in changes:
        group_id = change["InstanceGroupId"]
        cluster_id = request.get("ClusterId") or _cluster_of(desk, group_id)
        if (count := change.get("InstanceCount")) is not None:
            desk.change(cluster_id, _resize_group(group_id, count))
    return {}


def _refuse_unserved(change: Json, members: Sequence[str]) -> None:
    if given := [member for member in members if member in change]:
        raise invalid_request(f"The local endpoint cannot modify {', '.join(given)}.")


def _cluster_of(desk: Desk, group_id: str) -> str:
    for cluster in desk.controller.all():
        if any(group.id == group_id for group in cluster.groups):
            return cluster.id
    raise _no_group(group_id, "group")


def _resize_group(group_id: str, count: int) -> Choose:
    def choose(cluster: ClusterRecord) -> Event:
        group = _resizable(cluster, group_id, "group")
        is_spot = group.config.get("Market") == "SPOT"
        return _resize(group, None if is_spot else count, count if is_spot else None)

    return choose


def _resizable(cluster: ClusterRecord, group_id: str, kind: str) -> NodeGroupRecord:
    group = next((group for group in cluster.groups if group.id == group_id), None)
    if group is None or group.is_fleet is not (kind == "fleet"):
        raise _no_group(group_id, kind)
    if not cluster.state.takes_steps:
        raise ApiError(
            "ValidationException",
            f"An instance {kind} may only be modified when the cluster is running or waiting.",
        )
    return group


def _resize(group: NodeGroupRecord, on_demand: int | None, spot: int | None) -> Event:
    if problem := resize_problem(group, on_demand, spot):
        raise validation_error([problem])
    if max(on_demand or 0, spot or 0) > MOST_INSTANCES:
        raise validation_error(
            [f"EMR takes at most {MOST_INSTANCES} instances of a fleet or group"]
        )
    return CapacityRequested(group.id, on_demand, spot)


def _no_group(group_id: str, kind: str) -> ApiError:
    return invalid_request(f"Instance {kind} id '{group_id}' is not valid.")
