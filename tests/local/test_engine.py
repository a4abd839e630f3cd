"""The engine with real Spark: one cluster for the module, and what goes wrong beside it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest

from local.engine_bench import (
    CANNOT_RUN,
    Events,
    cluster,
    engine_at,
    eventually,
    published,
    run_step,
    spark_step,
    stdout_of,
    up,
)
from selfserve.core.launch import NodeRole
from selfserve.local.control.events import (
    EngineFailed,
    EngineProgress,
    EngineProvisioned,
    EngineReady,
    EngineStopped,
)
from selfserve.local.control.records import ClusterRecord, StepRecord
from selfserve.local.engine.processes import find_marked
from selfserve.local.engine.spark_engine import SparkEngine

pytestmark = [pytest.mark.spark, pytest.mark.xdist_group("engine")]

SUM_OF_SQUARES = """
import os, sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
hosts = spark.sparkContext.range(0, 8, numSlices=8).map(lambda _: os.getppid()).distinct()
print("sum", spark.range(1000).selectExpr("sum(id * id)").first()[0])
print("python workers outside of the driver", os.getpid() not in hosts.collect())
"""
HOLD_AN_EXECUTOR = """
import time
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
print("holding", spark.sparkContext.parallelize(range(8), 8).map(lambda n: n).count(), flush=True)
time.sleep(600)
"""


@dataclass
class Running:
    """A cluster that is up."""

    home: Path
    engine: SparkEngine
    events: Events
    record: ClusterRecord


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("engine") / "a home"  # as on macOS: a space in the path
    record = cluster()
    with engine_at(home) as (engine, events):
        engine.start_cluster(record)
        events.wait(EngineReady)
        yield Running(home, engine, events, up(record))


def test_a_cluster_is_provisioned_before_it_is_ready(running: Running) -> None:
    kinds = [type(event) for _, event in running.events.seen]

    assert kinds.index(EngineProvisioned) < kinds.index(EngineReady)
    assert any(
        "carries 2 of 3 workers" in event.message
        for _, event in running.events.seen
        if isinstance(event, EngineProgress)
    )


def test_a_python_job_computes_on_the_workers(running: Running, tmp_path: Path) -> None:
    step = spark_step(tmp_path, SUM_OF_SQUARES, "s-SUM")

    running.engine.start_step(running.record, step)

    assert running.events.exit_of(step).exit_code == 0
    said = stdout_of(running.home, running.record, step)
    assert "sum 332833500" in said
    assert "outside of the driver True" in said
    assert published(running.home, running.record, step, "stdout") == said


def test_a_failing_job_keeps_its_exit_code(running: Running, tmp_path: Path) -> None:
    step = spark_step(tmp_path, "import sys; sys.exit(7)", "s-SEVEN")

    running.engine.start_step(running.record, step)

    assert running.events.exit_of(step).exit_code == 7


def test_a_job_killed_by_a_signal_has_a_negative_exit_code(running: Running) -> None:
    step = run_step("sh", "-c", "kill -KILL $$", step_id="s-KILLED")

    running.engine.start_step(running.record, step)

    exited = running.events.exit_of(step)
    assert exited.exit_code == -9
    assert exited.message == "The step was ended by SIGKILL."


def test_nothing_listens_beyond_the_loopback_while_a_job_runs(
    running: Running, tmp_path: Path
) -> None:
    step = spark_step(tmp_path, HOLD_AN_EXECUTOR, "s-HOLD")
    running.engine.start_step(running.record, step)
    eventually(lambda: "holding" in _stdout(running, step), "the job runs")

    listening = {
        connection.laddr.ip
        for process in find_marked(running.home)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN or not connection.raddr
    }
    running.engine.cancel_step(running.record, step, force=False)

    assert listening
    assert listening <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    exited = running.events.exit_of(step)
    assert exited.exit_code not in {0, None}


def test_a_step_that_ignores_sigterm_is_ended_by_force(running: Running) -> None:
    step = run_step(
        "sh", "-c", "trap '' TERM; echo on; while :; do sleep 1; done", step_id="s-DEAF"
    )
    running.engine.start_step(running.record, step)
    eventually(lambda: "on" in _stdout(running, step), "the step runs")

    running.engine.cancel_step(running.record, step, force=True)

    assert running.events.exit_of(step).exit_code == -9


def test_what_a_step_leaves_running_ends_with_it(running: Running) -> None:
    step = run_step("sh", "-c", "setsid sleep 600 & echo started", step_id="s-LEAVES")

    running.engine.start_step(running.record, step)

    assert running.events.exit_of(step).exit_code == 0
    assert find_marked(running.home, running.record.id, "step-s-LEAVES") == []


def test_a_program_that_does_not_exist_is_a_failed_step(running: Running) -> None:
    step = run_step("/no/such/program", step_id="s-MISSING")

    running.engine.start_step(running.record, step)

    assert running.events.exit_of(step).exit_code == 127


def test_a_step_that_cannot_be_planned_says_why(running: Running) -> None:
    step = run_step(CANNOT_RUN, step_id="s-REFUSED")

    running.engine.start_step(running.record, step)

    exited = running.events.exit_of(step)
    assert exited.exit_code == 1
    assert "no such thing" in (exited.message or "")
    assert "no such thing" in published(running.home, running.record, step, "controller")


def test_a_worker_that_dies_is_replaced(running: Running) -> None:
    before = _pids(running, "worker-1")
    for pid in before:
        psutil.Process(pid).kill()

    eventually(lambda: _pids(running, "worker-1") - before, "another worker")

    assert _pids(running, "master")


def test_a_cluster_can_shrink(running: Running) -> None:
    running.engine.resize_cluster(_with_workers(running.record, 1))

    eventually(lambda: not _pids(running, "worker-2"), "the second worker is gone")

    assert _pids(running, "worker-1")


def test_secrets_are_readable_by_the_user_only(running: Running) -> None:
    folder = running.home / "clusters" / running.record.id

    assert folder.stat().st_mode & 0o077 == 0
    assert (folder / "conf" / "spark-defaults.conf").stat().st_mode & 0o077 == 0
    for process in find_marked(running.home):
        assert "authenticate.secret" not in " ".join(process.cmdline())


def test_a_dead_master_fails_the_cluster_and_stopping_leaves_nothing(tmp_path: Path) -> None:
    record = cluster("j-DIES")
    with engine_at(tmp_path) as (engine, events):
        engine.start_cluster(record)
        events.wait(EngineReady)
        for process in find_marked(tmp_path, record.id, "master"):
            process.kill()

        assert "Master died" in events.wait(EngineFailed).message
        engine.stop_cluster(record)
        events.wait(EngineStopped)

        assert find_marked(tmp_path) == []
        assert not (tmp_path / "clusters" / record.id / "scratch").exists()
        assert not (tmp_path / "clusters" / record.id / "conf").exists()


def test_stopping_cuts_a_start_short(tmp_path: Path) -> None:
    record = cluster("j-SHORT")
    with engine_at(tmp_path) as (engine, events):
        engine.start_cluster(record)
        events.wait(EngineProvisioned)

        engine.stop_cluster(record)
        events.wait(EngineStopped)

        assert not any(isinstance(event, EngineReady | EngineFailed) for _, event in events.seen)
        assert find_marked(tmp_path) == []


def _stdout(running: Running, step: StepRecord) -> str:
    try:
        return stdout_of(running.home, running.record, step)
    except FileNotFoundError:
        return ""


def _pids(running: Running, process: str) -> set[int]:
    return {found.pid for found in find_marked(running.home, running.record.id, process)}


def _with_workers(record: ClusterRecord, count: int) -> ClusterRecord:
    primary = [i for i in record.instances if i.role is NodeRole.PRIMARY]
    workers = [i for i in record.instances if i.role is not NodeRole.PRIMARY]
    return replace(record, instances=(*primary, *workers[:count]))
