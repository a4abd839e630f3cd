"""What could come next in a statement: keywords, schemas, tables, columns, functions.

Pure: names come from whoever knows them. Reads words only, without parsing: a statement
that is being written is never right yet.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from selfserve.core.sql.engines import Engine
from selfserve.core.sql.problems import SqlError
from selfserve.core.sql.text.keywords import AFTER_TABLE, KEYWORDS, NAMES_IN_TRINO, STARTERS
from selfserve.core.sql.text.tokens import Token, TokenKind, scan

_BEFORE_TABLE = frozenset({"from", "join", "into", "update", "table", "describe", "desc"})
_BEFORE_SCHEMA = frozenset({"use", "schema", "database"})
_PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_END = Token(TokenKind.SEMICOLON, ";", -1)


class Names(Protocol):
    """Who knows the names; empty where nothing is known (yet)."""

    def schemas(self) -> Sequence[str]:
        """All of them."""

    def tables(self, schema: str | None) -> Sequence[str]:
        """Of a schema; None: of the one in use."""

    def columns(self, schema: str | None, table: str) -> Sequence[str]:
        """Of a table, whose schema is the one in use if it is None."""

    def functions(self) -> Sequence[str]:
        """The engine's."""


@dataclass(frozen=True, slots=True)
class Completion:
    """What could stand in place of the last `replaces` characters before the cursor."""

    text: str
    replaces: int
    kind: str
    """Such as "table", to be shown beside it."""


@dataclass(frozen=True, slots=True)
class _Source:
    """A table that the statement names."""

    schema: str | None
    table: str
    alias: str | None


def complete(
    before: str, after: str, names: Names, engine: Engine = Engine.TRINO
) -> list[Completion]:
    """What could come next at the cursor, between `before` and `after`; best first.

    Nothing inside strings and comments, and after a whole quoted name.
    """
    left = _statement_before(before, engine)
    if left is None:
        return []
    prefix = left.pop().text if left and _ends_at_cursor(left[-1], before) else ""
    path = _take_path(left)
    words = [token for token in left if token.is_significant]
    found = _candidates(words, path, prefix, names, _Statement(left, prefix, after, engine))
    return _matching(found, prefix, engine)


def is_complete(text: str, engine: Engine = Engine.TRINO) -> bool:
    """Whether `text` ends with a semicolon, outside of strings and comments."""
    try:
        tokens = [token for token in scan(text, engine) if token.is_significant]
    except SqlError:  # something is still open
        return False
    return bool(tokens) and tokens[-1].kind is TokenKind.SEMICOLON


class _Statement:
    """The tables of the statement around the cursor."""

    def __init__(self, left: Sequence[Token], prefix: str, after: str, engine: Engine) -> None:
        right: list[Token] = []
        for token in _scan_far(after.removeprefix(prefix), engine):
            if token.kind is TokenKind.SEMICOLON:
                break
            right.append(token)
        self._tokens = [token for token in [*left, *right] if token.is_significant]

    def sources(self) -> list[_Source]:
        """In the order in which they are named, without those of WITH."""
        made_here = set(self.names_made_here())
        return [
            source
            for source in _sources(self._tokens)
            if source.schema is not None or source.table not in made_here
        ]

    def names_made_here(self) -> list[str]:
        """Those of WITH."""
        texts = [token.text.lower() for token in self._tokens]
        return [
            _unquoted(self._tokens[index])
            for index in range(len(texts) - 2)
            if texts[index + 1 : index + 3] == ["as", "("]
            and _is_name(self._tokens[index])
            and "with" in texts[:index]
        ]


def _candidates(
    words: Sequence[Token], path: Sequence[str], prefix: str, names: Names, statement: _Statement
) -> Iterator[tuple[str, str]]:
    """Pairs of a name and its kind."""
    before = words[-1].text.lower() if words else ""
    if before in _BEFORE_SCHEMA and not path:
        yield from ((name, "schema") for name in names.schemas())
    elif before in _BEFORE_TABLE or (before == "," and _lists_tables(words)):
        yield from _tables(path, names, statement)
    elif path:
        yield from _of_path(path, names, statement)
    elif not words:
        yield from ((word, "keyword") for word in STARTERS if prefix)
    else:
        yield from _in_expression(prefix, names, statement)


def _tables(path: Sequence[str], names: Names, statement: _Statement) -> Iterator[tuple[str, str]]:
    if path:
        yield from ((name, "table") for name in names.tables(path[-1]))
        return
    yield from ((name, "table") for name in statement.names_made_here())
    yield from ((name, "table") for name in names.tables(None))
    yield from ((name, "schema") for name in names.schemas())


def _of_path(path: Sequence[str], names: Names, statement: _Statement) -> Iterator[tuple[str, str]]:
    """After `f.`, `films.` or `lake.films.`: columns."""
    *schemas, last = path
    for source in statement.sources():
        named = source.table if source.alias is None else source.alias
        if named.lower() == last.lower() and (not schemas or source.schema == schemas[-1]):
            columns = names.columns(source.schema, source.table)
            yield from ((name, "column") for name in columns)
            return


def _in_expression(prefix: str, names: Names, statement: _Statement) -> Iterator[tuple[str, str]]:
    sources = statement.sources()
    for source in sources:
        columns = names.columns(source.schema, source.table)
        yield from ((name, "column") for name in columns)
    if not prefix:
        return
    yield from ((source.alias or source.table, "table") for source in sources)
    yield from ((word, "keyword") for word in KEYWORDS)
    yield from ((name, "function") for name in names.functions())


def _matching(found: Iterable[tuple[str, str]], prefix: str, engine: Engine) -> list[Completion]:
    seen: dict[str, Completion] = {}
    for name, kind in found:
        if not name.lower().startswith(prefix.lower()) or name.lower() == prefix.lower():
            continue
        text = name if kind in {"keyword", "function"} else _quoted(name, engine)
        if kind == "keyword" and prefix.isupper():
            text = name.upper()
        seen.setdefault(text.lower(), Completion(text, len(prefix), kind))
    return list(seen.values())


def _statement_before(text: str, engine: Engine) -> list[Token] | None:
    """The tokens from the statement's start to the cursor; None where nothing is completed."""
    try:
        tokens = list(scan(text, engine))
    except SqlError:
        return None
    if tokens and tokens[-1].kind in {TokenKind.COMMENT, TokenKind.STRING, TokenKind.NAME,
                                      TokenKind.NUMBER, TokenKind.PLACEHOLDER}:  # fmt: skip
        return None
    ends = [index for index, token in enumerate(tokens) if token.kind is TokenKind.SEMICOLON]
    return tokens[ends[-1] + 1 :] if ends else tokens


def _ends_at_cursor(token: Token, text: str) -> bool:
    return token.kind is TokenKind.WORD and token.start + len(token.text) == len(text)


def _take_path(left: list[Token]) -> list[str]:
    """Take `lake.films.` from the end of the tokens: its names."""
    path: list[str] = []
    while len(left) >= 2 and left[-1].text == "." and _is_name(left[-2]):
        path.insert(0, _unquoted(left[-2]))
        del left[-2:]
    return path


def _lists_tables(words: Sequence[Token]) -> bool:
    """Whether the last comma parts tables: `from films f, |`."""
    index, source = len(words) - 1, None
    while index >= 0 and words[index].text == ",":
        for back in range(1, 7):
            start = index - back
            if start < 0:
                return False
            if words[start].text.lower() in {"from", ","}:
                source = _source_at([*words, _END], start + 1)
                break
        if source is None or source[1] != index:
            return False
        index = start
    return index >= 0 and words[index].text.lower() == "from"


def _sources(tokens: Sequence[Token]) -> Iterator[_Source]:
    closed = [*tokens, _END]
    for index, token in enumerate(tokens):
        if token.kind is not TokenKind.WORD or token.text.lower() not in _BEFORE_TABLE:
            continue
        found = _source_at(closed, index + 1)
        while found is not None:
            source, end = found
            yield source
            more = closed[end].text == "," and token.text.lower() == "from"
            found = _source_at(closed, end + 1) if more else None


def _source_at(tokens: Sequence[Token], index: int) -> tuple[_Source, int] | None:
    """The table that is named from `index` on, and where the words after it start."""
    path: list[str] = []
    while index < len(tokens) and _is_name(tokens[index]):
        path.append(_unquoted(tokens[index]))
        index += 1
        if tokens[index].text != ".":
            break
        index += 1
    if not path:
        return None
    if tokens[index].text.lower() == "as":
        index += 1
    alias = None
    if index < len(tokens) and _is_name(tokens[index]) and not _goes_on(tokens[index]):
        alias = _unquoted(tokens[index])
        index += 1
    schema = path[-2] if len(path) > 1 else None
    return _Source(schema, path[-1], alias), min(index, len(tokens) - 1)


def _goes_on(token: Token) -> bool:
    return token.kind is TokenKind.WORD and token.text.lower() in AFTER_TABLE


def _is_name(token: Token) -> bool:
    return token.kind in {TokenKind.WORD, TokenKind.NAME}


def _unquoted(token: Token) -> str:
    if token.kind is not TokenKind.NAME:
        return token.text.lower()
    sign = token.text[0]
    return token.text[1:-1].replace(sign * 2, sign)


def _quoted(name: str, engine: Engine) -> str:
    is_free = name not in KEYWORDS or (engine.has_coordinator and name in NAMES_IN_TRINO)
    if is_free and _PLAIN_NAME.fullmatch(name):
        return name
    sign = '"' if engine.has_coordinator else "`"
    return sign + name.replace(sign, sign * 2) + sign


def _scan_far(text: str, engine: Engine) -> Iterator[Token]:
    """The tokens up to what is not closed yet."""
    try:
        yield from scan(text, engine)
    except SqlError:
        return
