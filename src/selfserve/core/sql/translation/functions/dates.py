"""Functions of dates and time stamps.

Source: https://trino.io/docs/current/functions/datetime.html
"""

import re
from dataclasses import replace

from selfserve.core.sql.translation.casts import cast
from selfserve.core.sql.translation.functions.calls import Call, FunctionRule
from selfserve.core.sql.translation.moments import localized, part, shifted, zoned
from selfserve.core.sql.translation.places import unsupported
from selfserve.core.sql.translation.types import (
    BIGINT,
    DATE,
    DAYS,
    DOUBLE,
    MONTHS,
    TIMESTAMP,
    TIMESTAMP_TZ,
    VARCHAR,
    Type,
    common_type,
)
from selfserve.core.sql.translation.values import Value, coerced, text_literal

_MOMENTS = {"date", "timestamp", "timestamp with time zone"}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_MILLISECONDS = {
    "millisecond": 1,
    "second": 1000,
    "minute": 60_000,
    "hour": 3_600_000,
    "day": 86_400_000,
    "week": 604_800_000,
}
_OF_DATES = {"day", "week", "month", "quarter", "year"}

# MySQL's letters in Trino's date_format: DuckDB's, and how they may look when read
_LETTERS = {
    "Y": ("%Y", "[0-9]{4}"), "m": ("%m", "[0-9]{2}"), "d": ("%d", "[0-9]{2}"),
    "H": ("%H", "[0-9]{2}"), "i": ("%M", "[0-9]{2}"), "s": ("%S", "[0-9]{2}"),
    "S": ("%S", "[0-9]{2}"), "T": ("%H:%M:%S", "[0-9]{2}:[0-9]{2}:[0-9]{2}"),
    "%": ("%%", "%"), "y": ("%y", None), "c": ("%-m", None), "e": ("%-d", None),
    "k": ("%-H", None), "h": ("%I", None), "I": ("%I", None), "l": ("%-I", None),
    "f": ("%f", None), "p": ("%p", None), "M": ("%B", None), "b": ("%b", None),
    "W": ("%A", None), "a": ("%a", None), "j": ("%j", None), "r": ("%I:%M:%S %p", None),
    "v": ("%V", None), "x": ("%G", None),
}  # fmt: skip


def _unit(call: Call, type_: Type) -> str:
    unit = str(call.constant(0, "a unit")).lower()
    if unit not in _MONTHS and unit not in _MILLISECONDS:
        raise call.wrong(f"{unit!r} is no unit of time")
    if type_ == DATE and unit not in _OF_DATES:
        raise call.wrong(f"{unit!r} is no unit of a date")
    return unit


def _moment(call: Call, value: Value) -> Value:
    if value.type.base not in _MOMENTS:
        raise call.mismatch([value])
    return value


def _date_add(call: Call) -> Value:
    values = call.some(3)
    moment = _moment(call, values[2])
    unit = _unit(call, moment.type)
    if values[1].type.base not in {"tinyint", "smallint", "integer", "bigint"}:
        raise call.mismatch(values)
    amount = f"CAST({values[1].sql} AS INTEGER)"
    if unit in _MONTHS:
        return shifted(moment, Value(f"to_months({amount} * {_MONTHS[unit]})", MONTHS), "+")
    if moment.type.base == "timestamp with time zone":
        by = f"to_milliseconds(CAST({values[1].sql} AS BIGINT) * {_MILLISECONDS[unit]})"
        return Value(f"({moment.sql} + {by})", moment.type)
    if unit in {"day", "week"}:
        by = f"to_days({amount} * {7 if unit == 'week' else 1})"
    else:
        by = f"to_milliseconds(CAST({values[1].sql} AS BIGINT) * {_MILLISECONDS[unit]})"
    return shifted(moment, Value(by, DAYS), "+")


def _date_diff(call: Call) -> Value:
    values = call.some(3)
    start, end = (_moment(call, value) for value in values[1:])
    common = common_type(replace(start.type, zone=None), replace(end.type, zone=None))
    assert common is not None  # noqa: S101 (any two moments have one)
    unit = _unit(call, common)
    start, end = coerced(start, common), coerced(end, common)
    if common.base == "timestamp with time zone" and unit in _OF_DATES:
        raise unsupported(f"date_diff in {unit}s of time stamps with a time zone")
    if common == DATE and unit == "day":
        return Value(f"CAST({end.sql} - {start.sql} AS BIGINT)", BIGINT)
    return Value(f"date_sub('{unit}', {start.sql}, {end.sql})", BIGINT)


def _date_trunc(call: Call) -> Value:
    values = call.some(2)
    moment = _moment(call, values[1])
    unit = _unit(call, moment.type)
    if moment.type.base == "timestamp with time zone":
        raise unsupported("date_trunc of a time stamp with a time zone")
    sql = f"date_trunc('{unit}', {moment.sql})"
    return Value(f"CAST({sql} AS DATE)" if moment.type == DATE else sql, moment.type)


def _part(call: Call) -> Value:
    word = {"week_of_year": "week"}.get(call.name, call.name)
    return part(call.env, word, call.some(1)[0], call.node)


def _millisecond(call: Call) -> Value:
    (value,) = call.some(1)
    if value.type.base not in {"timestamp", "timestamp with time zone"}:
        raise call.mismatch([value])
    return Value(f"(millisecond({localized(value).sql}) % 1000)", BIGINT)


def _date(call: Call) -> Value:
    (value,) = call.some(1)
    return cast(call.env, value, DATE)


def _last_day(call: Call) -> Value:
    (value,) = call.some(1)
    return Value(f"last_day({localized(_moment(call, value)).sql})", DATE)


def _from_unixtime(call: Call) -> Value:
    if len(call.arguments) != 1:
        raise unsupported("from_unixtime with a zone")
    seconds = coerced(_numeric(call), DOUBLE)
    sql = f"make_timestamptz(CAST(floor({seconds.sql} * 1000 + 0.5) AS BIGINT) * 1000)"
    return Value(sql, TIMESTAMP_TZ)


def _numeric(call: Call) -> Value:
    (value,) = call.some(1)
    if value.type.base not in {"integer", "bigint", "decimal", "double", "smallint", "tinyint"}:
        raise call.mismatch([value])
    return value


def _to_unixtime(call: Call) -> Value:
    (value,) = call.some(1)
    if value.type.base == "date":
        value = coerced(value, TIMESTAMP)
    return Value(f"epoch({_moment(call, value).sql})", DOUBLE)


def _format(call: Call, *, reading: bool) -> tuple[str, str]:
    """DuckDB's format, and a regular expression for what it reads."""
    text = str(call.constant(1, "a format"))
    pieces, pattern = [], []
    for letter, plain in re.findall(r"%(.)|([^%]+)", text):
        if plain:
            pieces.append(plain)
            pattern.append(re.escape(plain))
            continue
        ours, looks = _LETTERS.get(letter, (None, None))
        if ours is None or (reading and looks is None):
            raise unsupported(f"{call.name} with %{letter}")
        pieces.append(ours)
        pattern.append(looks or "")
    return text_literal("".join(pieces)), text_literal("".join(pattern))


def _date_format(call: Call) -> Value:
    value = localized(_moment(call, call.some(2)[0]))
    format_, _ = _format(call, reading=False)
    return Value(f"strftime({value.sql}, {format_})", VARCHAR)


def _date_parse(call: Call) -> Value:
    value = call.some(2)[0]
    if value.type.base not in {"varchar", "unknown"}:
        raise call.mismatch([value])
    text = coerced(value, VARCHAR).sql
    format_, pattern = _format(call, reading=True)
    failure = call.env.give_up("date_parse of text in another format, or without its zeros")
    check = f"NOT regexp_full_match({text}, {pattern})"
    return Value(
        f"(CASE WHEN {check} THEN {failure} ELSE strptime({text}, {format_}) END)", TIMESTAMP
    )


def _at_timezone(call: Call) -> Value:
    value, zone = call.some(2)
    return zoned(call.name, value, zone)


def _with_timezone(call: Call) -> Value:
    value, zone = call.some(2)
    if value.type.base != "timestamp":
        raise call.mismatch([value, zone])
    moved = zoned(call.name, value, zone)
    return replace(moved, sql=f"timezone('{moved.type.zone}', {value.sql})")


def _now(call: Call) -> Value:
    call.some(0)
    return Value("date_trunc('millisecond', now())", TIMESTAMP_TZ)


DATES: dict[str, FunctionRule] = {
    "date_add": _date_add,
    "date_diff": _date_diff,
    "date_trunc": _date_trunc,
    "date": _date,
    "date_format": _date_format,
    "date_parse": _date_parse,
    "from_unixtime": _from_unixtime,
    "to_unixtime": _to_unixtime,
    "last_day_of_month": _last_day,
    "millisecond": _millisecond,
    "now": _now,
    "at_timezone": _at_timezone,
    "with_timezone": _with_timezone,
    **dict.fromkeys(
        (
            "year", "quarter", "month", "week", "week_of_year", "day", "day_of_month",
            "day_of_week", "dow", "day_of_year", "doy", "year_of_week", "yow", "hour", "minute",
            "second",
        ),
        _part,
    ),
}  # fmt: skip
