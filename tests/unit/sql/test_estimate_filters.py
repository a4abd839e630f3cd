"""Filters as EXPLAIN writes them, and what minima and maxima say about them."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from selfserve.core.sql.estimates.filters import parse_conditions
from selfserve.core.sql.estimates.pruning import ColumnStatistics, may_match

NAMES = {"c0": "id", "c1": "day", "c2": "order", "c3": "s", "c10": "price"}


def number(low: object, high: object, nulls: int | None = 0) -> ColumnStatistics:
    return ColumnStatistics(low, high, nulls, rows=100)


@pytest.mark.parametrize(
    ("text", "column", "statistics", "expected"),
    [
        ("c0=5", "id", number(1, 5), True),
        ("c0=5", "id", number(6, 9), False),
        ("c0!=5", "id", number(5, 5), False),
        ("c0!=5", "id", number(5, 6), True),
        ("c0<5", "id", number(5, 9), False),
        ("c0<=5", "id", number(5, 9), True),
        ("c0>5", "id", number(1, 5), False),
        ("c0>=5", "id", number(1, 5), True),
        ("c0>-5", "id", number(-9, -5), False),
        ("c0>=3 AND c0<=4", "id", number(5, 9), False),
        ("c0 IN (1, 7)", "id", number(2, 6), False),
        ("c0 IN (1, 6)", "id", number(2, 6), True),
        ("optional: c0=1 OR c0=2 OR c0>100", "id", number(3, 100), False),
        ("optional: c0 IN (1, 2)", "id", number(3, 100), False),
        ("(c0 IS NULL)", "id", number(1, 2), False),
        ("(c0 IS NULL)", "id", number(1, 2, nulls=1), True),
        ("(c0 IS NULL)", "id", number(1, 2, nulls=None), True),
        ("(c0 IS NOT NULL)", "id", number(None, None, nulls=100), False),
        ("c0=5", "id", number(None, None, nulls=100), False),
        ("c0=5", "id", number(None, None), True),
        ("c10>24.00", "price", number(Decimal(1), Decimal("24.00")), False),
        ("c10>24.00", "price", number(1.0, 24.5), True),
        ("c1>='1995-01-01'::DATE", "day", number(date(1994, 1, 1), date(1994, 9, 1)), False),
        (
            "(CAST(c1 AS TIMESTAMP) < '1995-01-01 00:00:00'::TIMESTAMP)",
            "day",
            number(date(1995, 1, 1), date(1996, 1, 1)),
            False,
        ),
        ("(CAST(c2 AS DECIMAL(20,1)) = 5.5)", "order", number(6, 7), False),
        ("(CAST(c2 AS DECIMAL(20,1)) = 5.5)", "order", number("6", "7"), True),
        ("c2='it''s AND (x)'", "order", number("j", "z"), False),
        ("c2>='abc' AND c2<'abd'", "order", number("abc", "abcd"), True),
        ("c3.info.size>5", "s.info.size", number(1, 5), False),
        (
            "(struct_extract(struct_extract(c3, 'info'), 'size') > 5)",
            "s.info.size",
            number(1, 5),
            False,
        ),
    ],
)
def test_a_row_group_is_left_out_when_no_row_of_it_can_match(
    text: str, column: str, statistics: ColumnStatistics, *, expected: bool
) -> None:
    (*_, condition) = parse_conditions([text], NAMES)

    assert condition.predicate is not None
    assert may_match(condition.predicate, {column: statistics}) is expected


@pytest.mark.parametrize(
    "text",
    [
        "c1!='2020-01-02'::DATE AND (\"year\"(c1) = 2020)",
        "c0=5 AND (c0 ~ 'x')",
    ],
)
def test_what_is_not_understood_beside_an_and_leaves_the_rest_in_force(text: str) -> None:
    first, second = parse_conditions([text], NAMES)

    assert first.predicate is not None
    assert second.predicate is None


@pytest.mark.parametrize(
    "text",
    [
        "contains(c2, 'x')",
        "(c0 = c2)",
        "(map_extract_value(c3, 'x') = 1)",
        "(timezone('UTC', c1) > '2026-11-26 22:16:46.17+00'::TIMESTAMP WITH TIME ZONE)",
        "(CAST(c0 AS VARCHAR) = '5')",
        "c0=1 OR contains(c2, 'x')",
        "c1>'infinity'::DATE",
        "this is (no SQL c0",
    ],
)
def test_what_is_not_understood_leaves_nothing_out(text: str) -> None:
    assert [one.predicate for one in parse_conditions([text], NAMES)] == [None]


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("contains(c2, 'c0')", {"c2"}),
        ("(c0 = c2)", {"c0", "c2"}),
        ("this is (no SQL c10", {"c10"}),
        ("(struct_extract(c3, 'a') IS NULL)", {"c3.a"}),
        ("c3.info.size>5", {"c3.info.size"}),
    ],
)
def test_the_columns_are_known_even_of_what_is_not_understood(text: str, columns: set[str]) -> None:
    (condition,) = parse_conditions([text], NAMES)

    assert condition.columns == columns


@pytest.mark.parametrize(
    ("text", "skips"),
    [
        ("c0=5", True),
        ("c0>=3 AND c0<=4", True),
        ("optional: c0 IN (1, 2)", True),
        ("(c0 IS NULL)", True),
        ("((c0 = 5) OR (c0 = 7))", False),
        ("(CAST(c2 AS DECIMAL(20,1)) < 5.5)", False),
        ("contains(c2, 'x')", False),
    ],
)
def test_only_plain_comparisons_let_the_engine_skip_row_groups(text: str, *, skips: bool) -> None:
    conditions = parse_conditions([text], NAMES)

    assert [one.skips_groups for one in conditions] == [skips] * len(conditions)


def test_a_string_with_a_line_break_is_put_together_again() -> None:
    conditions = parse_conditions(["c0>5", "c2='x", "y'"], NAMES)

    assert [one.text for one in conditions] == ["c0>5", "c2='x\ny'"]


def test_a_filter_that_is_only_known_at_run_time_is_no_condition() -> None:
    assert parse_conditions(["optional: Dynamic Filter (c0)"], NAMES) == ()


def test_values_of_different_kinds_leave_nothing_out() -> None:
    (condition,) = parse_conditions(["c0>'5'"], NAMES)
    aware = datetime(2020, 1, 1, tzinfo=UTC)
    (moment,) = parse_conditions(["c1>'2021-01-01'::DATE"], NAMES)

    assert condition.predicate is not None
    assert may_match(condition.predicate, {"id": number(1, 2)})
    assert moment.predicate is not None
    assert may_match(moment.predicate, {"day": number(aware, aware)})


def test_a_column_that_the_file_says_nothing_of_leaves_nothing_out() -> None:
    (condition,) = parse_conditions(["c0=5"], NAMES)

    assert condition.predicate is not None
    assert may_match(condition.predicate, {})
