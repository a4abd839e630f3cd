"""Following a run: output in order, every kind of end, and leaving early."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fakes import LIKE_EMR
from run_house import ERR, OUT, House
from selfserve.core.cluster import ClusterState, StepState
from selfserve.core.resolve import Resolved
from selfserve.errors import (
    ClusterFailedError,
    InterruptedByUserError,
    JobFailedError,
)
from selfserve.usecases.follow import FinishedRun
from selfserve.usecases.placement.placing import OnPrepared
from selfserve.usecases.progress import Note, Progress, Report, Waiting
from selfserve.usecases.records.outcomes import failure_of
from selfserve.usecases.records.runs import Run
from selfserve.usecases.submit import Job, submit
from selfserve.usecases.submit_and_follow import submit_and_follow


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_output_is_passed_on_in_order_byte_for_byte_and_once(house: House) -> None:
    run = house.submit()
    house.step(run, StepState.RUNNING)
    house.write(run, "stdout", 1, b"one\n\xff")
    house.at_sleeps(
        lambda: house.write(run, "stdout", 2, b"two\n"),
        lambda: house.write(run, "stderr", 1, b"oops\n"),
        lambda: house.write(run, "stdout", 3, b"three"),
        lambda: house.record(run),
        lambda: house.step(run, StepState.COMPLETED),
    )

    outcome = house.follow(run)

    assert house.emitted == [
        (OUT, b"one\n\xff"),
        (OUT, b"two\n"),
        (ERR, b"oops\n"),
        (OUT, b"three"),
    ]
    assert outcome.result is not None
    assert outcome.result.exit_code == 0
    raise_for_failure(outcome)


def test_output_written_with_the_end_of_the_step_is_not_missed(house: House) -> None:
    run = house.submit()
    house.step(run, StepState.RUNNING)

    def end() -> None:
        house.write(run, "stdout", 1, b"all at once")
        house.record(run)
        house.step(run, StepState.COMPLETED)

    house.at_sleeps(end)

    house.follow(run)

    assert house.emitted == [(OUT, b"all at once")]


def test_waiting_is_explained_until_the_first_output(tmp_path: Path) -> None:
    house = House(tmp_path, kind="aws", on=None)
    house.backend.arrival = LIKE_EMR
    run = house.submit()
    house.at_sleeps(
        lambda: house.step(run, StepState.RUNNING),
        *[lambda: None] * 20,
        lambda: house.write(run, "stdout", 1, b"x"),
        *[lambda: None] * 20,
        lambda: house.succeed(run),
    )

    house.follow(run)

    whats = [said.what for said in house.said if isinstance(said, Waiting)]
    assert "STARTING" in whats[0]
    assert "the first output of train.py" in whats


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        pytest.param(
            {
                "exit_code": 1,
                "exception": {"type": "ValueError", "message": "no ratings\nmore", "traceback": ""},
            },
            "train.py failed: ValueError: no ratings",
            id="exception",
        ),
        pytest.param(
            {
                "exit_code": 1,
                "exception": {
                    "type": "pyspark.errors.exceptions.captured.PythonException",
                    "message": "\n  An exception was thrown from the Python worker.\nTraceback",
                    "traceback": "",
                },
                "java_exception": "org.apache.spark.api.python.PythonException: KeyError: 'Alien'",
            },
            "train.py failed: KeyError: 'Alien'",
            id="exception-in-a-task",
        ),
        pytest.param(
            {
                "exit_code": 1,
                "exception": {
                    "type": "py4j.protocol.Py4JJavaError",
                    "message": "An error occurred while calling o31.parquet.\n: java.io.IOEx",
                    "traceback": "",
                },
                "java_exception": "java.io.IOException: No space left on device",
            },
            "train.py failed: java.io.IOException: No space left on device",
            id="exception-in-java",
        ),
        pytest.param({"exit_code": 3}, "train.py failed: it exited with code 3", id="exit-code"),
        pytest.param(
            {
                "exit_code": 1,
                "exception": {"type": "SystemExit", "message": "no ratings", "traceback": ""},
            },
            "train.py failed: it exited with code 1",
            id="exit-with-a-text",
        ),
        pytest.param(
            {"exit_code": 139, "signal": "SIGSEGV"},
            "train.py failed: it was killed by SIGSEGV",
            id="signal",
        ),
        pytest.param(
            {"exit_code": 137, "signal": "SIGKILL"},
            "train.py failed: it was killed by SIGKILL; most often it ran out of memory",
            id="out-of-memory",
        ),
    ],
)
def test_a_job_that_failed_says_why(house: House, facts: dict[str, Any], message: str) -> None:
    run = house.submit()
    house.record(run, **facts)
    house.step(run, StepState.FAILED)

    with pytest.raises(JobFailedError) as failure:
        raise_for_failure(house.follow(run))

    assert str(failure.value) == message
    assert failure.value.job_exit_code == facts["exit_code"]
    assert f"selfserve logs {run.id}" in failure.value.hint


def test_a_job_that_failed_before_the_runner_began_shows_the_steps_own_log(house: House) -> None:
    run = house.submit()
    house.step(run, StepState.RUNNING, StepState.FAILED)
    house.step_log(run, "stderr", b"bad option\n")
    house.at_sleeps(
        *[lambda: None] * 10,
        lambda: house.step_log(
            run, "controller", b"INFO waitProcessCompletion ended with exit code 1\n"
        ),
    )

    with pytest.raises(JobFailedError):
        raise_for_failure(house.follow(run))

    assert house.emitted == [(ERR, b"bad option\n")]


def test_the_output_of_sql_comes_from_the_steps_log(house: House) -> None:
    house.job = house.job.with_suffix(".sql")
    house.job.touch()
    run = house.submit()
    house.step(run, StepState.RUNNING, StepState.COMPLETED)
    house.step_log(run, "stdout", b"42\n")
    house.step_log(run, "controller", b"INFO waitProcessCompletion ended with exit code 0\n")

    raise_for_failure(house.follow(run))

    assert house.emitted == [(OUT, b"42\n")]


def test_logs_that_do_not_come_are_named_and_not_waited_for_for_ever(house: House) -> None:
    house.job = house.job.with_suffix(".sql")
    house.job.touch()
    run = house.submit()
    house.step(run, StepState.RUNNING, StepState.COMPLETED)

    raise_for_failure(house.follow(run))

    assert any(isinstance(said, Note) and "emr-logs" in said.text for said in house.said)


def test_a_cluster_that_could_not_start_is_the_clusters_failure(tmp_path: Path) -> None:
    house = House(tmp_path, on=None)
    house.backend.arrival = LIKE_EMR
    run = house.submit()
    cluster_id = run.placement.cluster_id

    def fail() -> None:
        house.backend.move(
            cluster_id, ClusterState.TERMINATED_WITH_ERRORS, reason="No capacity for r7g.2xlarge"
        )
        house.step(run, StepState.CANCELLED)

    house.at_sleeps(fail)

    with pytest.raises(ClusterFailedError, match="No capacity"):
        raise_for_failure(house.follow(run))


def test_a_cancelled_run_says_so(house: House) -> None:
    run = house.submit()
    house.record(run, exit_code=143, signal="SIGTERM")
    house.step(run, StepState.CANCELLED)

    with pytest.raises(JobFailedError, match=r"train\.py was cancelled"):
        raise_for_failure(house.follow(run))


def test_a_lost_cluster_is_the_clusters_failure(house: House) -> None:
    run = house.submit()
    house.step(run, StepState.RUNNING, StepState.INTERRUPTED)

    with pytest.raises(ClusterFailedError, match="was lost"):
        raise_for_failure(house.follow(run))


def test_a_cluster_of_its_own_is_gone_when_the_run_is_over(tmp_path: Path) -> None:
    house = House(tmp_path, on=None)
    run = house.submit()
    house.write(run, "stdout", 1, b"x")
    house.record(run)
    house.step(run, StepState.RUNNING, StepState.COMPLETED)

    house.follow(run)

    assert house.backend.describe(run.placement.cluster_id).state is ClusterState.TERMINATED


def test_ctrl_c_cancels_the_step_and_leaves_the_named_cluster(house: House) -> None:
    house.at_sleeps(lambda: None, press_ctrl_c)

    with pytest.raises(InterruptedByUserError, match="is cancelled") as interruption:
        attend(house)

    (cluster,) = house.backend.list_clusters()
    (step,) = house.backend.list_steps(cluster.id)
    assert step.state is StepState.CANCELLED
    assert cluster.state.is_live
    assert "selfserve logs r-" in interruption.value.hint
    assert any(key.endswith("/cancel") for key in house.store.objects)


def test_ctrl_c_ends_a_cluster_of_its_own(tmp_path: Path) -> None:
    house = House(tmp_path, on=None)
    house.at_sleeps(lambda: None, press_ctrl_c)

    with pytest.raises(InterruptedByUserError, match="is cancelled"):
        attend(house)

    (cluster,) = house.backend.list_clusters()
    assert cluster.state is ClusterState.TERMINATED


def test_a_second_ctrl_c_leaves_at_once_with_the_command_that_finishes(tmp_path: Path) -> None:
    house = House(tmp_path, on=None)
    house.at_sleeps(lambda: None, press_ctrl_c)

    def report(progress: Progress) -> None:
        if isinstance(progress, Note) and "Cancelling" in progress.text:
            press_ctrl_c()

    with pytest.raises(InterruptedByUserError, match="left at once") as interruption:
        attend(house, report)

    assert "selfserve down r-" in interruption.value.hint


def test_ctrl_c_while_emr_is_asked_ends_the_cluster_that_came_of_it(tmp_path: Path) -> None:
    house = House(tmp_path, on=None)
    launch = house.backend.launch

    def launch_and_interrupt(spec: Any) -> str:
        launch(spec)
        raise KeyboardInterrupt

    house.backend.launch = launch_and_interrupt  # type: ignore[method-assign]

    with pytest.raises(InterruptedByUserError):
        attend(house)

    (cluster,) = house.backend.list_clusters()
    assert cluster.state is ClusterState.TERMINATED


def raise_for_failure(finished: FinishedRun) -> None:
    """What `submit` ends with."""
    failure = failure_of(finished.run.submission, finished.outcome, finished.cluster)
    if failure is not None:
        raise failure


def press_ctrl_c() -> None:
    raise KeyboardInterrupt


def attend(house: House, report: Callable[[Progress], None] | None = None) -> FinishedRun:
    def load(_: str) -> Resolved:
        return house.small

    def start(on_prepared: OnPrepared, tell: Report) -> Run:
        return submit(
            house.target,
            Job(house.job),
            cluster=house.cluster,
            load_profile=load,
            on_prepared=on_prepared,
            report=tell,
        )

    tell = report or house.said.append
    return submit_and_follow(house.target, start, what="train.py", emit=house.emit, report=tell)
