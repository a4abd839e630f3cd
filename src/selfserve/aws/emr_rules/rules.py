"""Check a request against EMR's rules that no service model expresses.

Which releases, applications and instance types exist, what excludes what, how
many of a thing there may be: EMR would refuse the request, or the cluster would
fail minutes later. Everything is offline; one row a rule in
tests/unit/test_emr_rules.py. `emr_model` says whether the request is well formed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain

from selfserve.aws.emr_rules.fleets import MOST_INSTANCES
from selfserve.aws.emr_rules.instances import (
    instances_problems,
    modify_fleet_problems,
    modify_groups_problems,
)
from selfserve.aws.emr_rules.limits import Json, together, too_many
from selfserve.aws.emr_rules.policies import auto_termination_problems, managed_scaling_problems
from selfserve.aws.emr_rules.software import release_problems
from selfserve.aws.emr_rules.steps import (
    concurrency_problems,
    request_size_problems,
    steps_problems,
)
from selfserve.aws.emr_rules.tags import MOST_TAGS, tags_problems

__all__ = ["MOST_INSTANCES", "MOST_TAGS", "ClusterFacts", "rule_problems"]

_LOG_SCHEMES = ("s3://", "s3n://", "s3a://")


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """What some rules need to know about the cluster that a request is for."""

    release: str | None = None
    has_fleets: bool | None = None
    step_concurrency: int = 1
    active_steps: int = 0


def rule_problems(
    operation: str, request: Json, *, cluster: ClusterFacts | None = None
) -> list[str]:
    """Return a sentence for every rule of EMR that `request` breaks.

    `request` must be one that `emr_model.shape_problems` accepts. Without
    `cluster`, rules that depend on the cluster asked about are left out.
    """
    rules = _RULES.get(operation)
    return list(rules(request, cluster or ClusterFacts())) if rules else []


def _run_job_flow(request: Json, _: ClusterFacts) -> Iterator[str]:
    label = request.get("ReleaseLabel")
    return chain(
        release_problems(request),
        _role_problems(request),
        _log_problems(request.get("LogUri")),
        instances_problems(request["Instances"], label),
        too_many("BootstrapActions", request.get("BootstrapActions", ()), 16),
        concurrency_problems(request),
        steps_problems(
            request.get("Steps", ()), label, concurrency=request.get("StepConcurrencyLevel", 1)
        ),
        _launch_policy_problems(request, label),
        tags_problems(request.get("Tags", ())),
    )


def _role_problems(request: Json) -> Iterator[str]:
    for role in ("ServiceRole", "JobFlowRole"):
        if not request.get(role):
            yield f"{role}: required"


def _log_problems(log_uri: str | None) -> Iterator[str]:
    if log_uri is not None and not log_uri.startswith(_LOG_SCHEMES):
        yield f"LogUri: {log_uri!r} does not start with s3://"


def _launch_policy_problems(request: Json, label: str | None) -> Iterator[str]:
    if (policy := request.get("AutoTerminationPolicy")) is not None:
        yield from auto_termination_problems(policy, label)
    if (policy := request.get("ManagedScalingPolicy")) is not None:
        fleets = bool(request["Instances"].get("InstanceFleets"))
        yield from managed_scaling_problems(policy, label, fleets=fleets)
    if request["Instances"].get("InstanceFleets") and "AutoScalingRole" in request:
        yield "AutoScalingRole: automatic scaling policies are for instance groups only"


def _add_steps(request: Json, cluster: ClusterFacts) -> Iterator[str]:
    return steps_problems(
        request["Steps"],
        cluster.release,
        concurrency=cluster.step_concurrency,
        active=cluster.active_steps,
    )


def _cancel_steps(request: Json, cluster: ClusterFacts) -> Iterator[str]:
    return request_size_problems("StepIds", request["StepIds"], cluster.release)


def _list_steps(request: Json, _: ClusterFacts) -> Iterator[str]:
    return too_many("StepIds", request.get("StepIds", ()), 10)


def _list_instances(request: Json, _: ClusterFacts) -> Iterator[str]:
    yield from together("", request, ("InstanceGroupId", "InstanceFleetId"))
    yield from together("", request, ("InstanceGroupTypes", "InstanceFleetType"))


def _put_auto_termination(request: Json, cluster: ClusterFacts) -> Iterator[str]:
    return auto_termination_problems(request.get("AutoTerminationPolicy", {}), cluster.release)


def _put_managed_scaling(request: Json, cluster: ClusterFacts) -> Iterator[str]:
    policy = request["ManagedScalingPolicy"]
    return managed_scaling_problems(policy, cluster.release, fleets=cluster.has_fleets)


_RULES: dict[str, Callable[[Json, ClusterFacts], Iterator[str]]] = {
    "RunJobFlow": _run_job_flow,
    "AddJobFlowSteps": _add_steps,
    "CancelSteps": _cancel_steps,
    "ListSteps": _list_steps,
    "ListInstances": _list_instances,
    "ModifyCluster": lambda request, _: concurrency_problems(request),
    "ModifyInstanceFleet": lambda request, cluster: modify_fleet_problems(request, cluster.release),
    "ModifyInstanceGroups": lambda request, _: modify_groups_problems(request),
    "PutAutoTerminationPolicy": _put_auto_termination,
    "PutManagedScalingPolicy": _put_managed_scaling,
    "TerminateJobFlows": lambda request, _: too_many("JobFlowIds", request["JobFlowIds"], 10),
    "AddTags": lambda request, _: tags_problems(request["Tags"]),
}
