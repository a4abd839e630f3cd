"""A launch to test with: every field is set, so that a lost one is noticed."""

from datetime import timedelta
from typing import Any

from selfserve.core.launch import (
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

NAME = ClusterName(
    installation="main", profile="spark-ml", owner="ada", name="spark-ml", launch_id="l-0123456789"
)

PRIMARY = Fleet(
    role=NodeRole.PRIMARY,
    choices=(InstanceChoice("m7g.xlarge", 1), InstanceChoice("m6g.xlarge", 1)),
    target_units=1,
    market=Market.ON_DEMAND,
)
CORE = Fleet(
    role=NodeRole.CORE,
    choices=(InstanceChoice("r7g.2xlarge", 8), InstanceChoice("r6g.2xlarge", 8)),
    target_units=16,
    market=Market.ON_DEMAND,
    disk_gib=200,
)
TASK = Fleet(
    role=NodeRole.TASK,
    choices=(InstanceChoice("r7g.2xlarge", 8), InstanceChoice("r6g.4xlarge", 16)),
    target_units=8,
    market=Market.SPOT,
    fallback_to_on_demand=True,
)

SPEC = LaunchSpec(
    name=NAME,
    release="emr-7.14.0",
    spark="3.5.8",
    applications=("Spark", "Livy"),
    fleets=(PRIMARY, CORE, TASK),
    scaling=Scaling(
        minimum_units=16, maximum_units=160, maximum_on_demand_units=16, maximum_core_units=16
    ),
    idle_timeout=timedelta(minutes=30),
    max_age=timedelta(hours=12),
    keep_alive=True,
    service_role="EMR_DefaultRole_V2",
    instance_profile="EMR_EC2_DefaultRole",
    log_uri="s3://a-bucket/selfserve/emr-logs/",
    tags={"for-use-with-amazon-emr-managed-policies": "true", "cost-centre": "ranking"},
    configurations=(
        Configuration("spark-defaults", {"spark.sql.adaptive.enabled": "true"}),
        Configuration(
            "spark-env", {}, nested=(Configuration("export", {"PYSPARK_PYTHON": "python3.11"}),)
        ),
    ),
    bootstrap=(BootstrapAction("max-age", "s3://a-bucket/bootstrap/max-age.sh", ("43200",)),),
    steps=(),
    step_concurrency=1,
    subnets=("subnet-0a1b2c3d",),
    security_configuration="imdsv2",
    root_volume_gib=40,
)


def step(name: str = "job", *args: str, **fields: Any) -> StepSpec:  # Any: StepSpec's own fields
    """A step that runs `args`, or a shell command that succeeds."""
    return StepSpec(name=name, args=args or ("bash", "-c", "true"), **fields)
