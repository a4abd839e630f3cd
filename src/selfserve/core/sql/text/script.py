"""A script becomes statements, and each is known by its first words.

Pure, and without sqlglot: see tokens.py.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from selfserve.core.sql.engines import Engine
from selfserve.core.sql.text.tokens import Token, TokenKind, scan


class StatementKind(StrEnum):
    """What a statement does, by its first words."""

    QUERY = "query"
    SHOW = "show"
    DESCRIBE = "describe"
    EXPLAIN = "explain"
    DDL = "ddl"
    DML = "dml"
    USE = "use"
    SET = "set"
    CALL = "call"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a script, without its semicolon."""

    text: str
    """As written, from its first comment or word to its last word."""
    kind: StatementKind
    line: int = 1
    """Of the script, where `text` starts; counts from 1."""
    column: int = 1
    """Of that line."""


_BY_FIRST_WORD = {
    **dict.fromkeys(("select", "values", "table", "map", "reduce"), StatementKind.QUERY),
    "show": StatementKind.SHOW,
    **dict.fromkeys(("describe", "desc"), StatementKind.DESCRIBE),
    "explain": StatementKind.EXPLAIN,
    **dict.fromkeys(("create", "drop", "alter"), StatementKind.DDL),
    **dict.fromkeys(("insert", "delete", "update", "merge"), StatementKind.DML),
    "use": StatementKind.USE,
    **dict.fromkeys(("set", "reset"), StatementKind.SET),
    "call": StatementKind.CALL,
}
_CHANGES = frozenset({"insert", "delete", "update", "merge"})
_BLOCK_ENDS = frozenset({"if", "loop", "while", "repeat", "for"})


def split_script(text: str, engine: Engine) -> tuple[Statement, ...]:
    """The statements of a script; empty ones, and comments after the last, are left out.

    Semicolons end a statement unless they are in a string, a quoted name or a comment, or
    between BEGIN and END of a function of Trino or a script of Spark.

    Raises:
        SqlError: a string, a quoted name or a comment is not closed.
    """
    statements = []
    line, at = 1, 0
    for tokens in _pieces(text, engine):
        start = tokens[0].start
        line, at = line + text.count("\n", at, start), start
        statements.append(_statement(text, tokens, line))
    return tuple(statements)


def _pieces(text: str, engine: Engine) -> Iterator[Sequence[Token]]:
    """The tokens of each statement, from its first comment or word to its last word."""
    piece: list[Token] = []
    block = _Block()
    for token in scan(text, engine):
        if token.kind is TokenKind.SEMICOLON and not block.is_open:
            yield from _trimmed(piece)
            piece, block = [], _Block()
        elif piece or token.kind is not TokenKind.SPACE:
            piece.append(token)
            if token.is_significant:
                block.read(token)
    yield from _trimmed(piece)


def _trimmed(piece: list[Token]) -> Iterator[Sequence[Token]]:
    while piece and not piece[-1].is_significant:
        piece.pop()
    if piece:
        yield piece


class _Block:
    """Whether a semicolon that comes next is inside a block of statements."""

    def __init__(self) -> None:
        self._heading: list[str] = []
        self._depth = 0
        self._after_end = False

    @property
    def is_open(self) -> bool:
        return self._depth - self._after_end > 0

    def read(self, token: Token) -> None:
        word = token.text.casefold() if token.kind is TokenKind.WORD else ""
        if len(self._heading) < 4:
            self._heading.append(word)
        closed = self._after_end
        self._after_end = bool(self._depth) and word == "end"
        if closed:  # by `end case` or `end`; `end if` closes what was not counted
            self._depth -= word not in _BLOCK_ENDS
        elif word == "case":
            self._depth += bool(self._depth)
        if word == "begin":
            self._depth += bool(self._depth) or self._may_hold_blocks()

    def _may_hold_blocks(self) -> bool:
        first, *others = self._heading
        return first == "begin" or (first in {"create", "with"} and "function" in others)


def _statement(text: str, tokens: Sequence[Token], line: int) -> Statement:
    start, last = tokens[0].start, tokens[-1]
    return Statement(
        text=text[start : last.start + len(last.text)],
        kind=_kind([token for token in tokens if token.is_significant]),
        line=line,
        column=start - text.rfind("\n", 0, start),
    )


def _kind(tokens: Sequence[Token]) -> StatementKind:
    first = next((token.text.casefold() for token in tokens if token.text != "("), "")
    if first in {"with", "from"}:  # Hive and Spark write `from t insert …`, too
        outer = _outer_words(tokens)
        first = next((word for word in outer if word in _CHANGES | {"select", "values"}), "select")
    return _BY_FIRST_WORD.get(first, StatementKind.OTHER)


def _outer_words(tokens: Sequence[Token]) -> Iterator[str]:
    """The words that are not in parentheses."""
    depth = 0
    for token in tokens:
        if token.kind is TokenKind.WORD and not depth:
            yield token.text.casefold()
        depth += {"(": 1, ")": -1}.get(token.text, 0)
