"""EMR operations on whole clusters, as clients see them."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from local.api_house import ApiHouse, api_house, group_instances, marker_of
from local.example_clusters import NOON, minutes, step_config
from local.fake_engine import HOLD
from selfserve.local.control.events import EngineFailed

NO_CLUSTER = "InvalidRequestException: Cluster id 'j-NONE' is not valid."
NO_JOB_FLOW = "ValidationException: Specified job flow ID does not exist."
OVER = "A job flow that is shutting down, terminated, or finished may not be modified."


@pytest.fixture
def house(tmp_path: Path) -> Iterator[ApiHouse]:
    with api_house(tmp_path / "state.db", exit_code=HOLD) as house:
        yield house


def described(house: ApiHouse, cluster_id: str) -> Any:
    return house.ask("DescribeCluster", ClusterId=cluster_id)["Cluster"]


def test_a_launch_is_answered_with_an_id_and_an_arn(house: ApiHouse) -> None:
    answer = house.ask("RunJobFlow", **_launch())

    assert answer["ClusterArn"].endswith(f":cluster/{answer['JobFlowId']}")


def _launch(**more: Any) -> dict[str, Any]:
    return {
        "Name": "etl",
        "ReleaseLabel": "emr-7.14.0",
        "ServiceRole": "service",
        "JobFlowRole": "profile",
        "Instances": group_instances(),
        **more,
    }


def test_a_launch_that_emr_would_refuse_makes_no_cluster(house: ApiHouse) -> None:
    refusal = house.refused("RunJobFlow", **_launch(ReleaseLabel="emr-7.99.0"))

    assert refusal == "ValidationException: ReleaseLabel: there is no release emr-7.99.0"
    assert house.ask("ListClusters")["Clusters"] == []


def test_a_cluster_is_described_as_it_was_asked_for(house: ApiHouse) -> None:
    asked: dict[str, Any] = {
        "LogUri": "s3://logs/here/",
        "Configurations": [{"Classification": "spark", "Properties": {"a": "b"}}],
        "ScaleDownBehavior": "TERMINATE_AT_INSTANCE_HOUR",
        "SecurityConfiguration": "locked",
        "EbsRootVolumeSize": 40,
        "EbsRootVolumeIops": 3000,
        "EbsRootVolumeThroughput": 200,
        "OSReleaseLabel": "2023.12.20260803.3",
        "CustomAmiId": "ami-1",
        "RepoUpgradeOnBoot": "NONE",
        "MonitoringConfiguration": {"CloudWatchLogConfiguration": {"Enabled": True}},
        "StepConcurrencyLevel": 4,
    }

    cluster = described(house, house.launch(**asked))

    assert {member: cluster[member] for member in asked} == asked
    assert cluster["InstanceCollectionType"] == "INSTANCE_FLEET"
    assert cluster["ReleaseLabel"] == "emr-7.14.0"
    assert cluster["ServiceRole"] == "EMR_DefaultRole_V2"
    assert cluster["AutoTerminate"] is False
    assert cluster["VisibleToAllUsers"] is True
    assert cluster["MasterPublicDnsName"] == "localhost"


def test_applications_have_emrs_spelling_and_versions(house: ApiHouse) -> None:
    names = [{"Name": name} for name in ("spark", "HIVE", "hbase")]

    applications = described(house, house.launch(Applications=names))["Applications"]

    assert applications == [
        {"Name": "Spark", "Version": "3.5.8"},
        {"Name": "Hive", "Version": "3.1.3"},
        {"Name": "HBase"},
    ]


def test_prestosql_has_trinos_version(house: ApiHouse) -> None:
    launch = _launch(ReleaseLabel="emr-6.2.0", Applications=[{"Name": "prestosql"}])
    cluster_id = house.ask("RunJobFlow", **launch)["JobFlowId"]

    assert described(house, cluster_id)["Applications"] == [{"Name": "PrestoSQL", "Version": "343"}]


def test_the_network_is_described_as_asked(house: ApiHouse) -> None:
    network = {
        "Ec2SubnetId": "subnet-1",
        "Ec2KeyName": "key",
        "EmrManagedMasterSecurityGroup": "sg-1",
        "EmrManagedSlaveSecurityGroup": "sg-2",
        "AdditionalMasterSecurityGroups": ["sg-3"],
        "Placement": {"AvailabilityZone": "us-east-1c"},
    }
    launch = _launch(Instances=group_instances(**network))
    cluster_id = house.ask("RunJobFlow", **launch)["JobFlowId"]

    attributes = described(house, cluster_id)["Ec2InstanceAttributes"]

    assert attributes == {
        "Ec2SubnetId": "subnet-1",
        "Ec2KeyName": "key",
        "EmrManagedMasterSecurityGroup": "sg-1",
        "EmrManagedSlaveSecurityGroup": "sg-2",
        "AdditionalMasterSecurityGroups": ["sg-3"],
        "Ec2AvailabilityZone": "us-east-1c",
        "IamInstanceProfile": "profile",
        "RequestedEc2AvailabilityZones": [],
        "RequestedEc2SubnetIds": ["subnet-1"],
    }


def test_kerberos_passwords_are_starred(house: ApiHouse) -> None:
    kerberos = {"Realm": "EC2.INTERNAL", "KdcAdminPassword": "secret"}

    cluster = described(house, house.launch(KerberosAttributes=kerberos))

    assert cluster["KerberosAttributes"] == {"Realm": "EC2.INTERNAL", "KdcAdminPassword": "****"}


def test_the_status_tells_the_way_of_a_cluster(house: ApiHouse) -> None:
    house.engine.holds_start = house.engine.holds_stop = True
    cluster_id = house.launch(step_config())

    def status() -> Any:
        return described(house, cluster_id)["Status"]

    starting = status()
    assert starting["State"] == "STARTING"
    assert starting["Timeline"] == {"CreationDateTime": NOON}
    house.clock.pass_by(minutes=2)
    house.engine.become_ready(cluster_id)
    assert status()["State"] == "RUNNING"
    assert status()["Timeline"]["ReadyDateTime"] == minutes(2)
    house.ask("TerminateJobFlows", JobFlowIds=[cluster_id])
    assert status()["State"] == "TERMINATING"
    house.clock.pass_by(minutes=1)
    house.engine.finish_stop(house.desk.cluster(cluster_id))
    assert status() == {
        "State": "TERMINATED",
        "StateChangeReason": {"Code": "USER_REQUEST", "Message": "Terminated by user request."},
        "Timeline": {
            "CreationDateTime": NOON,
            "ReadyDateTime": minutes(2),
            "EndDateTime": minutes(3),
        },
    }


def test_a_cluster_that_could_not_start_says_why(house: ApiHouse) -> None:
    house.engine.start_failure = EngineFailed("No Java.", code="BOOTSTRAP_FAILURE")

    status = described(house, house.launch())["Status"]

    assert status["State"] == "TERMINATED_WITH_ERRORS"
    assert status["StateChangeReason"] == {"Code": "BOOTSTRAP_FAILURE", "Message": "No Java."}


def test_normalized_hours_count_begun_hours_by_size(house: ApiHouse) -> None:
    cluster_id = house.launch()  # four instances of xlarge, which count 8 an hour
    assert described(house, cluster_id)["NormalizedInstanceHours"] == 0

    house.clock.pass_by(minutes=61)

    assert described(house, cluster_id)["NormalizedInstanceHours"] == 4 * 8 * 2


def test_terminating_twice_is_fine(house: ApiHouse) -> None:
    cluster_id = house.launch()

    house.ask("TerminateJobFlows", JobFlowIds=[cluster_id])
    house.ask("TerminateJobFlows", JobFlowIds=[cluster_id])

    assert described(house, cluster_id)["Status"]["State"] == "TERMINATED"


def test_a_protected_cluster_is_not_terminated_nor_those_with_it(house: ApiHouse) -> None:
    plain, protected = house.launch(), house.launch(protected=True)

    refusal = house.refused("TerminateJobFlows", JobFlowIds=[plain, protected])

    assert "termination protected" in refusal
    assert described(house, plain)["Status"]["State"] == "WAITING"
    house.ask("SetTerminationProtection", JobFlowIds=[protected], TerminationProtected=False)
    house.ask("TerminateJobFlows", JobFlowIds=[plain, protected])
    assert described(house, protected)["Status"]["State"] == "TERMINATED"


def test_settings_change_while_a_cluster_lives(house: ApiHouse) -> None:
    cluster_id = house.launch(step_config())

    house.ask("SetTerminationProtection", JobFlowIds=[cluster_id], TerminationProtected=True)
    house.ask(
        "SetKeepJobFlowAliveWhenNoSteps",
        JobFlowIds=[cluster_id],
        KeepJobFlowAliveWhenNoSteps=False,
    )
    level = house.ask("ModifyCluster", ClusterId=cluster_id, StepConcurrencyLevel=7)

    cluster = described(house, cluster_id)
    assert cluster["TerminationProtected"] is True
    assert cluster["AutoTerminate"] is True
    assert level == {"StepConcurrencyLevel": 7}
    assert cluster["StepConcurrencyLevel"] == 7


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("SetTerminationProtection", {"TerminationProtected": True}),
        ("SetKeepJobFlowAliveWhenNoSteps", {"KeepJobFlowAliveWhenNoSteps": True}),
    ],
)
def test_job_flow_settings_of_a_cluster_that_is_over_do_not_change(
    house: ApiHouse, operation: str, members: dict[str, Any]
) -> None:
    cluster_id = house.launch()
    house.ask("TerminateJobFlows", JobFlowIds=[cluster_id])

    assert OVER in house.refused(operation, JobFlowIds=[cluster_id], **members)
    assert house.refused(operation, JobFlowIds=["j-NONE"], **members) == NO_JOB_FLOW


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("ModifyCluster", {"StepConcurrencyLevel": 2}),
        ("PutAutoTerminationPolicy", {}),
        ("RemoveAutoTerminationPolicy", {}),
        ("RemoveManagedScalingPolicy", {}),
    ],
)
def test_settings_of_a_cluster_that_is_over_do_not_change(
    house: ApiHouse, operation: str, members: dict[str, Any]
) -> None:
    cluster_id = house.launch()
    house.ask("TerminateJobFlows", JobFlowIds=[cluster_id])

    assert OVER in house.refused(operation, ClusterId=cluster_id, **members)


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("DescribeCluster", {}),
        ("DescribeStep", {"StepId": "s-1"}),
        ("ListSteps", {}),
        ("CancelSteps", {"StepIds": ["s-1"]}),
        ("ListInstances", {}),
        ("ListInstanceFleets", {}),
        ("ListInstanceGroups", {}),
        ("ListBootstrapActions", {}),
        ("ModifyCluster", {"StepConcurrencyLevel": 2}),
        ("ModifyInstanceFleet", {"InstanceFleet": {"InstanceFleetId": "if-1"}}),
        ("GetAutoTerminationPolicy", {}),
        ("PutAutoTerminationPolicy", {}),
        ("RemoveAutoTerminationPolicy", {}),
        ("GetManagedScalingPolicy", {}),
        ("RemoveManagedScalingPolicy", {}),
    ],
)
def test_an_unknown_cluster_is_not_valid(
    house: ApiHouse, operation: str, members: dict[str, Any]
) -> None:
    assert house.refused(operation, ClusterId="j-NONE", **members) == NO_CLUSTER


def test_an_unknown_job_flow_does_not_exist(house: ApiHouse) -> None:
    steps = [step_config()]

    assert house.refused("TerminateJobFlows", JobFlowIds=["j-NONE"]) == NO_JOB_FLOW
    assert house.refused("AddJobFlowSteps", JobFlowId="j-NONE", Steps=steps) == NO_JOB_FLOW
    assert house.refused("AddTags", ResourceId="j-NONE", Tags=[]) == NO_CLUSTER


def test_tags_are_added_replaced_and_removed(house: ApiHouse) -> None:
    cluster_id = house.launch(Tags=[{"Key": "a", "Value": "1"}, {"Key": "b"}])

    tags = [{"Key": "b", "Value": "2"}, {"Key": "c", "Value": "3"}]
    house.ask("AddTags", ResourceId=cluster_id, Tags=tags)
    house.ask("RemoveTags", ResourceId=cluster_id, TagKeys=["a", "unknown"])

    assert described(house, cluster_id)["Tags"] == tags


def test_tags_are_counted_with_those_that_are_there(house: ApiHouse) -> None:
    cluster_id = house.launch(Tags=[{"Key": f"old-{i}"} for i in range(30)])

    new = [{"Key": f"new-{i}"} for i in range(21)]

    assert "51 in all" in house.refused("AddTags", ResourceId=cluster_id, Tags=new)


def test_tags_of_a_terminated_cluster_do_not_change(house: ApiHouse) -> None:
    cluster_id = house.launch()
    house.ask("TerminateJobFlows", JobFlowIds=[cluster_id])

    refusal = house.refused("AddTags", ResourceId=cluster_id, Tags=[{"Key": "a"}])

    assert "is terminated" in refusal


def test_bootstrap_actions_are_listed_as_requested(house: ApiHouse) -> None:
    script = {"Path": "s3://b/setup.sh", "Args": ["--fast"]}
    actions = [{"Name": "setup", "ScriptBootstrapAction": script}]

    listed = house.ask("ListBootstrapActions", ClusterId=house.launch(BootstrapActions=actions))

    assert listed["BootstrapActions"] == [
        {"Name": "setup", "ScriptPath": "s3://b/setup.sh", "Args": ["--fast"]}
    ]


def test_an_auto_termination_policy_is_put_got_and_removed(house: ApiHouse) -> None:
    cluster_id = house.launch()
    assert house.ask("GetAutoTerminationPolicy", ClusterId=cluster_id) == {}

    policy = {"IdleTimeout": 600}
    house.ask("PutAutoTerminationPolicy", ClusterId=cluster_id, AutoTerminationPolicy=policy)
    assert house.ask("GetAutoTerminationPolicy", ClusterId=cluster_id) == {
        "AutoTerminationPolicy": policy
    }

    house.ask("RemoveAutoTerminationPolicy", ClusterId=cluster_id)
    assert house.ask("GetAutoTerminationPolicy", ClusterId=cluster_id) == {}


def test_an_idle_cluster_ends_by_its_policy(house: ApiHouse) -> None:
    cluster_id = house.launch(AutoTerminationPolicy={"IdleTimeout": 600})

    house.clock.time += timedelta(seconds=601)
    house.controller.tick()

    assert described(house, cluster_id)["Status"]["State"] == "TERMINATED"


def test_a_managed_scaling_policy_is_put_got_and_removed(house: ApiHouse) -> None:
    cluster_id = house.launch()
    assert house.ask("GetManagedScalingPolicy", ClusterId=cluster_id) == {}

    limits = {"UnitType": "InstanceFleetUnits", "MinimumCapacityUnits": 1}
    policy = {"ComputeLimits": {**limits, "MaximumCapacityUnits": 9}}
    house.ask("PutManagedScalingPolicy", ClusterId=cluster_id, ManagedScalingPolicy=policy)
    assert house.ask("GetManagedScalingPolicy", ClusterId=cluster_id) == {
        "ManagedScalingPolicy": policy
    }

    house.ask("RemoveManagedScalingPolicy", ClusterId=cluster_id)
    assert house.ask("GetManagedScalingPolicy", ClusterId=cluster_id) == {}


def test_a_policy_must_suit_the_cluster(house: ApiHouse) -> None:
    limits = {"UnitType": "Instances", "MinimumCapacityUnits": 1, "MaximumCapacityUnits": 9}

    refusal = house.refused(
        "PutManagedScalingPolicy",
        ClusterId=house.launch(),
        ManagedScalingPolicy={"ComputeLimits": limits},
    )

    assert "fleets need InstanceFleetUnits" in refusal


def test_five_hundred_clusters_are_listed_paged_and_described(house: ApiHouse) -> None:
    ids = []
    for number in range(500):
        ids.append(house.launch(Name=f"cluster {number}"))
        house.clock.pass_by(seconds=number % 2)  # pairs of the same moment

    pages: list[list[str]] = []
    marker: dict[str, str] = {}
    while len(pages) < 20:
        answer = house.ask("ListClusters", **marker)
        pages.append([summary["Id"] for summary in answer["Clusters"]])
        if "Marker" not in answer:
            break
        marker = {"Marker": answer["Marker"]}

    listed = [cluster_id for page in pages for cluster_id in page]
    assert [len(page) for page in pages] == [50] * 10
    assert sorted(listed) == sorted(ids)
    created = [house.desk.cluster(cluster_id).created for cluster_id in listed]
    assert created == sorted(created, reverse=True)
    names = [described(house, cluster_id)["Name"] for cluster_id in ids]
    assert names == [f"cluster {number}" for number in range(500)]


def test_a_cluster_that_comes_between_two_pages_moves_no_other(house: ApiHouse) -> None:
    ids = []
    for _ in range(60):
        ids.append(house.launch())
        house.clock.pass_by(seconds=1)
    first = house.ask("ListClusters")

    house.launch()
    second = house.ask("ListClusters", Marker=first["Marker"])

    assert [summary["Id"] for summary in second["Clusters"]] == ids[9::-1]


def test_clusters_are_filtered_by_state_and_time(house: ApiHouse) -> None:
    ids = []
    for _ in range(3):
        ids.append(house.launch())
        house.clock.pass_by(minutes=10)
    house.ask("TerminateJobFlows", JobFlowIds=[ids[0]])

    def listed(**filters: Any) -> list[str]:
        return [summary["Id"] for summary in house.ask("ListClusters", **filters)["Clusters"]]

    assert listed(ClusterStates=["TERMINATED"]) == [ids[0]]
    assert listed(ClusterStates=["WAITING", "RUNNING"]) == [ids[2], ids[1]]
    assert listed(CreatedAfter=minutes(10).timestamp()) == [ids[2], ids[1]]
    assert listed(CreatedBefore=minutes(10).timestamp()) == [ids[1], ids[0]]
    assert listed(CreatedAfter="2026-11-20T12:15:00Z") == [ids[2]]


@pytest.mark.parametrize(
    "marker",
    [
        "x",
        "ä",
        marker_of("ListSteps", 1.0, "j-1"),
        marker_of("ListClusters", "1", "j-1"),
        marker_of("ListClusters", [], "j-1"),
        marker_of("ListClusters"),
    ],
)
def test_a_marker_that_was_never_given_out_is_refused(house: ApiHouse, marker: str) -> None:
    assert "is not valid" in house.refused("ListClusters", Marker=marker)
