"""Values of parameters as Trino and Presto write them after USING.

Pure. The protocol has no other way to send them: `EXECUTE name USING 7, DATE '2026-01-01'`.
Each is one typed literal of its own, never part of the statement's text. The `trino`
package does the same inside its cursor, which however waits for the first rows, and
prepares and drops each statement with two queries more.
"""

import math
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from selfserve.errors import BadInputError

_BIGINT = range(-(2**63), 2**63)
_DECIMAL_DIGITS = 38


def to_literal(value: object) -> str:  # noqa: C901, PLR0911  one line for each type
    """The literal of one value.

    Raises:
        BadInputError: there is no such literal.
    """
    match value:
        case None:
            return "NULL"
        case bool():
            return "TRUE" if value else "FALSE"
        case int():
            return str(value) if value in _BIGINT else _decimal(Decimal(value))
        case float():
            return _double(value)
        case Decimal():
            return _decimal(value)
        case str():
            return _quoted(value)
        case bytes():
            return f"X'{value.hex()}'"
        case datetime():
            return f"TIMESTAMP '{_timestamp(value)}'"
        case date():
            return f"DATE '{value.isoformat()}'"
        case time():
            return f"TIME '{value.isoformat()}'"
        case timedelta():
            return _interval(value)
        case list():
            return f"ARRAY[{', '.join(map(to_literal, value))}]"
    raise BadInputError(
        f"A parameter cannot be {type(value).__name__}.",
        hint="Give text, a number, true or false, a date, a time or a timestamp.",
    )


def _quoted(text: str) -> str:
    doubled = text.replace("'", "''")
    return f"'{doubled}'"


def _double(value: float) -> str:
    if math.isnan(value):
        return "nan()"
    if math.isinf(value):
        return "infinity()" if value > 0 else "-infinity()"
    return f"DOUBLE '{value!r}'"


def _decimal(value: Decimal) -> str:
    digits = f"{value:f}"
    if not value.is_finite() or sum(map(str.isdigit, digits)) > _DECIMAL_DIGITS:
        raise BadInputError(
            f"{value} does not fit into a decimal of {_DECIMAL_DIGITS} digits.",
            hint="Give a smaller number, or declare the parameter as double.",
        )
    return f"DECIMAL '{digits}'"


def _timestamp(value: datetime) -> str:
    """Always with a fraction: how many digits it has is the literal's type."""
    if value.tzinfo is None:
        return value.isoformat(" ", "microseconds")
    local = value.replace(tzinfo=None).isoformat(" ", "microseconds")
    zone = getattr(value.tzinfo, "key", None)
    return f"{local} {zone or value.isoformat()[-6:]}"


def _interval(value: timedelta) -> str:
    microseconds = value // timedelta(microseconds=1)
    if microseconds % 1000:
        raise BadInputError(
            f"{value} is finer than a millisecond, which intervals cannot be.",
            hint="Round the parameter to milliseconds.",
        )
    sign = "-" if microseconds < 0 else ""
    seconds, milliseconds = divmod(abs(microseconds) // 1000, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    clock = f"{days} {hours:02}:{minutes:02}:{seconds:02}.{milliseconds:03}"
    return f"INTERVAL {sign}'{clock}' DAY TO SECOND"
