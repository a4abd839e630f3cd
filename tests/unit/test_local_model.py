"""The cluster's own states: one row a transition."""

from dataclasses import replace
from datetime import timedelta
from typing import get_args

import pytest

from local.example_clusters import (
    bootstrapping,
    gone,
    minutes,
    new_step,
    starting,
    step_config,
    step_states,
    terminating,
    up,
)
from selfserve.core.cluster import ClusterState, StepState
from selfserve.local.control.events import (
    CancelStep,
    CapacityRequested,
    Effect,
    EngineFailed,
    EngineProgress,
    EngineProvisioned,
    EngineReady,
    EngineStopped,
    Event,
    LoadSeen,
    ResizeEngine,
    SettingsChanged,
    StartStep,
    StepExited,
    StepsAdded,
    StepsCancelRequested,
    StopEngine,
    TerminateRequested,
    Tick,
)
from selfserve.local.control.load import Load
from selfserve.local.control.model import advance, effects_after_restart
from selfserve.local.control.records import ClusterRecord

WITH_STEP = step_config()
S = ClusterState
FIRST = up(WITH_STEP).steps[0].id

STOP = (StopEngine(),)


@pytest.mark.parametrize(
    ("cluster", "event", "state", "code", "effects"),
    [
        pytest.param(
            starting(), EngineProgress("Installing Spark"), S.STARTING, None, (), id="progress"
        ),
        pytest.param(
            starting(), EngineProvisioned(), S.BOOTSTRAPPING, None, (), id="starting-ends"
        ),
        pytest.param(
            bootstrapping(), EngineReady(), S.WAITING, None, (), id="nothing-to-do-so-it-waits"
        ),
        pytest.param(
            starting(), EngineReady(), S.WAITING, None, (), id="ready-without-provisioned"
        ),
        pytest.param(
            bootstrapping(WITH_STEP),
            EngineReady(),
            S.RUNNING,
            None,
            (StartStep(FIRST),),
            id="first-step-starts",
        ),
        pytest.param(
            bootstrapping(keep_alive=False),
            EngineReady(),
            S.TERMINATING,
            "ALL_STEPS_COMPLETED",
            STOP,
            id="transient-without-steps-ends-at-once",
        ),
        pytest.param(
            up(WITH_STEP),
            StepExited(FIRST, 0),
            S.WAITING,
            None,
            (),
            id="last-step-done-so-it-waits",
        ),
        pytest.param(
            up(WITH_STEP, keep_alive=False),
            StepExited(FIRST, 0),
            S.TERMINATING,
            "ALL_STEPS_COMPLETED",
            STOP,
            id="transient-ends-after-its-last-step",
        ),
        pytest.param(
            up(WITH_STEP, keep_alive=False, protected=True),
            StepExited(FIRST, 0),
            S.TERMINATING,
            "ALL_STEPS_COMPLETED",
            STOP,
            id="protection-does-not-hold-a-transient-cluster",
        ),
        pytest.param(
            up(WITH_STEP, keep_alive=False),
            StepExited(FIRST, 1),
            S.TERMINATING,
            "ALL_STEPS_COMPLETED",
            STOP,
            id="a-failed-CONTINUE-step-is-no-failed-cluster",
        ),
        pytest.param(
            starting(), TerminateRequested(), S.TERMINATING, "USER_REQUEST", STOP, id="end-starting"
        ),
        pytest.param(
            up(), TerminateRequested(), S.TERMINATING, "USER_REQUEST", STOP, id="end-waiting"
        ),
        pytest.param(
            up(WITH_STEP),
            TerminateRequested(),
            S.TERMINATING,
            "USER_REQUEST",
            STOP,
            id="end-running",
        ),
        pytest.param(
            bootstrapping(),
            EngineFailed("no Java", code="BOOTSTRAP_FAILURE"),
            S.TERMINATING,
            "BOOTSTRAP_FAILURE",
            STOP,
            id="cannot-start",
        ),
        pytest.param(
            up(protected=True),
            EngineFailed("the Master died", code="INSTANCE_FAILURE"),
            S.TERMINATING,
            "INSTANCE_FAILURE",
            STOP,
            id="a-lost-master-ends-even-a-protected-cluster",
        ),
        pytest.param(
            up(),
            EngineFailed("odd", code="USER_REQUEST"),
            S.TERMINATING,
            "INTERNAL_ERROR",
            STOP,
            id="a-failure-never-has-a-code-of-success",
        ),
        pytest.param(
            up(), EngineStopped(), S.TERMINATING, "INTERNAL_ERROR", STOP, id="stopped-unasked"
        ),
        pytest.param(
            terminating("USER_REQUEST"),
            EngineStopped(),
            S.TERMINATED,
            "USER_REQUEST",
            (),
            id="ended-by-user",
        ),
        pytest.param(
            terminating("ALL_STEPS_COMPLETED"),
            EngineStopped(),
            S.TERMINATED,
            "ALL_STEPS_COMPLETED",
            (),
            id="ended-by-itself",
        ),
        pytest.param(
            terminating("STEP_FAILURE"),
            EngineStopped(),
            S.TERMINATED_WITH_ERRORS,
            "STEP_FAILURE",
            (),
            id="ended-by-a-step",
        ),
        pytest.param(
            up(),
            SettingsChanged({"keep_alive": False}),
            S.TERMINATING,
            "ALL_STEPS_COMPLETED",
            STOP,
            id="no-longer-kept-alive-without-steps",
        ),
        pytest.param(
            up(WITH_STEP),
            SettingsChanged({"keep_alive": False}),
            S.RUNNING,
            None,
            (),
            id="no-longer-kept-alive-with-a-step",
        ),
    ],
)
def test_transition(
    cluster: ClusterRecord,
    event: Event,
    state: ClusterState,
    code: str | None,
    effects: tuple[Effect, ...],
) -> None:
    after, todo = advance(cluster, event, minutes(3))

    assert (after.state, after.reason_code, todo) == (state, code, effects)


EVERY_EVENT: list[Event] = [
    EngineProgress("late"),
    EngineProvisioned(),
    EngineReady(),
    EngineFailed("late"),
    EngineStopped(),
    StepsAdded((new_step(),)),
    StepExited(FIRST, 1),
    StepsCancelRequested((FIRST,), force=True),
    TerminateRequested(),
    SettingsChanged({"tags": {"a": "b"}}),
    CapacityRequested(up().groups[1].id, 5, None),
    LoadSeen(Load(workers=(), waiting=2, room=9)),
    Tick(),
]


def test_the_list_of_events_in_this_test_is_complete() -> None:
    assert {type(event) for event in EVERY_EVENT} == set(get_args(Event))


@pytest.mark.parametrize("event", EVERY_EVENT, ids=lambda event: type(event).__name__)
def test_nothing_changes_a_cluster_that_is_gone(event: Event) -> None:
    cluster = gone()

    assert advance(cluster, event, minutes(99)) == (cluster, ())


@pytest.mark.parametrize("event", EVERY_EVENT, ids=lambda event: type(event).__name__)
def test_a_terminating_cluster_only_goes_on_to_its_end(event: Event) -> None:
    after, effects = advance(terminating(idle_timeout_s=60), event, minutes(99))

    assert after.state is (
        ClusterState.TERMINATED if event == EngineStopped() else ClusterState.TERMINATING
    )
    assert after.reason_code == "USER_REQUEST"
    assert effects == ()


@pytest.mark.parametrize("event", [EngineProgress("x"), EngineProvisioned(), EngineReady()])
def test_what_the_engine_tells_twice_changes_nothing(event: Event) -> None:
    cluster = up(WITH_STEP)

    assert advance(cluster, event, minutes(5)) == (cluster, ())


def test_progress_of_the_start_is_shown_as_the_reason() -> None:
    after, _ = advance(starting(), EngineProgress("Installing pyspark 3.5.8"), minutes(1))

    assert after.reason == "Installing pyspark 3.5.8"


def test_timelines_are_filled_on_the_way() -> None:
    cluster = up(WITH_STEP)
    cluster, _ = advance(cluster, TerminateRequested(), minutes(5))
    cluster, _ = advance(cluster, EngineStopped(), minutes(6))

    assert (cluster.created, cluster.ready, cluster.ended) == (minutes(0), minutes(2), minutes(6))
    assert {(i.created, i.ready, i.ended) for i in cluster.instances} == {
        (minutes(0), minutes(2), minutes(6))
    }


def test_a_clock_that_goes_backwards_does_not_turn_timelines_around() -> None:
    cluster, _ = advance(bootstrapping(WITH_STEP), EngineReady(), minutes(-60))
    cluster, _ = advance(cluster, TerminateRequested(), minutes(-61))
    cluster, _ = advance(cluster, EngineStopped(), minutes(-62))

    assert cluster.ready == cluster.ended == minutes(0)
    assert cluster.steps[0].started == cluster.steps[0].ended == minutes(0)


def test_only_settings_can_be_set() -> None:
    with pytest.raises(ValueError, match="state"):
        advance(up(), SettingsChanged({"state": ClusterState.TERMINATED}), minutes(3))


IDLE = {"AutoTerminationPolicy": {"IdleTimeout": 600}}  # ready, and so idle, at minute 2


@pytest.mark.parametrize(
    ("cluster", "at_minute", "ends"),
    [
        pytest.param(up(**IDLE), 11.9, False, id="before-the-timeout"),
        pytest.param(up(**IDLE), 12, True, id="timeout-is-inclusive"),
        pytest.param(up(), 9_999, False, id="no-policy"),
        pytest.param(up(**IDLE, protected=True), 9_999, False, id="protected"),
        pytest.param(up(WITH_STEP, **IDLE), 9_999, False, id="a-long-step-is-not-idle"),
        pytest.param(bootstrapping(**IDLE), 9_999, False, id="not-up-yet"),
        pytest.param(up(**IDLE), -99, False, id="clock-went-back"),
        pytest.param(up(AutoTerminationPolicy={}), 62, True, id="one-hour-by-default"),
    ],
)
def test_auto_termination(*, cluster: ClusterRecord, at_minute: float, ends: bool) -> None:
    after, effects = advance(cluster, Tick(), minutes(at_minute))

    assert (after.state is ClusterState.TERMINATING) is ends
    assert effects == (STOP if ends else ())


def test_an_idle_end_is_no_error_and_says_why() -> None:
    after, _ = advance(up(**IDLE), Tick(), minutes(12))

    assert after.reason_code == "ALL_STEPS_COMPLETED"
    assert "600 seconds idle" in (after.reason or "")


def test_idle_time_counts_from_the_end_of_the_last_step() -> None:
    cluster, _ = advance(up(WITH_STEP, **IDLE), StepExited(FIRST, 0), minutes(30))

    assert cluster.idle_since == minutes(30)
    assert advance(cluster, Tick(), minutes(39))[0].state is ClusterState.WAITING
    assert advance(cluster, Tick(), minutes(40))[0].state is ClusterState.TERMINATING


def test_a_new_policy_does_not_act_on_the_past() -> None:
    cluster, _ = advance(up(), SettingsChanged({"idle_timeout_s": 60}), minutes(500))

    assert advance(cluster, Tick(), minutes(500.5))[0].state is ClusterState.WAITING
    assert advance(cluster, Tick(), minutes(501))[0].state is ClusterState.TERMINATING


def test_other_settings_do_not_start_the_idle_time_again() -> None:
    cluster, _ = advance(up(**IDLE), SettingsChanged({"tags": {"a": "b"}}), minutes(11))

    assert cluster.tags == {"a": "b"}
    assert cluster.idle_since == minutes(2)


@pytest.mark.parametrize(
    ("cluster", "effects"),
    [
        pytest.param(terminating(), STOP, id="stop-again"),
        pytest.param(starting(), (), id="starting-is-the-engine's-to-judge"),
        pytest.param(up(), (ResizeEngine(),), id="size"),
        pytest.param(
            advance(up(WITH_STEP), StepsCancelRequested((FIRST,)), minutes(3))[0],
            (ResizeEngine(), CancelStep(FIRST)),
            id="signal-again",
        ),
        pytest.param(gone(), (), id="gone"),
    ],
)
def test_what_is_done_again_after_a_crash(
    cluster: ClusterRecord, effects: tuple[Effect, ...]
) -> None:
    assert effects_after_restart(cluster) == effects


@pytest.mark.parametrize(
    ("exit_codes", "reason"),
    [
        pytest.param([], "Cluster ready to run steps.", id="none"),
        pytest.param([0], "Cluster ready after last step completed.", id="completed"),
        pytest.param([0, 3], "Cluster ready after last step failed.", id="failed"),
    ],
)
def test_a_waiting_cluster_says_what_came_before(exit_codes: list[int], reason: str) -> None:
    cluster = up(*(step_config(str(n)) for n in range(len(exit_codes))))
    for minute, (step, code) in enumerate(zip(cluster.steps, exit_codes, strict=True), start=3):
        cluster, _ = advance(cluster, StepExited(step.id, code), minutes(minute))

    assert (cluster.state, cluster.reason) == (ClusterState.WAITING, reason)


def test_steps_at_the_end_running_are_interrupted_pending_are_cancelled() -> None:
    cluster = up(WITH_STEP, WITH_STEP)
    cluster, _ = advance(cluster, TerminateRequested(), minutes(5))
    assert step_states(cluster) == [StepState.RUNNING, StepState.CANCELLED]

    cluster, _ = advance(cluster, EngineStopped(), minutes(6))
    assert step_states(cluster) == [StepState.INTERRUPTED, StepState.CANCELLED]
    assert [step.ended for step in cluster.steps] == [minutes(6), minutes(5)]


@pytest.mark.parametrize("exit_code", [0, 1, -15, None])
def test_a_step_that_ends_while_its_cluster_does_is_interrupted(exit_code: int | None) -> None:
    cluster, _ = advance(up(WITH_STEP), TerminateRequested(), minutes(5))
    cluster, _ = advance(cluster, StepExited(FIRST, exit_code), minutes(6))

    assert step_states(cluster) == [StepState.INTERRUPTED]
    assert cluster.steps[0].exit_code == exit_code


def test_idle_since_far_in_the_future_is_harmless() -> None:
    cluster = replace(up(**IDLE), idle_since=minutes(0) + timedelta(days=9))

    assert advance(cluster, Tick(), minutes(60)) == (cluster, ())
