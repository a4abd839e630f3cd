"""The operations of EMR that the local endpoint serves: check a request, do it, answer it.

A request passes botocore's model of EMR (`emr_model`), then EMR's own rules
(`emr_rules`), then its operation, which may refuse because of the state of the
cluster. Operations are synchronous and may wait for the controller's lock.
"""

from collections.abc import Callable, Mapping

from selfserve.aws.emr_model import shape_problems
from selfserve.aws.emr_rules.rules import rule_problems
from selfserve.local.api import (
    operations_clusters,
    operations_nodes,
    operations_policies,
    operations_releases,
    operations_steps,
)
from selfserve.local.api.errors import ApiError, validation_error
from selfserve.local.api.operations_desk import Answer, Desk
from selfserve.local.control.records import Json

OPERATIONS: Mapping[str, Callable[[Desk, Json], Answer]] = {
    "AddJobFlowSteps": operations_steps.add_job_flow_steps,
    "AddTags": operations_clusters.add_tags,
    "CancelSteps": operations_steps.cancel_steps,
    "DescribeCluster": operations_clusters.describe,
    "DescribeReleaseLabel": operations_releases.describe_release_label,
    "DescribeStep": operations_steps.describe,
    "GetAutoTerminationPolicy": operations_policies.get_auto_termination_policy,
    "GetManagedScalingPolicy": operations_policies.get_managed_scaling_policy,
    "ListBootstrapActions": operations_clusters.list_bootstrap_actions,
    "ListClusters": operations_clusters.list_clusters,
    "ListInstanceFleets": operations_nodes.list_instance_fleets,
    "ListInstanceGroups": operations_nodes.list_instance_groups,
    "ListInstances": operations_nodes.list_instances,
    "ListReleaseLabels": operations_releases.list_release_labels,
    "ListSteps": operations_steps.list_steps,
    "ListSupportedInstanceTypes": operations_releases.list_supported_instance_types,
    "ModifyCluster": operations_clusters.modify_cluster,
    "ModifyInstanceFleet": operations_nodes.modify_instance_fleet,
    "ModifyInstanceGroups": operations_nodes.modify_instance_groups,
    "PutAutoTerminationPolicy": operations_policies.put_auto_termination_policy,
    "PutManagedScalingPolicy": operations_policies.put_managed_scaling_policy,
    "RemoveAutoTerminationPolicy": operations_policies.remove_auto_termination_policy,
    "RemoveManagedScalingPolicy": operations_policies.remove_managed_scaling_policy,
    "RemoveTags": operations_clusters.remove_tags,
    "RunJobFlow": operations_clusters.run_job_flow,
    "SetKeepJobFlowAliveWhenNoSteps": operations_clusters.set_keep_alive,
    "SetTerminationProtection": operations_clusters.set_termination_protection,
    "TerminateJobFlows": operations_clusters.terminate,
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
