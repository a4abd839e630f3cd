"""The main job, end to end, on this machine: `make demo`.

A profile is planned, a cluster comes up by name, real Spark jobs read and write
Parquet on s3://, and in the end nothing runs any more. Everything is done with
the commands that a user types; only the input is put into S3 with boto3.
"""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3

from selfserve.core.releases import load_releases
from selfserve.local.endpoint import BUCKET
from selfserve.local.runtime.install import ensure_runtime

SELFSERVE = str(Path(sys.executable).with_name("selfserve"))
ENVIRONMENT = {**os.environ, "SELFSERVE_ON": "local"}
JOBS = Path(os.path.relpath(Path(__file__).parent)) / "movie_recommender"
PROFILE = "spark-ml"
CLUSTER = "demo"
FOLDER = f"s3://{BUCKET}/demo"
# Spark plans for big data: 200 partitions a shuffle, unless told that a few will do.
FEW_TASKS = ("--conf", "spark.sql.shuffle.partitions=4")
# 1,501 ratings of MovieLens that every Spark brings along.
SAMPLE = "data/mllib/als/sample_movielens_ratings.txt"


def main() -> None:
    """Run the demo; exits with 1 if anything is not as it should be."""
    started = time.monotonic()
    with local_target():
        say("1. What would be launched, and what would it cost on AWS?")
        selfserve("plan", PROFILE)
        plan = ask("plan", PROFILE)

        say(f"2. A cluster by name, with Spark {plan['spec']['spark']}.")
        selfserve("up", PROFILE, "--name", CLUSTER)
        ratings = upload_sample(plan["spec"])

        say("3. A job on that cluster: text on S3 becomes Parquet on S3.")
        parquet = f"{FOLDER}/ratings.parquet"
        submit("prepare.py", "-c", CLUSTER, "--", "--input", ratings, "--output", parquet)

        say("4. The cluster is ended; it would also have ended itself.")
        selfserve("down", CLUSTER, "-y")

        say(f"5. A Spark ML job on a {PROFILE} cluster that comes up for it, and ends with it.")
        output = f"{FOLDER}/top-ten.parquet"
        submit("recommend.py", "-c", PROFILE, "--", "--ratings", parquet, "--output", output)

        say("6. What is left: the result on S3, and no cluster.")
        show_objects("demo/top-ten.parquet/")
        selfserve("status")
        check(ask("status") == [], "a cluster is still there")
    say(f"Done in {time.monotonic() - started:.0f} seconds.")


@contextmanager
def local_target() -> Iterator[None]:
    """The user's own local target; stopped in the end unless it was running before."""
    was_running = ask("local", "status")["running"]
    try:
        yield
    finally:
        if was_running:
            subprocess.run([SELFSERVE, "down", CLUSTER, "-y", "-q"], env=ENVIRONMENT, check=False)
        else:
            selfserve("local", "stop")


def upload_sample(spec: Mapping[str, str]) -> str:
    """Put the sample into the lake, as any S3 client would; returns its URI."""
    (release,) = (known for known in load_releases().releases if known.label == spec["release"])
    runtime = ensure_runtime(spec["spark"], release.python, progress=print)
    key = "demo/ratings.dat"
    body = (runtime.spark_home / SAMPLE).read_bytes()
    s3_client().put_object(Bucket=BUCKET, Key=key, Body=body)
    print(f"\n$ # boto3: put_object({BUCKET!r}, {key!r}), {len(body):,} bytes")
    return f"s3://{BUCKET}/{key}"


def show_objects(prefix: str) -> None:
    """List what the job has written."""
    found = s3_client().list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    for item in found:
        print(f"  s3://{BUCKET}/{item['Key']}  {item['Size']:,} bytes")
    check(any(item["Key"].endswith(".parquet") for item in found), "there is no Parquet")


def s3_client() -> Any:  # noqa: ANN401  boto3 makes its classes when it runs
    """An ordinary client, pointed at the local endpoint by its variables."""
    endpoint = ask("local", "env")
    return boto3.client(
        "s3",
        endpoint_url=endpoint["AWS_ENDPOINT_URL_S3"],
        aws_access_key_id=endpoint["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=endpoint["AWS_SECRET_ACCESS_KEY"],
        region_name=endpoint["AWS_REGION"],
    )


def submit(job: str, *arguments: str) -> None:
    """Submit one of the jobs beside this file."""
    selfserve("submit", str(JOBS / job), *FEW_TASKS, *arguments)


def selfserve(*arguments: str) -> None:
    """Show a command, run it with its output going where ours goes, and stop if it fails."""
    print(f"\n$ selfserve {shlex.join(arguments)}", flush=True)
    code = subprocess.run([SELFSERVE, *arguments], env=ENVIRONMENT, check=False).returncode
    check(code == 0, f"selfserve {arguments[0]} exited with {code}")


def ask(*arguments: str) -> Any:  # noqa: ANN401  whatever the command's JSON holds
    """What a command says with `-o json`."""
    command = [SELFSERVE, *arguments, "-o", "json"]
    done = subprocess.run(command, env=ENVIRONMENT, check=False, stdout=subprocess.PIPE)
    check(done.returncode == 0, f"selfserve {arguments[0]} exited with {done.returncode}")
    return json.loads(done.stdout)


def check(is_true: bool, otherwise: str) -> None:  # noqa: FBT001  reads like assert
    """Stop the demo unless `is_true`."""
    if not is_true:
        sys.exit(f"\nThe demo has failed: {otherwise}.")


def say(text: str) -> None:
    """Narrate."""
    print(f"\n== {text}", flush=True)


if __name__ == "__main__":
    main()
