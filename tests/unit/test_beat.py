"""What a beat tells, and what it can never hide."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from selfserve.core.beat import (
    FRESH,
    Beat,
    engines_of,
    format_beat,
    known_at_work,
    parse_beat,
)
from selfserve.core.idle import Engine, Session

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def beat(**changes: Any) -> bytes:
    fields = {
        "time": "2026-05-01T12:00:00Z",
        "at_work": {"yarn": 2, "livy": 0, "queries": None},
        "sessions": [{"engine": "livy", "idle_since": "2026-05-01T11:40:00Z"}],
        "last_at_work": "2026-05-01T12:00:00Z",
    }
    return json.dumps(fields | changes).encode()


def test_a_beat_tells_what_is_at_work_and_what_is_merely_open() -> None:
    assert parse_beat(beat(), NOON, NOON + MINUTE) == Beat(
        {Engine.YARN: 2, Engine.LIVY: 0, Engine.QUERIES: None},
        (Session(Engine.LIVY, NOON - 20 * MINUTE),),
        NOON,
    )


@pytest.mark.parametrize(
    ("age", "known"),
    [
        pytest.param(timedelta(0), True, id="new"),
        pytest.param(FRESH, True, id="three-beats-were-lost"),
        pytest.param(FRESH + timedelta(seconds=1), False, id="old"),
        pytest.param(timedelta(seconds=-3), True, id="written-while-we-looked"),
    ],
)
def test_a_beat_is_as_old_as_its_object(age: timedelta, *, known: bool) -> None:
    assert (parse_beat(beat(), NOON, NOON + age) is not None) is known


@pytest.mark.parametrize("wrong", [timedelta(hours=-9), timedelta(0), timedelta(days=400)])
def test_a_node_whose_clock_is_wrong_tells_the_same(wrong: timedelta) -> None:
    seen = Beat({Engine.YARN: 1}, (Session(Engine.NOTEBOOK, NOON - MINUTE),), NOON - 2 * MINUTE)
    as_written = Beat(
        seen.at_work,
        (Session(Engine.NOTEBOOK, NOON - MINUTE + wrong),),
        NOON - 2 * MINUTE + wrong,
    )

    read = parse_beat(format_beat(as_written, NOON + wrong), NOON, NOON + MINUTE)

    assert read == seen


def test_nothing_was_at_work_later_than_the_beat_was_written() -> None:
    read = parse_beat(beat(last_at_work="2026-05-01T18:00:00Z"), NOON, NOON)

    assert read is not None
    assert read.last_at_work == NOON


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(beat()[:-9], id="cut"),
        pytest.param(b"[]", id="a-list"),
        pytest.param(b"\xff\xfe", id="not-text"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(beat(time=None), id="no-time"),
        pytest.param(beat(time="2026-05-01T12:00:00"), id="no-time-zone"),
        pytest.param(beat(time="9999-12-31T23:59:59+00:00", last_at_work="0001-01-01T00:00:00Z"),
                     id="out-of-time"),
        pytest.param(beat(at_work=[]), id="at-work-is-a-list"),
        pytest.param(beat(at_work={"yarn": -1}), id="negative"),
        pytest.param(beat(at_work={"yarn": True}), id="a-boolean"),
        pytest.param(beat(at_work={"yarn": "0"}), id="a-text"),
        pytest.param(beat(at_work={"flink": 1}), id="an-engine-of-a-newer-probe"),
        pytest.param(beat(sessions=[{"engine": "livy"}]), id="a-session-without-a-time"),
        pytest.param(beat(sessions=None), id="no-sessions"),
    ],
)  # fmt: skip
def test_what_is_damaged_tells_nothing(body: bytes) -> None:
    assert parse_beat(body, NOON, NOON) is None


def test_a_session_that_does_not_say_since_when_it_is_idle_is_at_work() -> None:
    read = parse_beat(beat(sessions=[{"engine": "livy", "idle_since": None}]), NOON, NOON)

    assert read is not None
    assert read.sessions == (Session(Engine.LIVY, None),)


@pytest.mark.parametrize(
    ("applications", "release", "engines"),
    [
        pytest.param(["Spark"], "emr-7.14.0", {Engine.YARN}, id="spark"),
        pytest.param(["Hadoop", "Hive", "Tez"], "emr-6.15.0", {Engine.YARN}, id="hive"),
        pytest.param(
            ["Spark", "Livy", "JupyterEnterpriseGateway"],
            "emr-spark-8.1.0",
            {Engine.YARN, Engine.LIVY, Engine.NOTEBOOK},
            id="spark-ml",
        ),
        pytest.param(["Zeppelin"], "emr-7.1.0", {Engine.YARN, Engine.NOTEBOOK}, id="zeppelin"),
        pytest.param(["JupyterHub"], "emr-7.1.0", {Engine.YARN, Engine.NOTEBOOK}, id="jupyterhub"),
        pytest.param(
            ["Hadoop", "Trino"], "emr-7.14.0", {Engine.YARN, Engine.QUERIES}, id="adhoc-presto"
        ),
        pytest.param(["Trino"], "emr-7.14.0", {Engine.QUERIES}, id="trino-alone"),
        pytest.param(
            ["Trino"], "emr-7.13.0", {Engine.YARN, Engine.QUERIES}, id="trino-came-with-hadoop"
        ),
        pytest.param(["Presto"], "emr-7.14.0", {Engine.YARN, Engine.QUERIES}, id="presto"),
        pytest.param(["PrestoSQL"], "emr-6.3.0", {Engine.YARN, Engine.QUERIES}, id="prestosql"),
        pytest.param(["TRINO"], "odd", {Engine.YARN, Engine.QUERIES}, id="a-release-unheard-of"),
        pytest.param([], "emr-7.14.0", {Engine.YARN}, id="no-application-is-listed"),
    ],
)
def test_which_engines_must_be_known(
    applications: list[str], release: str, engines: set[Engine]
) -> None:
    assert engines_of(applications, release) == engines


@pytest.mark.parametrize(
    ("seen", "applications", "known"),
    [
        pytest.param(None, ["Spark"], {Engine.YARN: None}, id="no-beat"),
        pytest.param(Beat({}), ["Spark"], {Engine.YARN: None}, id="left-out"),
        pytest.param(Beat({Engine.YARN: 0}), ["Spark"], {Engine.YARN: 0}, id="idle"),
        pytest.param(
            Beat({Engine.YARN: 0, Engine.QUERIES: 3}),
            ["Spark"],
            {Engine.YARN: 0, Engine.QUERIES: 3},
            id="more-than-must-be-known",
        ),
        pytest.param(
            Beat({Engine.YARN: 0, Engine.NOTEBOOK: 0}),
            ["Spark", "Zeppelin", "JupyterEnterpriseGateway"],
            {Engine.YARN: 0, Engine.NOTEBOOK: None},
            id="the-gateway-does-not-speak-for-zeppelin",
        ),
        pytest.param(
            Beat({Engine.YARN: 0, Engine.NOTEBOOK: 1}),
            ["Spark", "JupyterHub"],
            {Engine.YARN: 0, Engine.NOTEBOOK: 1},
            id="busy-is-busy",
        ),
    ],
)
def test_a_beat_hides_no_engine(
    seen: Beat | None, applications: list[str], known: dict[Engine, int | None]
) -> None:
    assert known_at_work(seen, applications, "emr-7.14.0") == known
