"""Steps of a local cluster: order, concurrency, failures, cancellation."""

import pytest

from local.example_clusters import (
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
    SettingsChanged,
    StartStep,
    StepExited,
    StepsAdded,
    StepsCancelRequested,
    StopEngine,
)
from selfserve.local.control.model import advance
from selfserve.local.control.records import ClusterRecord

C, F, P, R = StepState.CANCELLED, StepState.FAILED, StepState.PENDING, StepState.RUNNING
DONE, CANCELLING = StepState.COMPLETED, StepState.CANCEL_PENDING


def three(on_failure: str = "CONTINUE", **more: object) -> ClusterRecord:
    return up(*(step_config(name, on_failure=on_failure) for name in "abc"), **more)


def ids(cluster: ClusterRecord) -> list[str]:
    return [step.id for step in cluster.steps]


def test_steps_run_one_after_the_other_in_order() -> None:
    cluster = three()
    a, b, c = ids(cluster)

    cluster, first = advance(cluster, StepExited(a, 0), minutes(3))
    assert step_states(cluster) == [DONE, R, P]
    cluster, second = advance(cluster, StepExited(b, 0), minutes(4))

    assert (first, second) == ((StartStep(b),), (StartStep(c),))
    assert step_states(cluster) == [DONE, DONE, R]
    assert (cluster.steps[1].started, cluster.steps[1].ended) == (minutes(3), minutes(4))


def test_as_many_steps_run_at_a_time_as_the_concurrency_allows() -> None:
    cluster = three(StepConcurrencyLevel=2)
    assert step_states(cluster) == [R, R, P]

    cluster, effects = advance(cluster, SettingsChanged({"step_concurrency": 5}), minutes(3))

    assert step_states(cluster) == [R, R, R]
    assert effects == (StartStep(cluster.steps[2].id),)


def test_a_lower_concurrency_stops_no_step_and_starts_none() -> None:
    cluster = three(StepConcurrencyLevel=2)
    cluster, effects = advance(cluster, SettingsChanged({"step_concurrency": 1}), minutes(3))
    assert effects == ()

    cluster, effects = advance(cluster, StepExited(ids(cluster)[0], 0), minutes(4))

    assert effects == ()
    assert step_states(cluster) == [DONE, R, P]


@pytest.mark.parametrize(
    ("action", "keep_alive", "protected", "state", "code", "steps"),
    [
        pytest.param("CONTINUE", True, False, "RUNNING", None, [F, R, P], id="continue"),
        pytest.param("CANCEL_AND_WAIT", True, False, "WAITING", None, [F, C, C], id="cancel"),
        pytest.param(
            "CANCEL_AND_WAIT",
            False,
            False,
            "TERMINATING",
            "ALL_STEPS_COMPLETED",
            [F, C, C],
            id="cancel-and-wait-cannot-wait-when-transient",
        ),
        pytest.param(
            "TERMINATE_CLUSTER", True, False, "TERMINATING", "STEP_FAILURE", [F, C, C], id="end"
        ),
        pytest.param(
            "TERMINATE_JOB_FLOW", True, False, "TERMINATING", "STEP_FAILURE", [F, C, C], id="legacy"
        ),
        pytest.param(
            "TERMINATE_CLUSTER", False, False, "TERMINATING", "STEP_FAILURE", [F, C, C], id="brief"
        ),
        pytest.param(
            "TERMINATE_CLUSTER", True, True, "WAITING", None, [F, C, C], id="protection-holds-it"
        ),
        pytest.param(
            "TERMINATE_CLUSTER",
            False,
            True,
            "TERMINATING",
            "STEP_FAILURE",
            [F, C, C],
            id="protection-does-not-hold-a-transient-cluster",
        ),
    ],
)
def test_action_on_failure(
    *,
    action: str,
    keep_alive: bool,
    protected: bool,
    state: str,
    code: str | None,
    steps: list[StepState],
) -> None:
    cluster = three(action, keep_alive=keep_alive, protected=protected)

    after, effects = advance(cluster, StepExited(ids(cluster)[0], 1), minutes(3))

    assert (after.state, after.reason_code, step_states(after)) == (state, code, steps)
    assert (StopEngine() in effects) is (state == "TERMINATING")


def test_with_several_steps_at_a_time_action_on_failure_does_not_act() -> None:
    cluster = three("TERMINATE_CLUSTER", StepConcurrencyLevel=2)

    after, _ = advance(cluster, StepExited(ids(cluster)[0], 1), minutes(3))

    assert (after.state, step_states(after)) == (ClusterState.RUNNING, [F, R, R])


@pytest.mark.parametrize(
    ("exit_code", "told", "message"),
    [
        pytest.param(3, None, "exit code 3", id="code"),
        pytest.param(-9, None, "killed by SIGKILL", id="signal"),
        pytest.param(-99, None, "killed by signal 99", id="unheard-of-signal"),
        pytest.param(None, None, "exit code is unknown", id="unknown"),
        pytest.param(1, "job.py raised KeyError", "job.py raised KeyError", id="engine-knows-more"),
    ],
)
def test_a_failed_step_says_why(exit_code: int | None, told: str | None, message: str) -> None:
    cluster = three()

    after, _ = advance(cluster, StepExited(ids(cluster)[0], exit_code, told), minutes(3))

    assert after.steps[0].state is F
    assert message in (after.steps[0].message or "")
    assert after.steps[0].exit_code == exit_code


def test_a_step_ends_once() -> None:
    cluster = three()
    first = ids(cluster)[0]
    cluster, _ = advance(cluster, StepExited(first, 0), minutes(3))

    assert advance(cluster, StepExited(first, 1), minutes(4)) == (cluster, ())


@pytest.mark.parametrize("step_id", ["s-UNKNOWN", "pending"])
def test_the_end_of_a_step_that_does_not_run_is_ignored(step_id: str) -> None:
    cluster = three()
    chosen = ids(cluster)[2] if step_id == "pending" else step_id

    assert advance(cluster, StepExited(chosen, 0), minutes(3)) == (cluster, ())


def test_a_pending_step_is_cancelled_at_once() -> None:
    cluster = three()

    after, effects = advance(cluster, StepsCancelRequested((ids(cluster)[1],)), minutes(3))

    assert (step_states(after), effects) == ([R, C, P], ())
    assert (after.steps[1].started, after.steps[1].ended) == (None, minutes(3))


def test_a_running_step_is_cancelled_when_its_process_has_gone() -> None:
    cluster = three("TERMINATE_CLUSTER")
    first, second, _ = ids(cluster)

    cluster, effects = advance(cluster, StepsCancelRequested((first,)), minutes(3))
    assert (step_states(cluster), effects) == ([CANCELLING, P, P], (CancelStep(first),))
    cluster, effects = advance(cluster, StepExited(first, -15), minutes(4))

    assert (step_states(cluster), effects) == ([C, R, P], (StartStep(second),))


def test_cancelling_twice_signals_once_unless_by_force() -> None:
    cluster = three()
    first = ids(cluster)[0]
    cluster, _ = advance(cluster, StepsCancelRequested((first,)), minutes(3))

    again, effects = advance(cluster, StepsCancelRequested((first,)), minutes(4))
    by_force, kill = advance(cluster, StepsCancelRequested((first,), force=True), minutes(4))

    assert (again, effects) == (cluster, ())
    assert (by_force, kill) == (cluster, (CancelStep(first, force=True),))


def test_cancelling_the_only_pending_step_of_a_cluster_that_starts() -> None:
    cluster = starting(step_config(), keep_alive=False)

    after, effects = advance(cluster, StepsCancelRequested((cluster.steps[0].id,)), minutes(1))

    assert (after.state, step_states(after), effects) == (ClusterState.STARTING, [C], ())


def test_unknown_and_ended_steps_are_not_cancelled() -> None:
    cluster = three()
    cluster, _ = advance(cluster, StepExited(ids(cluster)[0], 0), minutes(3))

    request = StepsCancelRequested((ids(cluster)[0], "s-UNKNOWN"), force=True)

    assert advance(cluster, request, minutes(4)) == (cluster, ())


def test_a_step_added_to_a_waiting_cluster_runs_at_once() -> None:
    step = new_step()

    after, effects = advance(up(), StepsAdded((step,)), minutes(4))

    assert (after.state, effects) == (ClusterState.RUNNING, (StartStep(step.id),))
    assert after.idle_since is None


def test_a_step_added_to_a_cluster_that_starts_waits() -> None:
    after, effects = advance(starting(), StepsAdded((new_step(),)), minutes(4))

    assert (step_states(after), effects) == ([P], ())


def test_the_same_steps_added_twice_are_added_once() -> None:
    step = new_step()
    cluster, _ = advance(up(), StepsAdded((step,)), minutes(4))

    assert advance(cluster, StepsAdded((step,)), minutes(5)) == (cluster, ())


def test_a_terminating_cluster_takes_no_step() -> None:
    cluster = terminating()

    assert advance(cluster, StepsAdded((new_step(),)), minutes(5)) == (cluster, ())
