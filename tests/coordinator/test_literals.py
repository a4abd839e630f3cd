"""Values of parameters as Trino writes them."""

import math
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from selfserve.coordinator.literals import to_literal
from selfserve.errors import BadInputError


def naive(*parts: int) -> datetime:
    return datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001  TIMESTAMP has no zone


LITERALS: Any = [
    (None, "NULL"),
    (True, "TRUE"),
    (7, "7"),
    (-(2**63), "-9223372036854775808"),
    (2**63, "DECIMAL '9223372036854775808'"),
    (1.5, "DOUBLE '1.5'"),
    (1e300, "DOUBLE '1e+300'"),
    (math.inf, "infinity()"),
    (-math.inf, "-infinity()"),
    (math.nan, "nan()"),
    (Decimal("-1.50"), "DECIMAL '-1.50'"),
    (Decimal("1E+3"), "DECIMAL '1000'"),
    ("it's", "'it''s'"),
    ("'; DROP TABLE t; --", "'''; DROP TABLE t; --'"),
    ("ünï\n", "'ünï\n'"),
    (b"\x00\xff", "X'00ff'"),
    (date(26, 1, 31), "DATE '0026-01-31'"),
    (time(1, 2, 3, 4), "TIME '01:02:03.000004'"),
    (naive(2026, 1, 31, 1, 2, 3), "TIMESTAMP '2026-01-31 01:02:03.000000'"),
    (datetime(2026, 1, 31, 1, 2, 3, tzinfo=UTC), "TIMESTAMP '2026-01-31 01:02:03.000000 +00:00'"),
    (datetime(2026, 7, 1, 1, 2, 3, 4, ZoneInfo("Europe/Paris")),
     "TIMESTAMP '2026-07-01 01:02:03.000004 Europe/Paris'"),
    (datetime(2026, 1, 31, tzinfo=timezone(-timedelta(hours=5, minutes=30))),
     "TIMESTAMP '2026-01-31 00:00:00.000000 -05:30'"),
    (timedelta(days=1, hours=2, milliseconds=5), "INTERVAL '1 02:00:00.005' DAY TO SECOND"),
    (timedelta(seconds=-90), "INTERVAL -'0 00:01:30.000' DAY TO SECOND"),
    ([1, None], "ARRAY[1, NULL]"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "literal"), LITERALS)
def test_a_value_is_one_literal_of_its_type(value: object, literal: str) -> None:
    assert to_literal(value) == literal


@pytest.mark.parametrize(
    "value", [10**38, Decimal("Infinity"), timedelta(microseconds=1), {"a": 1}, object()]
)
def test_what_has_no_literal_is_refused(value: object) -> None:
    with pytest.raises(BadInputError):
        to_literal(value)
