"""The controller: decide, save, then act; and what a crash between them leaves."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local.example_clusters import NOON, minutes, request, step_config, step_states
from local.fake_engine import HOLD, FakeEngine
from selfserve.core.cluster import ClusterState, StepState
from selfserve.errors import NotFoundError, RefusedByPolicyError
from selfserve.local.control.controller import RETENTION, Controller
from selfserve.local.control.creation import new_steps
from selfserve.local.control.events import (
    CapacityRequested,
    EngineFailed,
    EngineStopped,
    SettingsChanged,
    StepExited,
    StepsAdded,
    StepsCancelRequested,
    TerminateRequested,
)
from selfserve.local.control.records import ClusterRecord
from selfserve.local.control.store import Store, StoreError

DEADLINE_S = 60.0


class SettableClock:
    """Tells the time that the test sets."""

    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> datetime:
        return self.time


class FailingStore(Store):
    """A store whose disk is full while `is_full`."""

    is_full = False

    def save(self, record: ClusterRecord) -> None:
        if self.is_full:
            raise StoreError("database or disk is full", hint="selfserve local reset")
        super().save(record)


class House:
    """A controller with its store and a fake engine, on one database file."""

    def __init__(self, path: Path, **engine: Any) -> None:
        self.store = FailingStore(path)
        self.clock = SettableClock()
        self.controller = Controller(
            self.store, now=self.clock, tick_interval=timedelta(milliseconds=5)
        )
        self.engine = FakeEngine(self.controller.notify, **engine)
        self.controller.attach(self.engine)
        self.controller.recover()

    def cluster(self, cluster_id: str) -> ClusterRecord:
        found = self.controller.get(cluster_id)
        assert found is not None
        return found

    def calls(self, method: str) -> list[str]:
        return [subject for called, subject in self.engine.calls if called == method]


@contextmanager
def opened(path: Path, **engine: Any) -> Iterator[House]:
    house = House(path, **engine)
    try:
        yield house
    finally:
        house.controller.close()
        house.store.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


def wait_until(is_true: Callable[[], bool]) -> None:
    """Look again and again, without a sleep of a fixed length, until a generous deadline."""
    pause = threading.Event()
    deadline = datetime.now(UTC) + timedelta(seconds=DEADLINE_S)
    while not is_true():
        assert datetime.now(UTC) < deadline, "waited in vain"
        pause.wait(0.002)


def test_a_transient_cluster_runs_its_steps_and_ends(path: Path) -> None:
    with opened(path) as house:
        made = house.controller.create(
            request(step_config("a"), step_config("b"), keep_alive=False)
        )

        cluster = house.cluster(made.id)
        assert cluster.state is ClusterState.TERMINATED
        assert step_states(cluster) == [StepState.COMPLETED] * 2
        a, b = (step.id for step in cluster.steps)
        assert house.engine.calls[1:] == [
            ("start_cluster", made.id),
            ("start_step", a),
            ("start_step", b),
            ("stop_cluster", made.id),
        ]
        assert not house.controller.has_live_clusters()


def test_the_caller_of_create_gets_the_cluster_as_it_was_made(path: Path) -> None:
    with opened(path) as house:
        made = house.controller.create(request())

        assert made.state is ClusterState.STARTING
        assert house.cluster(made.id).state is ClusterState.WAITING


def test_a_change_is_on_disk_before_the_engine_hears_of_it(path: Path) -> None:
    seen: list[list[ClusterState]] = []

    class Looking(FakeEngine):
        def start_cluster(self, cluster: ClusterRecord) -> None:
            seen.append([saved.state for saved in house.store.load_all()])
            super().start_cluster(cluster)

        def stop_cluster(self, cluster: ClusterRecord) -> None:
            seen.append([saved.state for saved in house.store.load_all()])
            super().stop_cluster(cluster)

    with opened(path) as house:
        house.controller.attach(Looking(house.controller.notify))
        made = house.controller.create(request())
        house.controller.apply(made.id, TerminateRequested())

    assert seen == [[ClusterState.STARTING], [ClusterState.TERMINATING]]


def test_memory_and_disk_agree(path: Path) -> None:
    with opened(path) as house:
        made = house.controller.create(request(step_config()))
        house.controller.apply(made.id, SettingsChanged({"tags": {"a": "b"}}))

        assert house.store.load_all() == house.controller.all()


def test_what_is_asked_of_an_unknown_cluster_is_not_found(path: Path) -> None:
    with opened(path) as house:
        with pytest.raises(NotFoundError, match="j-NONE"):
            house.controller.apply("j-NONE", TerminateRequested())
        assert house.controller.get("j-NONE") is None


def test_the_engine_may_talk_of_clusters_long_forgotten(path: Path) -> None:
    with opened(path) as house:
        house.controller.notify("j-NONE", EngineStopped())

        assert house.controller.all() == []


def test_added_steps_run_in_order(path: Path) -> None:
    with opened(path) as house:
        made = house.controller.create(request())
        steps = new_steps([step_config("a"), step_config("b")], now=NOON)
        house.controller.apply(made.id, StepsAdded(steps))

        assert house.calls("start_step") == [step.id for step in steps]


def test_an_event_can_be_chosen_by_the_present_record_or_refused(path: Path) -> None:
    def refuse(cluster: ClusterRecord) -> TerminateRequested:
        raise RefusedByPolicyError(f"{cluster.id} is protected", hint="unprotect it")

    def add_tag(name: str) -> Callable[[ClusterRecord], SettingsChanged]:
        return lambda cluster: SettingsChanged({"tags": {**cluster.tags, name: "1"}})

    with opened(path) as house:
        made = house.controller.create(request())
        threads = [
            threading.Thread(target=house.controller.apply_to, args=(made.id, add_tag(str(n))))
            for n in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with pytest.raises(RefusedByPolicyError):
            house.controller.apply_to(made.id, refuse)

        assert house.cluster(made.id).tags == {str(n): "1" for n in range(8)}
        assert house.cluster(made.id).state is ClusterState.WAITING


def test_clusters_made_at_once_from_many_threads_are_all_there(path: Path) -> None:
    with opened(path) as house:
        asked = request(step_config("a"), step_config("b"), keep_alive=False)
        threads = [
            threading.Thread(target=house.controller.create, args=(asked,)) for _ in range(16)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wait_until(lambda: not house.controller.has_live_clusters())

        clusters = house.controller.all()
        assert len({cluster.id for cluster in clusters}) == 16
        for cluster in clusters:
            steps = [step.id for step in cluster.steps]
            own = [s for m, s in house.engine.calls if s == cluster.id or s in steps]
            assert own == [cluster.id, *steps, cluster.id]


def test_effects_of_one_cluster_keep_their_order_whoever_carries_them_out(path: Path) -> None:
    entered, go_on = threading.Event(), threading.Event()

    class Slow(FakeEngine):
        def start_cluster(self, cluster: ClusterRecord) -> None:
            entered.set()
            go_on.wait(DEADLINE_S)
            super().start_cluster(cluster)

    with opened(path) as house:
        engine = Slow(house.controller.notify)
        house.controller.attach(engine)
        creating = threading.Thread(target=house.controller.create, args=(request(),))
        creating.start()
        assert entered.wait(DEADLINE_S)
        (cluster,) = house.controller.all()

        house.controller.apply(cluster.id, TerminateRequested())  # returns though start is busy
        assert engine.calls == []
        go_on.set()
        creating.join()

        assert engine.calls == [("start_cluster", cluster.id), ("stop_cluster", cluster.id)]
        assert house.cluster(cluster.id).state is ClusterState.TERMINATED


def test_cancelling_and_killing_a_stubborn_step(path: Path) -> None:
    with opened(path, exit_code=HOLD, heeds_cancel=False) as house:
        made = house.controller.create(request(step_config()))
        step = made.steps[0].id
        house.controller.apply(made.id, StepsCancelRequested((step,)))
        assert step_states(house.cluster(made.id)) == [StepState.CANCEL_PENDING]

        house.controller.apply(made.id, StepsCancelRequested((step,), force=True))

        assert step_states(house.cluster(made.id)) == [StepState.CANCELLED]
        assert (house.calls("cancel_step"), house.calls("kill_step")) == ([step], [step])


def test_a_resize_reaches_the_engine(path: Path) -> None:
    with opened(path) as house:
        made = house.controller.create(request())
        house.controller.apply(made.id, CapacityRequested(made.groups[2].id, None, 4))

        assert house.engine.worker_counts == {made.id: 6}


def test_a_start_that_fails_ends_the_cluster_with_its_reason(path: Path) -> None:
    with opened(path, start_failure=EngineFailed("No Java 17.", "BOOTSTRAP_FAILURE")) as house:
        cluster = house.cluster(house.controller.create(request(step_config())).id)

        assert cluster.state is ClusterState.TERMINATED_WITH_ERRORS
        assert (cluster.reason_code, cluster.reason) == ("BOOTSTRAP_FAILURE", "No Java 17.")
        assert step_states(cluster) == [StepState.CANCELLED]


@pytest.mark.parametrize("method", ["start_cluster", "start_step"])
def test_an_engine_that_raises_leaves_nobody_waiting(
    path: Path, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(path, raises={method: OSError("no space")}) as house:
        asked = request(step_config(on_failure="TERMINATE_CLUSTER"))
        cluster = house.cluster(house.controller.create(asked).id)

        assert cluster.state is ClusterState.TERMINATED_WITH_ERRORS
    assert "no space" in caplog.text


def test_an_engine_that_cannot_stop_leaves_the_cluster_terminating(path: Path) -> None:
    with opened(path, raises={"stop_cluster": OSError("stuck")}) as house:
        made = house.controller.create(request(keep_alive=False))

        assert house.cluster(made.id).state is ClusterState.TERMINATING
        assert house.controller.has_live_clusters()

    with opened(path) as house:
        assert house.cluster(made.id).state is ClusterState.TERMINATED


def test_an_idle_cluster_ends_when_the_ticker_finds_it(path: Path) -> None:
    with opened(path) as house:
        made = house.controller.create(request(AutoTerminationPolicy={"IdleTimeout": 600}))
        house.controller.start()
        house.clock.time = minutes(10)

        wait_until(lambda: house.cluster(made.id).state is ClusterState.TERMINATED)


def test_a_full_disk_refuses_what_is_asked_and_nothing_has_happened(path: Path) -> None:
    with opened(path) as house:
        made = house.controller.create(request())
        house.store.is_full = True
        with pytest.raises(StoreError):
            house.controller.create(request())
        with pytest.raises(StoreError):
            house.controller.apply(made.id, TerminateRequested())

        assert [cluster.state for cluster in house.controller.all()] == [ClusterState.WAITING]
        assert house.calls("start_cluster") == [made.id]
        assert house.calls("stop_cluster") == []


def test_what_happened_while_the_disk_was_full_is_told_when_it_is_not(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(path, exit_code=HOLD) as house:
        made = house.controller.create(request(step_config("a"), step_config("b")))
        a, b = (step.id for step in made.steps)
        house.store.is_full = True
        house.engine.finish_step(made.id, a, 0)
        house.controller.tick()
        with pytest.raises(StoreError):
            house.cluster(made.id)  # what could be shown is not true any more
        assert house.calls("start_step") == [a]
        assert caplog.text.count("disk is full") == 1

        house.store.is_full = False
        house.controller.tick()

        assert step_states(house.cluster(made.id)) == [StepState.COMPLETED, StepState.RUNNING]
        assert house.calls("start_step") == [a, b]


def test_nothing_happens_after_close(path: Path) -> None:
    with opened(path, exit_code=HOLD) as house:
        made = house.controller.create(request(step_config()))
        house.controller.start()
        house.controller.close()
        house.controller.notify(made.id, StepExited(made.steps[0].id, 0))

        assert house.store.load_all()[0].steps[0].state is StepState.RUNNING
        assert "ticker" not in {thread.name for thread in threading.enumerate()}


def test_five_hundred_clusters_are_listed_ticked_and_loaded(path: Path) -> None:
    with opened(path) as house:
        for _ in range(500):
            house.controller.create(request(AutoTerminationPolicy={"IdleTimeout": 600}))
        house.controller.tick()
        before = house.controller.all()

    with opened(path) as house:
        assert house.controller.all() == before
        assert len(before) == 500


# What a killed daemon leaves. `crashed` makes the store say what had been decided, while the
# engine has done nothing of it: the moment between saving and acting.


def crashed(path: Path, *changes: Any, asked: dict[str, Any] | None = None) -> ClusterRecord:
    """Save what these events make of a cluster, carrying none of the effects out."""
    with opened(path, exit_code=HOLD, holds_stop=True) as house:
        made = house.controller.create(asked or request(step_config("a"), step_config("b")))
        house.engine.calls.clear()
        for change in changes:
            house.controller.apply(made.id, change(made))
        return house.cluster(made.id)


def test_a_stop_that_was_cut_off_is_done_after_a_restart(path: Path) -> None:
    before = crashed(path, lambda _: TerminateRequested())

    with opened(path) as house:
        assert house.calls("recover") == house.calls("stop_cluster") == [before.id]
        after = house.cluster(before.id)
    assert after.state is ClusterState.TERMINATED
    assert step_states(after) == [StepState.INTERRUPTED, StepState.CANCELLED]


def test_a_step_that_never_started_fails_and_the_next_one_runs(path: Path) -> None:
    before = crashed(path)
    first, second = (step.id for step in before.steps)

    with opened(path, recovers=lambda _: [(before.id, StepExited(first, None))]) as house:
        assert house.calls("start_step") == [second]
        assert step_states(house.cluster(before.id)) == [StepState.FAILED, StepState.COMPLETED]


def test_a_cluster_whose_processes_died_with_the_daemon_ends_with_a_reason(path: Path) -> None:
    before = crashed(path)
    died = EngineFailed("The daemon was killed.", "INSTANCE_FAILURE")

    with opened(path, recovers=lambda _: [(before.id, died)]) as house:
        assert house.calls("stop_cluster") == [before.id]
        after = house.cluster(before.id)
    assert after.state is ClusterState.TERMINATED_WITH_ERRORS
    assert (after.reason_code, after.reason) == ("INSTANCE_FAILURE", "The daemon was killed.")
    assert step_states(after) == [StepState.INTERRUPTED, StepState.CANCELLED]


def test_a_cluster_found_dead_is_stopped_once(path: Path) -> None:
    before = crashed(path)
    died = EngineFailed("The daemon was killed.")

    with opened(path, holds_stop=True, recovers=lambda _: [(before.id, died)]) as house:
        assert house.calls("stop_cluster") == [before.id]
        assert house.cluster(before.id).state is ClusterState.TERMINATING


def test_a_cancellation_that_was_cut_off_is_signalled_after_a_restart(path: Path) -> None:
    def cancel(made: ClusterRecord) -> StepsCancelRequested:
        return StepsCancelRequested((made.steps[0].id,))

    with opened(path, exit_code=HOLD, heeds_cancel=False) as house:
        made = house.controller.create(request(step_config("a")))
        house.controller.apply(made.id, cancel(made))

    with opened(path) as house:
        assert house.calls("cancel_step") == [made.steps[0].id]


def test_a_resize_that_was_cut_off_is_done_after_a_restart(path: Path) -> None:
    before = crashed(path, lambda made: CapacityRequested(made.groups[2].id, None, 4))

    with opened(path) as house:
        assert house.engine.worker_counts == {before.id: 6}


def test_clusters_that_are_gone_are_listed_but_not_recovered(path: Path) -> None:
    with opened(path) as house:
        gone = house.controller.create(request(keep_alive=False))

    with opened(path) as house:
        assert house.calls("recover") == [""]
        assert [cluster.id for cluster in house.controller.all()] == [gone.id]


def test_clusters_that_ended_two_months_ago_are_forgotten(path: Path) -> None:
    with opened(path) as house:
        long_ago = house.controller.create(request(keep_alive=False))
        record = house.cluster(long_ago.id)
        recent = replace(record, id="j-RECENT", ended=minutes(1))
        house.store.save(replace(record, ended=minutes(-1) - RETENTION))
        house.store.save(recent)

    with opened(path) as house:
        assert house.controller.all() == [recent]
