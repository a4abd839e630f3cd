"""Show instances, instance fleets and instance groups as EMR does.

Pure: records in, EMR's JSON out.
"""

from collections.abc import Iterator
from typing import Any

from selfserve.core.cluster import ClusterState
from selfserve.core.launch import NodeRole
from selfserve.local.api.describe_clusters import timeline
from selfserve.local.control.records import ClusterRecord, InstanceRecord, Json, NodeGroupRecord

_STATES = {
    ClusterState.STARTING: "PROVISIONING",
    ClusterState.BOOTSTRAPPING: "BOOTSTRAPPING",
    ClusterState.RUNNING: "RUNNING",
    ClusterState.WAITING: "RUNNING",
    ClusterState.TERMINATING: "TERMINATING",
    ClusterState.TERMINATED: "TERMINATED",
    ClusterState.TERMINATED_WITH_ERRORS: "TERMINATED",
}


def instance_state(cluster: ClusterRecord, instance: InstanceRecord) -> str:
    """EMR's InstanceState."""
    if instance.ended is not None:
        return "TERMINATED"
    if instance.ready is not None:
        return "RUNNING"
    return "PROVISIONING" if cluster.state is ClusterState.STARTING else "BOOTSTRAPPING"


def describe_instance(cluster: ClusterRecord, instance: InstanceRecord) -> dict[str, Any]:
    """EMR's Instance."""
    member = "InstanceFleetId" if instance.group_id.startswith("if-") else "InstanceGroupId"
    state = instance_state(cluster, instance)
    over = state == "TERMINATED" and not cluster.state.is_live
    return {
        "Id": instance.id,
        "Ec2InstanceId": instance.ec2_id,
        "PublicDnsName": "localhost",
        "PublicIpAddress": "127.0.0.1",
        "PrivateDnsName": "localhost",
        "PrivateIpAddress": "127.0.0.1",
        "Status": {
            "State": state,
            "StateChangeReason": {"Code": "CLUSTER_TERMINATED"} if over else {},
            "Timeline": timeline(
                instance.created, instance.ready, instance.ended, start="ReadyDateTime"
            ),
        },
        member: instance.group_id,
        "Market": instance.market,
        "InstanceType": instance.instance_type,
        "EbsVolumes": [],
    }


def describe_fleet(cluster: ClusterRecord, fleet: NodeGroupRecord) -> dict[str, Any]:
    """EMR's InstanceFleet. Capacities are units."""
    config = fleet.config
    weights = {
        choice["InstanceType"]: choice.get("WeightedCapacity", 1)
        for choice in config["InstanceTypeConfigs"]
    }
    provisioned = {"ON_DEMAND": 0, "SPOT": 0}
    for instance in _running(cluster, fleet):
        is_primary = fleet.role is NodeRole.PRIMARY
        provisioned[instance.market] += 1 if is_primary else weights[instance.instance_type]
    shown = {m: config[m] for m in ("LaunchSpecifications", "ResizeSpecifications") if m in config}
    return {
        **shown,
        "Id": fleet.id,
        "Name": fleet.name,
        "Status": _status(cluster),
        "InstanceFleetType": fleet.role.to_emr(),
        "TargetOnDemandCapacity": fleet.requested_on_demand,
        "TargetSpotCapacity": fleet.requested_spot,
        "ProvisionedOnDemandCapacity": provisioned["ON_DEMAND"],
        "ProvisionedSpotCapacity": provisioned["SPOT"],
        "InstanceTypeSpecifications": [
            {
                **_typed(choice),
                "InstanceType": choice["InstanceType"],
                "WeightedCapacity": weights[choice["InstanceType"]],
            }
            for choice in config["InstanceTypeConfigs"]
        ],
    }


def describe_group(cluster: ClusterRecord, group: NodeGroupRecord) -> dict[str, Any]:
    """EMR's InstanceGroup. Sizes are counts of instances."""
    config = group.config
    return {
        **_typed(config),
        "Id": group.id,
        "Name": group.name,
        "Market": config.get("Market", "ON_DEMAND"),
        "InstanceGroupType": group.role.to_emr(),
        "InstanceType": config["InstanceType"],
        "RequestedInstanceCount": group.requested_on_demand + group.requested_spot,
        "RunningInstanceCount": sum(1 for _ in _running(cluster, group)),
        "Status": _status(cluster),
        "ShrinkPolicy": {},
    }


def _running(cluster: ClusterRecord, group: NodeGroupRecord) -> Iterator[InstanceRecord]:
    return (
        instance
        for instance in cluster.instances
        if instance.group_id == group.id and instance.ready and not instance.ended
    )


def _status(cluster: ClusterRecord) -> dict[str, Any]:
    over = not cluster.state.is_live
    return {
        "State": _STATES[cluster.state],
        "StateChangeReason": {"Code": "CLUSTER_TERMINATED"} if over else {},
        "Timeline": timeline(cluster.created, cluster.ready, cluster.ended, start="ReadyDateTime"),
    }


def _typed(config: Json) -> dict[str, Any]:
    """What fleets' types and groups have in common."""
    copied = ("BidPrice", "BidPriceAsPercentageOfOnDemandPrice", "CustomAmiId", "Priority")
    ebs: Json = config.get("EbsConfiguration", {})
    return {
        **{member: config[member] for member in copied if member in config},
        "Configurations": config.get("Configurations", []),
        "EbsBlockDevices": list(_devices(ebs)),
        "EbsOptimized": ebs.get("EbsOptimized", False),
    }


def _devices(ebs: Json) -> Iterator[dict[str, Any]]:
    """One device a volume, named as Linux names them, from /dev/sdb on."""
    names = (f"/dev/sd{letter}" for letter in "bcdefghijklmnopqrstuvwxyz")
    for device in ebs.get("EbsBlockDeviceConfigs", ()):
        for _ in range(device.get("VolumesPerInstance", 1)):
            yield {
                "VolumeSpecification": device["VolumeSpecification"],
                "Device": next(names, "/dev/sdz"),
            }
