"""Run one step for real, without a cluster: Spark's own local master, a lake, a runtime."""

import os
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psutil

from homes import QUICK_JVM
from selfserve.core.cluster import ClusterState, StepState
from selfserve.local.control.records import ClusterRecord, StepRecord
from selfserve.local.lake.folders import Lake
from selfserve.local.runtime.install import Runtime, ensure_runtime
from selfserve.local.steps.command import StepContext
from selfserve.local.steps.files import prepare
from selfserve.local.steps.plan import plan_step

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DEADLINE_S = 600


def pinned_runtime() -> Runtime:
    """The Spark of the shipped profiles; installed if this machine has not got it yet."""
    return ensure_runtime("3.5.8", "3.11", print)


def cluster_record(*applications: str) -> ClusterRecord:
    quick = {"Classification": "spark-defaults", "Properties": QUICK_JVM}
    return ClusterRecord(
        id="j-1",
        request={
            "Applications": [{"Name": name} for name in applications],
            "Configurations": [quick],
        },
        name="test",
        release="emr-7.14.0",
        state=ClusterState.WAITING,
        created=NOON,
    )


def step_record(*args: str) -> StepRecord:
    return StepRecord(
        id="s-1",
        name="test",
        jar="command-runner.jar",
        args=args,
        action_on_failure="CONTINUE",
        state=StepState.RUNNING,
        created=NOON,
    )


@dataclass
class StepBench:
    """A home with a lake; each step has a folder of its own."""

    home: Path
    runtime: Runtime
    metastore_uri: str | None = None
    endpoint_env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.lake = Lake(self.home / "lake")
        self.lake.ensure_bucket("bucket")

    def put(self, uri: str, text: str) -> None:
        """Store a text object."""
        path = self.lake.path_of(uri)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def run(self, name: str, *args: str) -> "subprocess.CompletedProcess[str]":
        """Plan, prepare and run a step to its end."""
        command = plan_step(step_record(*args), self.context(self.home / "steps" / name))
        prepare(command, self.lake)
        return subprocess.run(
            command.argv,
            env=command.env,
            cwd=command.cwd,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )

    def context(self, work_dir: Path) -> StepContext:
        work_dir.mkdir(parents=True, exist_ok=True)
        return StepContext(
            cluster=cluster_record("Spark", "Hive"),
            spark_home=self.runtime.spark_home,
            python=self.runtime.python,
            java_home=self.runtime.java_home,
            master_url="local[2]",
            secret="test-secret",
            spark=self.runtime.version,
            workers=1,
            most_workers=1,
            worker_cores=2,
            worker_memory_mib=1024,
            driver_memory_mib=1024,
            work_dir=work_dir,
            lake_conf=self.lake.spark_conf(),
            warehouse="s3://bucket/warehouse",
            endpoint_env=self.endpoint_env,
            base_env={"PATH": os.environ["PATH"], "HOME": str(self.home)},
            metastore_uri=self.metastore_uri,
        )


def listening_addresses(pid: int) -> set[str]:
    """Where a process and its descendants listen."""
    root = psutil.Process(pid)
    found = set()
    for process in [root, *root.children(recursive=True)]:
        for connection in process.net_connections("inet"):
            if connection.status == psutil.CONN_LISTEN:
                found.add(connection.laddr.ip.removeprefix("::ffff:"))
    return found
