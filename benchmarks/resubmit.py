"""Submitting an unchanged job again: what is asked and uploaded, and how long it takes.

The measure is a bare boto3 script that makes one HeadObject and one
AddJobFlowSteps. Both talk to the same local endpoint; the cluster is busy, so
that no Spark starts meanwhile. A second part changes one line of a job that
has 120 MB of dependencies.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.counting_proxy import Counter, counting_proxy
from benchmarks.side_by_side import Pair, compare
from selfserve.local import daemon_client
from selfserve.local.home import Home

_ROUNDS = 7
_BIG = "pandas\nscikit-learn\npyarrow\n"
_BARE = """\
import os, sys, boto3
s3, emr = boto3.client("s3"), boto3.client("emr")
s3.head_object(Bucket=sys.argv[1], Key=sys.argv[2])
emr.add_job_flow_steps(JobFlowId=sys.argv[3], Steps=[{
    "Name": "bare", "ActionOnFailure": "CONTINUE",
    "HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["spark-submit", "s3://b/job.py"]},
}])
"""


def main() -> None:
    """Print the calls, the bytes and the ratio of times."""
    print("Submitting again: an unchanged job, then one changed line with large dependencies")
    with tempfile.TemporaryDirectory() as scratch, _busy_cluster(Path(scratch)) as bench:
        bench.measure_unchanged().report(
            "selfserve submit -d, unchanged", "bare boto3: HEAD, AddJobFlowSteps", aim=1.5
        )
        bench.measure_one_changed_line()


class _Bench:
    """A busy cluster, and a job to submit to it over and over."""

    def __init__(self, folder: Path, environment: Mapping[str, str], counter: Counter) -> None:
        self._folder = folder
        self._environment = dict(environment)
        self._counter = counter
        self._job = folder / "job.py"
        self._job.write_text("import helper\nprint(helper.GREETING)\n", encoding="utf-8")
        (folder / "helper.py").write_text("GREETING = 'hello'\n", encoding="utf-8")

    def measure_unchanged(self) -> Pair:
        first = self._submit()
        key = self._record(first)["program"]["code"]["uri"].split("/", 3)[3]
        before = len(self._counter.calls)
        self._submit()
        self._show(before)
        bare = [sys.executable, "-c", _BARE, "selfserve-local", key, self._cluster_id(first)]
        return compare(self._submit, lambda: self._run(bare), rounds=_ROUNDS)

    def measure_one_changed_line(self) -> None:
        (self._folder / "requirements.txt").write_text(_BIG, encoding="utf-8")
        archive = self._record(self._submit())["program"]["dependencies"]
        print(f"  dependencies: {archive['size'] / 1e6:.0f} MB")
        self._job.write_text("import helper\nprint(helper.GREETING, 2)\n", encoding="utf-8")
        before = len(self._counter.calls)
        self._submit()
        sent = self._show(before)
        print(f"  one changed line: {sent} bytes sent   (aim: 100000 or less)\n")

    def _submit(self) -> str:
        command = [sys.executable, "-m", "selfserve", "submit", str(self._job), "-c", "busy", "-d"]
        return self._run(command).strip()

    def _run(self, command: list[str]) -> str:
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, env=self._environment
        )
        return done.stdout

    def _record(self, run_id: str) -> dict[str, dict[str, dict[str, str]]]:
        return dict(json.loads(self._result(run_id, "submission.json")))

    def _cluster_id(self, run_id: str) -> str:
        return str(json.loads(self._result(run_id, "placement.json"))["cluster_id"])

    def _result(self, run_id: str, name: str) -> str:
        lake = Path(self._environment["BENCH_LAKE"])
        return (lake / "selfserve-local" / "selfserve" / "runs" / run_id / name).read_text("utf-8")

    def _show(self, before: int) -> int:
        """Print what has been asked since, up to the step; returns the bytes sent to S3."""
        calls = self._counter.calls[before:]
        until = next(n for n, call in enumerate(calls) if call.operation == "AddJobFlowSteps")
        s3 = [call for call in calls[:until] if call.service == "s3"]
        emr = [call for call in calls[: until + 1] if call.service == "emr"]
        packages = sum(call.sent for call in s3 if "/packages/" in call.operation)
        print(f"  before the step is accepted: {len(s3)} S3 calls, {len(emr)} EMR call(s)")
        for call in (*s3, *emr):
            print(f"    {call.operation.split('?')[0]:<60.60} {call.sent:>8} bytes")
        print(f"  of packages, {packages} bytes were uploaded")
        return sum(call.sent for call in calls if call.service == "s3")


@contextlib.contextmanager
def _busy_cluster(scratch: Path) -> Iterator[_Bench]:
    real, seen = Home(scratch / "real"), Home(scratch / "seen")
    endpoint = daemon_client.ensure_running(real)
    try:
        with counting_proxy(int(endpoint.url.rpartition(":")[2])) as counter:
            environment = _environment(scratch, real, seen, counter.port)
            folder = scratch / "job"
            folder.mkdir()
            up = [sys.executable, "-m", "selfserve", "up", "spark-ml", "--name", "busy"]
            subprocess.run(up, check=True, capture_output=True, env=environment)
            _keep_busy(environment)
            yield _Bench(folder, environment, counter)
    finally:
        daemon_client.stop(real)


def _environment(scratch: Path, real: Home, seen: Home, port: int) -> dict[str, str]:
    """The same endpoint, as if it listened on the proxy's port."""
    endpoint = daemon_client.running(real)
    if endpoint is None:
        raise RuntimeError("the local endpoint has gone")
    seen.make()
    daemon = json.loads(real.daemon.read_text("utf-8"))
    seen.daemon.write_text(json.dumps({**daemon, "port": port}), "utf-8")
    (seen.root / "keys.json").write_bytes((real.root / "keys.json").read_bytes())
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {
        **kept,
        "SELFSERVE_LOCAL_HOME": str(seen.root),
        "SELFSERVE_CONFIG": str(scratch / "config.yaml"),
        "BENCH_LAKE": str(real.lake),
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": endpoint.access_key,
        "AWS_SECRET_ACCESS_KEY": endpoint.secret_key,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def _keep_busy(environment: Mapping[str, str]) -> None:
    script = """\
import boto3
emr = boto3.client("emr")
cluster = emr.list_clusters(ClusterStates=["WAITING"])["Clusters"][0]["Id"]
step = {"Jar": "command-runner.jar", "Args": ["bash", "-c", "sleep 1000000"]}
emr.add_job_flow_steps(JobFlowId=cluster, Steps=[
    {"Name": "busy", "ActionOnFailure": "CONTINUE", "HadoopJarStep": step}])
"""
    subprocess.run([sys.executable, "-c", script], check=True, env=dict(environment))


if __name__ == "__main__":
    main()
