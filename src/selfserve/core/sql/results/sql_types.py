"""Trino's types, such as `array(row(a bigint))`, as trees. Pure."""

from dataclasses import dataclass
from functools import lru_cache

_GOES_ON = ("with ", "without ", "day to ", "year to ", "precision")
"""How a type of several words goes on after its first; any other second word follows a name."""


@dataclass(frozen=True, slots=True)
class SqlType:
    """A type: its name without what is in parentheses, and that taken apart."""

    name: str
    """In lower case: `decimal`, `timestamp with time zone`, `row`."""
    numbers: tuple[int, ...] = ()
    """Such as precision and scale."""
    parts: tuple["SqlType", ...] = ()
    """Of the elements of an array, keys and values of a map, fields of a row."""
    fields: tuple[str, ...] = ()
    """Names of a row's fields; a field without one is `field0`, by its place."""


@lru_cache(maxsize=512)
def parse_type(text: str) -> SqlType:
    """Take a type in Trino's spelling apart; what is not known stays whole in `name`."""
    text = text.strip()
    start, end = text.find("("), text.rfind(")")
    if start < 0 or end < start:
        return SqlType(text.lower())
    name = " ".join(f"{text[:start]} {text[end + 1 :]}".lower().split())
    inside = _split(text[start + 1 : end], ",")
    if name in {"array", "map"}:
        return SqlType(name, parts=tuple(parse_type(part) for part in inside))
    if name == "row":
        pairs = [_field(part.strip(), index) for index, part in enumerate(inside)]
        return SqlType(
            name,
            parts=tuple(parse_type(part) for _, part in pairs),
            fields=tuple(field for field, _ in pairs),
        )
    return SqlType(name, numbers=tuple(int(part) for part in inside if part.strip().isdecimal()))


def _field(text: str, index: int) -> tuple[str, str]:
    """Name and type of a row's field."""
    first, *rest = _split(text, " ")
    following = " ".join(rest).strip()
    if not following or following.lower().startswith(_GOES_ON) or "(" in first.split('"')[-1]:
        return f"field{index}", text
    if first.startswith('"'):
        first = first[1:-1].replace('""', '"')
    return first, following


def _split(text: str, separator: str) -> list[str]:
    """Cut at each `separator` that is in neither quotes nor parentheses."""
    pieces, depth, quoted, begin = [], 0, False, 0
    for index, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
        elif character == separator and not depth:
            pieces.append(text[begin:index])
            begin = index + 1
    return [*pieces, text[begin:]]
