"""Values of a page, as JSON has them, to Python's own; see `core.sql.answers`.

Pure. Types are read from their text: an answer also has them as a tree, but PrestoDB's
breaks off at the fields of rows. `json` stays text, as do `uuid`, intervals of months, and
types that Python has nothing for. Python's times go to the microsecond: more digits are
rounded, as Trino does in a cast to `timestamp(6)`.
"""

import base64
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial

from selfserve.core.sql.answers import Row
from selfserve.core.sql.results.sql_types import SqlType, parse_type
from selfserve.core.sql.results.zones import parse_interval, parse_zone

Convert = Callable[[object], object]
"""Of a value that is not null."""

_TO_THE_MICROSECOND = len("2026-01-31 01:02:03.123456")


class ValueUnfitError(ValueError):
    """Python has no such value, such as a date after the year 9999."""


def to_rows(types: Sequence[str], page: Sequence[Sequence[object]]) -> list[Row]:
    """All rows of a page.

    Raises:
        ValueUnfitError: Python cannot hold a value; the message names it and its type.
    """
    converts = [converter(parse_type(text)) for text in types]
    if not any(converts):
        return [tuple(row) for row in page]
    columns = [
        column if convert is None else _convert_all(column, convert, text)
        for column, convert, text in zip(zip(*page, strict=True), converts, types, strict=True)
    ]
    return list(zip(*columns, strict=True))


def converter(kind: SqlType) -> Convert | None:
    """What turns a value of this type into Python's; None if it is that already."""
    if kind.name in {"array", "map", "row"}:
        return _STRUCTURES[kind.name](kind)
    return _SCALARS.get(kind.name)


def _convert_all(column: Sequence[object], convert: Convert, text: str) -> list[object]:
    done: list[object] = []
    try:
        for value in column:
            done.append(None if value is None else convert(value))  # noqa: PERF401  see below
    except (ValueError, OverflowError, ArithmeticError) as error:
        unfit = column[len(done)]
        raise ValueUnfitError(f"Python has no {text} that is {unfit!r}") from error
    return done


def _to_float(value: object) -> float:
    """NaN and Infinity come as text."""
    return float(value if isinstance(value, (int, float)) else str(value))


def _to_time(value: object) -> time:
    text, fraction = _fraction(str(value))
    moment = datetime.fromisoformat(f"2000-01-01 {text}") + fraction
    return moment.time()


def _to_time_with_zone(value: object) -> time:
    text = str(value)
    return _to_time(text[:-6]).replace(tzinfo=parse_zone(text[-6:]))


def _to_timestamp(value: object) -> datetime:
    text = str(value)
    if len(text) <= _TO_THE_MICROSECOND:
        return datetime.fromisoformat(text)  # as most are: the quick way
    text, fraction = _fraction(text)
    return datetime.fromisoformat(text) + fraction


def _to_timestamp_with_zone(value: object) -> datetime:
    text, _, zone = str(value).rpartition(" ")
    return _to_timestamp(text).replace(tzinfo=parse_zone(zone))


def _fraction(text: str) -> tuple[str, timedelta]:
    """The whole seconds as text, and the rest of them, rounded to microseconds."""
    whole, _, digits = text.partition(".")
    picoseconds = int(digits.ljust(12, "0") or 0)
    return whole, timedelta(microseconds=(picoseconds + 500_000) // 1_000_000)


def _to_list(item: Convert | None, value: object) -> object:
    if item is None or not isinstance(value, list):
        return value
    return [None if one is None else item(one) for one in value]


def _to_map(key: Convert | None, item: Convert | None, value: object) -> object:
    if not isinstance(value, dict):
        return value
    return {
        name if key is None else key(name): one if one is None or item is None else item(one)
        for name, one in value.items()
    }


def _to_dict(names: Sequence[str], items: Sequence[Convert | None], value: object) -> object:
    if not isinstance(value, list):
        return value
    return {
        name: one if one is None or item is None else item(one)
        for name, item, one in zip(names, items, value, strict=True)
    }


def _array(kind: SqlType) -> Convert:
    return partial(_to_list, converter(kind.parts[0]))


def _map(kind: SqlType) -> Convert:
    """JSON's keys are text: numbers are read back; arrays and rows stay as they are written."""
    of_key = kind.parts[0].name
    key = _KEYS.get(of_key, None if of_key in _STRUCTURES else converter(kind.parts[0]))
    return partial(_to_map, key, converter(kind.parts[1]))


def _row(kind: SqlType) -> Convert:
    return partial(_to_dict, _told_apart(kind.fields), [converter(part) for part in kind.parts])


def _told_apart(names: Sequence[str]) -> list[str]:
    """Fields of the same name get their place for one, lest a row lose a value."""
    return [name if names.index(name) == at else f"field{at}" for at, name in enumerate(names)]


_STRUCTURES = {"array": _array, "map": _map, "row": _row}
_KEYS: dict[str, Convert] = {
    "boolean": lambda text: text == "true",
    **dict.fromkeys(("tinyint", "smallint", "integer", "bigint"), lambda text: int(str(text))),
}
_SCALARS: dict[str, Convert] = {
    "double": _to_float,
    "real": _to_float,
    "decimal": lambda value: Decimal(str(value)),
    "number": lambda value: Decimal(str(value)),
    "varbinary": lambda value: base64.b64decode(str(value)),
    "date": lambda value: date.fromisoformat(str(value)),
    "time": _to_time,
    "time with time zone": _to_time_with_zone,
    "timestamp": _to_timestamp,
    "timestamp with time zone": _to_timestamp_with_zone,
    "interval day to second": lambda value: parse_interval(str(value)),
}
