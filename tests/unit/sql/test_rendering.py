"""Values as people and as JSON readers get them."""

import json
import math
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from selfserve.core.sql.results.rendering import escape_controls, is_number, to_plain, to_text

NOON = datetime(2026, 1, 1, 12, 0)  # noqa: DTZ001  TIMESTAMP has no zone


@pytest.mark.parametrize(
    ("value", "type_name", "text"),
    [
        (None, "bigint", "NULL"),
        ("NULL", "varchar", "NULL"),
        ("", "varchar", ""),
        (True, "boolean", "true"),
        (False, "boolean", "false"),
        (-7, "bigint", "-7"),
        (10**30, "decimal(38,0)", "1" + "0" * 30),
        (1e10, "double", "10000000000.0"),
        (1e300, "double", "1e+300"),
        (0.1, "double", "0.1"),
        (-0.0, "double", "-0.0"),
        (math.nan, "double", "NaN"),
        (math.inf, "double", "Infinity"),
        (-math.inf, "real", "-Infinity"),
        (3.3999999521443642e38, "real", "3.4e+38"),
        (3.4028234663852886e38, "real", "3.4028235e+38"),
        (0.10000000149011612, "real", "0.1"),
        (0.1, "real", "0.1"),
        (16777216.0, "real", "16777216.0"),
        (Decimal("12.30"), "decimal(12,2)", "12.30"),
        (Decimal("12.3"), "decimal(12,2)", "12.30"),
        (Decimal("0E-10"), "decimal(12,10)", "0.0000000000"),
        (Decimal("1E+3"), "decimal(12,0)", "1000"),
        (Decimal("1.25"), "decimal", "1.25"),
        (date(2026, 1, 1), "date", "2026-01-01"),
        (NOON, "timestamp(3)", "2026-01-01 12:00:00.000"),
        (NOON, "timestamp", "2026-01-01 12:00:00.000"),
        (NOON, "timestamp(0)", "2026-01-01 12:00:00"),
        (NOON, "timestamp(9)", "2026-01-01 12:00:00.000000000"),
        (NOON.replace(microsecond=120), "timestamp(3)", "2026-01-01 12:00:00.00012"),
        (datetime(1, 2, 3), "timestamp(0)", "0001-02-03 00:00:00"),  # noqa: DTZ001
        (NOON.replace(tzinfo=UTC), "timestamp(3) with time zone", "2026-01-01 12:00:00.000 UTC"),
        (
            NOON.replace(tzinfo=ZoneInfo("Europe/Berlin")),
            "timestamp(0) with time zone",
            "2026-01-01 12:00:00 Europe/Berlin",
        ),
        (
            NOON.replace(tzinfo=timezone(timedelta(hours=-5, minutes=-30))),
            "timestamp(0) with time zone",
            "2026-01-01 12:00:00 -05:30",
        ),
        (time(9, 5), "time(3)", "09:05:00.000"),
        (time(9, 5, tzinfo=UTC), "time(0) with time zone", "09:05:00+00:00"),
        (timedelta(days=2, seconds=3.5), "interval day to second", "2 00:00:03.500"),
        (-timedelta(seconds=1, microseconds=5), "interval day to second", "-0 00:00:01.000005"),
        (b"\x00\xff", "varbinary", "00ff"),
        ([1, None], "array(bigint)", "[1, null]"),
        (["é"], "array(varchar)", '["é"]'),
        ({1: Decimal("1.50")}, "map(bigint, decimal(3,2))", '{"1": "1.50"}'),
        ({"a": 1, "b": None}, "row(a bigint, b varchar)", '{"a": 1, "b": null}'),
        ((1, "x"), "row(a bigint, b varchar)", '{"a": 1, "b": "x"}'),
        ([NOON], "array(timestamp(0))", '["2026-01-01 12:00:00"]'),
    ],
)
def test_a_value_reads_as_trino_would_write_it(value: object, type_name: str, text: str) -> None:
    assert to_text(value, type_name) == text


@pytest.mark.parametrize(
    ("value", "type_name", "plain"),
    [
        (None, "bigint", None),
        (True, "boolean", True),
        (1, "bigint", 1),
        (0.5, "double", 0.5),
        (0.10000000149011612, "real", 0.1),
        (math.nan, "double", "NaN"),
        (-math.inf, "double", "-Infinity"),
        (Decimal("12.30"), "decimal(12,2)", "12.30"),
        (b"hello", "varbinary", "aGVsbG8="),
        (NOON, "timestamp(3)", "2026-01-01 12:00:00.000"),
        ([b"a", None], "array(varbinary)", ["YQ==", None]),
        ({2: 0.5}, "map(integer, double)", {"2": 0.5}),
        ({"x": {"y": b"a"}}, "row(x row(y varbinary))", {"x": {"y": "YQ=="}}),
        ([[1], []], "array(array(bigint))", [[1], []]),
        ({"a": Decimal("1.0")}, "row(a decimal(2,1))", {"a": "1.0"}),
        ([1.5], "unheard of", [1.5]),
    ],
)
def test_a_value_becomes_json_without_losing_digits(
    value: object, type_name: str, plain: object
) -> None:
    assert to_plain(value, type_name) == plain
    json.dumps(to_plain(value, type_name), allow_nan=False)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 日本 text", "plain é 日本 text"),
        ("two\nlines\tand\r", "two\\nlines\\tand\\r"),
        ("\x1b[2J\x07", "\\x1b[2J\\x07"),
        ("\x9b2J\x7f", "\\x9b2J\\x7f"),
        ("gpj.\u202eexe", "gpj.\\u202eexe"),
        ("no\u00a0break", "no\u00a0break"),
        ("👩\u200d🔬", "👩\u200d🔬"),
    ],
)
def test_a_value_cannot_steer_the_terminal(text: str, shown: str) -> None:
    assert escape_controls(text) == shown


@pytest.mark.parametrize(
    ("type_name", "expected"),
    [("bigint", True), ("decimal(12,2)", True), ("real", True), ("varchar", False),
     ("date", False), ("array(bigint)", False)],
)  # fmt: skip
def test_numbers_are_known_by_their_type(type_name: str, *, expected: bool) -> None:
    assert is_number(type_name) is expected
