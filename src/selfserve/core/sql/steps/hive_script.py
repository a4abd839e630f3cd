"""The script that gets a statement's rows out of Hive: into Parquet files. Pure.

Hive's own client would print rows as text, which says neither types nor what is NULL. So
a query becomes INSERT OVERWRITE DIRECTORY … STORED AS PARQUET; the user's text stays as
it is, so that a place that Hive complains about can be found in it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from selfserve.core.sql.engines import Engine
from selfserve.core.sql.text.edits import Edit, Edited
from selfserve.core.sql.text.script import StatementKind, split_script
from selfserve.core.sql.text.tokens import Token, TokenKind, scan

if TYPE_CHECKING:
    from sqlglot import exp

_PRINTED = {StatementKind.SHOW, StatementKind.DESCRIBE, StatementKind.EXPLAIN}
_QUERY_WORDS = frozenset({"select", "values", "map", "reduce"})
_ENDS_OF_LIST = frozenset(
    {"from", "where", "group", "having", "order", "sort", "cluster", "distribute", "limit"}
    | {"union", "intersect", "except", "minus", "lateral", "window"}
)


class Output(StrEnum):
    """Where the rows of a statement are when its step has ended."""

    FILES = "files"
    PRINTED = "printed"
    """In what the step has printed, a line for each row."""
    NONE = "none"


@dataclass(frozen=True, slots=True)
class HiveScript:
    """A script for Hive's client, and how to read what comes of it."""

    text: str
    output: Output
    names: tuple[str, ...] | None
    """Of the result's columns; None: as in the files."""
    statement: Edited
    """What stands in the script for the statement."""

    def place(self, line: int, column: int) -> tuple[int, int]:
        """Where the user wrote what Hive, which counts from the statement's start, means."""
        return self.statement.original_place(line, column)


def write_script(text: str, *, schema: str, rows_uri: str) -> HiveScript:
    """The script that runs one statement, and leaves the rows of a query below `rows_uri`.

    Raises:
        SqlError: a string, a quoted name or a comment is not closed.
    """
    tokens = list(scan(text, Engine.HIVE))
    kind = next((one.kind for one in split_script(text, Engine.HIVE)), StatementKind.OTHER)
    edits = list(_without_comments(text, tokens))
    names = None
    output = Output.PRINTED if kind in _PRINTED else Output.NONE
    if kind is StatementKind.QUERY:
        output = Output.FILES
        significant = [token for token in tokens if token.is_significant]
        start = _main_query(significant)
        place = rows_uri.replace("'", "\\'")
        clause = f"INSERT OVERWRITE DIRECTORY '{place}' STORED AS PARQUET\n"
        edits.append(Edit(significant[start].start, significant[start].start, clause))
        names, aliases = _name_columns(text, significant[start:])
        edits.extend(aliases)
    statement = Edited(text, edits)
    quoted = schema.replace("`", "``")
    # In one line: Spark's client would count the line break as the statement's first line.
    return HiveScript(f"USE `{quoted}`;{statement.text}\n;\n", output, names, statement)


def _without_comments(text: str, tokens: Sequence[Token]) -> Iterator[Edit]:
    """Hive's client drops lines that begin with --, and counts lines without them."""
    for token in tokens:
        if token.kind is not TokenKind.COMMENT or token.text.startswith("/*+"):
            continue
        line_start = text.rfind("\n", 0, token.start) + 1
        end = token.start + len(token.text)
        is_alone = not text[line_start : token.start].strip() and text[end : end + 1] in {"", "\n"}
        yield Edit(line_start, end + 1, "") if is_alone else Edit(token.start, end, " ")


def _main_query(tokens: Sequence[Token]) -> int:
    """Index of the word with which the query begins whose rows are wanted, after all WITH."""
    depth = 0
    for index, token in enumerate(tokens):
        if not depth and token.text.casefold() in _QUERY_WORDS:
            return index
        depth += {"(": 1, ")": -1}.get(token.text, 0)
    return 0


def _name_columns(text: str, tokens: Sequence[Token]) -> tuple[tuple[str, ...] | None, list[Edit]]:
    """Names of the columns, and aliases for those that have none, or another's.

    Nothing if they cannot be told: a star, or something that sqlglot does not know.
    """
    selects = _selects(text)
    items = list(_items(tokens))
    if len(selects) != len(items) or any(name == "*" for name, *_ in selects):
        return None, []
    names: list[str] = []
    edits: list[Edit] = []
    taken: set[str] = set()
    for index, ((name, is_alias, is_null), item) in enumerate(zip(selects, items, strict=True)):
        first, last = item[0], item[-1]
        end = last.start + len(last.text)
        if is_null:  # a type that Parquet lacks
            edits.append(Edit(first.start, first.start + len(first.text), "CAST(NULL AS STRING)"))
        if not name:
            edits.append(Edit(end, end, f" AS `_c{index}`"))
        elif name.casefold() in taken:
            start, sign = (last.start, "") if is_alias else (end, " AS ")
            edits.append(Edit(start, end, f"{sign}`_c{index}`"))
        names.append(name or f"_c{index}")
        taken.add(names[-1].casefold())
    return tuple(names), edits


def _selects(text: str) -> list[tuple[str, bool, bool]]:
    """Of each column: its name, whether that is an alias, whether it is the word NULL."""
    import sqlglot  # noqa: PLC0415  slow to load
    from sqlglot import exp  # noqa: PLC0415

    try:
        query = sqlglot.parse_one(text, dialect="hive")
    except sqlglot.errors.SqlglotError:
        return []  # what Hive itself says of it is better
    if not isinstance(query, exp.Query):
        return []
    return [
        (
            "*" if one.is_star else _name(one),
            isinstance(one, exp.Alias),
            isinstance(one.unalias(), exp.Null),
        )
        for one in query.selects
    ]


def _name(column: "exp.Expr") -> str:
    """What Hive calls it; nothing, if it makes a name up."""
    from sqlglot import exp  # noqa: PLC0415

    return column.output_name if isinstance(column, exp.Alias | exp.Column) else ""


def _items(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """The tokens of each column between SELECT and FROM."""
    if not tokens or tokens[0].text.casefold() != "select":
        return
    depth = 0
    item: list[Token] = []
    for token in tokens[1:]:
        word = token.text.casefold()
        if not depth and (word in _ENDS_OF_LIST or token.kind is TokenKind.SEMICOLON):
            break
        if not depth and word == ",":
            yield item
            item = []
        elif item or word not in {"all", "distinct"}:
            item.append(token)
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(word, 0)
    if item:
        yield item
