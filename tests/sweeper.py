"""The template of `sweep --install`, and an account for the function that it installs."""

import json
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch
from typing import Any, Literal

import boto3
from cfnlint.decode import decode_str
from moto.emr.models import emr_backends

from selfserve.core.beat import Beat, format_beat
from selfserve.core.idle import Engine
from selfserve.core.naming import TAG_IDLE, ClusterName, beat_key, sweep_memory_key
from selfserve.usecases.sweep_install import render_template

REGION: Literal["eu-west-1"] = "eu-west-1"
BUCKET = "team-bucket"
MEMORY = sweep_memory_key(REGION, "main")
TEN_MINUTES = timedelta(minutes=10)
TEMPLATE = render_template(
    bucket=BUCKET, installation="main", code_key="selfserve/sweeper/x.zip", every=TEN_MINUTES
)


def resources() -> dict[str, Any]:
    """The template as CloudFormation reads it, its functions as `Fn::…`."""
    template, problems = decode_str(TEMPLATE)
    assert problems == []
    return dict(template["Resources"])


def statements(role: str) -> list[dict[str, Any]]:
    """What the role of this name may do."""
    policies = resources()[role]["Properties"]["Policies"]
    found = [one for policy in policies for one in policy["PolicyDocument"]["Statement"]]
    return [one["Fn::If"][1] if "Fn::If" in one else one for one in found]


def as_list(value: Any) -> list[Any]:
    """IAM takes one or several wherever it takes a list."""
    return value if isinstance(value, list) else [value]


def allowed(action: str, resource: str, prefix: str | None = None) -> bool:
    """Whether the function's role may do this; of conditions, that on a listing's prefix."""
    return any(
        action in as_list(one["Action"])
        and any(fnmatch(resource, _to_pattern(pattern)) for pattern in as_list(one["Resource"]))
        and (prefix is None or prefix in one["Condition"]["StringEqualsIfExists"]["s3:prefix"])
        for one in statements("SweeperRole")
    )


def _to_pattern(resource: Any) -> str:
    """An ARN with what CloudFormation fills in."""
    is_filled_in = isinstance(resource, dict) and "Fn::Sub" in resource
    text = str(resource["Fn::Sub"] if is_filled_in else resource)
    values = {"Partition": "aws", "Region": REGION, "AccountId": "123456789012"}
    for name, value in values.items():
        text = text.replace(f"${{AWS::{name}}}", value)
    return text


class Account:
    """A bucket and clusters at moto, and time that goes by where sweeps read it."""

    def __init__(self, **client: Any) -> None:
        self._client = client
        self.emr = boto3.client("emr", region_name=REGION, **client)
        self.s3 = boto3.client("s3", region_name=REGION, **client)
        self.s3.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )

    def cluster(self, name: str, *, idle_for: timedelta, launch: str = "l1") -> str:
        """A cluster of ours that has been ready, and done nothing, for so long."""
        named = ClusterName("main", "spark-ml", "ada", name, launch)
        tags = {**named.tags(), TAG_IDLE: "1h"}
        cluster_id = str(
            self.emr.run_job_flow(
                Name=str(named),
                ReleaseLabel="emr-7.9.0",
                Applications=[{"Name": "Spark"}],
                Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
                Instances={"KeepJobFlowAliveWhenNoSteps": True},
            )["JobFlowId"]
        )
        regions = emr_backends["123456789012"].values()  # the server has but one, whatever we say
        cluster = next(one.clusters[cluster_id] for one in regions if cluster_id in one.clusters)
        since = datetime.now(UTC).replace(tzinfo=None) - idle_for
        cluster.creation_datetime = cluster.ready_datetime = since
        beat = Beat(at_work={Engine.YARN: 0})
        body = format_beat(beat, datetime.now(UTC))
        self.s3.put_object(Bucket=BUCKET, Key=beat_key(cluster_id), Body=body)
        return cluster_id

    def state(self, cluster_id: str) -> str:
        return str(self.emr.describe_cluster(ClusterId=cluster_id)["Cluster"]["Status"]["State"])

    def let_pass(self, duration: timedelta) -> None:
        """As if the last sweep had been so long ago."""
        found = self.s3.get_object(Bucket=BUCKET, Key=MEMORY)
        document = json.loads(found["Body"].read())
        for known in document["clusters"].values():
            for key in ("looked", "next_look", "warned"):
                if key in known:
                    earlier = datetime.fromisoformat(known[key]) - duration
                    known[key] = earlier.isoformat()
        self.s3.put_object(Bucket=BUCKET, Key=MEMORY, Body=json.dumps(document))


def function_environment() -> dict[str, str]:
    """What the template sets, and what Lambda adds."""
    variables = resources()["Sweeper"]["Properties"]["Environment"]["Variables"]
    return {**{key: str(value) for key, value in variables.items()}, "AWS_REGION": REGION}
