"""Find the primary node of a cluster: DescribeCluster for its key, ListInstances for its id.

Beside the backend, not in it: only those who go there themselves need it.
"""

from typing import TYPE_CHECKING

from selfserve.aws.session import Clients
from selfserve.backends.emr.backend import emr_errors
from selfserve.core.primary_node import PrimaryNode
from selfserve.errors import ClusterFailedError

if TYPE_CHECKING:
    from mypy_boto3_emr.type_defs import (
        ClusterTypeDef,
        InstanceTypeDef,
        ListInstancesInputTypeDef,
    )


def find_primary_node(clients: Clients, cluster_id: str) -> PrimaryNode:
    """The primary node that is up; the first one where a cluster has three.

    Raises:
        NotFoundError: there is no such cluster.
        ClusterFailedError: no primary node of it is up.
    """
    with emr_errors(f"looking for the primary node of {cluster_id}"):
        cluster = clients.emr.describe_cluster(ClusterId=cluster_id)["Cluster"]
        found = clients.emr.list_instances(**to_list_instances(cluster_id, cluster))["Instances"]
    if not found:
        raise ClusterFailedError(
            f"No primary node of {cluster_id} is up.",
            hint=f"See what became of the cluster: selfserve status {cluster_id}",
        )
    return from_instance(cluster_id, cluster, found[0])


def to_list_instances(cluster_id: str, cluster: "ClusterTypeDef") -> "ListInstancesInputTypeDef":
    """The request for the primary nodes that are up, of fleets or of groups."""
    request: ListInstancesInputTypeDef = {"ClusterId": cluster_id, "InstanceStates": ["RUNNING"]}
    if cluster.get("InstanceCollectionType") == "INSTANCE_GROUP":
        request["InstanceGroupTypes"] = ["MASTER"]
    else:
        request["InstanceFleetType"] = "MASTER"
    return request


def from_instance(
    cluster_id: str, cluster: "ClusterTypeDef", instance: "InstanceTypeDef"
) -> PrimaryNode:
    """EMR's answers, as ours."""
    return PrimaryNode(
        cluster_id=cluster_id,
        instance_id=instance["Ec2InstanceId"],
        private_dns=instance.get("PrivateDnsName") or instance.get("PrivateIpAddress", ""),
        public_dns=instance.get("PublicDnsName") or None,
        ssh_key=cluster.get("Ec2InstanceAttributes", {}).get("Ec2KeyName") or None,
    )
