"""Where a cluster's primary node is: what EMR is asked, and what its answers mean."""

from typing import Any

import pytest

from loopback import emr_error, emr_reply, loopback
from selfserve.aws.emr_model import shape_problems
from selfserve.aws.emr_rules.rules import rule_problems
from selfserve.aws.session import Clients, make_clients
from selfserve.backends.emr.primary_node import find_primary_node, to_list_instances
from selfserve.core.primary_node import PrimaryNode
from selfserve.errors import ClusterFailedError, NotFoundError

CLUSTER: Any = {
    "Id": "j-2AXXXXXXGAPLF",
    "InstanceCollectionType": "INSTANCE_FLEET",
    "Ec2InstanceAttributes": {"Ec2KeyName": "analysts"},
}
INSTANCE: Any = {
    "Id": "ci-1",
    "Ec2InstanceId": "i-0123456789abcdef0",
    "PublicDnsName": "",
    "PrivateDnsName": "ip-10-0-0-7.ec2.internal",
    "Status": {"State": "RUNNING"},
}


def clients_of(url: str) -> Clients:
    return make_clients("eu-west-1", endpoint_url=url, access_key="key", secret_key="secret")


@pytest.mark.parametrize(
    ("collection", "has"),
    [
        ("INSTANCE_FLEET", {"InstanceFleetType": "MASTER"}),
        ("INSTANCE_GROUP", {"InstanceGroupTypes": ["MASTER"]}),
    ],
)
def test_only_primary_nodes_that_are_up_are_asked_for(collection: str, has: dict[str, Any]) -> None:
    request = to_list_instances("j-1", {"InstanceCollectionType": collection})  # type: ignore[typeddict-item]

    assert request == {"ClusterId": "j-1", "InstanceStates": ["RUNNING"], **has}
    assert shape_problems("ListInstances", request) == []
    assert rule_problems("ListInstances", request) == []


def test_the_primary_node_has_an_id_a_name_and_the_clusters_key() -> None:
    with loopback(emr_reply(Cluster=CLUSTER), emr_reply(Instances=[INSTANCE])) as server:
        node = find_primary_node(clients_of(server.url), "j-2AXXXXXXGAPLF")

    assert node == PrimaryNode(
        cluster_id="j-2AXXXXXXGAPLF",
        instance_id="i-0123456789abcdef0",
        private_dns="ip-10-0-0-7.ec2.internal",
        public_dns=None,
        ssh_key="analysts",
    )
    assert [request.operation for request in server.requests] == [
        "DescribeCluster",
        "ListInstances",
    ]


def test_a_cluster_without_a_key_takes_none() -> None:
    cluster = {**CLUSTER, "Ec2InstanceAttributes": {}}
    instance = {**INSTANCE, "PublicDnsName": "ec2-1-2-3-4.compute.amazonaws.com"}
    with loopback(emr_reply(Cluster=cluster), emr_reply(Instances=[instance])) as server:
        node = find_primary_node(clients_of(server.url), "j-1")

    assert node.ssh_key is None
    assert node.dns == "ec2-1-2-3-4.compute.amazonaws.com"


def test_a_cluster_whose_primary_node_is_not_up_has_failed_or_not_begun() -> None:
    with (
        loopback(emr_reply(Cluster=CLUSTER), emr_reply(Instances=[])) as server,
        pytest.raises(ClusterFailedError, match="No primary node of j-1 is up"),
    ):
        find_primary_node(clients_of(server.url), "j-1")


def test_a_cluster_that_is_not_there_is_not_found() -> None:
    no_cluster = emr_error("InvalidRequestException", "Cluster id 'j-1' is not valid.")
    with loopback(no_cluster) as server, pytest.raises(NotFoundError):
        find_primary_node(clients_of(server.url), "j-1")
