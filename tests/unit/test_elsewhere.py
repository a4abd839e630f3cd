"""A run whose own cluster EC2 has no capacity for is placed on one that asks for other capacity."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fakes import LIKE_EMR
from run_house import House
from selfserve.core.attempts import MOST_ATTEMPTS
from selfserve.core.cluster import ClusterState, StepState
from selfserve.core.outcome import RunState
from selfserve.errors import ClusterFailedError, InterruptedByUserError
from selfserve.usecases.follow import FinishedRun
from selfserve.usecases.placement.placing import OnPrepared
from selfserve.usecases.progress import Note, Progress, Report
from selfserve.usecases.records.outcomes import failure_of, fetch_record
from selfserve.usecases.records.runs import Run, read_submission
from selfserve.usecases.submit import Job, submit
from selfserve.usecases.submit_and_follow import submit_and_follow

NO_CAPACITY = "We currently do not have sufficient capacity."


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path, kind="aws", on=None)
    house.backend.arrival = (ClusterState.STARTING,) * 2
    house.target = replace(house.target, subnets=("subnet-a", "subnet-b"))
    return house


def let_fail(
    house: House,
    failures: int,
    *,
    code: str = "INSTANCE_FLEET_TIMEOUT",
    step_path: tuple[StepState, ...] = (StepState.CANCELLED,),
) -> None:
    """As many clusters fail, one after another; the next does its step."""

    def act() -> None:
        newest = house.backend.list_clusters()[0]
        if not newest.state.is_starting:
            return
        (step,) = house.backend.list_steps(newest.id)
        if len(house.backend.launched) > failures:
            house.backend.move(newest.id, ClusterState.RUNNING)
            house.backend.move_step(newest.id, step.id, StepState.RUNNING, StepState.COMPLETED)
            return
        house.backend.move_step(newest.id, step.id, *step_path)
        for _ in step_path:
            house.backend.describe_step(newest.id, step.id)
        ended = ClusterState.TERMINATED_WITH_ERRORS
        house.backend.move(newest.id, ended, reason=NO_CAPACITY, reason_code=code)

    house.backend.clock.on_sleep.append(act)


def attend(house: House, tell: Callable[[Progress], None] | None = None) -> FinishedRun:
    def start(on_prepared: OnPrepared, report: Report) -> Run:
        return submit(
            house.target,
            Job(house.job),
            cluster=house.cluster,
            load_profile=lambda _: house.small,
            on_prepared=on_prepared,
            report=report,
        )

    return submit_and_follow(
        house.target, start, what="train.py", emit=house.emit, report=tell or house.said.append
    )


def test_the_run_is_repeated_in_the_other_zone_and_says_so(house: House) -> None:
    let_fail(house, 1)

    finished = attend(house)

    assert finished.outcome.state is RunState.SUCCEEDED
    assert [spec.subnets for spec in house.backend.launched] == [
        ("subnet-a", "subnet-b"),
        ("subnet-b",),
    ]
    notes = "\n".join(said.text for said in house.said if isinstance(said, Note))
    assert "Attempt 2 of 4: in subnet-b; EC2 had no capacity in subnet-a" in notes
    assert f"Run {finished.run.id} repeats " in notes


def test_the_second_run_says_which_it_repeats_and_where_it_is(house: House) -> None:
    let_fail(house, 1)

    finished = attend(house)

    record = fetch_record(house.target, finished.run.id)
    before = record.submission.repeats
    assert before is not None
    assert record.placement == finished.run.placement
    assert record.submission.cluster == finished.run.id
    assert fetch_record(house.target, before).outcome.state is RunState.NEVER_STARTED
    assert read_submission(house.target, before).program == record.submission.program


def test_each_cluster_lives_for_its_own_run_only(house: House) -> None:
    let_fail(house, 2)

    attend(house)

    names = [spec.name.name for spec in house.backend.launched]
    steps = [spec.steps[0].name for spec in house.backend.launched]
    assert len(set(names)) == len(names) == 3
    assert all(name in step for name, step in zip(names, steps, strict=True))
    assert not any(spec.keep_alive for spec in house.backend.launched)
    assert not any(cluster.state.is_live for cluster in house.backend.list_clusters())


def test_it_gives_up_after_the_last_attempt_with_emrs_reason(house: House) -> None:
    let_fail(house, 9)

    finished = attend(house)

    assert len(house.backend.launched) == MOST_ATTEMPTS
    failure = failure_of(finished.run.submission, finished.outcome, finished.cluster)
    assert isinstance(failure, ClusterFailedError)
    assert NO_CAPACITY in str(failure)


def test_a_job_that_has_begun_is_not_run_a_second_time(house: House) -> None:
    let_fail(house, 1, code="INSTANCE_FAILURE", step_path=(StepState.RUNNING, StepState.CANCELLED))

    attend(house)

    assert len(house.backend.launched) == 1


def test_a_cluster_that_died_of_something_else_is_not_tried_again(house: House) -> None:
    let_fail(house, 1, code="BOOTSTRAP_FAILURE")

    attend(house)

    assert len(house.backend.launched) == 1


def test_ctrl_c_during_the_second_attempt_leaves_nothing_behind(house: House) -> None:
    let_fail(house, 1)

    def interrupt(progress: Progress) -> None:
        if isinstance(progress, Note) and "repeats" in progress.text:
            raise KeyboardInterrupt

    with pytest.raises(InterruptedByUserError):
        attend(house, interrupt)

    assert len(house.backend.launched) == 2
    assert not any(cluster.state.is_live for cluster in house.backend.list_clusters())


def test_a_cluster_that_comes_up_is_asked_for_once(house: House) -> None:
    house.backend.arrival = LIKE_EMR
    let_fail(house, 0)

    attend(house)

    assert len(house.backend.launched) == 1
