"""EMR operations on whole clusters: launch, look, change settings and tags, terminate."""

from collections.abc import Iterator
from typing import Any

from botocore.utils import parse_to_aware_datetime

from selfserve.aws.emr_rules.rules import MOST_TAGS
from selfserve.local.api.describe_clusters import cluster_arn, describe_cluster, summarize_cluster
from selfserve.local.api.errors import ApiError, invalid_request, no_job_flow, validation_error
from selfserve.local.api.operations.desk import Answer, Choose, Desk, refuse_if_over
from selfserve.local.api.paging import Position, in_order, page_of, with_marker
from selfserve.local.control.events import Event, SettingsChanged, TerminateRequested
from selfserve.local.control.records import ClusterRecord, Json


def run_job_flow(desk: Desk, request: Json) -> Answer:
    """RunJobFlow."""
    cluster = desk.controller.create(request)
    return {"JobFlowId": cluster.id, "ClusterArn": cluster_arn(cluster.id)}


def describe(desk: Desk, request: Json) -> Answer:
    """DescribeCluster."""
    return {"Cluster": describe_cluster(desk.cluster(request["ClusterId"]), desk.now())}


def list_clusters(desk: Desk, request: Json) -> Answer:
    """ListClusters: newest first, fifty a page."""
    found, marker = page_of("ListClusters", _matching(desk, request), request.get("Marker"))
    now = desk.now()
    answer = {"Clusters": [summarize_cluster(cluster, now) for cluster in found]}
    return with_marker(answer, marker)


def _matching(desk: Desk, request: Json) -> Iterator[tuple[Position, ClusterRecord]]:
    states = set(request.get("ClusterStates", ()))
    after = _to_seconds(request.get("CreatedAfter"), float("-inf"))
    before = _to_seconds(request.get("CreatedBefore"), float("inf"))
    for cluster in desk.controller.all():
        created = cluster.created.timestamp()
        if after <= created <= before and (not states or cluster.state in states):
            yield (-created, cluster.id), cluster


def _to_seconds(moment: Any, otherwise: float) -> float:  # noqa: ANN401  a number or a text
    """What botocore's validator takes for a time, which clients send as a number, in seconds."""
    if moment is None:
        return otherwise
    return parse_to_aware_datetime(moment).timestamp()


def terminate(desk: Desk, request: Json) -> Answer:
    """TerminateJobFlows: all of them or, if one is protected or unknown, none."""
    for cluster_id in request["JobFlowIds"]:
        cluster = desk.controller.get(cluster_id)
        if cluster is None:
            raise no_job_flow()
        _refuse_protected(cluster)
    for cluster_id in request["JobFlowIds"]:
        desk.change(cluster_id, _terminate, unknown=no_job_flow())
    return {}


def _terminate(cluster: ClusterRecord) -> Event | None:
    _refuse_protected(cluster)
    return TerminateRequested() if cluster.state.is_live else None


def _refuse_protected(cluster: ClusterRecord) -> None:
    if cluster.protected and cluster.state.is_live:
        raise ApiError(
            "ValidationException",
            "Could not shut down one or more job flows since they are termination protected.",
        )


def set_termination_protection(desk: Desk, request: Json) -> Answer:
    """SetTerminationProtection."""
    return _set(desk, request, "protected", value=request["TerminationProtected"])


def set_keep_alive(desk: Desk, request: Json) -> Answer:
    """SetKeepJobFlowAliveWhenNoSteps."""
    return _set(desk, request, "keep_alive", value=request["KeepJobFlowAliveWhenNoSteps"])


def _set(desk: Desk, request: Json, field: str, *, value: bool) -> Answer:
    for cluster_id in request["JobFlowIds"]:
        if desk.controller.get(cluster_id) is None:
            raise no_job_flow()
    for cluster_id in request["JobFlowIds"]:
        desk.change(cluster_id, _setting(field, value), unknown=no_job_flow())
    return {}


def _setting(field: str, value: object) -> Choose:
    def choose(cluster: ClusterRecord) -> Event:
        refuse_if_over(cluster)
        return SettingsChanged({field: value})

    return choose


def modify_cluster(desk: Desk, request: Json) -> Answer:
    """ModifyCluster."""
    if "StepConcurrencyLevel" not in request:
        raise invalid_request("Only StepConcurrencyLevel can be modified on the local endpoint.")
    level = request["StepConcurrencyLevel"]
    desk.change(request["ClusterId"], _setting("step_concurrency", level))
    return {"StepConcurrencyLevel": level}


def add_tags(desk: Desk, request: Json) -> Answer:
    """AddTags: new values replace those of the same key."""
    added = {tag["Key"]: tag.get("Value", "") for tag in request["Tags"]}

    def choose(cluster: ClusterRecord) -> Event:
        _refuse_if_gone(cluster)
        tags = {**cluster.tags, **added}
        if len(tags) > MOST_TAGS:
            raise validation_error([f"Tags: {len(tags)} in all, but EMR takes at most {MOST_TAGS}"])
        return SettingsChanged({"tags": tags})

    desk.change(request["ResourceId"], choose)
    return {}


def remove_tags(desk: Desk, request: Json) -> Answer:
    """RemoveTags: keys that are not there are no error."""
    removed = set(request["TagKeys"])

    def choose(cluster: ClusterRecord) -> Event:
        _refuse_if_gone(cluster)
        kept = {key: value for key, value in cluster.tags.items() if key not in removed}
        return SettingsChanged({"tags": kept})

    desk.change(request["ResourceId"], choose)
    return {}


def _refuse_if_gone(cluster: ClusterRecord) -> None:
    if cluster.state.is_gone:
        raise invalid_request(f"Cluster '{cluster.id}' is terminated; its tags cannot change.")


def list_bootstrap_actions(desk: Desk, request: Json) -> Answer:
    """ListBootstrapActions: as requested. They do not run on a laptop; see the step logs."""
    actions = desk.cluster(request["ClusterId"]).request.get("BootstrapActions", ())
    found, marker = page_of("ListBootstrapActions", in_order(actions), request.get("Marker"))
    shown = [
        {
            "Name": action["Name"],
            "ScriptPath": action["ScriptBootstrapAction"]["Path"],
            "Args": action["ScriptBootstrapAction"].get("Args", []),
        }
        for action in found
    ]
    return with_marker({"BootstrapActions": shown}, marker)
