"""EMR operations on instances, fleets, groups and releases, as clients see them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.api_house import ApiHouse, api_house, group_instances
from local.example_clusters import NOON
from selfserve.core.releases import load_releases


@pytest.fixture
def house(tmp_path: Path) -> Iterator[ApiHouse]:
    with api_house(tmp_path / "state.db") as house:
        yield house


def instances(house: ApiHouse, cluster_id: str, **filters: Any) -> list[Any]:
    return list(house.ask("ListInstances", ClusterId=cluster_id, **filters)["Instances"])


def fleets(house: ApiHouse, cluster_id: str) -> dict[str, Any]:
    listed = house.ask("ListInstanceFleets", ClusterId=cluster_id)["InstanceFleets"]
    return {fleet["InstanceFleetType"]: fleet for fleet in listed}


def groups(house: ApiHouse, cluster_id: str) -> dict[str, Any]:
    listed = house.ask("ListInstanceGroups", ClusterId=cluster_id)["InstanceGroups"]
    return {group["InstanceGroupType"]: group for group in listed}


def launch_groups(house: ApiHouse, **more: Any) -> str:
    return house.launch(Instances=group_instances(**more))


def test_instances_are_listed_and_filtered(house: ApiHouse) -> None:
    cluster_id = house.launch()
    core = fleets(house, cluster_id)["CORE"]["Id"]

    assert len(instances(house, cluster_id)) == 4
    assert len(instances(house, cluster_id, InstanceFleetId=core)) == 2
    assert len(instances(house, cluster_id, InstanceFleetType="TASK")) == 1
    assert len(instances(house, cluster_id, InstanceStates=["RUNNING"])) == 4
    assert instances(house, cluster_id, InstanceStates=["TERMINATED"]) == []
    primary = instances(house, cluster_id, InstanceFleetType="MASTER")[0]
    assert primary["PublicDnsName"] == "localhost"
    assert primary["InstanceType"] == "m7g.xlarge"
    assert primary["Market"] == "ON_DEMAND"
    assert primary["Status"]["Timeline"] == {"CreationDateTime": NOON, "ReadyDateTime": NOON}


def test_instances_of_groups_are_filtered_by_group(house: ApiHouse) -> None:
    cluster_id = launch_groups(house)
    task = groups(house, cluster_id)["TASK"]["Id"]

    assert len(instances(house, cluster_id, InstanceGroupTypes=["CORE", "TASK"])) == 3
    (instance,) = instances(house, cluster_id, InstanceGroupId=task)
    assert instance["InstanceGroupId"] == task
    assert instance["Market"] == "SPOT"


def test_instances_of_a_terminated_cluster_are_terminated_with_it(house: ApiHouse) -> None:
    cluster_id = house.launch()
    house.ask("TerminateJobFlows", JobFlowIds=[cluster_id])

    statuses = [instance["Status"] for instance in instances(house, cluster_id)]

    assert {status["State"] for status in statuses} == {"TERMINATED"}
    assert {status["StateChangeReason"]["Code"] for status in statuses} == {"CLUSTER_TERMINATED"}


def test_instances_are_paged(house: ApiHouse) -> None:
    fleet_id, cluster_id = _resized(house, spot=100)

    first = house.ask("ListInstances", ClusterId=cluster_id, InstanceFleetId=fleet_id)
    second = house.ask(
        "ListInstances", ClusterId=cluster_id, InstanceFleetId=fleet_id, Marker=first["Marker"]
    )

    ids = {instance["Id"] for instance in first["Instances"] + second["Instances"]}
    assert len(ids) == 100
    assert "Marker" not in second


def _resized(house: ApiHouse, *, spot: int) -> tuple[str, str]:
    cluster_id = house.launch()
    fleet_id = fleets(house, cluster_id)["TASK"]["Id"]
    change = {"InstanceFleetId": fleet_id, "TargetSpotCapacity": spot}
    house.ask("ModifyInstanceFleet", ClusterId=cluster_id, InstanceFleet=change)
    return fleet_id, cluster_id


def test_a_fleet_is_described_as_it_was_asked_for(house: ApiHouse) -> None:
    spot = {"TimeoutDurationMinutes": 10, "TimeoutAction": "SWITCH_TO_ON_DEMAND"}
    volume = {"VolumeType": "gp3", "SizeInGB": 100, "Throughput": 200}
    disks = {"EbsBlockDeviceConfigs": [{"VolumeSpecification": volume, "VolumesPerInstance": 2}]}
    choices = [
        {"InstanceType": "m7g.xlarge", "WeightedCapacity": 4, "EbsConfiguration": disks},
        {"InstanceType": "m6g.xlarge", "WeightedCapacity": 4},
    ]
    core = {
        "InstanceFleetType": "CORE",
        "TargetSpotCapacity": 8,
        "LaunchSpecifications": {"SpotSpecification": spot},
        "InstanceTypeConfigs": choices,
    }
    primary = {
        "InstanceFleetType": "MASTER",
        "TargetOnDemandCapacity": 1,
        "InstanceTypeConfigs": [{"InstanceType": "m7g.xlarge"}],
    }
    cluster_id = house.launch(
        Instances={"InstanceFleets": [primary, core], "KeepJobFlowAliveWhenNoSteps": True}
    )

    fleet = fleets(house, cluster_id)["CORE"]

    assert (fleet["TargetSpotCapacity"], fleet["ProvisionedSpotCapacity"]) == (8, 8)
    assert fleet["LaunchSpecifications"] == {"SpotSpecification": spot}
    assert fleet["Status"]["State"] == "RUNNING"
    first, second = fleet["InstanceTypeSpecifications"]
    assert first["EbsBlockDevices"] == [
        {"VolumeSpecification": volume, "Device": "/dev/sdb"},
        {"VolumeSpecification": volume, "Device": "/dev/sdc"},
    ]
    assert (second["InstanceType"], second["WeightedCapacity"]) == ("m6g.xlarge", 4)
    assert len(instances(house, cluster_id, InstanceFleetType="CORE")) == 2


def test_nothing_is_provisioned_before_the_cluster_is_up(house: ApiHouse) -> None:
    house.engine.holds_start = True
    cluster_id = house.launch()

    fleet = fleets(house, cluster_id)["CORE"]

    assert (fleet["TargetOnDemandCapacity"], fleet["ProvisionedOnDemandCapacity"]) == (2, 0)
    assert fleet["Status"]["State"] == "PROVISIONING"
    assert instances(house, cluster_id)[0]["Status"]["State"] == "PROVISIONING"


def test_a_group_is_described_as_it_was_asked_for(house: ApiHouse) -> None:
    group = groups(house, launch_groups(house))["TASK"]

    assert group["Name"] == "the TASK"
    assert group["Market"] == "SPOT"
    assert group["InstanceType"] == "m5.xlarge"
    assert (group["RequestedInstanceCount"], group["RunningInstanceCount"]) == (1, 1)


def test_fleets_and_groups_are_listed_by_their_own_operation(house: ApiHouse) -> None:
    of_fleets, of_groups = house.launch(), launch_groups(house)

    assert "uses instance fleets" in house.refused("ListInstanceGroups", ClusterId=of_fleets)
    assert "uses instance groups" in house.refused("ListInstanceFleets", ClusterId=of_groups)


def test_a_fleet_is_resized(house: ApiHouse) -> None:
    fleet_id, cluster_id = _resized(house, spot=3)

    fleet = fleets(house, cluster_id)["TASK"]

    assert fleet["TargetSpotCapacity"] == 3
    assert len(instances(house, cluster_id, InstanceFleetId=fleet_id)) == 3
    assert ("resize_cluster", cluster_id) in house.engine.calls


@pytest.mark.parametrize("names_cluster", [True, False])
def test_a_group_is_resized_in_its_market(house: ApiHouse, *, names_cluster: bool) -> None:
    cluster_id = launch_groups(house)
    change = {"InstanceGroupId": groups(house, cluster_id)["TASK"]["Id"], "InstanceCount": 4}

    named = {"ClusterId": cluster_id} if names_cluster else {}
    house.ask("ModifyInstanceGroups", InstanceGroups=[change], **named)

    task = groups(house, cluster_id)["TASK"]
    assert (task["RequestedInstanceCount"], task["RunningInstanceCount"]) == (4, 4)
    states = [i["Market"] for i in instances(house, cluster_id, InstanceGroupTypes=["TASK"])]
    assert states == ["SPOT"] * 4


@pytest.mark.parametrize(
    ("role", "change", "problem"),
    [
        ("MASTER", {"TargetOnDemandCapacity": 2}, "primary node cannot be resized"),
        ("CORE", {"TargetOnDemandCapacity": 0}, "core nodes cannot be resized to zero"),
        ("TASK", {"TargetSpotCapacity": 1_000_000}, "at most 4000 instances"),
        ("TASK", {"InstanceTypeConfigs": []}, "cannot modify InstanceTypeConfigs"),
    ],
)
def test_a_fleet_is_not_resized_beyond_reason(
    house: ApiHouse, role: str, change: dict[str, Any], problem: str
) -> None:
    cluster_id = house.launch()
    fleet = {"InstanceFleetId": fleets(house, cluster_id)[role]["Id"], **change}

    refusal = house.refused("ModifyInstanceFleet", ClusterId=cluster_id, InstanceFleet=fleet)

    assert problem in refusal


def test_only_clusters_that_are_up_are_resized(house: ApiHouse) -> None:
    house.engine.holds_start = True
    cluster_id = house.launch()
    fleet = {"InstanceFleetId": fleets(house, cluster_id)["TASK"]["Id"], "TargetSpotCapacity": 2}

    refusal = house.refused("ModifyInstanceFleet", ClusterId=cluster_id, InstanceFleet=fleet)

    assert "may only be modified when the cluster is running or waiting" in refusal


def test_unknown_fleets_and_groups_are_not_valid(house: ApiHouse) -> None:
    cluster_id = house.launch()
    unknown = {"InstanceGroupId": "ig-1", "InstanceCount": 1}
    fleet = {"InstanceFleetId": "if-1"}

    assert "group id 'ig-1' is not valid" in house.refused(
        "ModifyInstanceGroups", InstanceGroups=[unknown]
    )
    assert "fleet id 'if-1' is not valid" in house.refused(
        "ModifyInstanceFleet", ClusterId=cluster_id, InstanceFleet=fleet
    )


def test_release_labels_are_listed_newest_first_and_paged(house: ApiHouse) -> None:
    first = house.ask("ListReleaseLabels", MaxResults=30)
    second = house.ask("ListReleaseLabels", MaxResults=30, NextToken=first["NextToken"])

    labels = first["ReleaseLabels"] + second["ReleaseLabels"]
    assert labels == [release.label for release in load_releases().releases]
    assert labels[0] == "emr-spark-8.1.0"
    assert "NextToken" not in second


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"Prefix": "emr-spark-"}, ["emr-spark-8.1.0", "emr-spark-8.0.0"]),
        ({"Application": "spark@3.5.8"}, ["emr-7.14.0"]),
        ({"Prefix": "emr-7.14", "Application": "Hive"}, ["emr-7.14.0"]),
        ({"Prefix": "emr-spark-", "Application": "hive"}, []),
    ],
)
def test_release_labels_are_filtered(
    house: ApiHouse, filters: dict[str, str], expected: list[str]
) -> None:
    assert house.ask("ListReleaseLabels", Filters=filters)["ReleaseLabels"] == expected


def test_a_release_is_described(house: ApiHouse) -> None:
    release = house.ask("DescribeReleaseLabel", ReleaseLabel="emr-7.14.0")

    assert {"Name": "Spark", "Version": "3.5.8"} in release["Applications"]


def test_an_unknown_release_is_not_valid(house: ApiHouse) -> None:
    for operation in ("DescribeReleaseLabel", "ListSupportedInstanceTypes"):
        assert "is not valid" in house.refused(operation, ReleaseLabel="emr-0.0.0")


def test_supported_instance_types_are_listed_in_pages(house: ApiHouse) -> None:
    types: dict[str, Any] = {}
    marker: dict[str, str] = {}
    while len(types) < 1000:
        answer = house.ask("ListSupportedInstanceTypes", ReleaseLabel="emr-7.14.0", **marker)
        types |= {found["Type"]: found for found in answer["SupportedInstanceTypes"]}
        if "Marker" not in answer:
            break
        marker = {"Marker": answer["Marker"]}

    assert len(types) > 100
    assert types["m6gd.xlarge"]["Architecture"] == "AARCH64"
    assert types["m6gd.xlarge"]["NumberOfDisks"] == 1
    assert types["m5.xlarge"] == {
        "Type": "m5.xlarge",
        "MemoryGB": 16.0,
        "StorageGB": 0,
        "VCPU": 4,
        "Is64BitsOnly": True,
        "InstanceFamilyId": "m5",
        "EbsOptimizedAvailable": True,
        "EbsOptimizedByDefault": True,
        "NumberOfDisks": 0,
        "EbsStorageOnly": True,
        "Architecture": "X86_64",
    }
    assert "t3.large" not in types
