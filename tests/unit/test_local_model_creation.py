"""From RunJobFlow to the first record; ids."""

import re
from random import Random
from typing import Any

import pytest

from local.example_clusters import NOON, request, starting, step_config
from selfserve.core.cluster import ClusterState, StepState
from selfserve.core.launch import NodeRole
from selfserve.local.control import ids
from selfserve.local.control.creation import new_cluster, new_steps


def asked(**instances: Any) -> dict[str, Any]:
    return {"Name": "x", "ReleaseLabel": "emr-7.14.0", "Instances": instances}


LEGACY = {"MasterInstanceType": "m5.xlarge", "SlaveInstanceType": "r5.xlarge"}


def test_what_a_request_leaves_out_is_emrs_default() -> None:
    cluster = new_cluster(asked(**LEGACY, InstanceCount=1), now=NOON)

    assert (cluster.state, cluster.created) == (ClusterState.STARTING, NOON)
    assert (cluster.keep_alive, cluster.protected, cluster.step_concurrency) == (False, False, 1)
    assert (cluster.idle_timeout_s, cluster.scaling, cluster.tags) == (None, None, {})
    assert cluster.steps == ()


def test_what_a_request_says_is_kept() -> None:
    policy = {
        "ComputeLimits": {
            "UnitType": "InstanceFleetUnits",
            "MinimumCapacityUnits": 1,
            "MaximumCapacityUnits": 9,
        }
    }
    full = request(
        step_config("a", on_failure="CANCEL_AND_WAIT"),
        protected=True,
        Tags=[{"Key": "team", "Value": "ml"}, {"Key": "bare"}],
        StepConcurrencyLevel=4,
        AutoTerminationPolicy={"IdleTimeout": 900},
        ManagedScalingPolicy=policy,
    )

    cluster = new_cluster(full, now=NOON)

    assert cluster.request == full
    assert (cluster.name, cluster.release) == ("example", "emr-7.14.0")
    assert cluster.tags == {"team": "ml", "bare": ""}
    assert (cluster.keep_alive, cluster.protected, cluster.step_concurrency) == (True, True, 4)
    assert (cluster.idle_timeout_s, cluster.scaling) == (900, policy)


def test_groups_buy_in_their_own_market() -> None:
    groups = [
        {"InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1},
        {"InstanceRole": "CORE", "InstanceType": "r5.xlarge", "InstanceCount": 2, "Name": "data"},
        {
            "InstanceRole": "TASK",
            "InstanceType": "c5.xlarge",
            "InstanceCount": 3,
            "Market": "SPOT",
        },
    ]

    cluster = new_cluster(asked(InstanceGroups=groups), now=NOON)

    assert [(i.role.value, i.instance_type, i.market) for i in cluster.instances] == [
        ("primary", "m5.xlarge", "ON_DEMAND"),
        *[("core", "r5.xlarge", "ON_DEMAND")] * 2,
        *[("task", "c5.xlarge", "SPOT")] * 3,
    ]
    assert [(g.name, g.is_fleet, g.config) for g in cluster.groups] == [
        ("MASTER", False, groups[0]),
        ("data", False, groups[1]),
        ("TASK", False, groups[2]),
    ]


@pytest.mark.parametrize(("count", "workers"), [(1, 0), (2, 1), (5, 4)])
def test_the_old_form_means_one_primary_and_the_rest_core(count: int, workers: int) -> None:
    cluster = new_cluster(asked(**LEGACY, InstanceCount=count), now=NOON)

    assert cluster.worker_count == workers
    assert {i.instance_type for i in cluster.instances if i.role is NodeRole.CORE} <= {"r5.xlarge"}


def test_steps_carry_everything_of_their_config() -> None:
    config = {
        "Name": "count",
        "HadoopJarStep": {
            "Jar": "s3://b/x.jar",
            "MainClass": "org.example.Count",
            "Args": ["--in", "s3://b/in"],
            "Properties": [{"Key": "k", "Value": "v"}],
        },
    }

    (step,) = new_steps([config], now=NOON)

    assert (step.name, step.jar, step.main_class) == ("count", "s3://b/x.jar", "org.example.Count")
    assert (step.args, step.properties) == (("--in", "s3://b/in"), {"k": "v"})
    assert (step.state, step.created) == (StepState.PENDING, NOON)
    assert step.action_on_failure == "TERMINATE_CLUSTER"


def test_ids_have_emrs_format() -> None:
    cluster = starting(step_config())
    groups = new_cluster(asked(**LEGACY, InstanceCount=2), now=NOON).groups

    assert re.fullmatch(r"j-[A-Z0-9]{13}", cluster.id)
    assert re.fullmatch(r"s-[A-Z0-9]{13}", cluster.steps[0].id)
    assert all(re.fullmatch(r"if-[A-Z0-9]{13}", fleet.id) for fleet in cluster.groups)
    assert all(re.fullmatch(r"ig-[A-Z0-9]{13}", group.id) for group in groups)
    assert all(re.fullmatch(r"ci-[A-Z0-9]{13}", i.id) for i in cluster.instances)
    assert all(re.fullmatch(r"i-0[0-9a-f]{16}", i.ec2_id) for i in cluster.instances)


def test_ids_follow_from_the_randomness_and_differ_without_it() -> None:
    assert ids.new_cluster_id(Random(1)) == ids.new_cluster_id(Random(1))
    assert len({ids.new_step_id() for _ in range(100)}) == 100
