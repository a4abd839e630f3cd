"""The history of runs: order, window, filters, and how little it asks of S3 and EMR."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fakes import NOON, FakeBackend, MemoryStore
from run_house import House
from selfserve.core.cluster import StepState
from selfserve.core.naming import run_prefix
from selfserve.core.outcome import RunOutcome, RunState, outcome_key
from selfserve.core.outcome_decision import RunFacts, decide_outcome
from selfserve.core.program import JobKind, Program
from selfserve.core.run import (
    Placement,
    RunResult,
    Submission,
    cancel_key,
    make_run_id,
    placement_key,
    submission_key,
)
from selfserve.core.run_json import from_json, to_json
from selfserve.errors import AwsError, NotFoundError
from selfserve.usecases.history import RunFilter, list_runs
from selfserve.usecases.progress import Note
from selfserve.usecases.records.outcomes import RunRecord, fetch_record
from selfserve.usecases.result import fetch_result
from selfserve.usecases.targets.target import Target
from targets import make_target

DAY = timedelta(days=1)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, kind="aws")


def submission(created: datetime, number: int = 0, **facts: Any) -> Submission:
    run_id = make_run_id(created, f"{number:06x}")
    made = Submission(
        run_id=run_id,
        program=Program(JobKind.PYTHON, "train.py", "s3://memory/driver.py"),
        args=(),
        flags=(),
        run_uri=f"s3://memory/{run_prefix(run_id)}",
        cluster="mine",
        is_transient=False,
        profile="small",
        owner="ada",
        created=created,
    )
    return replace(made, **facts)


def keep(store: MemoryStore, made: Submission, exit_code: int | None = 0) -> str:
    """Put a run into the store; with an exit code, one that is over and written down."""
    placement = Placement("j-OLD", f"s-{made.run_id}")
    store.put(submission_key(made.run_id), to_json(made))
    store.put(placement_key(made.run_id), to_json(placement))
    if exit_code is not None:
        result = RunResult(exit_code, started=made.created, ended=made.created + timedelta(hours=1))
        facts = RunFacts(submission=made, placement=placement, result=result)
        store.put(outcome_key(made.run_id), to_json(decide_outcome(facts)))
    return made.run_id


def ids(records: list[RunRecord]) -> list[str]:
    return [record.id for record in records]


def list_all(target: Target, limit: int = 20, **wanted: Any) -> list[RunRecord]:
    return list_runs(target, RunFilter(**wanted), limit=limit)


def test_runs_come_newest_first_and_no_more_than_asked_for() -> None:
    store = MemoryStore()
    made = [keep(store, submission(NOON - timedelta(minutes=n), n)) for n in range(100)]
    target = make_target(store=store)

    assert ids(list_all(target, limit=5)) == made[:5]
    assert ids(list_all(target, limit=200)) == made


def test_runs_of_the_window_are_listed_and_older_ones_are_not_even_read() -> None:
    store = MemoryStore()
    made = [keep(store, submission(NOON - DAY * n)) for n in range(20)]
    target = make_target(store=store)

    assert ids(list_all(target)) == made[:8]
    assert ids(list_all(target, since=DAY * 3)) == made[:4]
    assert ids(list_all(target, since=DAY * 30)) == made
    assert ids(list_all(target, since=DAY * 400_000)) == made
    assert ids(list_all(target, since=DAY * 999_999)) == made


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param({}, "abcd", id="everybodys"),
        pytest.param({"owner": "ada"}, "acd", id="owner"),
        pytest.param({"profile": "big"}, "c", id="profile"),
        pytest.param({"cluster": "mine"}, "abc", id="cluster-by-name"),
        pytest.param({"cluster": "j-OLD"}, "abcd", id="cluster-by-id"),
        pytest.param({"states": frozenset({RunState.FAILED})}, "b", id="state"),
        pytest.param(
            {"states": frozenset({RunState.FAILED, RunState.SUCCEEDED}), "owner": "ada"},
            "acd",
            id="states-and-owner",
        ),
        pytest.param({"owner": "nobody"}, "", id="nobodys"),
    ],
)
def test_filters(wanted: dict[str, Any], expected: str) -> None:
    store = MemoryStore()
    names = {
        keep(store, submission(NOON, 4)): "a",
        keep(store, submission(NOON, 3, owner="grace"), exit_code=1): "b",
        keep(store, submission(NOON, 2, profile="big")): "c",
        keep(store, submission(NOON, 1, cluster="other")): "d",
    }

    found = ids(list_all(make_target(store=store), **wanted))

    assert "".join(names[run_id] for run_id in found) == expected


def test_a_rare_state_is_found_however_far_back() -> None:
    store = MemoryStore()
    made = [
        keep(store, submission(NOON - timedelta(minutes=n), n), exit_code=int(n % 150 == 149))
        for n in range(400)
    ]

    found = list_all(make_target(store=store), states=frozenset({RunState.FAILED}))

    assert ids(found) == [made[149], made[299]]


def test_runs_that_are_written_down_cost_two_reads_each_and_nothing_of_emr(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store, backend = MemoryStore(), FakeBackend()
    for n in range(10):
        made = submission(NOON - timedelta(minutes=n), n)
        keep(store, made)
        for number in range(50):
            store.put(f"{run_prefix(made.run_id)}stdout/{number:06d}", b"x")
    reads: list[str] = []
    get = store.get

    def count_and_get(key: str) -> bytes | None:
        reads.append(key)
        return get(key)

    monkeypatch.setattr(store, "get", count_and_get)

    found = list_all(make_target(store=store, backend=backend, clock=backend.clock))

    assert len(found) == 10
    assert len(reads) == 20
    assert backend.calls == []


def test_open_runs_of_one_cluster_cost_one_listing_and_are_then_written_down(
    house: House,
) -> None:
    runs = [house.submit() for _ in range(6)]
    for run in runs[:5]:
        house.record(run, exit_code=0)
        house.pass_step(run, StepState.RUNNING, StepState.COMPLETED)
    house.backend.calls.clear()

    first = list_all(house.target)

    assert Counter(record.outcome.state for record in first) == {
        RunState.SUCCEEDED: 5,
        RunState.PENDING: 1,
    }
    assert house.backend.calls == ["list_steps"]
    house.backend.calls.clear()

    second = list_all(house.target)

    assert house.backend.calls == ["describe_step"]
    assert [record.outcome for record in second] == [record.outcome for record in first]


def test_a_result_that_comes_while_emr_is_asked_is_not_missed(house: House) -> None:
    run = house.submit()
    describe_step = house.backend.describe_step

    def end_meanwhile(cluster_id: str, step_id: str) -> Any:
        house.record(run, exit_code=3)
        house.step(run, StepState.FAILED)
        return describe_step(cluster_id, step_id)

    house.backend.describe_step = end_meanwhile  # type: ignore[method-assign]

    (record,) = list_all(house.target)

    assert record.outcome.reason == "it exited with code 3"
    stored = house.store.get(outcome_key(run.id))
    assert stored is not None
    assert from_json(RunOutcome, stored).exit_code == 3


def test_a_run_that_emr_has_forgotten_ends_as_its_result_says() -> None:
    store = MemoryStore()
    made = submission(NOON - DAY * 90)
    keep(store, made, exit_code=None)
    result = RunResult(0, started=made.created, ended=made.created + timedelta(hours=1))
    store.put(f"{run_prefix(made.run_id)}result.json", to_json(result))
    target = make_target(store=store)

    (record,) = list_all(target, since=DAY * 100)

    assert record.outcome.state is RunState.SUCCEEDED
    assert store.exists(outcome_key(made.run_id))


def test_a_run_just_submitted_is_not_searched_for(house: House) -> None:
    run = house.submit()
    del house.store.objects[placement_key(run.id)]
    house.backend.calls.clear()

    (record,) = list_all(house.target)

    assert record.outcome.state is RunState.SUBMITTED
    assert house.backend.calls == []


def test_a_run_that_should_long_be_somewhere_is_searched_for_once(house: House) -> None:
    run = house.submit()
    del house.store.objects[placement_key(run.id)]
    lost = submission(NOON, 1, cluster="gone")
    house.store.put(submission_key(lost.run_id), to_json(lost))
    house.backend.clock.sleep(timedelta(hours=2))

    states = {record.id: record.outcome.state for record in list_all(house.target)}

    assert states == {run.id: RunState.PENDING, lost.run_id: RunState.NEVER_STARTED}
    assert house.store.exists(placement_key(run.id))
    assert house.store.exists(outcome_key(lost.run_id))


def test_a_cancelled_run_that_nobody_watched_is_cancelled(house: House) -> None:
    run = house.submit()
    house.store.put(cancel_key(run.id), b"")
    house.record(run, exit_code=143, signal="SIGTERM")
    house.pass_step(run, StepState.RUNNING, StepState.CANCELLED)

    (record,) = list_all(house.target)

    assert record.outcome.state is RunState.CANCELLED


def test_a_record_of_another_version_hides_no_other_run() -> None:
    store, said = MemoryStore(), list[object]()
    run_id = keep(store, submission(NOON))
    store.put(submission_key(make_run_id(NOON, "ffffff")), b'{"run_id": "r-", "kind": "py"}')

    found = list_runs(make_target(store=store), RunFilter(), limit=20, report=said.append)

    assert ids(found) == [run_id]
    assert [said for said in said if isinstance(said, Note) and "ffffff is left out" in said.text]


def test_other_things_among_the_runs_are_passed_over() -> None:
    store = MemoryStore()
    run_id = keep(store, submission(NOON))
    store.put("selfserve/runs/readme/x", b"")
    store.put("selfserve/runs/r-20261121-999999/x", b"")

    assert ids(list_all(make_target(store=store))) == [run_id]


@pytest.mark.parametrize("key_of", [outcome_key, placement_key])
def test_who_may_not_write_is_told_all_the_same(house: House, key_of: Callable[[str], str]) -> None:
    run = house.submit()
    house.record(run)
    house.pass_step(run, StepState.RUNNING, StepState.COMPLETED)
    house.store.objects.pop(key_of(run.id), None)
    put = house.store.put

    def refuse(key: str, body: bytes, *, only_if_absent: bool = False) -> bool:
        if key == key_of(run.id):
            raise AwsError("AWS refused.", hint="Ask your administrator.")
        return put(key, body, only_if_absent=only_if_absent)

    house.store.put = refuse  # type: ignore[method-assign]

    record = fetch_record(house.target, run.id, report=house.said.append)

    assert record.outcome.state is RunState.SUCCEEDED
    assert any(isinstance(note, Note) and "written down" in note.text for note in house.said)


def test_an_outcome_is_written_once_and_never_changes(house: House) -> None:
    run = house.submit()
    house.record(run)
    house.pass_step(run, StepState.RUNNING, StepState.COMPLETED)
    first = fetch_record(house.target, run.id).outcome
    house.record(run, exit_code=1)

    again = fetch_record(house.target, run.id)

    assert again.outcome == first
    assert first.state is RunState.SUCCEEDED


def test_following_a_run_to_its_end_writes_its_outcome_down(house: House) -> None:
    run = house.submit()
    house.record(run)
    house.step(run, StepState.RUNNING, StepState.COMPLETED)

    finished = house.follow(run)

    body = house.store.get(outcome_key(run.id))
    assert body is not None
    assert from_json(RunOutcome, body) == finished.outcome


def test_a_result_is_waited_for_without_showing_output(house: House) -> None:
    run = house.submit()
    house.write(run, "stdout", 1, b"not wanted")
    house.at_sleeps(lambda: house.step(run, StepState.RUNNING), lambda: house.succeed(run))

    record = fetch_result(house.target, run.id, wait=True, report=house.said.append)

    assert record.outcome.state is RunState.SUCCEEDED
    assert house.emitted == []


def test_a_result_is_not_waited_for_unasked(house: House) -> None:
    run = house.submit()
    house.pass_step(run, StepState.RUNNING)
    house.backend.clock.slept.clear()

    assert fetch_result(house.target, "mine").outcome.state is RunState.RUNNING
    assert house.backend.clock.slept == []


def test_a_run_that_does_not_exist_has_no_result(house: House) -> None:
    with pytest.raises(NotFoundError, match="There is no run"):
        fetch_result(house.target, "r-20261121-000000-ffffff")
