"""Values of answers as text, for tables and CSV, and as what JSON has. Pure.

On the path of the shortest query: nothing heavy is loaded here.
"""

import json
import re
import struct
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import Any

from selfserve.core.sql.results.sql_types import SqlType, parse_type

NULL = "NULL"
_UNKNOWN = SqlType("unknown")
_NUMBERS = frozenset({"tinyint", "smallint", "integer", "int", "bigint", "real", "double"})
_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def to_text(value: object, type_name: str) -> str:
    """`value` as tables and CSV show it; NULL is `NULL`."""
    return render_text(value, parse_type(type_name))


def to_plain(value: object, type_name: str) -> object:
    """`value` as JSON has it: None, bool, int, float, str, and lists and dicts of these.

    As in Trino's own answers, decimals are text, which keeps all their digits; so are NaN
    and Infinity, which JSON lacks; bytes are base64.
    """
    return render_plain(value, parse_type(type_name))


def render_text(value: object, sql_type: SqlType) -> str:
    """`to_text` for a type that was taken apart before."""
    if value is None:
        return NULL
    render = _TEXT.get(type(value))
    return str(value) if render is None else render(value, sql_type)


def render_plain(value: object, sql_type: SqlType) -> object:
    """`to_plain` for a type that was taken apart before."""
    if value is None or type(value) in {str, int, bool}:
        return value
    render = _PLAIN.get(type(value))
    return render_text(value, sql_type) if render is None else render(value, sql_type)


def is_number(type_name: str) -> bool:
    """Whether values of this type are read from the right, as numbers are."""
    name = parse_type(type_name).name
    return name in _NUMBERS or name == "decimal"


def escape_controls(text: str) -> str:
    r"""Write what could steer a terminal, or turn text around, as `\n`, `\x1b` or `\u202e`."""
    if text.isprintable():
        return text
    return _STEERING.sub(lambda found: _escape(found[0]), text)


def _escape(character: str) -> str:
    code = ord(character)
    return _SHORT.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def _bool(value: bool, _: SqlType) -> str:  # noqa: FBT001  a value, not a switch
    return "true" if value else "false"


def _float(value: float, sql_type: SqlType) -> str:
    """The fewest digits that give this value back; of REAL, this value of 32 bits."""
    if value - value != 0:  # only of NaN and the infinities
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"  # noqa: PLR0124
    return repr(_shortest_real(value) if sql_type.name == "real" else value)


def _shortest_real(value: float) -> float:
    try:
        wanted = struct.pack("f", value)
    except OverflowError:  # no REAL, whatever the type says
        return value
    for digits in range(6, 9):
        short = float(f"{value:.{digits}g}")
        if abs(short) <= 3.4028235e38 and struct.pack("f", short) == wanted:
            return short
    return float(f"{value:.9g}")


def _decimal(value: Decimal, sql_type: SqlType) -> str:
    text = str(value)
    scale = sql_type.numbers[1] if len(sql_type.numbers) == 2 else 0
    if scale and text[-scale - 1 : -scale] == "." and "E" not in text:
        return text  # nearly always, and five times as fast
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int):  # NaN, which only Hive and Spark could mean
        return text
    return f"{value:.{max(scale, -exponent, 0)}f}"


def _datetime(value: datetime, sql_type: SqlType) -> str:
    whole = value.isoformat(" ", "microseconds")
    text = _fraction(whole[:19], whole[20:26], sql_type)
    return text if value.tzinfo is None else f"{text} {_zone(value.tzinfo, value)}"


def _time(value: time, sql_type: SqlType) -> str:
    whole = value.isoformat("microseconds")
    text = _fraction(whole[:8], whole[9:15], sql_type)
    return text if value.tzinfo is None else text + _offset(value.utcoffset() or timedelta(0))


def _fraction(text: str, digits: str, sql_type: SqlType) -> str:
    """As many digits as the type has, and more only where the value has more."""
    wanted = max(sql_type.numbers[0] if sql_type.numbers else 3, len(digits.rstrip("0")))
    return f"{text}.{digits[:wanted].ljust(wanted, '0')}" if wanted else text


def _zone(zone: tzinfo, moment: datetime) -> str:
    name = str(zone)
    if name in {"UTC", "Etc/UTC"}:
        return "UTC"
    return name if "/" in name else _offset(moment.utcoffset() or timedelta(0))


def _offset(offset: timedelta) -> str:
    minutes = round(offset.total_seconds() / 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def _interval(value: timedelta, _: SqlType) -> str:
    sign, size = ("-", -value) if value < timedelta(0) else ("", value)
    hours, rest = divmod(size.seconds, 3600)
    clock = f"{hours:02d}:{rest // 60:02d}:{rest % 60:02d}"
    digits = f"{size.microseconds:06d}"
    return f"{sign}{size.days} {clock}.{digits[:3]}{digits[3:].rstrip('0')}"


def _nested(value: object, sql_type: SqlType) -> str:
    return json.dumps(render_plain(value, sql_type), ensure_ascii=False)


def _plain_float(value: float, sql_type: SqlType) -> object:
    if value - value != 0:
        return _float(value, sql_type)
    return _shortest_real(value) if sql_type.name == "real" else value


def _plain_list(value: list[object] | tuple[object, ...], sql_type: SqlType) -> object:
    parts = sql_type.parts or (_UNKNOWN,)
    if sql_type.name == "row" and len(parts) == len(value):
        return dict(zip(sql_type.fields, map(render_plain, value, parts), strict=True))
    return [render_plain(item, parts[0]) for item in value]


def _plain_dict(value: Mapping[object, object], sql_type: SqlType) -> object:
    if sql_type.name == "row":
        parts = dict(zip(sql_type.fields, sql_type.parts, strict=True))
        return {
            str(key): render_plain(item, parts.get(str(key), _UNKNOWN))
            for key, item in value.items()
        }
    keys, items = sql_type.parts if len(sql_type.parts) == 2 else (_UNKNOWN, _UNKNOWN)
    return {render_text(key, keys): render_plain(item, items) for key, item in value.items()}


_Render = Callable[[Any, SqlType], Any]  # each takes the class that it stands beside
_TEXT: dict[type, _Render] = {
    str: lambda value, _: value,
    bool: _bool,
    float: _float,
    Decimal: _decimal,
    bytes: lambda value, _: value.hex(),
    bytearray: lambda value, _: value.hex(),
    date: lambda value, _: value.isoformat(),
    datetime: _datetime,
    time: _time,
    timedelta: _interval,
    list: _nested,
    tuple: _nested,
    dict: _nested,
}
_PLAIN: dict[type, _Render] = {
    float: _plain_float,
    bytes: lambda value, _: b64encode(value).decode(),
    bytearray: lambda value, _: b64encode(value).decode(),
    list: _plain_list,
    tuple: _plain_list,
    dict: _plain_dict,
}
