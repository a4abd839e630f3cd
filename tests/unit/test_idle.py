"""When a cluster is kept, warned about and ended: each rule is a row."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import NOON
from selfserve.core.cluster import ClusterState
from selfserve.core.idle import (
    Activity,
    Engine,
    IdleAction,
    IdlePolicy,
    Session,
    decide_idle,
)

KEEP, WARN, END = IdleAction
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)

POLICY = IdlePolicy(idle=HOUR, max_age=12 * HOUR)
IDLE = Activity(
    state=ClusterState.WAITING,
    created=NOON - 3 * HOUR,
    ready=NOON - 3 * HOUR + 8 * MINUTE,
    open_steps=0,
    last_step=NOON - 2 * HOUR,
    at_work={Engine.YARN: 0},
    warned=NOON - 10 * MINUTE,
)
"""Idle for two hours, and warned of: it ends."""
OLD = replace(IDLE, created=NOON - 13 * HOUR, last_step=NOON - 20 * MINUTE)


def _idle_for(duration: timedelta, *, warned: datetime | None = None) -> Activity:
    return replace(IDLE, last_step=NOON - duration, warned=warned)


def _session(idle_for: timedelta | None) -> Session:
    return Session(Engine.SPARK_CONNECT, None if idle_for is None else NOON - idle_for)


def _starting(minutes: int, *, warned: datetime | None = None, steps: int = 0) -> Activity:
    created = NOON - minutes * MINUTE
    return Activity(
        state=ClusterState.STARTING, created=created, ready=None, open_steps=steps, warned=warned
    )


@pytest.mark.parametrize(
    ("activity", "action", "reason"),
    [
        pytest.param(IDLE, END, "it has been idle for 2h; its limit is 1h", id="idle-ends"),
        pytest.param(
            replace(IDLE, open_steps=1), KEEP, "1 step running or pending", id="an-open-step"
        ),
        pytest.param(
            replace(IDLE, open_steps=2), KEEP, "2 steps running or pending", id="open-steps"
        ),
        pytest.param(
            replace(IDLE, open_steps=None), KEEP, "its steps are not known", id="unknown-steps"
        ),
        pytest.param(
            replace(IDLE, state=ClusterState.RUNNING),
            KEEP,
            "EMR says that it is running something",
            id="running-without-a-step-that-is-seen",
        ),
        pytest.param(
            replace(IDLE, at_work={Engine.YARN: 1}),
            KEEP,
            "1 YARN application at work",
            id="yarn",
        ),
        pytest.param(
            replace(IDLE, at_work={Engine.YARN: None}),
            KEEP,
            "it is not known whether a YARN application is at work",
            id="unknown-yarn-is-not-idle",
        ),
        pytest.param(
            replace(IDLE, at_work={Engine.YARN: 0, Engine.QUERIES: 3}),
            KEEP,
            "3 queries at work",
            id="queries",
        ),
        pytest.param(
            replace(IDLE, at_work={Engine.YARN: 0, Engine.QUERIES: None}),
            KEEP,
            "it is not known whether a query is at work",
            id="unknown-queries-are-not-idle",
        ),
        pytest.param(
            replace(IDLE, at_work={Engine.NOTEBOOK: 1}), KEEP, "1 notebook kernel at work",
            id="notebook",
        ),
        pytest.param(
            replace(IDLE, at_work={Engine.LIVY: 2}), KEEP, "2 Livy sessions at work", id="livy"
        ),
        pytest.param(
            replace(IDLE, sessions=[_session(None)]),
            KEEP,
            "1 Spark Connect session at work",
            id="spark-connect-at-work",
        ),
        pytest.param(
            replace(IDLE, sessions=[_session(70 * MINUTE)]),
            END,
            "it has been idle for 1h 10m; its limit is 1h",
            id="a-session-idle-for-long-does-not-keep-it",
        ),
        pytest.param(
            replace(IDLE, sessions=[_session(30 * MINUTE)]),
            KEEP,
            "it has been idle for 30m; its limit is 1h",
            id="a-session-counts-from-its-last-use",
        ),
        pytest.param(
            replace(IDLE, submitting=["r-20261121-115900-a1b2c3"]),
            KEEP,
            "1 run being submitted",
            id="a-lease",
        ),
        pytest.param(
            replace(IDLE, submitting=None),
            KEEP,
            "it is not known whether somebody is submitting to it",
            id="unknown-leases",
        ),
        pytest.param(
            replace(IDLE, protected=True), KEEP, "it is protected from termination", id="protected"
        ),
        pytest.param(
            replace(IDLE, state=ClusterState.TERMINATING), KEEP, "it is TERMINATING already",
            id="ending-already",
        ),
        pytest.param(
            replace(IDLE, last_at_work=NOON - 5 * MINUTE),
            KEEP,
            "it has been idle for 5m; its limit is 1h",
            id="an-engine-was-at-work-lately",
        ),
        pytest.param(
            _idle_for(49 * MINUTE), KEEP, "it has been idle for 49m; its limit is 1h",
            id="before-the-warning",
        ),
        pytest.param(
            _idle_for(50 * MINUTE), WARN, "it has been idle for 50m; its limit is 1h",
            id="the-warning-comes-a-period-before",
        ),
        pytest.param(
            _idle_for(2 * HOUR), WARN, "it has been idle for 2h; its limit is 1h",
            id="never-at-the-first-look",
        ),
        pytest.param(
            _idle_for(2 * HOUR, warned=NOON - 4 * MINUTE),
            WARN,
            "it has been idle for 2h; its limit is 1h",
            id="second-look-too-early",
        ),
        pytest.param(
            _idle_for(2 * HOUR, warned=NOON - 5 * MINUTE),
            END,
            "it has been idle for 2h; its limit is 1h",
            id="second-look-in-time",
        ),
        pytest.param(
            _idle_for(HOUR, warned=NOON - 10 * MINUTE),
            END,
            "it has been idle for 1h; its limit is 1h",
            id="the-limit-is-inclusive",
        ),
        pytest.param(
            _idle_for(HOUR, warned=NOON - 61 * MINUTE),
            WARN,
            "it has been idle for 1h; its limit is 1h",
            id="a-warning-from-before-the-last-step-does-not-count",
        ),
        pytest.param(
            OLD, END, "it is 13h old; its maximum age is 12h", id="too-old-and-idle"
        ),
        pytest.param(
            replace(OLD, open_steps=1), KEEP, "1 step running or pending",
            id="too-old-but-at-work",
        ),
        pytest.param(
            replace(OLD, last_step=NOON), WARN, "it is 13h old; its maximum age is 12h",
            id="too-old-and-idle-since-now",
        ),
        pytest.param(
            replace(IDLE, orphaned="another cluster, j-2, has its name", last_step=NOON - MINUTE,
                    warned=NOON),
            WARN,
            "another cluster, j-2, has its name, and it has been idle for 1m",
            id="an-orphan-is-warned-of-as-soon-as-it-is-idle",
        ),
        pytest.param(
            replace(IDLE, orphaned="another cluster, j-2, has its name"),
            END,
            "another cluster, j-2, has its name, and it has been idle for 2h",
            id="an-orphan-ends",
        ),
        pytest.param(
            replace(IDLE, orphaned="another cluster, j-2, has its name", open_steps=1),
            KEEP,
            "1 step running or pending",
            id="an-orphan-at-work",
        ),
        pytest.param(_starting(49), KEEP, "it is starting", id="starting"),
        pytest.param(
            _starting(50),
            WARN,
            "it is STARTING at an age of 50m; it ought not to be after 1h",
            id="starting-for-long",
        ),
        pytest.param(
            _starting(61, warned=NOON - 10 * MINUTE),
            END,
            "it is STARTING at an age of 1h 1m; it ought not to be after 1h",
            id="stuck",
        ),
        pytest.param(
            replace(_starting(61), state=ClusterState.BOOTSTRAPPING),
            KEEP,
            "it is starting",
            id="set-up-since-its-instances-came-late",
        ),
        pytest.param(
            replace(_starting(121, warned=NOON - 10 * MINUTE), state=ClusterState.BOOTSTRAPPING),
            END,
            "it is BOOTSTRAPPING at an age of 2h 1m; it ought not to be after 2h",
            id="stuck-while-it-is-set-up",
        ),
        pytest.param(
            _starting(61, warned=NOON - 10 * MINUTE, steps=1),
            END,
            "it is STARTING at an age of 1h 1m; it ought not to be after 1h",
            id="stuck-with-a-step-that-waits-for-it",
        ),
        pytest.param(
            replace(_starting(61, warned=NOON - 10 * MINUTE), submitting=["r"]),
            KEEP,
            "1 run being submitted",
            id="stuck-but-held",
        ),
    ],
)  # fmt: skip
def test_decide_idle(activity: Activity, action: IdleAction, reason: str) -> None:
    decision = decide_idle(activity, POLICY, NOON)

    assert (decision.action, decision.reason) == (action, reason)


@pytest.mark.parametrize(
    ("policy", "activity", "action"),
    [
        pytest.param(replace(POLICY, idle=None), IDLE, KEEP, id="idle-unknown-is-never-too-idle"),
        pytest.param(replace(POLICY, idle=None), OLD, END, id="idle-unknown-but-too-old"),
        pytest.param(replace(POLICY, max_age=None), OLD, KEEP, id="max-age-unknown"),
        pytest.param(replace(POLICY, idle=None, max_age=None), OLD, KEEP, id="both-unknown"),
        pytest.param(
            replace(POLICY, idle=MINUTE),
            replace(IDLE, ready=NOON - 9 * MINUTE, last_step=None, warned=NOON - 8 * MINUTE),
            WARN,
            id="young-clusters-have-a-grace",
        ),
        pytest.param(
            replace(POLICY, idle=MINUTE),
            replace(IDLE, ready=NOON - 10 * MINUTE, last_step=None, warned=NOON - 8 * MINUTE),
            END,
            id="the-grace-is-over",
        ),
    ],
)
def test_each_limit_is_a_knob_of_its_own(
    policy: IdlePolicy, activity: Activity, action: IdleAction
) -> None:
    assert decide_idle(activity, policy, NOON).action is action


@pytest.mark.parametrize(
    ("activity", "ends_at"),
    [
        pytest.param(_idle_for(20 * MINUTE), NOON + 40 * MINUTE, id="idle"),
        pytest.param(_idle_for(58 * MINUTE), NOON + 5 * MINUTE, id="not-before-the-second-look"),
        pytest.param(_idle_for(2 * HOUR), NOON + 5 * MINUTE, id="overdue"),
        pytest.param(
            replace(IDLE, created=NOON - 12 * HOUR + 30 * MINUTE, last_step=NOON),
            NOON + 30 * MINUTE,
            id="age-comes-first",
        ),
        pytest.param(replace(IDLE, open_steps=1), IDLE.created + 12 * HOUR, id="at-work"),
        pytest.param(replace(OLD, open_steps=1), None, id="at-work-past-its-age"),
        pytest.param(replace(IDLE, protected=True), None, id="protected"),
        pytest.param(_starting(5), NOON + 55 * MINUTE, id="starting"),
    ],
)
def test_it_says_when_the_cluster_ends(activity: Activity, ends_at: datetime | None) -> None:
    assert decide_idle(activity, POLICY, NOON).ends_at == ends_at


_MOMENTS = st.integers(0, 48 * 60).map(lambda minutes: NOON - minutes * MINUTE)
_COUNTS = st.one_of(st.none(), st.integers(0, 2))
_ACTIVITIES = st.builds(
    Activity,
    state=st.sampled_from(ClusterState),
    created=st.just(NOON - 48 * HOUR),
    ready=st.one_of(st.none(), _MOMENTS),
    open_steps=_COUNTS,
    last_step=st.one_of(st.none(), _MOMENTS),
    at_work=st.dictionaries(st.sampled_from(Engine), _COUNTS),
    last_at_work=st.one_of(st.none(), _MOMENTS),
    sessions=st.lists(
        st.builds(Session, st.sampled_from(Engine), st.one_of(st.none(), _MOMENTS)), max_size=2
    ),
    submitting=st.one_of(st.none(), st.lists(st.just("r"), max_size=1)),
    protected=st.booleans(),
    warned=st.one_of(st.none(), _MOMENTS),
    orphaned=st.one_of(st.none(), st.just("nobody has it")),
)


@given(activity=_ACTIVITIES, idle=st.sampled_from([MINUTE, HOUR, 7 * 24 * HOUR]))
def test_nothing_ends_that_works_or_may_work_or_was_not_warned_of(
    activity: Activity, idle: timedelta
) -> None:
    decision = decide_idle(activity, replace(POLICY, idle=idle), NOON)

    if decision.action is not END:
        return
    assert activity.state.is_live
    assert not activity.protected
    assert activity.submitting == []
    assert activity.warned is not None
    assert NOON - activity.warned >= POLICY.second_look
    if not activity.state.is_starting:
        assert activity.state is ClusterState.WAITING
        assert activity.open_steps == 0
        assert not any(number != 0 for number in activity.at_work.values())
        assert all(session.idle_since is not None for session in activity.sessions)


@given(activity=_ACTIVITIES)
def test_what_is_idle_for_long_enough_ends_at_the_second_look(activity: Activity) -> None:
    first = decide_idle(replace(activity, warned=None), POLICY, NOON)
    later = max(first.ends_at or NOON, NOON)
    second = decide_idle(replace(activity, warned=NOON), POLICY, later)

    assert first.action is not END
    if first.action is WARN:
        assert second.action is END
