"""Whom a sweep looks at, and when again: each rule is a row."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from fakes import NOON
from selfserve.core.cluster import ClusterState, ClusterSummary
from selfserve.core.idle import Activity, Engine, IdleAction, decide_idle
from selfserve.core.sweep_memory import Known
from selfserve.core.sweeping import Look, SweepPolicy, after_running, retell, screen, to_known

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
POLICY = SweepPolicy()
LIMITS = POLICY.to_idle_policy(idle=2 * HOUR, max_age=12 * HOUR)

WAITING = ClusterSummary(
    id="j-1",
    raw_name="selfserve/main/small/ada/one/20261121-a1b2c3",
    state=ClusterState.WAITING,
    reason_code=None,
    reason=None,
    created=NOON - 3 * HOUR,
    ready=NOON - 3 * HOUR + 8 * MINUTE,
    ended=None,
)
STARTING = replace(WAITING, state=ClusterState.STARTING, ready=None)
KNOWN = Known(
    looked=NOON - 30 * MINUTE,
    next_look=NOON + MINUTE,
    action=IdleAction.KEEP,
    reason="it has been idle for 30m; its limit is 2h",
    idle_since=NOON - HOUR,
    ends_at=NOON + HOUR,
    idle=2 * HOUR,
    max_age=12 * HOUR,
)
WARNED = replace(KNOWN, action=IdleAction.WARN, warned=NOON - 10 * MINUTE)


@pytest.mark.parametrize(
    ("cluster", "known", "look"),
    [
        pytest.param(WAITING, None, Look.FIRST, id="never-seen"),
        pytest.param(WAITING, KNOWN, Look.NONE, id="not-due"),
        pytest.param(WAITING, replace(KNOWN, next_look=NOON), Look.FIRST, id="due"),
        pytest.param(WAITING, WARNED, Look.NONE, id="warned-of-and-not-due"),
        pytest.param(WAITING, replace(WARNED, next_look=NOON), Look.LAST, id="to-end"),
        pytest.param(
            replace(WAITING, state=ClusterState.RUNNING),
            replace(WARNED, next_look=NOON),
            Look.NONE,
            id="running",
        ),
        pytest.param(replace(STARTING, created=NOON), None, Look.NONE, id="starting"),
        pytest.param(
            replace(STARTING, created=NOON - 50 * MINUTE), None, Look.FIRST, id="starting-for-long"
        ),
        pytest.param(
            WAITING, replace(KNOWN, is_ours=False, next_look=NOON), Look.FIRST, id="not-ours"
        ),
    ],
)
def test_screening(cluster: ClusterSummary, known: Known | None, look: Look) -> None:
    assert screen(cluster, known, POLICY, NOON).look is look


def test_with_a_longer_grace_than_the_period_young_clusters_are_not_looked_at() -> None:
    policy = replace(POLICY, grace=HOUR)
    young = replace(WAITING, ready=NOON - 40 * MINUTE)

    assert screen(young, None, policy, NOON).look is Look.NONE
    assert screen(young, None, policy, NOON + 10 * MINUTE).look is Look.FIRST


def _activity(idle_for: timedelta) -> Activity:
    return Activity(
        state=ClusterState.WAITING,
        created=WAITING.created,
        ready=WAITING.ready,
        open_steps=0,
        last_step=NOON - idle_for,
        at_work={Engine.YARN: 0},
    )


AT_WORK = replace(_activity(HOUR), at_work={Engine.YARN: 1}, last_at_work=NOON)


@pytest.mark.parametrize(
    ("activity", "next_look"),
    [
        pytest.param(_activity(HOUR), NOON + 50 * MINUTE, id="a-period-before-the-end"),
        pytest.param(_activity(2 * HOUR), NOON + 5 * MINUTE, id="the-second-look"),
        pytest.param(_activity(115 * MINUTE), NOON + 5 * MINUTE, id="the-end-that-was-told"),
        pytest.param(AT_WORK, NOON + 110 * MINUTE, id="at-work-so-not-idle-before-now"),
        pytest.param(
            replace(AT_WORK, created=NOON - 11 * HOUR), NOON + 50 * MINUTE, id="at-work-and-old"
        ),
        pytest.param(
            replace(AT_WORK, created=NOON - 13 * HOUR), NOON, id="at-work-past-its-age"
        ),
        pytest.param(replace(AT_WORK, orphaned="it is"), NOON + 10 * MINUTE, id="at-work-orphan"),
        pytest.param(
            replace(_activity(HOUR), at_work={Engine.YARN: None}),
            NOON + 10 * MINUTE,
            id="unknown-so-soon-again",
        ),
        pytest.param(
            replace(_activity(HOUR), submitting=["r"]), NOON + 10 * MINUTE, id="being-submitted-to"
        ),
        pytest.param(replace(_activity(HOUR), protected=True), NOON + HOUR, id="protected"),
    ],
)  # fmt: skip
def test_the_next_look_comes_before_anything_can_have_to_be_done(
    activity: Activity, next_look: datetime
) -> None:
    decision = decide_idle(activity, LIMITS, NOON)

    assert to_known(decision, activity, LIMITS, NOON).next_look == next_look


def test_no_look_is_put_off_for_longer_than_metrics_reach_back() -> None:
    limits = replace(LIMITS, idle=timedelta(days=7), max_age=timedelta(days=30))
    activity = _activity(HOUR)

    known = to_known(decide_idle(activity, limits, NOON), activity, limits, NOON)

    assert known.next_look == NOON + 6 * HOUR


def test_the_first_warning_is_kept_while_it_counts() -> None:
    warned = NOON - 7 * MINUTE
    idle = replace(_activity(115 * MINUTE), warned=warned)
    used_since = replace(_activity(MINUTE), warned=warned)

    assert to_known(decide_idle(idle, LIMITS, NOON), idle, LIMITS, NOON).warned == warned
    kept = to_known(decide_idle(used_since, LIMITS, NOON), used_since, LIMITS, NOON)
    assert kept.warned is None


def test_a_sweep_with_a_shorter_period_keeps_the_warning_of_one_with_a_longer() -> None:
    warned = NOON - 2 * MINUTE
    activity = replace(_activity(115 * MINUTE), warned=warned)
    limits = replace(LIMITS, period=MINUTE)
    decision = decide_idle(activity, limits, NOON)

    known = to_known(decision, activity, limits, NOON)

    assert decision.action is IdleAction.KEEP
    assert (known.warned, known.next_look) == (warned, NOON + 5 * MINUTE)
    assert screen(WAITING, known, POLICY, NOON + 5 * MINUTE).look is Look.LAST


def test_running_puts_the_next_look_off_and_forgets_the_warning() -> None:
    known = after_running(WAITING, WARNED, POLICY.to_idle_policy(), NOON)

    assert known.next_look == NOON + 110 * MINUTE
    assert (known.warned, known.idle_since) == (None, None)


def test_what_was_told_is_told_as_it_is_now() -> None:
    decision = retell(WAITING, KNOWN, POLICY.to_idle_policy(), NOON)

    assert decision.reason == "it has been idle for 1h; its limit is 2h"
    assert decision.ends_at == NOON + HOUR
