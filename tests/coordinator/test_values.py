"""Values as Trino's protocol has them, and as Python does."""

import base64
import math
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from coordinator.conftest import coordinator_of
from selfserve.coordinator.client import open_answer
from selfserve.coordinator.connection import Coordinator
from selfserve.coordinator.values import to_rows
from selfserve.errors import BadInputError
from trino_queries import Scripted
from trino_server import TrinoServer


def naive(*parts: int) -> datetime:
    return datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001  TIMESTAMP has no zone


HOUR_EAST = timezone(timedelta(hours=1))
# The text of a type, what JSON has, what Python has.
VALUES: Any = [
    ("boolean", True, True),
    ("tinyint", -1, -1),
    ("bigint", 9_007_199_254_740_993, 9_007_199_254_740_993),
    ("real", 1.5, 1.5),
    ("double", 1.0, 1.0),
    ("double", 3, 3.0),
    ("double", "Infinity", math.inf),
    ("double", "-Infinity", -math.inf),
    ("decimal(38,2)", "123456789012345678901234567890123456.78",
     Decimal("123456789012345678901234567890123456.78")),
    ("varchar(5)", "it's", "it's"),
    ("char(3)", "a  ", "a  "),
    ("varbinary", base64.b64encode(b"\x00\xff").decode(), b"\x00\xff"),
    ("json", '{"a": 1}', '{"a": 1}'),
    ("uuid", "12151fd2-7586-11e9-8f9e-2a86e4085a59", "12151fd2-7586-11e9-8f9e-2a86e4085a59"),
    ("ipaddress", "10.0.0.1", "10.0.0.1"),
    ("date", "2026-01-31", date(2026, 1, 31)),
    ("time(3)", "01:02:03.456", time(1, 2, 3, 456_000)),
    ("time(12)", "01:02:03.123456789012", time(1, 2, 3, 123_457)),
    ("time(0)", "01:02:03", time(1, 2, 3)),
    ("time(3) with time zone", "01:02:03.456+01:00", time(1, 2, 3, 456_000, HOUR_EAST)),
    ("timestamp", "2026-01-31 01:02:03.456", naive(2026, 1, 31, 1, 2, 3, 456_000)),
    ("timestamp(0)", "2026-01-31 01:02:03", naive(2026, 1, 31, 1, 2, 3)),
    ("timestamp(1)", "2026-01-31 01:02:03.5", naive(2026, 1, 31, 1, 2, 3, 500_000)),
    ("timestamp(7)", "2026-01-31 01:02:03.0000015", naive(2026, 1, 31, 1, 2, 3, 2)),
    ("timestamp(9)", "2026-12-31 23:59:59.999999999", naive(2027, 1, 1)),
    ("timestamp(3) with time zone", "2026-01-31 01:02:03.456 UTC",
     datetime(2026, 1, 31, 1, 2, 3, 456_000, UTC)),
    ("timestamp(6) with time zone", "2026-07-01 12:00:00.000001 Europe/Paris",
     datetime(2026, 7, 1, 12, 0, 0, 1, ZoneInfo("Europe/Paris"))),
    ("timestamp(3) with time zone", "2026-01-31 01:02:03.000 -05:30",
     datetime(2026, 1, 31, 1, 2, 3, 0, timezone(-timedelta(hours=5, minutes=30)))),
    ("interval day to second", "1 02:03:04.005",
     timedelta(days=1, hours=2, minutes=3, seconds=4, milliseconds=5)),
    ("interval day to second", "-0 00:00:01.500", timedelta(seconds=-1.5)),
    ("interval year to month", "1-2", "1-2"),
    ("array(double)", [1.5, None, "-Infinity"], [1.5, None, -math.inf]),
    ("array(bigint)", [1, None], [1, None]),
    ("map(varchar, decimal(3,1))", {"a": "1.5", "b": None}, {"a": Decimal("1.5"), "b": None}),
    ("map(bigint, varchar)", {"7": "x"}, {7: "x"}),
    ("map(boolean, bigint)", {"true": 1, "false": 2}, {True: 1, False: 2}),
    ("map(date, bigint)", {"2026-01-31": 1}, {date(2026, 1, 31): 1}),
    ("map(row(bigint), bigint)", {"[1]": 1}, {"[1]": 1}),
    ('row("a" bigint, "b c" date)', [1, "2026-01-31"], {"a": 1, "b c": date(2026, 1, 31)}),
    ("row(a bigint, b timestamp(3) with time zone)", [1, None], {"a": 1, "b": None}),
    ("row(bigint, varchar)", [1, "x"], {"field0": 1, "field1": "x"}),
    ("row(a bigint, a bigint)", [1, 2], {"a": 1, "field1": 2}),
    ("array(row(a array(decimal(2,1))))", [[["1.5"]], None], [{"a": [Decimal("1.5")]}, None]),
    ("HyperLogLog", "AgwBAIADRAA=", "AgwBAIADRAA="),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "sent", "meant"), VALUES)
def test_values_are_pythons_own(kind: str, sent: object, meant: object) -> None:
    rows = to_rows([kind], [[sent], [None]])

    assert rows == [(meant,), (None,)]
    assert type(rows[0][0]) is type(meant)


def test_nan_is_a_float() -> None:
    ((value,),) = to_rows(["double"], [["NaN"]])

    assert isinstance(value, float)
    assert math.isnan(value)


def test_a_date_that_python_has_not_is_no_other_date(
    trino: Coordinator, server: TrinoServer
) -> None:
    server.scripted["SELECT far"] = Scripted([("d", "date")], [["2026-01-01"], ["+12026-01-01"]])

    with pytest.raises(BadInputError, match=r"no date that is '\+12026-01-01'") as raised:
        list(open_answer(trino, "SELECT far").batches())

    assert "CAST(column AS varchar)" in raised.value.hint


ANSWERED = """SELECT
  true AS a, 7 AS b, 1.5E0 AS c, CAST('1.20' AS decimal(12,2)) AS d, 'x' AS e,
  DATE '2026-01-31' AS f, TIMESTAMP '2026-01-31 01:02:03.456' AS g,
  ARRAY[1, NULL] AS h, MAP(ARRAY['k'], ARRAY[2]) AS i,
  CAST(ROW(1, 'y') AS ROW(n bigint, s varchar)) AS j, CAST(NULL AS varchar) AS k
"""


@pytest.mark.parametrize("fixture", ["server", "presto"])
def test_both_engines_answers_hold_the_same_values(
    fixture: str, request: pytest.FixtureRequest
) -> None:
    answer = open_answer(coordinator_of(request.getfixturevalue(fixture)), ANSWERED)
    (row,) = [row for batch in answer.batches() for row in batch]

    assert row == (
        True, 7, 1.5, Decimal("1.20"), "x", date(2026, 1, 31),
        naive(2026, 1, 31, 1, 2, 3, 456_000), [1, None], {"k": 2}, {"n": 1, "s": "y"}, None,
    )  # fmt: skip


def test_a_zone_that_this_machine_lacks_is_named_with_what_to_do() -> None:
    with pytest.raises(BadInputError, match="time zone Mars/Olympus") as raised:
        to_rows(["timestamp(3) with time zone"], [["2026-01-31 01:02:03.000 Mars/Olympus"]])

    assert "pip install tzdata" in raised.value.hint
