"""EMR's rules beyond its service model, one row a rule."""

from collections.abc import Mapping
from typing import Any

import pytest

from selfserve.aws.emr_model import shape_problems
from selfserve.aws.emr_rules.rules import ClusterFacts, rule_problems

Json = dict[str, Any]


def fleet(role: str, *types: str, spot: int = 0, on_demand: int = 0, **more: Any) -> Json:
    configs = [{"InstanceType": name} for name in types or ("m6g.xlarge",)]
    targets = {"TargetOnDemandCapacity": on_demand, "TargetSpotCapacity": spot}
    return {"InstanceFleetType": role, "InstanceTypeConfigs": configs, **targets, **more}


def group(role: str, count: int, name: str = "m5.xlarge", **more: Any) -> Json:
    return {"InstanceRole": role, "InstanceType": name, "InstanceCount": count, **more}


def disk(**volume: Any) -> Json:
    specification = {"VolumeType": "gp3", "SizeInGB": 100, **volume}
    device = {"VolumeSpecification": specification, "VolumesPerInstance": 1}
    return {"EbsConfiguration": {"EbsBlockDeviceConfigs": [device]}}


def spot_launch(**specification: Any) -> Json:
    spot = {"TimeoutDurationMinutes": 10, "TimeoutAction": "TERMINATE_CLUSTER", **specification}
    return {"LaunchSpecifications": {"SpotSpecification": spot}}


def step(action: str = "CONTINUE") -> Json:
    jar = {"Jar": "command-runner.jar", "Args": ["true"]}
    return {"Name": "s", "ActionOnFailure": action, "HadoopJarStep": jar}


def limits(lowest: int, highest: int, unit: str = "InstanceFleetUnits", **more: Any) -> Json:
    units = {"UnitType": unit, "MinimumCapacityUnits": lowest, "MaximumCapacityUnits": highest}
    return {"ComputeLimits": {**units, **more}}


MASTER, CORE = fleet("MASTER", on_demand=1), fleet("CORE", on_demand=2)
FLEETS: Json = {"InstanceFleets": [MASTER, CORE]}
OLD_FLEETS: Json = {"InstanceFleets": [fleet("MASTER", "m5.xlarge", on_demand=1)]}
GROUPS: Json = {"InstanceGroups": [group("MASTER", 1), group("CORE", 2)]}


def cluster(instances: Json | None = None, **changes: Any) -> Json:
    """A good RunJobFlow request with some members changed; None takes one away."""
    request = {
        "Name": "etl",
        "ReleaseLabel": "emr-7.13.0",
        "Applications": [{"Name": "Spark"}],
        "ServiceRole": "EMR_DefaultRole_V2",
        "JobFlowRole": "EMR_EC2_DefaultRole",
        "Instances": FLEETS if instances is None else instances,
        **changes,
    }
    return {name: value for name, value in request.items() if value is not None}


def apps(*names: str, label: str = "emr-7.13.0") -> Json:
    return cluster(Applications=[{"Name": name} for name in names], ReleaseLabel=label)


def classified(label: str, *names: str) -> Json:
    configurations = [{"Classification": name, "Properties": {}} for name in names]
    return cluster(Configurations=configurations, ReleaseLabel=label)


def core(*types: str, **more: Any) -> Json:
    return cluster({"InstanceFleets": [MASTER, fleet("CORE", *types, on_demand=2, **more)]})


def core_type(**config: Any) -> Json:
    return core(InstanceTypeConfigs=[{"InstanceType": "m6g.xlarge", **config}])


TEN_TYPES = tuple(f"{family}.{size}" for family in ("m6g", "r6g", "c6g", "m7g", "r7g")
                  for size in ("xlarge", "2xlarge"))  # fmt: skip

ACCEPTED = {
    "fleets": cluster(),
    "groups": cluster(GROUPS),
    "three primaries in groups": cluster({"InstanceGroups": [group("MASTER", 3)]}),
    "an empty task group": cluster(
        {"InstanceGroups": [*GROUPS["InstanceGroups"], group("TASK", 0)]}
    ),
    "master and slave types": cluster(
        {"MasterInstanceType": "m5.xlarge", "SlaveInstanceType": "m5.xlarge", "InstanceCount": 3}
    ),
    "one instance": cluster({"MasterInstanceType": "m5.xlarge", "InstanceCount": 1}),
    "the newest release": cluster(ReleaseLabel="emr-7.14.0"),
    "the spark line": cluster(ReleaseLabel="emr-spark-8.1.0"),
    "sessions on the spark line": cluster(ReleaseLabel="emr-spark-8.1.0", SessionEnabled=True),
    "applications in any case": apps("spark", "HIVE", "jupyterENTERPRISEgateway"),
    "applications without a known version": apps("HBase", "Oozie"),
    "Trino": apps("Trino", "Hadoop"),
    "PrestoSQL before 6.4": apps("PrestoSQL", label="emr-6.2.0"),
    "Presto": apps("Presto"),
    "spark-hive-site on the spark line": classified(
        "emr-spark-8.1.0", "spark-hive-site", "yarn-site", "livy-conf"
    ),
    "hive-site on 7.x": classified("emr-7.13.0", "hive-site", "emrfs-site"),
    "five types": core(*TEN_TYPES[:5]),
    "ten types with a strategy": core(
        *TEN_TYPES, **spot_launch(AllocationStrategy="price-capacity-optimized")
    ),
    "x86 and Arm in two fleets": cluster({"InstanceFleets": [MASTER, fleet("CORE", "m5.xlarge",
                                                                           spot=1)]}),
    "spot timeout of 5 minutes": core(**spot_launch(TimeoutDurationMinutes=5)),
    "spot timeout of a day": core(**spot_launch(TimeoutDurationMinutes=1440)),
    "a disk": core_type(**disk(SizeInGB=1024, Throughput=1000)),
    "managed scaling": cluster(ManagedScalingPolicy=limits(2, 20, MaximumCoreCapacityUnits=2)),
    "scaling of groups": cluster(GROUPS, ManagedScalingPolicy=limits(2, 20, "VCPU")),
    "advanced scaling": cluster(
        ManagedScalingPolicy={
            **limits(1, 2),
            "ScalingStrategy": "ADVANCED",
            "UtilizationPerformanceIndex": 75,
        }
    ),
    "idle for a minute": cluster(AutoTerminationPolicy={"IdleTimeout": 60}),
    "idle for a week": cluster(AutoTerminationPolicy={"IdleTimeout": 604_800}),
    "idle for EMR's default": cluster(AutoTerminationPolicy={}),
    "sixteen bootstrap actions": cluster(
        BootstrapActions=[{"Name": "b", "ScriptBootstrapAction": {"Path": "s3://b/k"}}] * 16
    ),
    "256 steps before 7.14": cluster(Steps=[step()] * 256),
    "100 steps in 7.14": cluster(Steps=[step()] * 100, ReleaseLabel="emr-7.14.0"),
    "any action, one step at a time": cluster(Steps=[step("TERMINATE_CLUSTER")]),
    "256 steps at a time": cluster(Steps=[step()], StepConcurrencyLevel=256),
    "one subnet for groups": cluster({**GROUPS, "Ec2SubnetId": "subnet-1"}),
    "subnets for fleets": cluster({**FLEETS, "Ec2SubnetIds": ["subnet-1", "subnet-2"]}),
    "fifty tags": cluster(Tags=[{"Key": f"k{i}", "Value": "v" * 256} for i in range(50)]),
    "logs": cluster(LogUri="s3n://bucket/logs/"),
    "root volume throughput": cluster(EbsRootVolumeThroughput=200, ReleaseLabel="emr-6.15.0"),
}  # fmt: skip

REFUSED = {
    "no release": (cluster(ReleaseLabel=None), "ReleaseLabel: required"),
    "an AMI only": (cluster(ReleaseLabel=None, AmiVersion="3.1"), "EMR 2.x and 3.x"),
    "a release and an AMI": (cluster(AmiVersion="3.1.0"), "ReleaseLabel and AmiVersion"),
    "a label of no form": (cluster(ReleaseLabel="7.13.0"), "neither the form emr-X.Y.Z"),
    "a label of EMR on EKS": (cluster(ReleaseLabel="emr-7.13.0-latest"), "neither the form"),
    "a release that is not": (cluster(ReleaseLabel="emr-7.99.0"), "no release emr-7.99.0"),
    "emr-8.0.0": (cluster(ReleaseLabel="emr-8.0.0"), "no release emr-8.0.0"),
    "an unknown application": (apps("Sprak"), "no application 'Sprak'"),
    "Hive on the spark line": (apps("Hive", label="emr-spark-8.1.0"), "application 'Hive'"),
    "HBase on the spark line": (apps("HBase", label="emr-spark-8.1.0"), "application 'HBase'"),
    "Trino before 6.4": (apps("Trino", label="emr-6.2.0"), "no application 'Trino'"),
    "PrestoSQL after 6.3": (apps("PrestoSQL"), "no application 'PrestoSQL'"),
    "Presto with Trino": (apps("Presto", "Trino"), "cannot run on one cluster"),
    "emrfs-site on the spark line": (classified("emr-spark-8.1.0", "emrfs-site"), "'emrfs-site'"),
    "hive-site on the spark line": (classified("emr-spark-8.0.0", "hive-site"), "'hive-site'"),
    "a configuration without a name": (
        cluster(Configurations=[{"Properties": {}}]), "Configurations[0]: Classification"),
    "sessions on 7.x": (cluster(SessionEnabled=True), "SessionEnabled"),
    "root volume iops before 6.15": (
        cluster(EbsRootVolumeIops=3000, ReleaseLabel="emr-6.14.0"), "needs emr-6.15.0"),
    "no service role": (cluster(ServiceRole=None), "ServiceRole: required"),
    "no instance profile": (cluster(JobFlowRole=None), "JobFlowRole: required"),
    "logs elsewhere": (cluster(LogUri="/var/log"), "LogUri: '/var/log'"),
    "no instances": (cluster({}), "InstanceFleets, InstanceGroups or MasterInstanceType"),
    "fleets and groups": (cluster({**FLEETS, **GROUPS}), "InstanceFleets and InstanceGroups"),
    "fleets and a type": (
        cluster({**FLEETS, "MasterInstanceType": "m5.xlarge", "InstanceCount": 1}),
        "InstanceFleets and MasterInstanceType"),
    "a slave without its master": (
        cluster({"SlaveInstanceType": "m5.xlarge", "InstanceCount": 2}), "MasterInstanceType: req"),
    "a master without a count": (
        cluster({"MasterInstanceType": "m5.xlarge"}), "InstanceCount: required"),
    "slaves without a type": (
        cluster({"MasterInstanceType": "m5.xlarge", "InstanceCount": 2}), "SlaveInstanceType: req"),
    "no primary fleet": (cluster({"InstanceFleets": [CORE]}), "exactly one must be MASTER, not 0"),
    "two primary fleets": (cluster({"InstanceFleets": [MASTER, MASTER, CORE]}), "not 2"),
    "two core fleets": (cluster({"InstanceFleets": [MASTER, CORE, CORE]}), "one may be CORE"),
    "a task fleet without core": (
        cluster({"InstanceFleets": [MASTER, fleet("TASK", spot=1)]}), "TASK needs a CORE"),
    "a primary fleet of two": (
        cluster({"InstanceFleets": [fleet("MASTER", on_demand=2), CORE]}), "is 1, not 2"),
    "a primary fleet of both markets": (
        cluster({"InstanceFleets": [fleet("MASTER", on_demand=1, spot=1), CORE]}), "is 1, not 2"),
    "a core fleet of nothing": (
        cluster({"InstanceFleets": [MASTER, fleet("CORE")]}), "must be more than 0"),
    "a fleet without types": (core(InstanceTypeConfigs=[]), "at least one instance type"),
    "six types": (core(*TEN_TYPES[:6]), "at most 5 without an allocation strategy"),
    "31 types with a strategy": (
        core(*TEN_TYPES * 3, "m8g.xlarge", **spot_launch(AllocationStrategy="diversified")),
        "31 given, but EMR takes at most 30"),
    "a weight of nothing": (core_type(WeightedCapacity=0), "WeightedCapacity: 0 is less than 1"),
    "x86 and Arm in one fleet": (core("m5.xlarge", "m6g.xlarge"), "mix arm64 and x86_64"),
    "an unknown type": (core("m99.xlarge"), "instance type 'm99.xlarge'"),
    "a type that is too small": (core("t3.large"), "instance type 't3.large'"),
    "a type that is too new": (
        cluster({"InstanceFleets": [MASTER, fleet("CORE", "m8g.xlarge", spot=1)]},
                ReleaseLabel="emr-6.4.0"), "emr-6.4.0 does not support"),
    "an unknown type in a group": (
        cluster({"InstanceGroups": [group("MASTER", 1, "m5.huge")]}), "'m5.huge'"),
    "an unknown master type": (
        cluster({"MasterInstanceType": "m5.huge", "InstanceCount": 1}), "'m5.huge'"),
    "a spot timeout of 4 minutes": (
        core(**spot_launch(TimeoutDurationMinutes=4)), "4 is outside 5 to 1440"),
    "a spot timeout of two days": (
        core(**spot_launch(TimeoutDurationMinutes=2880)), "2880 is outside 5 to 1440"),
    "a resize timeout of 4 minutes": (
        core(ResizeSpecifications={"SpotResizeSpecification": {"TimeoutDurationMinutes": 4}}),
        "4 is outside 5 to 10080"),
    "two bids": (
        core_type(BidPrice="1", BidPriceAsPercentageOfOnDemandPrice=50.0), "BidPrice and"),
    "a disk of nothing": (core_type(**disk(SizeInGB=0)), "SizeInGB: 0 is outside 1 to 1024"),
    "a disk of 2 TiB": (core_type(**disk(SizeInGB=2048)), "2048 is outside 1 to 1024"),
    "a disk of no type": (core_type(**disk(VolumeType="gp9")), "'gp9' is not one of gp3"),
    "a slow gp3": (core_type(**disk(Throughput=100)), "100 is outside 125 to 1000"),
    "gp2 with throughput": (
        core_type(**disk(VolumeType="gp2", Throughput=200)), "only gp3 volumes"),
    "io1 without iops": (core_type(**disk(VolumeType="io1")), "Iops: required for io1"),
    "a million core nodes": (
        cluster({"InstanceFleets": [MASTER, fleet("CORE", spot=1_000_000)]}),
        "1000000 units may need more than 2000 instances"),
    "two primaries in a group": (
        cluster({"InstanceGroups": [group("MASTER", 2)]}), "1 or 3 instances, not 2"),
    "an empty core group": (
        cluster({"InstanceGroups": [group("MASTER", 1), group("CORE", 0)]}),
        "0 is outside 1 to 4000"),
    "a subnet of groups for fleets": (
        cluster({**FLEETS, "Ec2SubnetId": "subnet-1"}), "Ec2SubnetId: for instance groups"),
    "subnets of fleets for groups": (
        cluster({**GROUPS, "Ec2SubnetIds": ["subnet-1"]}), "Ec2SubnetIds: for instance fleets"),
    "one managed security group": (
        cluster({**FLEETS, "EmrManagedMasterSecurityGroup": "sg-1"}), "must be given together"),
    "min above max": (
        cluster(ManagedScalingPolicy=limits(5, 4)), "MinimumCapacityUnits 5 is more than"),
    "core above max": (
        cluster(ManagedScalingPolicy=limits(1, 4, MaximumCoreCapacityUnits=5)),
        "MaximumCoreCapacityUnits 5 is more than"),
    "on-demand above max": (
        cluster(ManagedScalingPolicy=limits(1, 4, MaximumOnDemandCapacityUnits=5)),
        "MaximumOnDemandCapacityUnits 5 is more than"),
    "a negative min": (cluster(ManagedScalingPolicy=limits(-1, 4)), "-1 is less than 0"),
    "a max of nothing": (cluster(ManagedScalingPolicy=limits(0, 0)), "0 is less than 1"),
    "scaling without limits": (cluster(ManagedScalingPolicy={}), "ComputeLimits: required"),
    "instances as unit of fleets": (
        cluster(ManagedScalingPolicy=limits(1, 2, "Instances")), "fleets need InstanceFleetUnits"),
    "fleet units for groups": (
        cluster(GROUPS, ManagedScalingPolicy=limits(1, 2)), "for instance fleets only"),
    "scaling before it existed": (
        cluster(OLD_FLEETS, ManagedScalingPolicy=limits(1, 2), ReleaseLabel="emr-6.0.0"),
        "6.0.0 has none"),
    "an odd performance index": (
        cluster(ManagedScalingPolicy={**limits(1, 2), "ScalingStrategy": "ADVANCED",
                                      "UtilizationPerformanceIndex": 60}), "60 is not one of"),
    "a performance index by default": (
        cluster(ManagedScalingPolicy={**limits(1, 2), "UtilizationPerformanceIndex": 50}),
        "needs ScalingStrategy ADVANCED"),
    "idle for 59 seconds": (
        cluster(AutoTerminationPolicy={"IdleTimeout": 59}), "59 is outside 60 to 604800"),
    "idle for more than a week": (
        cluster(AutoTerminationPolicy={"IdleTimeout": 604_801}), "is outside 60 to 604800"),
    "idle before it existed": (
        cluster(OLD_FLEETS, AutoTerminationPolicy={}, ReleaseLabel="emr-6.0.1"),
        "6.0.1 has none"),
    "seventeen bootstrap actions": (
        cluster(BootstrapActions=[{"Name": "b", "ScriptBootstrapAction": {"Path": "s3://b/k"}}]
                * 17), "at most 16"),
    "257 steps": (cluster(Steps=[step()] * 257), "257 given, but EMR takes at most 256"),
    "101 steps in 7.14": (
        cluster(Steps=[step()] * 101, ReleaseLabel="emr-7.14.0"), "at most 100 in one request"),
    "101 steps on the spark line": (
        cluster(Steps=[step()] * 101, ReleaseLabel="emr-spark-8.0.0"), "at most 100 in one"),
    "no step at a time": (cluster(StepConcurrencyLevel=0), "0 is outside 1 to 256"),
    "257 steps at a time": (cluster(StepConcurrencyLevel=257), "257 is outside 1 to 256"),
    "a failing step among many": (
        cluster(Steps=[step("CANCEL_AND_WAIT")], StepConcurrencyLevel=2), "only CONTINUE"),
    "automatic scaling of fleets": (
        cluster(AutoScalingRole="EMR_AutoScaling_DefaultRole"), "instance groups only"),
    "51 tags": (cluster(Tags=[{"Key": f"k{i}"} for i in range(51)]), "at most 50"),
    "a tag without a key": (cluster(Tags=[{"Value": "v"}]), "1 to 128 characters, not 0"),
    "a tag with a long key": (cluster(Tags=[{"Key": "k" * 129}]), "1 to 128 characters, not 129"),
    "a tag with a long value": (
        cluster(Tags=[{"Key": "k", "Value": "v" * 257}]), "longer than 256"),
    "a tag of AWS": (cluster(Tags=[{"Key": "AWS:owner"}]), "prefix aws: is reserved"),
    "a tag twice": (cluster(Tags=[{"Key": "k"}, {"Key": "k"}]), "'k' is given 2 times"),
}  # fmt: skip


@pytest.mark.parametrize("request_body", [pytest.param(v, id=k) for k, v in ACCEPTED.items()])
def test_emr_accepts_a_launch_with(request_body: Json) -> None:
    assert shape_problems("RunJobFlow", request_body) == []
    assert rule_problems("RunJobFlow", request_body) == []


@pytest.mark.parametrize(
    ("request_body", "problem"), [pytest.param(*v, id=k) for k, v in REFUSED.items()]
)
def test_emr_refuses_a_launch_with(request_body: Json, problem: str) -> None:
    problems = rule_problems("RunJobFlow", request_body)

    assert shape_problems("RunJobFlow", request_body) == []
    assert len(problems) == 1, problems
    assert problem in problems[0]


OLD = ClusterFacts(release="emr-6.0.0", has_fleets=True)
NEW = ClusterFacts(release="emr-7.14.0", has_fleets=False)
BUSY = ClusterFacts(release="emr-7.13.0", step_concurrency=4, active_steps=255)
ID: Mapping[str, Any] = {"ClusterId": "j-1"}


@pytest.mark.parametrize(
    ("operation", "request_body", "facts", "problem"),
    [
        ("AddJobFlowSteps", {"JobFlowId": "j-1", "Steps": [step()]}, BUSY, None),
        ("AddJobFlowSteps", {"JobFlowId": "j-1", "Steps": [step()] * 2}, BUSY, "at most 256"),
        ("AddJobFlowSteps", {"JobFlowId": "j-1", "Steps": [step()] * 101}, NEW, "at most 100"),
        (
            "AddJobFlowSteps",
            {"JobFlowId": "j-1", "Steps": [step("TERMINATE_CLUSTER")]},
            BUSY,
            "only CONTINUE is accepted while StepConcurrencyLevel is 4",
        ),
        ("CancelSteps", {**ID, "StepIds": ["s-1"] * 100}, NEW, None),
        ("CancelSteps", {**ID, "StepIds": ["s-1"] * 101}, NEW, "at most 100"),
        ("ListSteps", {**ID, "StepIds": ["s-1"] * 10}, None, None),
        ("ListSteps", {**ID, "StepIds": ["s-1"] * 11}, None, "at most 10"),
        (
            "ListInstances",
            {**ID, "InstanceGroupId": "ig-1", "InstanceFleetId": "if-1"},
            None,
            "InstanceGroupId and InstanceFleetId",
        ),
        ("ModifyCluster", {**ID, "StepConcurrencyLevel": 10}, None, None),
        ("ModifyCluster", {**ID, "StepConcurrencyLevel": 0}, None, "outside 1 to 256"),
        ("PutAutoTerminationPolicy", {**ID, "AutoTerminationPolicy": {}}, NEW, None),
        (
            "PutAutoTerminationPolicy",
            {**ID, "AutoTerminationPolicy": {"IdleTimeout": 5}},
            NEW,
            "5 is outside 60",
        ),
        ("PutAutoTerminationPolicy", {**ID}, OLD, "emr-6.0.0 has none"),
        (
            "PutManagedScalingPolicy",
            {**ID, "ManagedScalingPolicy": limits(1, 2, "Instances")},
            NEW,
            None,
        ),
        (
            "PutManagedScalingPolicy",
            {**ID, "ManagedScalingPolicy": limits(1, 2)},
            NEW,
            "for instance fleets only",
        ),
        (
            "PutManagedScalingPolicy",
            {**ID, "ManagedScalingPolicy": limits(1, 2)},
            OLD,
            "emr-6.0.0 has none",
        ),
        (
            "ModifyInstanceFleet",
            {
                **ID,
                "InstanceFleet": {
                    "InstanceFleetId": "if-1",
                    "ResizeSpecifications": {
                        "OnDemandResizeSpecification": {"TimeoutDurationMinutes": 1}
                    },
                },
            },
            NEW,
            "1 is outside 5 to 10080",
        ),
        (
            "ModifyInstanceGroups",
            {**ID, "InstanceGroups": [{"InstanceGroupId": "ig-1", "InstanceCount": -1}]},
            NEW,
            "-1 is less than 0",
        ),
        ("AddTags", {"ResourceId": "j-1", "Tags": [{"Key": "aws:x"}]}, None, "reserved"),
        ("TerminateJobFlows", {"JobFlowIds": ["j-1"] * 10}, None, None),
        ("TerminateJobFlows", {"JobFlowIds": ["j-1"] * 11}, None, "at most 10"),
        ("DescribeCluster", {**ID}, None, None),
    ],
)
def test_rules_of_the_other_operations(
    operation: str, request_body: Json, facts: ClusterFacts | None, problem: str | None
) -> None:
    problems = rule_problems(operation, request_body, cluster=facts)

    assert shape_problems(operation, request_body) == []
    assert [problem in found for found in problems if problem] == ([True] if problem else [])
    assert bool(problems) == bool(problem)
