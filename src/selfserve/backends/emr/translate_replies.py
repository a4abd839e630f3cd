"""EMR's answers to our types: clusters, steps and capacity.

Pure. Times become UTC, `s3n://` becomes `s3://`, and a state that EMR may
invent one day becomes an error that says so.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, TypedDict, TypeVar

from selfserve.core.cluster import (
    Cluster,
    ClusterState,
    ClusterSummary,
    NodeCount,
    Step,
    StepState,
)
from selfserve.core.launch import NodeRole
from selfserve.errors import AwsError

if TYPE_CHECKING:
    from mypy_boto3_emr.type_defs import (
        ClusterSummaryTypeDef,
        ClusterTypeDef,
        FailureDetailsTypeDef,
        InstanceFleetTypeDef,
        InstanceGroupTypeDef,
        StepSummaryTypeDef,
        StepTypeDef,
    )

_State = TypeVar("_State", bound=StrEnum)


class _SummaryFields(TypedDict):
    id: str
    raw_name: str
    state: ClusterState
    reason_code: str | None
    reason: str | None
    created: datetime
    ready: datetime | None
    ended: datetime | None


def from_cluster_summary(reply: "ClusterSummaryTypeDef") -> ClusterSummary:
    """Return one entry of ListClusters."""
    return ClusterSummary(**_summary_fields(reply))


def from_describe_cluster(reply: "ClusterTypeDef") -> Cluster:
    """Return DescribeCluster's `Cluster`."""
    applications = reply.get("Applications", [])
    return Cluster(
        **_summary_fields(reply),
        release=reply.get("ReleaseLabel"),
        applications={item["Name"]: item.get("Version", "") for item in applications},
        tags={tag["Key"]: tag.get("Value", "") for tag in reply.get("Tags", [])},
        log_uri=_to_s3_scheme(reply.get("LogUri")),
        keep_alive=not reply.get("AutoTerminate", False),
        termination_protected=reply.get("TerminationProtected", False),
        step_concurrency=reply.get("StepConcurrencyLevel", 1),
        subnet=reply.get("Ec2InstanceAttributes", {}).get("Ec2SubnetId") or None,
        sessions_enabled=reply.get("SessionEnabled", False),
    )


def from_step(reply: "StepTypeDef | StepSummaryTypeDef") -> Step:
    """Return one step of ListSteps or DescribeStep."""
    status = reply["Status"]
    timeline = status.get("Timeline", {})
    failure = status.get("FailureDetails", {})
    return Step(
        id=reply["Id"],
        name=reply["Name"],
        state=_to_state(StepState, status["State"]),
        args=tuple(reply.get("Config", {}).get("Args", ())),
        reason=status.get("StateChangeReason", {}).get("Message"),
        failure=_to_failure(failure),
        log_file=_to_s3_scheme(failure.get("LogFile")),
        created=_to_utc(timeline.get("CreationDateTime")),
        started=_to_utc(timeline.get("StartDateTime")),
        ended=_to_utc(timeline.get("EndDateTime")),
    )


def from_instance_fleet(reply: "InstanceFleetTypeDef") -> NodeCount:
    """Return a fleet's capacity in units, On-Demand and Spot together."""
    return NodeCount(
        role=NodeRole.from_emr(reply["InstanceFleetType"]),
        running=reply.get("ProvisionedOnDemandCapacity", 0)
        + reply.get("ProvisionedSpotCapacity", 0),
        requested=reply.get("TargetOnDemandCapacity", 0) + reply.get("TargetSpotCapacity", 0),
    )


def from_instance_group(reply: "InstanceGroupTypeDef") -> NodeCount:
    """Return a group's instances; clusters that others made may have groups."""
    return NodeCount(
        role=NodeRole.from_emr(reply["InstanceGroupType"]),
        running=reply.get("RunningInstanceCount", 0),
        requested=reply.get("RequestedInstanceCount", 0),
    )


def _summary_fields(reply: "ClusterSummaryTypeDef | ClusterTypeDef") -> _SummaryFields:
    status = reply["Status"]
    timeline = status["Timeline"]
    reason = status.get("StateChangeReason", {})
    return {
        "id": reply["Id"],
        "raw_name": reply["Name"],
        "state": _to_state(ClusterState, status["State"]),
        "reason_code": reason.get("Code") or None,  # EMR sends "" while a cluster is fine
        "reason": reason.get("Message") or None,
        "created": timeline["CreationDateTime"].astimezone(UTC),
        "ready": _to_utc(timeline.get("ReadyDateTime")),
        "ended": _to_utc(timeline.get("EndDateTime")),
    }


def _to_state(kind: type[_State], text: str) -> _State:
    try:
        return kind(text)
    except ValueError as error:
        raise AwsError(
            f"EMR reports {text}, a {kind.__name__} that this version of selfserve does not know.",
            hint="Upgrade with: pip install --upgrade selfserve",
        ) from error


def _to_utc(time: datetime | None) -> datetime | None:
    return None if time is None else time.astimezone(UTC)


def _to_s3_scheme(uri: str | None) -> str | None:
    """EMR gives a LogUri back as s3n://, a name that only old Hadoop knows."""
    if uri is None or not uri.startswith("s3n://"):
        return uri
    return "s3://" + uri.removeprefix("s3n://")


def _to_failure(details: "FailureDetailsTypeDef") -> str | None:
    parts = (details.get("Reason"), details.get("Message"))
    return ": ".join(" ".join(part.split()) for part in parts if part) or None
