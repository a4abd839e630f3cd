"""The AWS CLI and boto3, pointed at `selfserve local env`, need nothing of selfserve."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from selfserve.local.endpoint import BUCKET, LocalEndpoint

if TYPE_CHECKING:
    from mypy_boto3_emr.type_defs import WaiterConfigTypeDef

pytestmark = pytest.mark.spark

AWS = Path(sys.executable).parent / "aws"
PI = """
import sys
from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
print("sum", spark.range(int(sys.argv[1])).selectExpr("sum(id)").first()[0])
spark.read.text("s3://{bucket}/in/words.txt").write.mode("overwrite").parquet("s3a://{bucket}/out")
"""


def aws(endpoint: LocalEndpoint, *arguments: str) -> Any:
    """Run the AWS CLI as a user would after `eval "$(selfserve local env)"`."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [str(AWS), *arguments, "--output", "json"],
        env=kept | endpoint.environment() | {"AWS_MAX_ATTEMPTS": "1", "AWS_PAGER": ""},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout.lstrip().startswith(("{", "[")) else done.stdout


def test_the_aws_cli_runs_a_job_and_reads_its_logs(endpoint: LocalEndpoint, tmp_path: Path) -> None:
    bucket = f"s3://{BUCKET}"
    (tmp_path / "pi.py").write_text(PI.format(bucket=BUCKET))
    (tmp_path / "words.txt").write_text("one\ntwo\n")
    aws(endpoint, "s3", "cp", str(tmp_path / "pi.py"), f"{bucket}/code/pi.py")
    aws(endpoint, "s3", "cp", str(tmp_path / "words.txt"), f"{bucket}/in/words.txt")

    cluster_id = aws(
        endpoint,
        *("emr", "create-cluster", "--name", "by hand", "--release-label", "emr-7.14.0"),
        *("--applications", "Name=Spark", "--log-uri", f"{bucket}/logs/"),
        *("--instance-type", "m5.xlarge", "--instance-count", "2"),
        *("--service-role", "EMR_DefaultRole_V2"),
        *("--ec2-attributes", "InstanceProfile=EMR_EC2_DefaultRole"),
        "--no-auto-terminate",
    )["ClusterId"]
    aws(endpoint, "emr", "wait", "cluster-running", "--cluster-id", cluster_id)
    step = f"Type=Spark,Name=pi,ActionOnFailure=CONTINUE,Args=[{bucket}/code/pi.py,1000]"
    [step_id] = aws(endpoint, "emr", "add-steps", "--cluster-id", cluster_id, "--steps", step)[
        "StepIds"
    ]
    identifiers = ("--cluster-id", cluster_id, "--step-id", step_id)
    aws(endpoint, "emr", "wait", "step-complete", *identifiers)
    stdout = f"{bucket}/logs/{cluster_id}/steps/{step_id}/stdout.gz"
    aws(endpoint, "s3", "cp", stdout, str(tmp_path / "stdout.gz"))
    aws(endpoint, "emr", "terminate-clusters", "--cluster-ids", cluster_id)
    aws(endpoint, "emr", "wait", "cluster-terminated", "--cluster-id", cluster_id)

    assert "sum 499500" in gzip.decompress((tmp_path / "stdout.gz").read_bytes()).decode()
    listed = aws(endpoint, "s3api", "list-objects-v2", "--bucket", BUCKET, "--prefix", "out/")
    assert any(found["Key"].endswith(".parquet") for found in listed["Contents"])


def test_boto3_with_emrs_own_waiters_runs_a_transient_cluster(endpoint: LocalEndpoint) -> None:
    session = boto3.Session(
        aws_access_key_id=endpoint.access_key,
        aws_secret_access_key=endpoint.secret_key,
        region_name="us-east-1",
    )
    emr = session.client("emr", endpoint_url=endpoint.url)
    s3 = session.client("s3", endpoint_url=endpoint.url)

    cluster_id = emr.run_job_flow(
        Name="transient",
        ReleaseLabel="emr-7.14.0",
        LogUri=f"s3://{BUCKET}/logs/",
        Applications=[{"Name": "Spark"}],
        ServiceRole="EMR_DefaultRole_V2",
        JobFlowRole="EMR_EC2_DefaultRole",
        Instances={
            "MasterInstanceType": "m5.xlarge",
            "InstanceCount": 1,
            "KeepJobFlowAliveWhenNoSteps": False,
        },
        Steps=[
            {
                "Name": "say",
                "ActionOnFailure": "TERMINATE_CLUSTER",
                "HadoopJarStep": {
                    "Jar": "command-runner.jar",
                    "Args": ["bash", "-c", "echo said on $(uname)"],
                },
            }
        ],
    )["JobFlowId"]
    quick: WaiterConfigTypeDef = {"Delay": 1, "MaxAttempts": 600}
    [step] = emr.list_steps(ClusterId=cluster_id)["Steps"]
    emr.get_waiter("step_complete").wait(
        ClusterId=cluster_id, StepId=step["Id"], WaiterConfig=quick
    )
    emr.get_waiter("cluster_terminated").wait(ClusterId=cluster_id, WaiterConfig=quick)

    key = f"logs/{cluster_id}/steps/{step['Id']}/stdout.gz"
    said = gzip.decompress(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    assert said == f"said on {os.uname().sysname}\n".encode()
    status = emr.describe_cluster(ClusterId=cluster_id)["Cluster"]["Status"]
    assert status["StateChangeReason"]["Code"] == "ALL_STEPS_COMPLETED"
