"""EMR operations on steps: add, list, describe, cancel."""

from typing import Any

from selfserve.core.cluster import StepState
from selfserve.local.api.describe_steps import describe_step
from selfserve.local.api.errors import invalid_request, no_job_flow
from selfserve.local.api.operations.desk import Answer, Desk, refuse_by_rules, refuse_if_over
from selfserve.local.api.paging import newest_first, page_of, with_marker
from selfserve.local.control.creation import new_steps
from selfserve.local.control.events import Event, StepsAdded, StepsCancelRequested
from selfserve.local.control.records import ClusterRecord, Json, StepRecord


def add_job_flow_steps(desk: Desk, request: Json) -> Answer:
    """AddJobFlowSteps."""
    steps = new_steps(request["Steps"], now=desk.now())

    def choose(cluster: ClusterRecord) -> Event:
        refuse_if_over(cluster)
        refuse_by_rules("AddJobFlowSteps", request, cluster)
        return StepsAdded(steps)

    desk.change(request["JobFlowId"], choose, unknown=no_job_flow())
    return {"StepIds": [step.id for step in steps]}


def list_steps(desk: Desk, request: Json) -> Answer:
    """ListSteps: newest first, fifty a page; or the steps of up to ten ids."""
    cluster = desk.cluster(request["ClusterId"])
    states, ids = set(request.get("StepStates", ())), set(request.get("StepIds", ()))
    for step_id in ids:
        _step(cluster, step_id)
    matching = (
        (place, step)
        for place, step in newest_first(cluster.steps)
        if (not states or step.state in states) and (not ids or step.id in ids)
    )
    found, marker = page_of("ListSteps", matching, request.get("Marker"))
    answer = {"Steps": [describe_step(cluster, step) for step in found]}
    return with_marker(answer, marker)


def describe(desk: Desk, request: Json) -> Answer:
    """DescribeStep."""
    cluster = desk.cluster(request["ClusterId"])
    return {"Step": describe_step(cluster, _step(cluster, request["StepId"]))}


def _step(cluster: ClusterRecord, step_id: str) -> StepRecord:
    step = cluster.step(step_id)
    if step is None:
        raise invalid_request(f"Step id '{step_id}' is not valid.")
    return step


def cancel_steps(desk: Desk, request: Json) -> Answer:
    """CancelSteps: says of each step whether it is being cancelled."""
    ids = tuple(dict.fromkeys(request["StepIds"]))
    force = request.get("StepCancellationOption") == "TERMINATE_PROCESS"
    answers: list[dict[str, Any]] = []

    def choose(cluster: ClusterRecord) -> Event:
        refuse_by_rules("CancelSteps", request, cluster)
        answers.extend(_cancel_info(_step(cluster, step_id)) for step_id in ids)
        return StepsCancelRequested(ids, force=force)

    desk.change(request["ClusterId"], choose)
    return {"CancelStepsInfoList": answers}


def _cancel_info(step: StepRecord) -> dict[str, str]:
    if step.state.is_over:
        reason = f"The step is {step.state.value} and cannot be cancelled."
        return {"StepId": step.id, "Status": "FAILED", "Reason": reason}
    if step.state is StepState.CANCEL_PENDING:
        return {"StepId": step.id, "Status": "SUBMITTED", "Reason": "Already being cancelled."}
    return {"StepId": step.id, "Status": "SUBMITTED"}
