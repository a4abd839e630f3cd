"""When a local cluster ends by itself: idle, or at its age; and what holds both off."""

from typing import Any

import pytest

from local.example_clusters import NOON, bootstrapping, minutes, request, step_config, up
from selfserve.core.cluster import ClusterState
from selfserve.local.control.bootstrap_arguments import beats_uri, max_age_s
from selfserve.local.control.creation import new_cluster
from selfserve.local.control.events import (
    EngineReady,
    SettingsChanged,
    StepExited,
    StopEngine,
    Tick,
)
from selfserve.local.control.model import advance

WAITING, ENDING = ClusterState.WAITING, ClusterState.TERMINATING


def action(path: str, *arguments: str, name: str = "x") -> dict[str, Any]:
    return {"Name": name, "ScriptBootstrapAction": {"Path": path, "Args": list(arguments)}}


def of_age(hours: int) -> dict[str, Any]:
    """RunJobFlow's part that ends a cluster at this age."""
    return {"BootstrapActions": [action("s3://b/0f/max-age.sh", str(hours * 3600))]}


HOUR = of_age(1)
HALF_AN_HOUR_IDLE = {"AutoTerminationPolicy": {"IdleTimeout": 1800}}


@pytest.mark.parametrize(
    ("more", "busy_at", "at_minute", "state"),
    [
        # `up` is ready, and idle, from minute 2; the age counts from minute 0.
        pytest.param(HOUR, None, 59.9, WAITING, id="young"),
        pytest.param(HOUR, None, 60, ENDING, id="of-age"),
        pytest.param({}, None, 10_000, WAITING, id="no-age-is-asked-for"),
        pytest.param({**HOUR, "protected": True}, None, 90, WAITING, id="of-age-and-protected"),
        pytest.param(HOUR, 56, 60, WAITING, id="of-age-and-just-said-to-be-busy"),
        pytest.param(HOUR, 54, 60, ENDING, id="of-age-and-busy-no-more"),
        pytest.param(HALF_AN_HOUR_IDLE, 30, 32, WAITING, id="idle-but-said-to-be-busy"),
        pytest.param(HALF_AN_HOUR_IDLE, 30, 59, WAITING, id="idle-since-it-was-said-to-be-busy"),
        pytest.param(HALF_AN_HOUR_IDLE, 30, 60, ENDING, id="idle-for-long-since-then"),
        pytest.param(HALF_AN_HOUR_IDLE, 1, 32, ENDING, id="said-to-be-busy-before-it-was-up"),
        pytest.param(HALF_AN_HOUR_IDLE, 900, 40, WAITING, id="touched-in-the-future-is-now"),
        pytest.param(
            {"AutoTerminationPolicy": {"IdleTimeout": 60}}, 30, 34.9, WAITING,
            id="a-touch-counts-for-five-minutes-at-least",
        ),
    ],
)  # fmt: skip
def test_a_waiting_cluster(
    more: dict[str, Any], busy_at: float | None, at_minute: float, state: ClusterState
) -> None:
    tick = Tick(None if busy_at is None else minutes(busy_at))

    after, effects = advance(up(**more), tick, minutes(at_minute))

    assert after.state is state
    assert effects == ((StopEngine(),) if state is ENDING else ())


def test_a_running_step_is_let_finish_and_a_pending_one_too() -> None:
    cluster = up(step_config("a"), step_config("b"), **HOUR)

    for step in cluster.steps:
        assert advance(cluster, Tick(), minutes(500))[0].state is ClusterState.RUNNING
        cluster, _ = advance(cluster, StepExited(step.id, 0), minutes(500))

    assert cluster.state is WAITING
    assert advance(cluster, Tick(), minutes(500))[0].state is ENDING


def test_a_cluster_that_is_still_starting_is_let_come_up() -> None:
    old, _ = advance(bootstrapping(**HOUR), Tick(), minutes(90))

    assert old.state is ClusterState.BOOTSTRAPPING
    came_up, _ = advance(old, EngineReady(), minutes(91))
    assert advance(came_up, Tick(), minutes(91))[0].state is ENDING


def test_once_protection_is_lifted_the_age_counts_again() -> None:
    cluster = up(protected=True, **HOUR)

    free, _ = advance(cluster, SettingsChanged({"protected": False}), minutes(90))

    assert advance(free, Tick(), minutes(90))[0].state is ENDING


def test_the_reason_says_what_ended_it() -> None:
    by_age, _ = advance(up(**of_age(36)), Tick(), minutes(36 * 60))
    by_idleness, _ = advance(up(**HALF_AN_HOUR_IDLE), Tick(), minutes(60))

    assert by_age.reason_code == "USER_REQUEST"
    assert by_age.reason == "Terminated at its maximum age of 1d 12h, when no step was running."
    assert by_idleness.reason_code == "ALL_STEPS_COMPLETED"
    assert "1800 seconds idle" in (by_idleness.reason or "")


def test_a_touch_is_remembered() -> None:
    touched, _ = advance(up(), Tick(minutes(9)), minutes(10))

    assert touched.idle_since == minutes(9)
    assert advance(touched, Tick(), minutes(11)) == (touched, ())


@pytest.mark.parametrize(
    ("actions", "seconds"),
    [
        pytest.param([], None, id="no-actions"),
        pytest.param([action("s3://b/0f/max-age.sh", "3600")], 3600, id="asked-for"),
        pytest.param([action("s3://b/other.sh", "3600")], None, id="another-script"),
        pytest.param([action("s3://b/not-max-age.sh", "3600")], None, id="a-similar-name"),
        pytest.param([action("s3://b/max-age.sh")], None, id="no-seconds"),
        pytest.param([action("s3://b/max-age.sh", "12h")], None, id="what-the-script-refuses"),
        pytest.param(
            [{"Name": "x", "ScriptBootstrapAction": {"Path": "s3://b/max-age.sh"}}], None, id="bare"
        ),
        pytest.param(
            [action("s3://b/other.sh"), action("s3://b/max-age.sh", "60")], 60, id="the-second"
        ),
    ],
)
def test_the_age_is_in_the_request(actions: list[dict[str, Any]], seconds: int | None) -> None:
    asked = request(BootstrapActions=actions)

    assert max_age_s(asked) == seconds
    assert new_cluster(asked, now=NOON).max_age_s == seconds


@pytest.mark.parametrize(
    ("actions", "uri"),
    [
        pytest.param([], None, id="no-actions"),
        pytest.param(
            [action("s3://b/0f/busy-probe.py", "s3://b/beats/", "--leases=s3://b/leases/")],
            "s3://b/beats/",
            id="asked-for",
        ),
        pytest.param([action("s3://b/busy-probe.py", "s3://b/beats")], None, id="no-slash"),
        pytest.param([action("s3://b/busy-probe.py")], None, id="bare"),
    ],
)
def test_where_beats_go_is_in_the_request(actions: list[dict[str, Any]], uri: str | None) -> None:
    assert beats_uri(request(BootstrapActions=actions)) == uri
