"""What EMR's IsIdle samples and Spark Connect sessions tell, and what they leave unknown."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from selfserve.backends.base import YarnSeen
from selfserve.backends.emr.translate_metrics import (
    from_samples,
    from_sessions,
    to_idle_query,
    to_yarn_seen,
)
from selfserve.core.idle import Engine, Session

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def before(minutes: float) -> datetime:
    return NOON - timedelta(minutes=minutes)


def samples(text: str, *, newest: float = 5) -> list[tuple[datetime, bool]]:
    """One character for each five minutes, oldest first: `i`dle, `b`usy, `.` for no sample."""
    last = len(text) - 1
    return [
        (before(newest + 5 * (last - index)), mark == "i")
        for index, mark in enumerate(text)
        if mark != "."
    ]


@pytest.mark.parametrize(
    ("seen", "idle_minutes"),
    [
        pytest.param("b", None, id="busy"),
        pytest.param("iiib", None, id="busy-again"),
        pytest.param("biii", 10, id="idle-since-the-first-idle-sample-at-the-latest"),
        pytest.param("bi", 0, id="just-idle"),
        pytest.param("iii", 10, id="idle-as-far-as-is-known"),
        pytest.param("i", 0, id="a-single-sample"),
        pytest.param("ibii", 5, id="idle-before-does-not-count"),
        pytest.param("ii.ii", 20, id="one-empty-period-is-the-sampling"),
        pytest.param("ii..ii", 5, id="a-gap-is-not-idle"),
        pytest.param("b.ii", 5, id="busy-then-a-gap"),
    ],
)
def test_a_cluster_is_idle_since_when_every_sample_says_so(
    seen: str, idle_minutes: float | None
) -> None:
    told = to_yarn_seen(samples(seen), now=NOON)

    since = None if idle_minutes is None else before(idle_minutes)
    assert told == YarnSeen(idle_since=since, at=before(5))


@pytest.mark.parametrize("newest", [0, 5, 15])
def test_samples_of_the_last_quarter_of_an_hour_tell(newest: float) -> None:
    assert to_yarn_seen(samples("iii", newest=newest), now=NOON) is not None


@pytest.mark.parametrize("newest", [15.1, 60])
def test_older_samples_tell_nothing(newest: float) -> None:
    assert to_yarn_seen(samples("iii", newest=newest), now=NOON) is None


def test_no_samples_tell_nothing() -> None:
    assert to_yarn_seen([], now=NOON) is None


def test_a_cluster_is_never_idle_since_the_future() -> None:
    told = to_yarn_seen(samples("i", newest=1), now=NOON)

    assert told is not None
    assert told.idle_since == NOON


def test_samples_are_sorted_and_in_utc() -> None:
    paris = timezone(timedelta(hours=1))

    found = from_samples([before(5).astimezone(paris), before(10)], [1.0, 0.0])

    assert found == [(before(10), False), (before(5), True)]
    assert {time.tzinfo for time, _ in found} == {UTC}


def test_a_period_with_one_busy_sample_is_asked_for_as_busy() -> None:
    stat = to_idle_query("m0", "j-1")["MetricStat"]

    assert stat["Stat"] == "Minimum"
    assert stat["Metric"]["Dimensions"] == [{"Name": "JobFlowId", "Value": "j-1"}]


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        pytest.param({"State": "IDLE", "IdleSince": before(30)}, [before(30)], id="idle"),
        pytest.param({"State": "IDLE"}, [None], id="idle-but-since-when"),
        pytest.param({"State": "BUSY", "IdleSince": before(30)}, [None], id="busy"),
        pytest.param({"State": "STARTED"}, [None], id="started"),
        pytest.param({"State": "STARTING"}, [None], id="starting"),
        pytest.param({"State": "SUBMITTED"}, [None], id="submitted"),
        pytest.param({"State": "PAUSED"}, [None], id="a-state-of-the-future"),
        pytest.param({"State": "TERMINATING"}, [], id="ending"),
        pytest.param({"State": "TERMINATED"}, [], id="ended"),
        pytest.param({"State": "FAILED"}, [], id="failed"),
    ],
)
def test_a_session_is_idle_only_when_emr_says_since_when(
    reply: Any, told: list[datetime | None]
) -> None:
    expected = [Session(Engine.SPARK_CONNECT, since) for since in told]

    assert list(from_sessions([reply])) == expected
