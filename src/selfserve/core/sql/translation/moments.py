"""Dates and time stamps, moved by intervals, and cut to pieces.

Source: https://trino.io/docs/current/functions/datetime.html
"""

import re
from dataclasses import replace

from sqlglot import exp

from selfserve.core.sql.translation.env import Env, translates
from selfserve.core.sql.translation.places import unsupported
from selfserve.core.sql.translation.types import (
    BIGINT,
    DATE,
    DAYS,
    FLOATS,
    INTEGERS,
    MONTHS,
    TIMESTAMP_TZ,
    Type,
)
from selfserve.core.sql.translation.values import Value, coerced

_DAY_MS = 86_400_000
_SIGNS: dict[type[exp.Expr], str] = {exp.Add: "+", exp.Sub: "-"}


def moved(env: Env, node: exp.Expr, sides: tuple[Value, Value]) -> Value:
    """A moment plus or minus an interval; a date stays a date."""
    sign = _SIGNS[type(node)]
    moment, interval = sides
    if sign == "+" and "interval" in moment.type.base:
        moment, interval = interval, moment
    type_ = moment.type
    if type_.base not in {"date", "timestamp", "timestamp with time zone"}:
        if "interval" in type_.base:
            raise unsupported("arithmetic between intervals")
        shown = ", ".join(str(side.type) for side in sides)
        raise env.wrong(f"{sign!r} cannot be applied to {shown}", node)
    if interval.constant is None:
        raise unsupported("an interval that is not a literal")
    if type_.base == "date" and interval.type == DAYS and int(interval.constant) % _DAY_MS:
        raise env.wrong("hours, minutes and seconds cannot be added to a date", node)
    return shifted(moment, interval, sign)


def multiplied(env: Env, node: exp.Expr, sides: tuple[Value, Value]) -> Value:
    """An interval times a whole number, both of them literals."""
    interval, factor = sides if sides[0].type in {DAYS, MONTHS} else (sides[1], sides[0])
    if factor.type.base not in {*INTEGERS, *FLOATS, "decimal", "unknown"} or (
        isinstance(node, exp.Div) and interval is not sides[0]
    ):
        sign = "/" if isinstance(node, exp.Div) else "*"
        shown = ", ".join(str(side.type) for side in sides)
        raise env.wrong(f"{sign!r} cannot be applied to {shown}", node)
    constants = (interval.constant, factor.constant)
    if isinstance(node, exp.Div) or not all(isinstance(constant, int) for constant in constants):
        raise unsupported("an interval times or divided by anything but a whole number")
    amount = int(constants[0] or 0) * int(constants[1] or 0)
    to = "to_months" if interval.type == MONTHS else "to_milliseconds"
    if interval.type == DAYS and not amount % _DAY_MS:
        return Value(f"to_days({amount // _DAY_MS})", DAYS, constant=amount)
    return Value(f"{to}({amount})", interval.type, constant=amount)


def shifted(moment: Value, interval: Value, sign: str) -> Value:
    """`moment` moved by an interval in DuckDB's words."""
    by = interval.sql
    if moment.type.base == "timestamp with time zone":
        if interval.type != DAYS:
            raise unsupported("months added to a time stamp with a time zone")
        # Trino adds 24 hours for a day here, DuckDB a day of the calendar
        by = f"to_milliseconds({interval.constant})"
    sql = f"({moment.sql} {sign} {by})"
    return Value(f"CAST({sql} AS DATE)", DATE) if moment.type == DATE else Value(sql, moment.type)


@translates(exp.CurrentDate)
def _current_date(_env: Env, _node: exp.CurrentDate) -> Value:
    return Value("current_date", DATE)


@translates(exp.CurrentTimestamp)
def _current_timestamp(_env: Env, node: exp.CurrentTimestamp) -> Value:
    if node.this:
        raise unsupported("current_timestamp with a precision")
    return Value("date_trunc('millisecond', now())", TIMESTAMP_TZ)


# Trino's word: DuckDB's part, and what to do with it
_PARTS = {
    "year": "year({0})",
    "quarter": "quarter({0})",
    "month": "month({0})",
    "week": "week({0})",
    "day": "day({0})",
    "day_of_month": "day({0})",
    "day_of_week": "isodow({0})",
    "dow": "isodow({0})",
    "day_of_year": "dayofyear({0})",
    "doy": "dayofyear({0})",
    "year_of_week": "isoyear({0})",
    "yow": "isoyear({0})",
    "hour": "hour({0})",
    "minute": "minute({0})",
    "second": "second({0})",
}
_OF_CLOCK = {"hour", "minute", "second"}


def part(env: Env, word: str, value: Value, node: exp.Expr) -> Value:
    """`word`, such as `year`, of a moment, as a bigint."""
    template = _PARTS.get(word)
    if template is None:
        raise unsupported(f"extract({word} FROM …)")
    clock = word in _OF_CLOCK
    allowed = {"timestamp", "timestamp with time zone"} | ({"time"} if clock else {"date"})
    if value.type.base not in allowed:
        raise env.wrong(f"{word} cannot be taken of {value.type}", node)
    return Value(template.format(localized(value).sql), BIGINT)


_ZONE = re.compile(r"[A-Za-z_]+(/[A-Za-z_]+)*")


def zoned(call_name: str, value: Value, zone: Value) -> Value:
    """The same instant on another zone's clock; a plain time stamp is one of the session's zone."""
    if value.type.base not in {"timestamp", "timestamp with time zone"}:
        raise unsupported(f"{call_name} of {value.type}")
    if not isinstance(zone.constant, str) or not _ZONE.fullmatch(zone.constant):
        raise unsupported(f"{call_name} with a zone that is not a name such as 'Europe/Berlin'")
    precision = value.type.precision
    instant = coerced(value, Type("timestamp with time zone", precision))
    return replace(instant, type=Type("timestamp with time zone", precision, zone=zone.constant))


@translates(exp.AtTimeZone, parts=("this", "zone"))
def _at_time_zone(env: Env, node: exp.AtTimeZone) -> Value:
    return zoned("AT TIME ZONE", env.value(node.this), env.value(node.args["zone"]))


def localized(value: Value) -> Value:
    """A time stamp with a zone that AT TIME ZONE gave it, as that zone's clock shows it."""
    if value.type.zone is None:
        return value
    type_ = Type("timestamp", value.type.precision)
    return Value(f"timezone('{value.type.zone}', {value.sql})", type_)


@translates(exp.Extract)
def _extract(env: Env, node: exp.Extract) -> Value:
    return part(env, node.name.lower(), env.value(node.expression), node)
