"""`submit` and `logs`: streams kept apart, exit codes, JSON; on targets in memory."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from fakes import FakeBackend, MemoryStore
from selfserve.core.cluster import StepState
from selfserve.core.run import run_id_of_step
from targets import FakeTargets, make_target

Run = Callable[..., Result]

FAILED = {
    "exit_code": 1,
    "signal": None,
    "exception": {"type": "ValueError", "message": "no ratings", "traceback": "Traceback …"},
    "application_id": "app-1",
    "started": "2026-11-21T12:00:00+00:00",
    "ended": "2026-11-21T12:01:00+00:00",
}
SUCCEEDED = {**FAILED, "exit_code": 0, "exception": None}


@pytest.fixture
def targets() -> FakeTargets:
    """A target whose steps stay pending until a test lets them end."""
    backend = FakeBackend(step_path=(StepState.PENDING,))
    return FakeTargets(make_target(backend=backend, clock=backend.clock))


@pytest.fixture
def job(folder: Path) -> str:
    (folder / "train.py").write_text("print('hello')")
    return "train.py"


def let_the_job_end(targets: FakeTargets, **result: object) -> None:
    """At the follower's first sleep the runner has done its work."""
    target = targets.target
    assert isinstance(target.backend, FakeBackend)
    assert isinstance(target.store, MemoryStore)
    backend, store = target.backend, target.store

    def end() -> None:
        (cluster,) = backend.list_clusters()
        (step,) = backend.list_steps(cluster.id)
        prefix = f"selfserve/runs/{run_id_of_step(step.name)}"
        store.put(f"{prefix}/stdout/000001", b"RMSE 0.9\xff\n")
        store.put(f"{prefix}/stderr/000001", b"a warning\n")
        store.put(f"{prefix}/result.json", json.dumps(result).encode())
        ending = StepState.FAILED if result["exit_code"] else StepState.COMPLETED
        backend.move_step(cluster.id, step.id, StepState.RUNNING, ending)

    backend.clock.on_sleep.append(end)


def test_submit_keeps_the_jobs_streams_apart_byte_for_byte(
    run: Run, targets: FakeTargets, job: str
) -> None:
    let_the_job_end(targets, **SUCCEEDED)

    done = run("submit", job, "-c", "small")

    assert done.exit_code == 0
    assert done.stdout_bytes == b"RMSE 0.9\xff\n"
    assert "a warning" in done.stderr
    assert "succeeded in 1m, Spark application app-1" in done.stderr


def test_submit_exits_with_5_when_the_job_fails(run: Run, targets: FakeTargets, job: str) -> None:
    let_the_job_end(targets, **FAILED)

    done = run("submit", job, "-c", "small")

    assert done.exit_code == 5
    assert "error: train.py failed: ValueError: no ratings" in done.stderr
    assert "hint: Read its output again: selfserve logs r-" in done.stderr


def test_submit_with_json_leaves_stdout_to_the_document(
    run: Run, targets: FakeTargets, job: str
) -> None:
    let_the_job_end(targets, **FAILED)

    done = run("submit", job, "-c", "small", "-o", "json", "--", "--rank", "10")

    document = json.loads(done.stdout)
    assert done.exit_code == 5
    assert document["args"] == ["--rank", "10"]
    assert document["result"]["exit_code"] == 1
    assert document["result"]["exception"]["type"] == "ValueError"
    assert document["cluster"] == document["run_id"]
    assert "RMSE" in done.stderr


def test_detached_submit_prints_the_runs_id_and_nothing_else_on_stdout(run: Run, job: str) -> None:
    done = run("submit", job, "-c", "small", "-d")

    (line,) = done.stdout.splitlines()
    assert run_id_of_step(line) == line
    assert f"selfserve logs {line} -f" in done.stderr


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        pytest.param(("missing.py",), 2, "There is no missing.py in", id="missing"),
        pytest.param(("cluster_profiles",), 2, "has no __main__.py", id="folder"),
        pytest.param(("train.py", "--conf", "a"), 2, "'a' is not KEY=VALUE", id="conf"),
        pytest.param(("train.py", "-c", "smal"), 4, "Neither a running cluster", id="cluster"),
        pytest.param(("train.py", "--rank", "3"), 2, "--rank", id="job-option-before-the-dashes"),
    ],
)
def test_submit_refuses_bad_input_with_a_hint(
    run: Run, job: str, args: tuple[str, ...], code: int, message: str
) -> None:
    assert job

    done = run("submit", *args)

    assert done.exit_code == code
    assert message in done.stderr
    assert "hint:" in done.stderr
    assert done.stdout == ""


def test_logs_shows_one_stream_and_how_the_run_ended(
    run: Run, targets: FakeTargets, job: str
) -> None:
    let_the_job_end(targets, **FAILED)
    run_id = json.loads(run("submit", job, "-c", "small", "-o", "json").stdout)["run_id"]

    stdout = run("logs", run_id)
    stderr = run("logs", run_id, "--stderr", "--tail", "1")
    document = json.loads(run("logs", run_id, "-o", "json").stdout)

    assert stdout.stdout_bytes == b"RMSE 0.9\xff\n"
    assert "failed after 1m, Spark application app-1: ValueError: no ratings." in stdout.stderr
    assert stderr.stdout == "a warning\n"
    assert document["stdout"] == "RMSE 0.9\ufffd\n"
    assert document["result"]["signal"] is None


def test_logs_of_nothing_is_not_found(run: Run) -> None:
    for wanted in ("r-20261121-120000-ffffff", "nothing"):
        done = run("logs", wanted)

        assert done.exit_code == 4
        assert "hint:" in done.stderr


def test_arguments_without_a_separator_are_refused_before_anything_is_started(
    run: Run, targets: FakeTargets, job: str
) -> None:
    done = run("submit", job, "-c", "small", "-d", "DAY=1")

    assert done.exit_code == 2
    assert "hint: Write: selfserve submit train.py -- DAY=1" in done.stderr
    assert targets.target.backend.list_clusters() == []


def test_an_option_of_the_job_before_the_separator_is_explained(run: Run, job: str) -> None:
    done = run("submit", job, "--rank", "10")

    assert done.exit_code == 2
    assert "Arguments of the job itself go after --" in done.stderr


def test_logs_of_a_run_without_a_result_say_what_emr_knows(run: Run, job: str) -> None:
    run_id = run("submit", job, "-c", "small", "-d").stdout.strip()

    done = run("logs", run_id)

    assert done.exit_code == 0
    assert f"Run {run_id} is PENDING." in done.stderr


def test_hints_stay_on_the_target_that_the_user_gave(run: Run, job: str) -> None:
    done = run("submit", job, "-c", "small", "-d", "--on", "aws")

    assert "-f --on aws" in done.stderr
