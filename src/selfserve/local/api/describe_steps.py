"""Show a step's record as EMR's Step and StepSummary, which have the same members.

Pure: records in, EMR's JSON out.
"""

from typing import Any

from selfserve.core.cluster import StepState
from selfserve.local.api.describe_clusters import timeline
from selfserve.local.control.records import ClusterRecord, StepRecord


def describe_step(cluster: ClusterRecord, step: StepRecord) -> dict[str, Any]:
    """EMR's Step, an answer of DescribeStep and an item of ListSteps."""
    config = {
        "Jar": step.jar,
        "Properties": dict(step.properties),
        "MainClass": step.main_class,
        "Args": list(step.args),
    }
    return {
        "Id": step.id,
        "Name": step.name,
        "Config": {name: value for name, value in config.items() if value is not None},
        "ActionOnFailure": step.action_on_failure,
        "Status": _status(cluster, step),
    }


def _status(cluster: ClusterRecord, step: StepRecord) -> dict[str, Any]:
    status: dict[str, Any] = {
        "State": step.state.value,
        "StateChangeReason": {},
        "Timeline": timeline(step.created, step.started, step.ended, start="StartDateTime"),
    }
    if step.state is StepState.FAILED:
        status["FailureDetails"] = _failure(cluster, step)
    elif step.message is not None:
        status["StateChangeReason"] = {"Message": step.message}
    return status


def _failure(cluster: ClusterRecord, step: StepRecord) -> dict[str, str]:
    failure = {"Reason": step.message or "Unknown Error."}
    if log_uri := cluster.request.get("LogUri"):
        failure["LogFile"] = f"{log_uri.rstrip('/')}/{cluster.id}/steps/{step.id}/stderr.gz"
    return failure
