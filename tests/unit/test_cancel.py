"""Cancelling runs: running, waiting, over, somebody else's, and on clusters of their own."""

from pathlib import Path

import pytest

from fakes import LIKE_EMR, list_nothing
from run_house import House
from selfserve.core.cluster import ClusterState, StepState
from selfserve.core.outcome import RunState, outcome_key
from selfserve.core.run import cancel_key, placement_key
from selfserve.errors import NotFoundError, RefusedByPolicyError
from selfserve.usecases.cancel import Cancelled, cancel_run
from selfserve.usecases.progress import Note
from selfserve.usecases.records.outcomes import fetch_record
from selfserve.usecases.records.runs import Run
from targets import make_target


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def cancel(house: House, run: Run, *, everyone: bool = False) -> Cancelled:
    return cancel_run(house.target, run.id, everyone=everyone, report=house.said.append)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param((), id="waiting-for-its-turn"),
        pytest.param((StepState.RUNNING,), id="running"),
    ],
)
def test_a_run_is_cancelled_and_its_cluster_stays(
    house: House, path: tuple[StepState, ...]
) -> None:
    run = house.submit()
    house.pass_step(run, *path)

    cancelled = cancel(house, run)

    outcome = cancelled.record.outcome
    assert (outcome.state, outcome.reason) == (RunState.CANCELLED, "it was cancelled")
    assert not cancelled.was_over
    (cluster,) = house.backend.list_clusters()
    assert cluster.state.is_live
    assert house.store.exists(cancel_key(run.id))
    assert house.store.exists(outcome_key(run.id))


def test_a_run_that_the_runner_ends_is_cancelled_and_not_killed_by_sigterm(
    tmp_path: Path,
) -> None:
    house = House(tmp_path, kind="aws")
    run = house.submit()
    house.pass_step(run, StepState.RUNNING)
    house.at_sleeps(lambda: house.record(run, exit_code=143, signal="SIGTERM"))

    record = cancel(house, run).record

    assert (record.outcome.state, record.outcome.exit_code) == (RunState.CANCELLED, 143)
    assert fetch_record(house.target, run.id).outcome == record.outcome


@pytest.mark.parametrize(
    "arrival", [pytest.param((ClusterState.WAITING,), id="up"), pytest.param(LIKE_EMR, id="coming")]
)
def test_a_cluster_of_its_own_ends_with_the_run(
    tmp_path: Path, arrival: tuple[ClusterState, ...]
) -> None:
    house = House(tmp_path, kind="aws", on=None)
    house.backend.arrival = arrival
    run = house.submit()

    record = cancel(house, run).record

    assert record.outcome.state is RunState.CANCELLED
    (cluster,) = house.backend.list_clusters()
    assert cluster.state is ClusterState.TERMINATED


def test_cancelling_twice_changes_nothing(house: House) -> None:
    run = house.submit()
    first = cancel(house, run)
    house.backend.calls.clear()

    again = cancel(house, run)

    assert again.was_over
    assert again.record.outcome == first.record.outcome
    assert house.backend.calls == []


def test_a_run_that_has_succeeded_stays_so(house: House) -> None:
    run = house.submit()
    house.record(run)
    house.pass_step(run, StepState.RUNNING, StepState.COMPLETED)

    cancelled = cancel(house, run)

    assert cancelled.was_over
    assert cancelled.record.outcome.state is RunState.SUCCEEDED
    assert not house.store.exists(cancel_key(run.id))


def test_a_run_that_succeeds_before_it_can_be_cancelled_has_succeeded(house: House) -> None:
    run = house.submit()
    house.pass_step(run, StepState.RUNNING)
    cancel_steps = house.backend.cancel_steps

    def finish_first(cluster_id: str, step_ids: list[str]) -> None:
        house.record(run)
        house.pass_step(run, StepState.COMPLETED)
        cancel_steps(cluster_id, step_ids)

    house.backend.cancel_steps = finish_first  # type: ignore[method-assign, assignment]

    cancelled = cancel(house, run)

    assert cancelled.record.outcome.state is RunState.SUCCEEDED


def test_somebody_elses_run_needs_to_be_asked_for(house: House) -> None:
    run = house.submit()
    grace = make_target(
        user="grace", backend=house.backend, store=house.store, clock=house.backend.clock
    )

    with pytest.raises(RefusedByPolicyError, match="belongs to ada") as refusal:
        cancel_run(grace, run.id)

    assert f"selfserve cancel {run.id} --everyone" in refusal.value.hint
    assert fetch_record(grace, run.id).outcome.state is RunState.PENDING
    assert cancel_run(grace, run.id, everyone=True).record.outcome.state is RunState.CANCELLED


def test_a_run_that_emr_never_got_is_marked_in_case_it_yet_does(house: House) -> None:
    run = house.submit()
    del house.store.objects[placement_key(run.id)]
    house.backend.list_steps = list_nothing  # type: ignore[method-assign]

    record = cancel(house, run).record

    assert record.outcome.state is RunState.CANCELLING
    assert house.store.exists(cancel_key(run.id))


def test_a_run_whose_place_was_never_written_down_is_found_and_cancelled(house: House) -> None:
    run = house.submit()
    del house.store.objects[placement_key(run.id)]

    record = cancel(house, run).record

    assert record.outcome.state is RunState.CANCELLED
    assert record.placement == run.placement


def test_a_step_that_does_not_end_is_named_and_not_waited_for_for_ever(house: House) -> None:
    run = house.submit()
    house.pass_step(run, StepState.RUNNING)
    house.backend.cancel_steps = lambda *_: None  # type: ignore[method-assign]

    record = cancel(house, run).record

    assert record.outcome.state is RunState.CANCELLING
    assert not house.store.exists(outcome_key(run.id))
    assert any(isinstance(said, Note) and "has not ended yet" in said.text for said in house.said)


def test_a_run_that_does_not_exist_is_not_found(house: House) -> None:
    with pytest.raises(NotFoundError, match="no run r-20261121-000000-ffffff"):
        cancel_run(house.target, "r-20261121-000000-ffffff")
