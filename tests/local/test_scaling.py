"""A local cluster follows its load with real Workers: it grows, shrinks, and harms no executor."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local.engine_bench import PIN, TWO_WORKERS, eventually
from local.example_clusters import fleet_config, request
from selfserve.core.cluster import ClusterState, StepState
from selfserve.core.launch import NodeRole
from selfserve.local.api.describe_nodes import describe_fleet
from selfserve.local.control.controller import Controller
from selfserve.local.control.records import ClusterRecord, Json
from selfserve.local.control.store import Store
from selfserve.local.engine.processes import find_marked
from selfserve.local.engine.spark_engine import SparkEngine
from selfserve.local.lake.folders import Lake

pytestmark = [pytest.mark.spark, pytest.mark.xdist_group("engine")]

JOB = """
import os, pathlib, sys, time
from pyspark import SparkContext

go, folder = (pathlib.Path(path) for path in sys.argv[1:])

def work(number):
    (folder / f"{os.getppid()}-{number}").touch()
    while number == 0 and not go.exists():  # keeps its executor, so that the others must wait
        time.sleep(0.1)
    return number

context = SparkContext()
print("sum", context.parallelize(range(4), 4).map(work).sum())
"""
ONE_TO_TWO = {
    "ComputeLimits": {
        "UnitType": "InstanceFleetUnits",
        "MinimumCapacityUnits": 1,
        "MaximumCapacityUnits": 2,
    }
}


@dataclass
class QuickClock:
    """Runs ten times as fast as the wall's, so that Workers are idle for long soon."""

    started: float = field(default_factory=time.monotonic)

    def now(self) -> datetime:
        passed = timedelta(seconds=10 * (time.monotonic() - self.started))
        return datetime(2026, 11, 21, tzinfo=UTC) + passed


@dataclass
class House:
    """A controller and its engine, as the daemon puts them together."""

    home: Path
    controller: Controller

    def record(self, cluster_id: str) -> ClusterRecord:
        record = self.controller.get(cluster_id)
        assert record is not None
        assert record.state is not ClusterState.TERMINATING, record.reason
        return record

    def workers(self, cluster_id: str) -> set[str]:
        """Names of the Workers that have a process."""
        names = ("worker-1", "worker-2", "worker-3")
        return {name for name in names if find_marked(self.home, cluster_id, name)}

    def wait(self, cluster_id: str, what: str, holds: Callable[[ClusterRecord], bool]) -> None:
        eventually(lambda: holds(self.record(cluster_id)), what)


@contextmanager
def house_at(home: Path) -> Iterator[House]:
    clock, lake = QuickClock(), Lake(home / "lake")
    store = Store(home / "state.sqlite")
    controller = Controller(store, now=clock.now)
    engine = SparkEngine(
        home,
        lake,
        controller.notify,
        pin=lambda _: PIN,
        machine=lambda: TWO_WORKERS,
        now=clock.now,
    )
    controller.attach(engine)
    controller.recover()
    try:
        yield House(home, controller)
    finally:
        controller.close()
        engine.close()
        store.close()
        assert find_marked(home) == []


def asked(script: Path, *args: str) -> Json:
    """One core node, one or two workers."""
    spark_submit = ["spark-submit", "--conf", "spark.dynamicAllocation.executorIdleTimeout=1s"]
    step = {
        "Name": "job",
        "ActionOnFailure": "CONTINUE",
        "HadoopJarStep": {
            "Jar": "command-runner.jar",
            "Args": [*spark_submit, "--executor-memory", "512m", str(script), *args],
        },
    }
    wanted = request(step, ManagedScalingPolicy=ONE_TO_TWO, Applications=[{"Name": "Spark"}])
    wanted["Instances"]["InstanceFleets"] = [
        fleet_config("MASTER", on_demand=1),
        fleet_config("CORE", on_demand=1),
    ]
    return wanted


def test_work_that_waits_adds_a_worker_and_idleness_takes_it_away_again(tmp_path: Path) -> None:
    go, seen, script = tmp_path / "go", tmp_path / "seen", tmp_path / "job.py"
    seen.mkdir()
    script.write_text(JOB, encoding="utf-8")
    with house_at(tmp_path / "home") as house:
        cluster = house.controller.create(asked(script, str(go), str(seen))).id
        house.wait(cluster, "the step runs", lambda c: c.state is ClusterState.RUNNING)
        assert house.record(cluster).worker_count == 1

        eventually(lambda: len(house.workers(cluster)) == 2, "a second worker")
        eventually(lambda: len(executors(seen)) == 2, "tasks on both")
        house.wait(cluster, "the second has gone", lambda c: c.worker_count == 1)
        eventually(lambda: len(house.workers(cluster)) == 1, "its process, too")
        assert house.record(cluster).steps[0].state is StepState.RUNNING
        go.touch()
        house.wait(cluster, "the step is over", lambda c: c.steps[0].ended is not None)

        record = house.record(cluster)
        assert record.steps[0].state is StepState.COMPLETED
        folder = house.home / "clusters" / cluster / "steps" / record.steps[0].id
        assert "sum 6" in (folder / "stdout").read_text("utf-8")
        assert "Lost task" not in (folder / "stderr").read_text("utf-8")
        assert len(executors(seen)) == 2, "no executor was started in the place of a lost one"
        ended = [i for i in record.instances if i.role is NodeRole.CORE and i.ended]
        assert len(ended) == 1
        fleet = describe_fleet(record, record.groups[1])
        assert (fleet["TargetOnDemandCapacity"], fleet["ProvisionedOnDemandCapacity"]) == (1, 1)


def executors(seen: Path) -> set[str]:
    """Process ids of the executors' Python daemons that have run a task."""
    return {path.name.partition("-")[0] for path in seen.iterdir()}
