"""Hive's text of a column's type, and Trino's spelling of it. Pure.

Trino's Hive connector decides what a type of Hive's is there: a timestamp has milliseconds,
a union is a row of its tag and its members. A name that neither knows stays as it is.

Sources: Hive Language Manual, "Types"; Trino's documentation, "Hive connector", type mapping.
"""

import re
from collections.abc import Callable

from selfserve.errors import BadInputError

_TO_TRINO = {
    "int": "integer",
    "float": "real",
    "double precision": "double",
    "string": "varchar",
    "binary": "varbinary",
    "decimal": "decimal(10,0)",
    "numeric": "decimal(10,0)",
    "timestamp": "timestamp(3)",
    "timestamp_ntz": "timestamp(3)",
    "timestamp_ltz": "timestamp(3)",
    "timestamp with local time zone": "timestamp(3) with time zone",
    "timestamplocaltz": "timestamp(3) with time zone",
    "void": "unknown",
}
_TO_HIVE = {
    "integer": "int",
    "int": "int",
    "real": "float",
    "varchar": "string",
    "varbinary": "binary",
    "decimal": "decimal(38,0)",
    "timestamp": "timestamp",
}
_SAME = frozenset({"boolean", "tinyint", "smallint", "bigint", "double", "date"})
_TRINO_TIMESTAMP = re.compile(r"timestamp\(\d+\)")
_SIZED = re.compile(r"(decimal|numeric|varchar|char) *\(([\d ,]+)\)")
_NAMED_FIELD = re.compile(r"([^ ,()]+) +(?!with(?:out)? time zone)", re.IGNORECASE)
_PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_]*")


def to_trino_type(hive: str) -> str:
    """`array<struct<a:int>>` is `array(row(a integer))`.

    Raises:
        BadInputError: the text is broken, such as cut off.
    """
    return _Reader(hive, "<>", _trino_of).read()


def to_hive_type(trino: str) -> str:
    """`array(row(a integer))` is `array<struct<a:int>>`.

    Raises:
        BadInputError: Hive has no such type, or the text is broken.
    """
    return _Reader(trino, "()", _hive_of).read()


def row_field(name: str, trino_type: str) -> str:
    """One field of a `row(…)`; its name is quoted where it must be."""
    plain = _PLAIN_NAME.fullmatch(name) is not None
    quoted = name if plain else '"' + name.replace('"', '""') + '"'
    return f"{quoted} {trino_type}"


_Fields = list[tuple[str, str]]
"""Name, or nothing, and type of what stands between a type's brackets, translated."""
_Make = Callable[[str, _Fields], str]


def _trino_of(name: str, fields: _Fields) -> str:
    if not fields:
        if sized := _SIZED.fullmatch(name):
            return _sized(sized)
        return _TO_TRINO.get(name, name)
    if name == "struct":
        return f"row({', '.join(row_field(field, kind) for field, kind in fields)})"
    if name == "uniontype":
        members = [("tag", "tinyint"), *((f"field{i}", kind) for i, (_, kind) in enumerate(fields))]
        return f"row({', '.join(row_field(field, kind) for field, kind in members)})"
    return f"{name}({', '.join(kind for _, kind in fields)})"


def _sized(sized: re.Match[str]) -> str:
    name = "decimal" if sized[1] == "numeric" else sized[1]
    sizes = [size.strip() for size in sized[2].split(",")]
    if name == "decimal" and len(sizes) == 1:
        sizes.append("0")
    return f"{name}({','.join(sizes)})"


def _hive_of(name: str, fields: _Fields) -> str:
    if name == "row" and fields and all(field for field, _ in fields):
        return f"struct<{','.join(f'{field}:{kind}' for field, kind in fields)}>"
    if (name, len(fields)) in {("array", 1), ("map", 2)}:
        return f"{name}<{','.join(kind for _, kind in fields)}>"
    if sized := _SIZED.fullmatch(name):
        return _sized(sized)
    if name in _SAME:
        return name
    if _TRINO_TIMESTAMP.fullmatch(name):
        return "timestamp"
    if name in _TO_HIVE:
        return _TO_HIVE[name]
    raise BadInputError(
        f"Tables that Hive and Spark can read have no columns of the type {name}.",
        hint="Cast it, such as: CAST(x AS varchar)",
    )


class _Reader:
    """Reads a type from its first character to its last; `make` puts its parts together.

    The two spellings differ in their brackets, and in how a field is told from its type.
    """

    def __init__(self, text: str, brackets: str, make: _Make) -> None:
        self._text = text.strip()
        self._open, self._close = brackets[0], brackets[1]
        self._make = make
        self._at = 0

    def read(self) -> str:
        """The whole text, translated."""
        found = self._type()
        if self._at != len(self._text):
            raise self._broken()
        return found

    def _type(self) -> str:
        name = self._until(f"{self._open}{self._close},()").strip().casefold()
        if not name:
            raise self._broken()
        fields: _Fields = []
        if self._next() == self._open and (self._open == "<" or not self._is_sized()):
            fields = self._fields(named=name in {"struct", "row"})
        elif self._next() == "(":
            name += self._size()
        name += self._until(f"{self._open}{self._close},").casefold().rstrip()
        return self._make(name, fields)

    def _fields(self, *, named: bool) -> _Fields:
        fields: _Fields = []
        while self._next() != self._close or not fields:
            self._at += 1  # the bracket, or the comma
            field = self._field_name() if named else ""
            fields.append((field, self._type()))
            if self._next() not in {",", self._close}:
                raise self._broken()
        self._at += 1
        return fields

    def _field_name(self) -> str:
        """Ends at Hive's colon or Trino's space; a field of a row without a name has none."""
        self._skip_spaces()
        if self._next() in {'"', "`"}:
            name = self._quoted()
            self._skip_spaces()
        elif self._open == "<":
            name = self._until(":").strip()
        else:
            name = self._word_before_a_type()
        if self._open == "<":
            self._expect(":")
        return name

    def _word_before_a_type(self) -> str:
        named = _NAMED_FIELD.match(self._text, self._at)
        if named is None:
            return ""
        self._at = named.end()
        return named[1]

    def _quoted(self) -> str:
        quote = self._next()
        found = re.compile(f"{quote}((?:[^{quote}]|{quote}{quote})+){quote}").match(
            self._text, self._at
        )
        if found is None:
            raise self._broken()
        self._at = found.end()
        return found[1].replace(quote * 2, quote)

    def _size(self) -> str:
        end = self._text.find(")", self._at)
        if end < 0:
            raise self._broken()
        size = self._text[self._at : end + 1]
        self._at = end + 1
        return size

    def _is_sized(self) -> bool:
        """Whether the bracket holds numbers only, as in decimal(12,2)."""
        return re.compile(r"\([\d ,]+\)").match(self._text, self._at) is not None

    def _until(self, ends: str) -> str:
        start = self._at
        while self._at < len(self._text) and self._text[self._at] not in ends:
            self._at += 1
        return self._text[start : self._at]

    def _next(self) -> str:
        if self._at < len(self._text):
            return self._text[self._at]
        return ""

    def _skip_spaces(self) -> None:
        while self._next() == " ":
            self._at += 1

    def _expect(self, character: str) -> None:
        if self._next() != character:
            raise self._broken()
        self._at += 1

    def _broken(self) -> BadInputError:
        return BadInputError(
            f"The type of a column cannot be read: {self._text!r}",
            hint="Look at it with: SHOW CREATE TABLE NAME",
        )
