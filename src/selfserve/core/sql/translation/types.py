"""Trino's types as data: parsed from text, written back, and named as DuckDB names them.

Source: https://trino.io/docs/current/language/types.html
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Type:
    """A type of Trino; `precision` is the length of a varchar, too."""

    base: str
    precision: int | None = None
    scale: int | None = None
    items: tuple["Type", ...] = ()
    """Of an array, of a map (key and value), of a row."""
    names: tuple[str | None, ...] = ()
    """Of a row's fields."""
    zone: str | None = None
    """Of a time stamp moved with AT TIME ZONE; None: the session's zone."""

    def __str__(self) -> str:
        if self.base == "row":
            fields = zip(self.names, self.items, strict=True)
            shown = (f"{name} {item}" if name else str(item) for name, item in fields)
            return f"row({', '.join(shown)})"
        if self.items:
            return f"{self.base}({', '.join(map(str, self.items))})"
        if self.base == "decimal":
            return f"decimal({self.precision},{self.scale})"
        if self.precision is None:
            return self.base
        first, _, rest = self.base.partition(" ")
        return f"{first}({self.precision}){' ' if rest else ''}{rest}"


UNKNOWN = Type("unknown")
BOOLEAN = Type("boolean")
TINYINT, SMALLINT, INTEGER, BIGINT = map(Type, ("tinyint", "smallint", "integer", "bigint"))
REAL, DOUBLE = Type("real"), Type("double")
VARCHAR = Type("varchar")
DATE = Type("date")
TIMESTAMP = Type("timestamp", 3)
TIMESTAMP_TZ = Type("timestamp with time zone", 3)
DAYS, MONTHS = Type("interval day to second"), Type("interval year to month")

INTEGERS = ("tinyint", "smallint", "integer", "bigint")
FLOATS = ("real", "double")
_DIGITS = {"tinyint": 3, "smallint": 5, "integer": 10, "bigint": 19}
_WIDENING = ("tinyint", "smallint", "integer", "bigint", "decimal", "real", "double")
_MOMENTS = ("date", "timestamp", "timestamp with time zone")

_DUCKDB = {
    "boolean": "BOOLEAN",
    "tinyint": "TINYINT",
    "smallint": "SMALLINT",
    "integer": "INTEGER",
    "bigint": "BIGINT",
    "real": "FLOAT",
    "double": "DOUBLE",
    "varchar": "VARCHAR",
    "varbinary": "BLOB",
    "date": "DATE",
    "time": "TIME",
    "timestamp": "TIMESTAMP",
    "timestamp with time zone": "TIMESTAMP WITH TIME ZONE",
    "interval day to second": "INTERVAL",
    "interval year to month": "INTERVAL",
    "uuid": "UUID",
    "unknown": "INTEGER",
    "hugeint": "HUGEINT",  # no type of Trino: whole numbers on the way to a decimal
}
_SYNONYMS = {"int": "integer", "string": "varchar", "float": "real", "double precision": "double"}


def decimal(precision: int, scale: int) -> Type:
    """A decimal of at most 38 digits."""
    return Type("decimal", min(38, precision), scale)


def array(item: Type) -> Type:
    """An array of `item`."""
    return Type("array", items=(item,))


def duckdb_type(type_: Type) -> str | None:
    """As a CAST in DuckDB needs it; None if the type has no equal there."""
    if type_.base == "decimal":
        return f"DECIMAL({type_.precision},{type_.scale})"
    inner = [duckdb_type(item) for item in type_.items]
    if None in inner:
        return None
    if type_.base == "array":
        return f"{inner[0]}[]"
    if type_.base == "map":
        return f"MAP({inner[0]}, {inner[1]})"
    return _struct(type_, inner) if type_.base == "row" else _DUCKDB.get(type_.base)


def _struct(type_: Type, inner: list[str | None]) -> str | None:
    if not all(type_.names):
        return None
    names = ('"' + str(name).replace('"', '""') + '"' for name in type_.names)
    fields = (f"{name} {item}" for name, item in zip(names, inner, strict=True))
    return f"STRUCT({', '.join(fields)})"


def as_decimal(type_: Type) -> Type | None:
    """The decimal that holds every value of an integer type or decimal."""
    if type_.base == "decimal":
        return type_
    digits = _DIGITS.get(type_.base)
    return decimal(digits, 0) if digits else None


def common_type(left: Type, right: Type) -> Type | None:
    """What Trino coerces both to, such as for `=` or CASE; None if it does not."""
    if left == right or right.base == "unknown":
        return left
    if left.base == "unknown":
        return right
    if left.base == right.base:
        return _common_of_base(left, right)
    bases = {left.base, right.base}
    if bases <= set(_WIDENING):
        return _common_number(left, right)
    if bases <= set(_MOMENTS) and not (left.zone or right.zone):
        wider = max(left, right, key=lambda type_: _MOMENTS.index(type_.base))
        precisions = [type_.precision or 0 for type_ in (left, right) if type_.base != "date"]
        return Type(wider.base, max(precisions))
    return None


def _common_number(left: Type, right: Type) -> Type:
    wider = max(left, right, key=lambda type_: _WIDENING.index(type_.base))
    if wider.base != "decimal":
        return wider
    narrow = as_decimal(left if wider is right else right)
    return _common_decimal(wider, narrow) if narrow else wider


def _common_decimal(left: Type, right: Type) -> Type:
    scale = max(left.scale or 0, right.scale or 0)
    whole = max((side.precision or 0) - (side.scale or 0) for side in (left, right))
    return decimal(whole + scale, scale)


def _common_of_base(left: Type, right: Type) -> Type | None:
    if left.base == "decimal":
        return _common_decimal(left, right)
    if left.base == "varchar":
        both = (left.precision, right.precision)
        return VARCHAR if None in both else Type("varchar", max(p for p in both if p is not None))
    if left.zone != right.zone:
        return None
    if left.base in _MOMENTS:
        return Type(left.base, max(left.precision or 0, right.precision or 0))
    if left.items and len(left.items) == len(right.items):
        items = [common_type(*pair) for pair in zip(left.items, right.items, strict=True)]
        known = tuple(item for item in items if item)
        if len(known) == len(items):
            return Type(left.base, items=known, names=left.names)
    return None


_ITEMS = {"array": 1, "map": 2}
_TOKENS = re.compile(r'\s*("(?:[^"]|"")*"|[A-Za-z0-9_$]+|[(),<>:])')


@cache
def parse_type(text: str) -> Type:
    """Read a type in Trino's spelling, such as `array(row(a bigint, b varchar(3)))`."""
    tokens = _TOKENS.findall(text)
    type_, rest = _parse(tokens)
    return Type("other") if rest else type_


def _parse(tokens: list[str]) -> tuple[Type, list[str]]:
    base, rest = tokens[0].lower(), tokens[1:]
    if base == "interval" or [*map(str.lower, rest[:1])] == ["precision"]:
        taken = 3 if base == "interval" else 1
        return Type(" ".join([base, *map(str.lower, rest[:taken])])), rest[taken:]
    inner: list[list[str]] = []
    if rest[:1] == ["("]:
        inner, rest = _bracketed(rest)
    if [*map(str.lower, rest[:3])] == ["with", "time", "zone"]:
        base, rest = f"{base} with time zone", rest[3:]
    return _made(_SYNONYMS.get(base, base), inner), rest


def _bracketed(tokens: list[str]) -> tuple[list[list[str]], list[str]]:
    parts: list[list[str]] = [[]]
    depth = 0
    for index, word in enumerate(tokens):
        depth += (word == "(") - (word == ")")
        if depth == 0:
            return parts, tokens[index + 1 :]
        if word == "," and depth == 1:
            parts.append([])
        elif index:
            parts[-1].append(word)
    return parts, []


def _made(base: str, inner: list[list[str]]) -> Type:
    if not _is_whole(base, inner):
        return Type("other")
    if base == "decimal":
        numbers = [int(part[0]) for part in inner]
        return decimal(*(numbers + [38, 0][len(numbers) :]))
    if base in _ITEMS:
        return Type(base, items=tuple(_parse(part)[0] for part in inner))
    if base == "row":
        fields = list(_fields(inner))
        return Type(base, items=tuple(f[1] for f in fields), names=tuple(f[0] for f in fields))
    default = 3 if base.startswith("time") else None
    return Type(base, int(inner[0][0]) if inner else default)


def _is_whole(base: str, inner: list[list[str]]) -> bool:
    """Whether what is in the brackets is what such a type needs."""
    if base in _ITEMS:
        return len(inner) == _ITEMS[base] and all(inner)
    if base == "row":
        return all(inner)
    most = 2 if base == "decimal" else 1
    return len(inner) <= most and all(part and part[0].isdigit() for part in inner)


def _fields(parts: list[list[str]]) -> Iterator[tuple[str | None, Type]]:
    for part in parts:
        named = len(part) > 1 and part[1] not in {"(", "with"}
        name = part[0].strip('"').replace('""', '"') if named else None
        yield (name if part[0].startswith('"') else name and name.lower()), _parse(part[named:])[0]
