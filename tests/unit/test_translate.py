"""A launch survives the translation to EMR's request, and EMR's answers become our types."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfserve.aws.emr_model import shape_problems
from selfserve.aws.emr_rules.rules import rule_problems
from selfserve.backends.emr.translate import to_idle_timeout, to_run_job_flow, to_step_config
from selfserve.backends.emr.translate_replies import (
    from_cluster_summary,
    from_describe_cluster,
    from_instance_fleet,
    from_instance_group,
    from_step,
)
from selfserve.core.cluster import ClusterState, NodeCount, StepState
from selfserve.core.launch import (
    ActionOnFailure,
    BootstrapAction,
    Configuration,
    Fleet,
    InstanceChoice,
    LaunchSpec,
    Market,
    NodeRole,
    Scaling,
    StepSpec,
)
from selfserve.core.naming import ClusterName
from selfserve.errors import AwsError
from specs import SPEC, TASK, step

Json = dict[str, Any]  # EMR's JSON, as the test reads it back

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


# The inverse of to_run_job_flow: what a reader of the request knows about the spec.


def recover(request: Json) -> LaunchSpec:
    name = ClusterName.parse(request["Name"])
    assert name is not None
    instances = request["Instances"]
    limits = request["ManagedScalingPolicy"]["ComputeLimits"]
    return LaunchSpec(
        name=name,
        release=request["ReleaseLabel"],
        spark=SPEC.spark,  # follows from the release
        applications=tuple(item["Name"] for item in request["Applications"]),
        fleets=tuple(map(recover_fleet, instances["InstanceFleets"])),
        scaling=Scaling(
            minimum_units=limits["MinimumCapacityUnits"],
            maximum_units=limits["MaximumCapacityUnits"],
            maximum_on_demand_units=limits["MaximumOnDemandCapacityUnits"],
            maximum_core_units=limits["MaximumCoreCapacityUnits"],
        ),
        idle_timeout=timedelta(seconds=request["AutoTerminationPolicy"]["IdleTimeout"]),
        max_age=SPEC.max_age,  # a tag and a bootstrap action of the profile's
        keep_alive=instances["KeepJobFlowAliveWhenNoSteps"],
        service_role=request["ServiceRole"],
        instance_profile=request["JobFlowRole"],
        log_uri=request["LogUri"],
        tags={tag["Key"]: tag["Value"] for tag in request["Tags"]},
        configurations=tuple(map(recover_configuration, request.get("Configurations", ()))),
        bootstrap=tuple(map(recover_bootstrap, request.get("BootstrapActions", ()))),
        steps=tuple(map(recover_step, request.get("Steps", ()))),
        step_concurrency=request["StepConcurrencyLevel"],
        subnets=tuple(instances.get("Ec2SubnetIds", ())),
        security_configuration=request.get("SecurityConfiguration"),
        root_volume_gib=request.get("EbsRootVolumeSize"),
        ssh_key=instances.get("Ec2KeyName"),
    )


def recover_fleet(config: Json) -> Fleet:
    spot = config["LaunchSpecifications"].get("SpotSpecification")
    types = sorted(config["InstanceTypeConfigs"], key=lambda item: float(item["Priority"]))
    volumes = [
        volume["VolumeSpecification"]["SizeInGB"]
        for item in types
        for volume in item.get("EbsConfiguration", {}).get("EbsBlockDeviceConfigs", ())
    ]
    roles = {"MASTER": NodeRole.PRIMARY, "CORE": NodeRole.CORE, "TASK": NodeRole.TASK}
    fleet = Fleet(
        role=roles[config["InstanceFleetType"]],
        choices=tuple(
            InstanceChoice(item["InstanceType"], item["WeightedCapacity"]) for item in types
        ),
        target_units=config["TargetSpotCapacity" if spot else "TargetOnDemandCapacity"],
        market=Market.SPOT if spot else Market.ON_DEMAND,
        disk_gib=volumes[0] if volumes else None,
    )
    if spot is None:
        return fleet
    return replace(
        fleet,
        fallback_to_on_demand=spot["TimeoutAction"] == "SWITCH_TO_ON_DEMAND",
        spot_timeout=timedelta(minutes=spot["TimeoutDurationMinutes"]),
    )


def recover_configuration(config: Json) -> Configuration:
    nested = tuple(map(recover_configuration, config.get("Configurations", ())))
    return Configuration(config["Classification"], config["Properties"], nested)


def recover_bootstrap(action: Json) -> BootstrapAction:
    script = action["ScriptBootstrapAction"]
    return BootstrapAction(action["Name"], script["Path"], tuple(script["Args"]))


def recover_step(config: Json) -> StepSpec:
    jar = config["HadoopJarStep"]
    on_failure = ActionOnFailure(config["ActionOnFailure"])
    return StepSpec(config["Name"], tuple(jar["Args"]), on_failure, jar["Jar"])


texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20)
names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,30}", fullmatch=True)
units = st.integers(min_value=1, max_value=500)
choices = st.builds(InstanceChoice, st.sampled_from(["r7g.2xlarge", "m5.xlarge"]), units)
on_demand = st.builds(
    Fleet,
    role=st.sampled_from(NodeRole),
    choices=st.lists(choices, min_size=1, max_size=6).map(tuple),
    target_units=units,
    market=st.just(Market.ON_DEMAND),
    disk_gib=st.none() | st.integers(min_value=10, max_value=1024),
)
spot = st.builds(
    replace,
    on_demand,
    market=st.just(Market.SPOT),
    fallback_to_on_demand=st.booleans(),
    spot_timeout=st.integers(min_value=5, max_value=1440).map(lambda n: timedelta(minutes=n)),
)
configurations = st.recursive(
    st.builds(Configuration, texts, st.dictionaries(texts, texts, max_size=3)),
    lambda inner: st.builds(
        Configuration, texts, st.dictionaries(texts, texts, max_size=3), st.tuples(inner)
    ),
    max_leaves=3,
)
specs = st.builds(
    replace,
    st.just(SPEC),
    name=st.builds(ClusterName, names, names, names, names, names),
    applications=st.lists(texts, max_size=3).map(tuple),
    fleets=st.lists(on_demand | spot, max_size=3).map(tuple),
    scaling=st.builds(Scaling, units, units, units, units),
    idle_timeout=st.integers(min_value=60, max_value=604_800).map(lambda n: timedelta(seconds=n)),
    keep_alive=st.booleans(),
    tags=st.dictionaries(texts, texts, max_size=3),
    configurations=st.lists(configurations, max_size=3).map(tuple),
    bootstrap=st.lists(
        st.builds(BootstrapAction, texts, texts, st.lists(texts, max_size=3).map(tuple)),
        max_size=2,
    ).map(tuple),
    steps=st.lists(
        st.builds(
            StepSpec,
            texts,
            st.lists(texts, max_size=4).map(tuple),
            st.sampled_from(ActionOnFailure),
            texts,
        ),
        max_size=3,
    ).map(tuple),
    step_concurrency=st.integers(min_value=1, max_value=256),
    subnets=st.lists(texts, max_size=2).map(tuple),
    security_configuration=st.none() | texts,
    root_volume_gib=st.none() | units,
    ssh_key=st.none() | texts,
)


@given(specs)
def test_nothing_of_a_launch_is_lost_in_its_request(spec: LaunchSpec) -> None:
    recovered = recover(dict(to_run_job_flow(spec)))

    assert recovered == replace(spec, tags={**spec.tags, **spec.name.tags()})


@given(specs)
def test_every_request_bounds_its_own_cost(spec: LaunchSpec) -> None:
    request = to_run_job_flow(spec)

    assert 60 <= request["AutoTerminationPolicy"]["IdleTimeout"] <= 604_800
    assert request["Instances"]["KeepJobFlowAliveWhenNoSteps"] is spec.keep_alive
    assert request["Instances"]["TerminationProtected"] is False
    assert len(request["ManagedScalingPolicy"]["ComputeLimits"]) == 5
    assert request["LogUri"]
    assert request["Tags"]


def test_the_request_is_one_that_emr_takes() -> None:
    request = to_run_job_flow(replace(SPEC, steps=(step(),)))

    assert shape_problems("RunJobFlow", request) == []
    assert rule_problems("RunJobFlow", request) == []


def test_equal_launches_make_equal_requests_whatever_the_order_of_tags() -> None:
    backwards = dict(reversed(list(SPEC.tags.items())))

    assert to_run_job_flow(replace(SPEC, tags=backwards)) == to_run_job_flow(SPEC)


def test_a_profile_cannot_take_the_ownership_tags_away() -> None:
    request = to_run_job_flow(replace(SPEC, tags={"selfserve:owner": "somebody else"}))

    assert {"Key": "selfserve:owner", "Value": "ada"} in request["Tags"]


def test_what_a_launch_does_not_have_is_not_sent() -> None:
    bare = replace(
        SPEC,
        configurations=(),
        bootstrap=(),
        steps=(),
        subnets=(),
        security_configuration=None,
        root_volume_gib=None,
    )

    request = to_run_job_flow(bare)

    absent = {
        "Configurations",
        "BootstrapActions",
        "Steps",
        "SecurityConfiguration",
        "EbsRootVolumeSize",
        "VisibleToAllUsers",
    }
    assert not absent & set(request)
    assert not {"Ec2SubnetIds", "Ec2KeyName"} & set(request["Instances"])


def test_a_key_pair_is_one_that_emr_takes() -> None:
    request = to_run_job_flow(replace(SPEC, ssh_key="ada's key"))

    assert request["Instances"]["Ec2KeyName"] == "ada's key"
    assert shape_problems("RunJobFlow", request) == []
    assert rule_problems("RunJobFlow", request) == []


@pytest.mark.parametrize(
    ("fallback", "action"), [(True, "SWITCH_TO_ON_DEMAND"), (False, "TERMINATE_CLUSTER")]
)
def test_spot_nodes_fall_back_as_the_profile_says(fallback: bool, action: str) -> None:  # noqa: FBT001  a table's column
    fleet = replace(TASK, fallback_to_on_demand=fallback)

    [config] = to_run_job_flow(replace(SPEC, fleets=(fleet,)))["Instances"]["InstanceFleets"]

    assert config["LaunchSpecifications"] == {
        "SpotSpecification": {
            "TimeoutDurationMinutes": 10,
            "TimeoutAction": action,
            "AllocationStrategy": "price-capacity-optimized",
        },
        "OnDemandSpecification": {"AllocationStrategy": "prioritized"},
    }


def test_a_disk_is_one_gp3_volume_on_every_type() -> None:
    fleet = replace(TASK, disk_gib=100)

    [config] = to_run_job_flow(replace(SPEC, fleets=(fleet,)))["Instances"]["InstanceFleets"]

    volume = {"VolumeSpecification": {"VolumeType": "gp3", "SizeInGB": 100}}
    expected = {"EbsBlockDeviceConfigs": [{**volume, "VolumesPerInstance": 1}]}
    assert [item["EbsConfiguration"] for item in config["InstanceTypeConfigs"]] == [expected] * 2


def test_a_step_is_sent_as_it_is() -> None:
    config = to_step_config(step("job", "spark-submit", "a b"))

    assert config == {
        "Name": "job",
        "ActionOnFailure": "CONTINUE",
        "HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["spark-submit", "a b"]},
    }


@pytest.mark.parametrize(
    ("timeout", "seconds"),
    [
        pytest.param(timedelta(seconds=60), 60, id="least"),
        pytest.param(timedelta(seconds=90.9), 90, id="rounds-down"),
        pytest.param(timedelta(days=7), 604_800, id="most"),
    ],
)
def test_an_idle_timeout_is_whole_seconds(timeout: timedelta, seconds: int) -> None:
    assert to_idle_timeout(timeout) == seconds


@pytest.mark.parametrize("timeout", [timedelta(seconds=59.9), timedelta(days=7, seconds=1)])
def test_an_idle_timeout_that_emr_refuses_is_a_bug(timeout: timedelta) -> None:
    with pytest.raises(ValueError, match="outside EMR's"):
        to_idle_timeout(timeout)


def cluster_reply(**status: Any) -> Any:  # Any: EMR's JSON, whole or odd
    return {
        "Id": "j-1",
        "Name": "selfserve/main/spark-ml/ada/spark-ml/l-1",
        "Status": {"State": "WAITING", "Timeline": {"CreationDateTime": NOON}, **status},
    }


def test_a_cluster_summary_carries_state_reason_and_times() -> None:
    east = timezone(timedelta(hours=2))
    summary = from_cluster_summary(
        cluster_reply(
            State="TERMINATED_WITH_ERRORS",
            StateChangeReason={"Code": "BOOTSTRAP_FAILURE", "Message": "exit 1"},
            Timeline={"CreationDateTime": NOON.astimezone(east), "EndDateTime": NOON},
        )
    )

    assert summary.state is ClusterState.TERMINATED_WITH_ERRORS
    assert (summary.reason_code, summary.reason) == ("BOOTSTRAP_FAILURE", "exit 1")
    assert (summary.created, summary.ready, summary.ended) == (NOON, None, NOON)
    assert summary.created.tzinfo is UTC
    assert summary.name is not None
    assert summary.name.owner == "ada"


def test_the_empty_reason_of_a_healthy_cluster_is_none() -> None:
    summary = from_cluster_summary(cluster_reply(StateChangeReason={"Code": "", "Message": ""}))

    assert (summary.reason_code, summary.reason) == (None, None)


def test_a_described_cluster_keeps_what_the_listing_lacks() -> None:
    cluster = from_describe_cluster(
        cluster_reply()
        | {
            "ReleaseLabel": "emr-7.14.0",
            "Applications": [{"Name": "Spark", "Version": "3.5.8"}, {"Name": "Livy"}],
            "Tags": [{"Key": "owner", "Value": "ada"}, {"Key": "flag"}],
            "LogUri": "s3n://a-bucket/logs/",
            "AutoTerminate": True,
            "TerminationProtected": True,
        }
    )

    assert cluster.release == "emr-7.14.0"
    assert cluster.applications == {"Spark": "3.5.8", "Livy": ""}
    assert cluster.tags == {"owner": "ada", "flag": ""}
    assert cluster.log_uri == "s3://a-bucket/logs/"
    assert not cluster.keep_alive
    assert cluster.termination_protected


def test_a_cluster_that_somebody_else_made_with_little_is_still_described() -> None:
    cluster = from_describe_cluster(cluster_reply() | {"Name": "mine"})

    assert cluster.name is None
    assert (cluster.release, cluster.log_uri) == (None, None)
    assert (dict(cluster.applications), dict(cluster.tags)) == ({}, {})


@pytest.mark.parametrize("read", [from_cluster_summary, from_describe_cluster, from_step])
def test_a_state_of_the_future_asks_for_an_upgrade(read: Callable[[Any], object]) -> None:
    with pytest.raises(AwsError, match="FROZEN") as raised:
        read(cluster_reply(State="FROZEN"))

    assert "upgrade" in raised.value.hint.lower()


def test_a_failed_step_says_why_in_one_line() -> None:
    seen = from_step(
        {
            "Id": "s-1",
            "Name": "job",
            "Config": {"Jar": "command-runner.jar", "Args": ["spark-submit", "job.py"]},
            "Status": {
                "State": "FAILED",
                "FailureDetails": {
                    "Reason": "Exception in\n  user code",
                    "Message": "exit 1",
                    "LogFile": "s3n://a-bucket/logs/j-1/steps/s-1/stderr.gz",
                },
                "Timeline": {"CreationDateTime": NOON, "EndDateTime": NOON},
            },
        }
    )

    assert seen.state is StepState.FAILED
    assert seen.args == ("spark-submit", "job.py")
    assert seen.failure == "Exception in user code: exit 1"
    assert seen.log_file == "s3://a-bucket/logs/j-1/steps/s-1/stderr.gz"
    assert (seen.created, seen.started, seen.ended) == (NOON, None, NOON)


def test_a_fleets_nodes_are_units_of_both_markets() -> None:
    count = from_instance_fleet(
        {
            "InstanceFleetType": "TASK",
            "ProvisionedOnDemandCapacity": 8,
            "ProvisionedSpotCapacity": 16,
            "TargetSpotCapacity": 32,
        }
    )

    assert count == NodeCount(role=NodeRole.TASK, running=24, requested=32)


def test_a_groups_nodes_are_instances() -> None:
    count = from_instance_group(
        {"InstanceGroupType": "MASTER", "RunningInstanceCount": 1, "RequestedInstanceCount": 3}
    )

    assert count == NodeCount(role=NodeRole.PRIMARY, running=1, requested=3)
