"""Reading what a run has written: while it runs, afterwards, all of it or its end."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fakes import LIKE_EMR, list_nothing
from run_house import ERR, OUT, House
from selfserve.core.cluster import ClusterState, StepState
from selfserve.core.outcome import RunState
from selfserve.core.run import StreamName, placement_key
from selfserve.errors import BadInputError, NotFoundError
from selfserve.usecases.logs import show_output
from selfserve.usecases.progress import Note, Waiting
from selfserve.usecases.records.outcomes import RunRecord
from selfserve.usecases.records.runs import OutputTail, Run, find_run_id, last_lines

MANY = 300  # objects: more than are read ahead


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def logs(
    house: House, run: Run, *, stream: StreamName = OUT, **options: Any
) -> tuple[RunRecord, bytes]:
    """What `logs` shows of one stream, and how it says that the run stands."""
    house.emitted.clear()
    record = show_output(
        house.target, run.id, stream=stream, emit=house.emit, report=house.said.append, **options
    )
    return record, b"".join(chunk for _, chunk in house.emitted)


def test_logs_of_a_run_are_read_after_its_cluster_has_gone(house: House) -> None:
    run = house.submit()
    house.write(run, "stdout", 1, b"one\ntwo\n")
    house.write(run, "stdout", 2, b"three\n")
    house.write(run, "stderr", 1, b"oops\n")
    house.record(run)
    house.step(run, StepState.COMPLETED)
    house.backend.terminate([run.placement.cluster_id])

    record, written = logs(house, run)

    assert record.outcome.state is RunState.SUCCEEDED
    assert written == b"one\ntwo\nthree\n"
    assert logs(house, run, stream=ERR)[1] == b"oops\n"
    assert logs(house, run, tail=2)[1] == b"two\nthree\n"
    assert logs(house, run, tail=0)[1] == b""


def test_a_long_output_comes_whole_in_order_and_object_by_object(house: House) -> None:
    run = house.submit()
    bodies = [b"line %d\n" % number for number in range(MANY)]
    for number, body in enumerate(bodies, start=1):
        house.write(run, "stdout", number, body)

    _, written = logs(house, run)

    assert written == b"".join(bodies)
    assert [chunk for _, chunk in house.emitted] == bodies


def test_the_last_lines_of_a_long_output_are_read_from_its_end(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = house.submit()
    for number in range(1, MANY + 1):
        house.write(run, "stdout", number, b"line %d\nand more\n" % number)
    got: list[str] = []
    get = house.store.get

    def count_and_get(key: str) -> bytes | None:
        got.append(key)
        return get(key)

    monkeypatch.setattr(house.store, "get", count_and_get)
    output = OutputTail(house.store, run.id, OUT)

    assert output.read_last(3) == b"and more\nline 300\nand more\n"

    assert len(got) < 20
    assert list(output.read_new()) == []


@pytest.mark.parametrize(
    ("output", "lines", "expected"),
    [
        pytest.param(b"a\nb\nc\n", 2, b"b\nc\n", id="whole-lines"),
        pytest.param(b"a\nb\nc", 2, b"b\nc", id="last-line-without-end"),
        pytest.param(b"a\nb\n", 9, b"a\nb\n", id="fewer-than-asked-for"),
        pytest.param(b"a\n\n\n", 2, b"\n\n", id="empty-lines"),
        pytest.param(b"1%\r2%\r3%\nb\n", 1, b"b\n", id="a-progress-bar-is-one-line"),
        pytest.param(b"a\nb", 0, b"", id="none"),
        pytest.param(b"a\n", 0, b"", id="none-of-one"),
        pytest.param(b"", 3, b"", id="nothing-there"),
    ],
)
def test_last_lines(output: bytes, lines: int, expected: bytes) -> None:
    assert last_lines(output, lines) == expected


def test_followed_logs_go_on_from_the_last_lines(house: House) -> None:
    run = house.submit()
    house.write(run, "stdout", 1, b"one\ntwo\n")
    house.step(run, StepState.RUNNING)
    house.at_sleeps(
        lambda: house.write(run, "stderr", 1, b"not asked for\n"),
        lambda: house.write(run, "stdout", 2, b"three\n"),
        lambda: house.record(run),
        lambda: house.step(run, StepState.COMPLETED),
    )

    record, _ = logs(house, run, tail=1, keep_following=True)

    assert house.emitted == [(OUT, b"two\n"), (OUT, b"three\n")]
    assert record.outcome.state is RunState.SUCCEEDED


def test_followed_stderr_is_nothing_but_stderr(house: House) -> None:
    run = house.submit()
    house.step(run, StepState.RUNNING)
    house.at_sleeps(
        lambda: house.write(run, "stdout", 1, b"not asked for\n"),
        lambda: house.write(run, "stderr", 1, b"a warning\n"),
        lambda: house.record(run, exit_code=3),
        lambda: house.step(run, StepState.FAILED),
    )

    record, _ = logs(house, run, stream=ERR, keep_following=True)

    assert house.emitted == [(ERR, b"a warning\n")]
    assert (record.outcome.state, record.outcome.exit_code) == (RunState.FAILED, 3)


def test_followed_logs_that_were_killed_and_started_again_are_whole(house: House) -> None:
    run = house.submit()
    house.step(run, StepState.RUNNING)
    house.write(run, "stdout", 1, b"one\n")

    def press_ctrl_c() -> None:
        raise KeyboardInterrupt

    house.at_sleeps(lambda: house.write(run, "stdout", 2, b"two\n"), press_ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        logs(house, run, keep_following=True)
    house.at_sleeps(lambda: house.write(run, "stdout", 3, b"three\n"), lambda: house.succeed(run))

    _, written = logs(house, run, keep_following=True)

    assert written == b"one\ntwo\nthree\n"


def test_logs_follow_a_run_whose_cluster_is_starting(tmp_path: Path) -> None:
    house = House(tmp_path, kind="aws", on=None)
    house.backend.arrival = LIKE_EMR
    run = house.submit()
    house.at_sleeps(
        *[lambda: None] * 30,
        lambda: house.write(run, "stdout", 1, b"x"),
        lambda: house.succeed(run),
    )

    _, written = logs(house, run, keep_following=True)

    assert written == b"x"
    whats = [said.what for said in house.said if isinstance(said, Waiting)]
    assert any("STARTING" in what for what in whats)


def test_logs_follow_a_run_that_its_submitter_has_not_yet_placed(house: House) -> None:
    run = house.submit()
    placement = house.store.objects.pop(placement_key(run.id))
    list_steps = house.backend.list_steps
    house.backend.list_steps = list_nothing  # type: ignore[method-assign]

    def appear() -> None:
        house.backend.list_steps = list_steps  # type: ignore[method-assign]
        house.store.put(placement_key(run.id), placement)

    house.at_sleeps(lambda: None, appear, lambda: house.succeed(run))

    record, _ = logs(house, run, keep_following=True)

    assert record.outcome.state is RunState.SUCCEEDED
    assert any(
        isinstance(said, Waiting) and said.what == f"EMR to get run {run.id}" for said in house.said
    )


def test_followed_logs_of_a_run_that_is_over_end_at_once(house: House) -> None:
    run = house.submit()
    house.write(run, "stdout", 1, b"x")
    house.record(run, exit_code=1)
    house.step(run, StepState.FAILED)
    logs(house, run)
    house.backend.clock.slept.clear()

    record, written = logs(house, run, keep_following=True)

    assert (record.outcome.state, written) == (RunState.FAILED, b"x")
    assert house.backend.clock.slept == []


def test_the_output_of_sql_that_has_just_ended_is_waited_for(house: House) -> None:
    house.job = house.job.with_suffix(".sql")
    house.job.touch()
    run = house.submit()
    house.pass_step(run, StepState.RUNNING, StepState.COMPLETED)
    house.at_sleeps(
        lambda: None,
        lambda: house.step_log(run, "stdout", b"1\n42\n"),
        lambda: house.step_log(run, "controller", b"waitProcessCompletion ended with exit code 0"),
    )

    assert logs(house, run)[1] == b"1\n42\n"
    assert logs(house, run, tail=1)[1] == b"42\n"


def test_logs_of_sql_that_never_came_are_not_waited_for_later(house: House) -> None:
    house.job = house.job.with_suffix(".sql")
    house.job.touch()
    run = house.submit()
    house.pass_step(run, StepState.RUNNING, StepState.COMPLETED)
    house.backend.clock.sleep(timedelta(days=1))
    house.backend.clock.slept.clear()

    _, written = logs(house, run)

    assert written == b""
    assert house.backend.clock.slept == []
    assert any(isinstance(said, Note) and "has not copied" in said.text for said in house.said)


def test_the_step_log_of_a_cluster_that_emr_has_forgotten_is_still_found(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.job = house.job.with_suffix(".sql")
    house.job.touch()
    run = house.submit()
    house.pass_step(run, StepState.RUNNING, StepState.COMPLETED)
    house.step_log(run, "stdout", b"42\n")
    house.step_log(run, "controller", b"waitProcessCompletion ended with exit code 0")

    def forget(*_: object) -> Any:
        raise NotFoundError("Cluster id is not valid.", hint="selfserve status")

    monkeypatch.setattr(house.backend, "describe", forget)
    monkeypatch.setattr(house.backend, "describe_step", forget)

    record, written = logs(house, run)

    assert written == b"42\n"
    assert record.outcome.state is RunState.UNKNOWN


def test_a_python_job_that_died_before_the_runner_shows_the_steps_log(house: House) -> None:
    run = house.submit()
    house.pass_step(run, StepState.RUNNING, StepState.FAILED)
    house.step_log(run, "stderr", b"bad option\n")
    house.step_log(run, "controller", b"waitProcessCompletion ended with exit code 1")

    assert logs(house, run, stream=ERR)[1] == b"bad option\n"


def test_a_run_is_found_by_its_id_the_beginning_of_it_or_its_cluster(house: House) -> None:
    first = house.submit()
    house.backend.clock.sleep(timedelta(seconds=5))
    newest = house.submit()

    assert find_run_id(house.target, first.id) == first.id
    assert find_run_id(house.target, newest.id[:-2]) == newest.id
    assert find_run_id(house.target, "mine") == newest.id


def test_a_beginning_that_several_ids_have_is_refused(house: House) -> None:
    first = house.submit()
    house.backend.clock.sleep(timedelta(seconds=5))
    house.submit()

    with pytest.raises(BadInputError, match="2 runs begin with r-20261121-12") as refusal:
        find_run_id(house.target, "r-20261121-12")

    assert first.id in str(refusal.value)


@pytest.mark.parametrize("wanted", ["r-20251121-000000-ffffff", "r-2025112", "r-20251121"])
def test_an_id_that_no_run_has_is_not_found(house: House, wanted: str) -> None:
    house.submit()

    with pytest.raises(NotFoundError):
        show_output(house.target, find_run_id(house.target, wanted), stream=OUT, emit=house.emit)


def test_logs_of_a_cluster_without_runs_are_not_found(house: House) -> None:
    with pytest.raises(NotFoundError, match="has run no job"):
        find_run_id(house.target, "mine")


def test_a_cluster_that_never_came_up_has_no_log_to_wait_for(tmp_path: Path) -> None:
    house = House(tmp_path, on=None)
    run = house.submit()
    house.backend.move(
        run.placement.cluster_id, ClusterState.TERMINATED_WITH_ERRORS, reason="No capacity"
    )
    house.step(run, StepState.CANCELLED)

    record, written = logs(house, run)

    assert (record.outcome.state, written) == (RunState.NEVER_STARTED, b"")
    assert "No capacity" in record.outcome.reason
