"""The operations of EMR that the local endpoint serves: check a request, do it, answer it.

A request passes botocore's model of EMR (`emr_model`), then EMR's own rules
(`emr_rules`), then its operation, which may refuse because of the state of the
cluster. Operations are synchronous and may wait for the controller's lock.
"""

from collections.abc import Callable, Mapping

from selfserve.aws.emr_model import shape_problems
from selfserve.aws.emr_rules.rules import rule_problems
from selfserve.local.api.errors import ApiError, validation_error
from selfserve.local.api.operations import clusters, nodes, policies, releases, steps
from selfserve.local.api.operations.desk import Answer, Desk
from selfserve.local.control.records import Json

OPERATIONS: Mapping[str, Callable[[Desk, Json], Answer]] = {
    "AddJobFlowSteps": steps.add_job_flow_steps,
    "AddTags": clusters.add_tags,
    "CancelSteps": steps.cancel_steps,
    "DescribeCluster": clusters.describe,
    "DescribeReleaseLabel": releases.describe_release_label,
    "DescribeStep": steps.describe,
    "GetAutoTerminationPolicy": policies.get_auto_termination_policy,
    "GetManagedScalingPolicy": policies.get_managed_scaling_policy,
    "ListBootstrapActions": clusters.list_bootstrap_actions,
    "ListClusters": clusters.list_clusters,
    "ListInstanceFleets": nodes.list_instance_fleets,
    "ListInstanceGroups": nodes.list_instance_groups,
    "ListInstances": nodes.list_instances,
    "ListReleaseLabels": releases.list_release_labels,
    "ListSteps": steps.list_steps,
    "ListSupportedInstanceTypes": releases.list_supported_instance_types,
    "ModifyCluster": clusters.modify_cluster,
    "ModifyInstanceFleet": nodes.modify_instance_fleet,
    "ModifyInstanceGroups": nodes.modify_instance_groups,
    "PutAutoTerminationPolicy": policies.put_auto_termination_policy,
    "PutManagedScalingPolicy": policies.put_managed_scaling_policy,
    "RemoveAutoTerminationPolicy": policies.remove_auto_termination_policy,
    "RemoveManagedScalingPolicy": policies.remove_managed_scaling_policy,
    "RemoveTags": clusters.remove_tags,
    "RunJobFlow": clusters.run_job_flow,
    "SetKeepJobFlowAliveWhenNoSteps": clusters.set_keep_alive,
    "SetTerminationProtection": clusters.set_termination_protection,
    "TerminateJobFlows": clusters.terminate,
}


def perform(desk: Desk, operation: str, request: Json) -> Answer:
    """Check `request` and carry the operation out.

    Raises:
        ApiError: the operation is not served, or the request is refused.
        StoreError: the change could not be saved, so it did not happen.
    """
    carry_out = OPERATIONS.get(operation)
    if carry_out is None:
        raise ApiError(
            "UnknownOperationException",
            f"The local endpoint does not serve {operation or 'a request without X-Amz-Target'}; "
            f"it serves {', '.join(OPERATIONS)}.",
        )
    problems = shape_problems(operation, request) or rule_problems(operation, request)
    if problems:
        raise validation_error(problems)
    return carry_out(desk, request)
