"""Show a cluster's record as EMR's Cluster and ClusterSummary.

Pure: records in, EMR's JSON out. Times are seconds since 1970, as the AWS JSON
protocol has them.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from selfserve.core.releases import load_releases
from selfserve.local.control.records import ClusterRecord, InstanceRecord, Json
from selfserve.local.endpoint import ACCOUNT, REGION

# Members of Cluster that are what RunJobFlow was given.
_AS_REQUESTED = (
    "AutoScalingRole",
    "Configurations",
    "CustomAmiId",
    "EbsRootVolumeIops",
    "EbsRootVolumeSize",
    "EbsRootVolumeThroughput",
    "ExtendedSupport",
    "LogEncryptionKmsKeyId",
    "LogUri",
    "MonitoringConfiguration",
    "OSReleaseLabel",
    "RepoUpgradeOnBoot",
    "SecurityConfiguration",
    "ServiceRole",
    "SessionEnabled",
)
_NETWORK_AS_REQUESTED = (
    "AdditionalMasterSecurityGroups",
    "AdditionalSlaveSecurityGroups",
    "Ec2KeyName",
    "EmrManagedMasterSecurityGroup",
    "EmrManagedSlaveSecurityGroup",
    "ServiceAccessSecurityGroup",
)
_HOUR = timedelta(hours=1)


def cluster_arn(cluster_id: str) -> str:
    """The ARN of a local cluster."""
    return f"arn:aws:elasticmapreduce:{REGION}:{ACCOUNT}:cluster/{cluster_id}"


def describe_cluster(cluster: ClusterRecord, now: datetime) -> dict[str, Any]:
    """EMR's Cluster."""
    request = cluster.request
    instances: Json = request["Instances"]
    shown = {member: request[member] for member in _AS_REQUESTED if member in request}
    shown |= {
        "Id": cluster.id,
        "ClusterArn": cluster_arn(cluster.id),
        "Name": cluster.name,
        "Status": _status(cluster),
        "Ec2InstanceAttributes": _ec2_attributes(request, instances),
        "InstanceCollectionType": ("INSTANCE_FLEET" if has_fleets(cluster) else "INSTANCE_GROUP"),
        "ReleaseLabel": cluster.release,
        "AutoTerminate": not cluster.keep_alive,
        "TerminationProtected": cluster.protected,
        "UnhealthyNodeReplacement": instances.get("UnhealthyNodeReplacement", False),
        "VisibleToAllUsers": True,  # EMR no longer honours false
        "Applications": list(_applications(cluster)),
        "Tags": [{"Key": key, "Value": value} for key, value in cluster.tags.items()],
        "NormalizedInstanceHours": _normalized_hours(cluster, now),
        "ScaleDownBehavior": request.get("ScaleDownBehavior", "TERMINATE_AT_TASK_COMPLETION"),
        "StepConcurrencyLevel": cluster.step_concurrency,
        "PlacementGroups": request.get("PlacementGroupConfigs", []),
    }
    shown.setdefault("Configurations", [])
    if cluster.ready is not None:
        shown["MasterPublicDnsName"] = "localhost"
    if "KerberosAttributes" in request:
        # The passwords are secrets; EMR stars them as well.
        shown["KerberosAttributes"] = {
            member: value if member == "Realm" else "****"
            for member, value in request["KerberosAttributes"].items()
        }
    return shown


def summarize_cluster(cluster: ClusterRecord, now: datetime) -> dict[str, Any]:
    """EMR's ClusterSummary, an item of ListClusters."""
    return {
        "Id": cluster.id,
        "ClusterArn": cluster_arn(cluster.id),
        "Name": cluster.name,
        "Status": _status(cluster),
        "NormalizedInstanceHours": _normalized_hours(cluster, now),
    }


def has_fleets(cluster: ClusterRecord) -> bool:
    """Whether the cluster was made of instance fleets rather than groups."""
    return bool(cluster.request["Instances"].get("InstanceFleets"))


def timeline(
    created: datetime, started: datetime | None, ended: datetime | None, *, start: str
) -> dict[str, float]:
    """A Timeline; `start` is what EMR calls the middle one, Ready- or StartDateTime."""
    moments = {"CreationDateTime": created, start: started, "EndDateTime": ended}
    return {name: round(at.timestamp(), 3) for name, at in moments.items() if at is not None}


def _status(cluster: ClusterRecord) -> dict[str, Any]:
    reason = {"Code": cluster.reason_code, "Message": cluster.reason}
    return {
        "State": cluster.state.value,
        "StateChangeReason": {name: text for name, text in reason.items() if text is not None},
        "Timeline": timeline(cluster.created, cluster.ready, cluster.ended, start="ReadyDateTime"),
    }


def _ec2_attributes(request: Json, instances: Json) -> dict[str, Any]:
    subnets = list(instances.get("Ec2SubnetIds", ()))
    if "Ec2SubnetId" in instances:
        subnets = [instances["Ec2SubnetId"]]
    placement: Json = instances.get("Placement", {})
    zones = list(placement.get("AvailabilityZones", ()))
    zone = placement.get("AvailabilityZone") or next(iter(zones), f"{REGION}a")
    attributes = {name: instances[name] for name in _NETWORK_AS_REQUESTED if name in instances}
    if subnets:
        attributes["Ec2SubnetId"] = subnets[0]
    return {
        **attributes,
        "Ec2AvailabilityZone": zone,
        "IamInstanceProfile": request.get("JobFlowRole", ""),
        "RequestedEc2AvailabilityZones": zones,
        "RequestedEc2SubnetIds": subnets,
    }


def _applications(cluster: ClusterRecord) -> Iterator[Mapping[str, Any]]:
    for application in cluster.request.get("Applications", ()):
        name, version = _installed(cluster.release, application["Name"])
        yield {**application, "Name": name} | ({"Version": version} if version else {})


@cache
def _installed(label: str, application: str) -> tuple[str, str | None]:
    """An application in EMR's spelling, and its version; some have none in our table."""
    release = load_releases().by_label(label)
    if release is None:
        return application, None
    known_as = "Trino" if application.lower() in {"trino", "prestosql"} else application
    name = release.emr_name(known_as)
    return name, release.applications.get("Trino" if name == "PrestoSQL" else name)


def _normalized_hours(cluster: ClusterRecord, now: datetime) -> int:
    """EMR's measure of use: instance hours, begun ones whole, times the size of the type."""
    return sum(_hours(instance, now) * _size_factor(instance) for instance in cluster.instances)


def _hours(instance: InstanceRecord, now: datetime) -> int:
    if instance.ready is None:
        return 0
    return -((instance.ready - max(instance.ended or now, instance.ready)) // _HOUR)


def _size_factor(instance: InstanceRecord) -> int:
    """8 for xlarge, 8 N for Nxlarge.

    Source: EMR FAQs, "How does Amazon EMR calculate normalized instance hours?"
    """
    size = instance.instance_type.rpartition(".")[2].removesuffix("xlarge")
    return 8 * (int(size) if size.isdigit() else 1)
