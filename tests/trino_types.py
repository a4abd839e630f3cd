"""How Trino's and Presto's coordinators write types and values of DuckDB's answers in JSON."""

import base64
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

Encode = Callable[[Any], Any]  # of any type that DuckDB has, to any that JSON has

_NAMES = {
    "boolean": "boolean", "tinyint": "tinyint", "smallint": "smallint", "integer": "integer",
    "bigint": "bigint", "float": "real", "double": "double", "varchar": "varchar",
    "blob": "varbinary", "date": "date", "uuid": "uuid", "json": "json",
    "interval": "interval day to second",
}  # fmt: skip


@dataclass(frozen=True)
class TrinoType:
    """A type as an answer describes it, and what writes its values."""

    text: str
    signature: dict[str, Any]
    encode: Encode


def to_trino_type(kind: Any, *, presto: bool) -> TrinoType:  # noqa: PLR0911  one line for each kind
    """What a coordinator would call DuckDB's type."""
    if str(kind) == "JSON":
        return _plain("json", _same)
    if kind.id in {"list", "array"}:
        return _array(to_trino_type(kind.children[0][1], presto=presto))
    if kind.id == "map":
        (_, key), (_, value) = kind.children
        return _map(to_trino_type(key, presto=presto), to_trino_type(value, presto=presto))
    if kind.id == "struct":
        fields = [(name, to_trino_type(part, presto=presto)) for name, part in kind.children]
        return _row(fields, presto=presto)
    if kind.id in {"decimal", "hugeint"}:
        sizes = dict(kind.children) if kind.id == "decimal" else {"precision": 38, "scale": 0}
        text = f"decimal({sizes['precision']},{sizes['scale']})"
        return TrinoType(text, _signature("decimal", *sizes.values()), str)
    if kind.id.startswith("time"):
        return _temporal(kind.id, presto=presto)
    return _plain(_NAMES[kind.id], _ENCODERS.get(kind.id, _same))


def _plain(name: str, encode: Encode) -> TrinoType:
    arguments = (2_147_483_647,) if name == "varchar" else ()
    return TrinoType(name, _signature(name, *arguments), encode)


_DIGITS = {"timestamp_s": 0, "timestamp_ms": 3, "timestamp_ns": 9}


def _temporal(kind: str, *, presto: bool) -> TrinoType:
    """Presto's have milliseconds and no parameter, Trino's what DuckDB's have."""
    base, _, zone = kind.partition(" ")
    digits = 3 if presto else _DIGITS.get(base, 6)
    base, zone = base.partition("_")[0], (f" {zone}" if zone else "")

    def encode(value: datetime | time) -> str:
        text = str(value.replace(tzinfo=None).isoformat(*([" "] * (kind != "time"))))
        whole, _, fraction = text.partition(".")
        text = f"{whole}.{fraction.ljust(digits, '0')[:digits]}".removesuffix(".")
        return f"{text} UTC" if zone else text

    size, arguments = ("", ()) if presto else (f"({digits})", (digits,))
    return TrinoType(f"{base}{size}{zone}", _signature(base + zone, *arguments), encode)


def _array(item: TrinoType) -> TrinoType:
    signature = {"rawType": "array", "arguments": [{"kind": "TYPE", "value": item.signature}]}
    return TrinoType(f"array({item.text})", signature, lambda value: _each(item, value))


def _map(key: TrinoType, item: TrinoType) -> TrinoType:
    parts = [{"kind": "TYPE", "value": part.signature} for part in (key, item)]

    def encode(value: dict[Any, Any]) -> dict[str, Any]:
        return {_as_key(key.encode(k)): _maybe(item, v) for k, v in value.items()}

    signature = {"rawType": "map", "arguments": parts}
    return TrinoType(f"map({key.text}, {item.text})", signature, encode)


def _row(fields: Sequence[tuple[str, TrinoType]], *, presto: bool) -> TrinoType:
    """A list of values; PrestoDB describes the types of fields as text."""
    parts = [
        {
            "kind": "NAMED_TYPE",
            "value": {
                "fieldName": {"name": name},
                "typeSignature": kind.text if presto else kind.signature,
            },
        }
        for name, kind in fields
    ]
    inside = ", ".join(f'"{name}" {kind.text}' for name, kind in fields)

    def encode(value: dict[str, Any]) -> list[Any]:
        return [_maybe(kind, value[name]) for name, kind in fields]

    return TrinoType(f"row({inside})", {"rawType": "row", "arguments": parts}, encode)


def _signature(name: str, *arguments: int) -> dict[str, Any]:
    longs = [{"kind": "LONG", "value": number} for number in arguments]
    return {"rawType": name, "arguments": longs}


def _maybe(kind: TrinoType, value: Any) -> Any:
    return None if value is None else kind.encode(value)


def _each(kind: TrinoType, values: Sequence[Any]) -> list[Any]:
    return [_maybe(kind, value) for value in values]


def _as_key(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _same(value: Any) -> Any:
    return value


def _double(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _date(value: date) -> str:
    return value.isoformat()


def _interval(value: timedelta) -> str:
    seconds, microseconds = divmod(abs(value) // timedelta(microseconds=1), 1_000_000)
    sign = "-" if value < timedelta(0) else ""
    hours, minutes = seconds // 3600 % 24, seconds // 60 % 60
    clock = f"{hours:02}:{minutes:02}:{seconds % 60:02}.{microseconds // 1000:03}"
    return f"{sign}{seconds // 86_400} {clock}"


_ENCODERS: dict[str, Encode] = {
    "float": _double,
    "double": _double,
    "blob": lambda value: base64.b64encode(value).decode(),
    "date": _date,
    "uuid": str,
    "interval": _interval,
}
