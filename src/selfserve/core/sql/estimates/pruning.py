"""What minima and maxima of a row group say about a filter: may any row of it match?

Pure. What cannot be compared may match: nothing is left out that might be read.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

Statistics = Mapping[str, "ColumnStatistics"]
"""Path of a column, such as `s.info.mode`, to what the file says of it."""


@dataclass(frozen=True, slots=True)
class ColumnStatistics:
    """Of one column in one row group; None where the file does not say."""

    minimum: object
    maximum: object
    nulls: int | None
    rows: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """A column beside a value; `operator` is one of = != < <= > >=."""

    column: str
    operator: str
    value: object
    is_cast: bool = False
    """The column is converted first; it keeps its order if it is of whole numbers or dates."""


@dataclass(frozen=True, slots=True)
class NullTest:
    """IS NULL, or IS NOT NULL."""

    column: str
    is_null: bool


@dataclass(frozen=True, slots=True)
class AllOf:
    """AND."""

    parts: tuple["Predicate", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """OR, and IN."""

    parts: tuple["Predicate", ...]


Predicate = Comparison | NullTest | AllOf | AnyOf


def may_match(predicate: Predicate, statistics: Statistics) -> bool:
    """False only if no row of the row group can make `predicate` true."""
    if isinstance(predicate, AllOf):
        return all(may_match(part, statistics) for part in predicate.parts)
    if isinstance(predicate, AnyOf):
        return any(may_match(part, statistics) for part in predicate.parts)
    known = statistics.get(predicate.column)
    if known is None:
        return True
    if isinstance(predicate, NullTest):
        return known.nulls is None or known.nulls > 0 if predicate.is_null else _has_values(known)
    return _has_values(known) and _compares(predicate, known)


def _has_values(known: ColumnStatistics) -> bool:
    return known.nulls is None or known.nulls < known.rows


def _compares(comparison: Comparison, known: ColumnStatistics) -> bool:
    low, high, value = known.minimum, known.maximum, comparison.value
    if low is None or high is None:
        return True
    if comparison.is_cast and not isinstance(low, int | date):
        return True
    try:
        return _RULES[comparison.operator](_moment(low), _moment(high), _moment(value))
    except TypeError:  # another kind of value, such as text beside numbers
        return True


def _moment(value: object) -> object:
    """A date as its first moment, so that it can be compared with timestamps."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001  as TIMESTAMPs are
    return value


# Any: whatever two values of the same kind are; a wrong pair raises TypeError.
_RULES: Mapping[str, Callable[[Any, Any, Any], bool]] = {
    "=": lambda low, high, value: low <= value <= high,
    "!=": lambda low, high, value: not low == high == value,
    "<": lambda low, _, value: operator.lt(low, value),
    "<=": lambda low, _, value: operator.le(low, value),
    ">": lambda _, high, value: operator.gt(high, value),
    ">=": lambda _, high, value: operator.ge(high, value),
}
