"""The daemon is killed with -9; the next one finds the truth."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from local.engine_bench import (
    cluster,
    engine_at,
    eventually,
    run_step,
    spark_step,
    stdout_of,
    up,
)
from selfserve.core.cluster import StepState
from selfserve.local.control.events import EngineFailed, EngineReady, EngineStopped
from selfserve.local.control.records import StepRecord
from selfserve.local.engine.cluster_folder import ClusterFolder
from selfserve.local.engine.processes import Marker, end, find_marked, spawn

TESTS = Path(__file__).parents[1]
COUNT = """
from pyspark.sql import SparkSession
print("counted", SparkSession.builder.getOrCreate().range(5).count())
"""
Stray = Callable[..., int]


@pytest.fixture
def stray(tmp_path: Path) -> Iterator[Stray]:
    """Leaves a process behind, as a killed daemon does, and returns its id."""
    left = []

    def leave(cluster_id: str, process: str, folder: Path | None = None) -> int:
        folder = folder or tmp_path / "clusters" / cluster_id / process
        marker = Marker(tmp_path, cluster_id, process)
        argv = ["sleep", "600"]
        left.append(spawn(folder, argv, env=dict(os.environ), cwd=tmp_path, marker=marker))
        eventually(lambda: len(find_marked(tmp_path, cluster_id, process)) == 2, "it runs")
        return left[-1].pid

    yield leave
    end(lambda: find_marked(tmp_path), grace_s=0)
    assert not any(process.is_alive() for process in left)


def waits_for(file: Path, step_id: str, then: str) -> StepRecord:
    script = f"echo begun; while [ ! -e '{file}' ]; do sleep 0.1; done; {then}"
    return run_step("sh", "-c", script, step_id=step_id)


@contextmanager
def killed_daemon(home: Path, *steps: StepRecord) -> Iterator[None]:
    """Inside, a daemon has started a cluster and these steps, and was killed."""
    told = [json.dumps([step.id, step.args]) for step in steps]
    command = [sys.executable, "-m", "local.doomed_daemon", str(home), *told]
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as daemon:
        assert daemon.stdout is not None
        try:
            assert daemon.stdout.readline() == "up\n"
            for step in steps:
                folder = ClusterFolder(home, "j-TEST").step(step.id)
                eventually((folder / "pid.json").exists, f"{step.id} runs")
        finally:
            daemon.kill()
    try:
        yield
    finally:
        end(lambda: find_marked(home), grace_s=0)


@pytest.mark.spark
def test_a_running_cluster_and_its_steps_are_adopted(tmp_path: Path) -> None:
    home, go, earlier = tmp_path / "home", tmp_path / "go", tmp_path / "earlier"
    running = waits_for(go, "s-RUNNING", "exit 3")
    ended = waits_for(earlier, "s-ENDED", "exit 4")
    record = up(cluster(), running, ended)
    with killed_daemon(home, running, ended):
        earlier.touch()
        eventually((ClusterFolder(home, record.id).step("s-ENDED") / "exit").exists, "it ended")
        with engine_at(home) as (engine, events):
            engine.recover([record])
            assert events.exit_of(ended).exit_code == 4
            go.touch()
            assert events.exit_of(running).exit_code == 3

            later = spark_step(tmp_path, COUNT, "s-LATER")
            engine.start_step(record, later)

            assert events.exit_of(later).exit_code == 0
            assert "counted 5" in stdout_of(home, record, later)
            engine.stop_cluster(record)
            events.wait(EngineStopped)
            assert find_marked(home) == []


@pytest.mark.spark
def test_a_cluster_that_was_starting_is_started_again(tmp_path: Path, stray: Stray) -> None:
    half_started = stray("j-TEST", "master")
    with engine_at(tmp_path) as (engine, events):
        engine.recover([cluster()])

        events.wait(EngineReady)

        assert half_started not in {process.pid for process in find_marked(tmp_path)}


def test_processes_of_no_live_cluster_are_ended(tmp_path: Path, stray: Stray) -> None:
    stray("j-FORGOTTEN", "worker-1")
    with engine_at(tmp_path) as (engine, _):
        engine.recover([])

        eventually(lambda: find_marked(tmp_path) == [], "the stray is gone")


def test_a_cluster_whose_master_died_meanwhile_has_failed(tmp_path: Path, stray: Stray) -> None:
    stray("j-TEST", "worker-1")
    with engine_at(tmp_path) as (engine, events):
        engine.recover([up(cluster())])

        assert "Master died" in events.wait(EngineFailed).message
        eventually(lambda: find_marked(tmp_path) == [], "its worker is gone")


def test_a_step_whose_shell_was_killed_ends_without_an_exit_code(
    tmp_path: Path, stray: Stray
) -> None:
    step = run_step("sleep", "600", step_id="s-LOST")
    folder = ClusterFolder(tmp_path, "j-TEST").step(step.id)
    stray("j-TEST", "step-s-LOST", folder)
    end(lambda: find_marked(tmp_path), grace_s=0)
    (folder / "exit").unlink()
    with engine_at(tmp_path) as (engine, events):
        engine.recover([up(cluster(), step)])

        exited = events.exit_of(step)

    assert exited.exit_code is None
    assert "not known" in (exited.message or "")


def test_a_step_cancelled_before_it_began_is_told_as_over(tmp_path: Path) -> None:
    step = replace(run_step("true"), state=StepState.CANCEL_PENDING)
    with engine_at(tmp_path) as (engine, events):
        engine.recover([up(cluster(), step)])

        assert events.exit_of(step).exit_code is None
