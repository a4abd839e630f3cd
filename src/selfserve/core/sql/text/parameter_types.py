"""Types of parameters, and how what was typed becomes a value of one. Pure."""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from math import isfinite

Scalar = str | bool | int | float | Decimal | date | datetime
Value = Scalar | tuple[Scalar, ...]

DECIMAL_DIGITS = 38
"""The most that any of the engines holds."""


class BaseType(StrEnum):
    """Types of single values, in Trino's spelling."""

    VARCHAR = "varchar"
    INTEGER = "integer"
    BIGINT = "bigint"
    DOUBLE = "double"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"


@dataclass(frozen=True, slots=True)
class ParameterType:
    """A type such as `date`, `decimal(12,2)` or `bigint[]`, a list for IN."""

    base: BaseType
    precision: int | None = None
    """Of a decimal; None: as many digits as the value has."""
    scale: int = 0
    is_list: bool = False

    def __str__(self) -> str:
        size = f"({self.precision},{self.scale})" if self.precision is not None else ""
        return f"{self.base}{size}{'[]' if self.is_list else ''}"

    @property
    def example(self) -> str:
        """What could be typed for a value, a list's with commas."""
        one, other = _EXAMPLES[self.base]
        return f"{one},{other}" if self.is_list else one

    @property
    def item(self) -> "ParameterType":
        """The type of each value of a list."""
        return replace(self, is_list=False)


VARCHAR = ParameterType(BaseType.VARCHAR)

_EXAMPLES = {
    BaseType.VARCHAR: ("DE", "FR"),
    BaseType.INTEGER: ("7", "8"),
    BaseType.BIGINT: ("7", "8"),
    BaseType.DOUBLE: ("1.5", "2.5"),
    BaseType.DECIMAL: ("1.5", "2.5"),
    BaseType.BOOLEAN: ("true", "false"),
    BaseType.DATE: ("2026-01-31", "2026-02-28"),
    BaseType.TIMESTAMP: ("2026-01-31 12:00:00", "2026-01-31 13:00:00"),
}
_OTHER_NAMES = {"text": "varchar", "string": "varchar", "int": "integer", "long": "bigint"}
TYPE_NAMES = (*map(str, BaseType), *_OTHER_NAMES)
_TYPE = re.compile(r"(\w+)\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?\s*(\[\s*\])?", re.ASCII)

_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_FRACTION = re.compile(r"[+-]?\d+\.\d+", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_LOOKS_LIKE = {
    BaseType.DATE: _DATE,
    BaseType.BIGINT: re.compile(r"[+-]?(?:0|[1-9]\d*)", re.ASCII),
    BaseType.DECIMAL: re.compile(r"[+-]?(?:0|[1-9]\d*)\.\d+", re.ASCII),
    BaseType.BOOLEAN: re.compile(r"true|false"),
}
_TIMESTAMP = re.compile(r"(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d)(:\d\d)?(?:\.(\d{1,6}))?)?", re.ASCII)
_QUOTED = re.compile(r"'((?:[^']|'')*+)'", re.DOTALL)
_ITEM = re.compile(r"\s*(?:'((?:[^']|'')*+)'|((?:[^,'][^,]*?)?))\s*(,|\Z)", re.DOTALL)


def parse_type(text: str) -> ParameterType:
    """`text` as a type.

    Raises:
        ValueError: there is no such type; the message says so in a sentence.
    """
    found = _TYPE.fullmatch(text.strip().lower())
    word = found[1] if found else ""
    base = _OTHER_NAMES.get(word, word)
    if found is None or base not in set(BaseType):
        raise ValueError(f"{text.strip()} is not a type of parameters")
    is_list = found[4] is not None
    if found[2] is None:
        return ParameterType(BaseType(base), is_list=is_list)
    if base == BaseType.VARCHAR and found[3] is None:
        return ParameterType(BaseType.VARCHAR, is_list=is_list)  # a limit would change the value
    precision, scale = int(found[2]), int(found[3] or 0)
    if base != BaseType.DECIMAL or not scale <= precision <= DECIMAL_DIGITS or not precision:
        raise ValueError(f"{text.strip()} is not a type of parameters")
    return ParameterType(BaseType.DECIMAL, precision, scale, is_list)


def parse_value(text: str, wanted: ParameterType) -> Value:
    """What was typed, as a value of the type; a list is split at its commas.

    Quotes around a value, or around a list's values, are taken off: `'a,b',c`.

    Raises:
        ValueError: it is none; the message says why, for people.
    """
    if not wanted.is_list:
        return _parse_scalar(unquoted(text), wanted)
    if not text.strip():
        raise ValueError("this list is empty")
    return tuple(_parse_scalar(item, wanted) for item in _items(text))


def infer(text: str) -> tuple[ParameterType, Value]:
    """The type and the value of what was typed without a type.

    Dates, whole numbers, numbers with a point, true and false are what they look like. All
    else is varchar: what is in quotes, and numbers with leading zeros or too many digits.

    Raises:
        ValueError: it holds what no statement can.
    """
    base = next((base for base, pattern in _LOOKS_LIKE.items() if pattern.fullmatch(text)), None)
    if base is not None:
        with suppress(ValueError):  # 2026-02-31, or more digits than fit: then it is a text
            value = _SCALARS[base](text)
            return fitted(ParameterType(base), value), value
    return VARCHAR, _varchar(unquoted(text))


def fitted(wanted: ParameterType, value: Value) -> ParameterType:
    """The type with the digits of the value, for a decimal without any.

    Raises:
        ValueError: no engine's decimal is that long.
    """
    if wanted.base is not BaseType.DECIMAL or wanted.precision is not None:
        return wanted
    numbers = [item for item in as_items(value) if isinstance(item, Decimal)]
    scale = max(_scale(number) for number in numbers)
    whole = max(_whole_digits(number) for number in numbers)
    if whole + scale > DECIMAL_DIGITS:
        raise ValueError(f"this has more digits than the {DECIMAL_DIGITS} of a decimal")
    return replace(wanted, precision=max(whole + scale, 1), scale=scale)


def as_items(value: Value) -> tuple[Scalar, ...]:
    """The values of a list, or the only one."""
    return value if isinstance(value, tuple) else (value,)


def unquoted(text: str) -> str:
    """Without quotes around it, if it is one quoted string; otherwise as it is."""
    found = _QUOTED.fullmatch(text)
    return found[1].replace("''", "'") if found else text


def _items(text: str) -> Iterator[str]:
    at = 0
    while at <= len(text):
        found = _ITEM.match(text, at)
        if found is None:
            raise ValueError("a quote of this list is not closed")
        if found[1] is not None:
            yield found[1].replace("''", "'")
        elif found[2]:
            yield found[2]
        else:
            raise ValueError("a value of this list is empty; write '' for an empty text")
        if not found[3]:
            return
        at = found.end()


def _parse_scalar(text: str, wanted: ParameterType) -> Scalar:
    value = _SCALARS[wanted.base](text if wanted.base is BaseType.VARCHAR else text.strip())
    if isinstance(value, Decimal) and wanted.precision is not None:
        fits = _whole_digits(value) <= wanted.precision - wanted.scale
        if not fits or _scale(value) > wanted.scale:
            raise ValueError(f"this has more digits than {wanted}")
    return value


def _varchar(text: str) -> str:
    if "\0" in text:
        raise ValueError("no statement can hold the character NUL")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("this is not UTF-8 text") from error
    return text


def _whole(bits: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not _INTEGER.fullmatch(text) or len(text) > DECIMAL_DIGITS:
            raise ValueError("this is no whole number")
        if not -(2 ** (bits - 1)) <= (value := int(text)) < 2 ** (bits - 1):
            raise ValueError(f"this does not fit in {bits} bits")
        return value

    return parse


def _double(text: str) -> float:
    if not _NUMBER.fullmatch(text) or not isfinite(value := float(text)):
        raise ValueError("this is no such number")
    return value


def _decimal(text: str) -> Decimal:
    if not (_INTEGER.fullmatch(text) or _FRACTION.fullmatch(text)):
        raise ValueError("this is no decimal number")
    return Decimal(text)


def _boolean(text: str) -> bool:
    if text.casefold() not in {"true", "false"}:
        raise ValueError("this is neither true nor false")
    return text.casefold() == "true"


def _date(text: str) -> date:
    if not _DATE.fullmatch(text):
        raise ValueError("this is no date")
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ValueError("there is no such day") from error


def _timestamp(text: str) -> datetime:
    """Of no zone, as the engines' type is; a day alone is its midnight."""
    found = _TIMESTAMP.fullmatch(text)
    if found is None or (found[4] and not found[3]):
        raise ValueError("this is no timestamp")
    day, minutes, seconds, fraction = found.groups()
    time = f"{minutes or '00:00'}{seconds or ':00'}.{(fraction or '').ljust(6, '0')}"
    try:
        return datetime.fromisoformat(f"{day} {time}")
    except ValueError as error:
        raise ValueError("there is no such time") from error


def _scale(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def _whole_digits(number: Decimal) -> int:
    return max(number.adjusted() + 1, 0) if number else 0


_SCALARS: dict[BaseType, Callable[[str], Scalar]] = {
    BaseType.VARCHAR: _varchar,
    BaseType.INTEGER: _whole(32),
    BaseType.BIGINT: _whole(64),
    BaseType.DOUBLE: _double,
    BaseType.DECIMAL: _decimal,
    BaseType.BOOLEAN: _boolean,
    BaseType.DATE: _date,
    BaseType.TIMESTAMP: _timestamp,
}
