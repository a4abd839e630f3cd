"""Whether rows of a query may go into a table, and as what, as Trino decides. Pure.

Source: StatementAnalyzer and TypeCoercion of Trino; https://trino.io/docs/current/sql/insert.html
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from selfserve.core.did_you_mean import did_you_mean
from selfserve.core.sql.answers import Column
from selfserve.core.sql.problems import SqlError
from selfserve.core.sql.tables import Table, TableColumn
from selfserve.core.sql.text.change_text import find_name
from selfserve.core.sql.text.tokens import error_at

_OF_LENGTH = re.compile(r"(?:var)?char\((\d+)\)")


@dataclass(frozen=True, slots=True)
class Filling:
    """One column of the table, and the column of the query that fills it."""

    column: TableColumn
    position: int | None
    """In the query; None: it stays NULL."""

    @property
    def most_characters(self) -> int | None:
        """Of a type that says so: longer text is an error."""
        found = _OF_LENGTH.fullmatch(self.column.type)
        return int(found[1]) if found else None


def fill(
    table: Table, listed: Sequence[str], found: Sequence[Column], text: str
) -> tuple[Filling, ...]:
    """How the columns of a query fill those of a table; `listed` is empty for all of them.

    Raises:
        SqlError: they do not fit in number, name or type.
    """
    names = [column.name.lower() for column in table.columns]
    for index, name in enumerate(listed):
        if name not in names:
            what = f"table {table.full_name} has no column {name}{did_you_mean(name, names)}"
            raise _wrong(table, text, name, what)
        if name in listed[:index]:
            raise _wrong(table, text, name, f"column {name} is listed twice")
    given = list(listed) or names
    if len(given) != len(found):
        raise SqlError(
            f"The query gives {_columns(len(found))}, and {len(given)} of {table.full_name} "
            "are to be filled.",
            hint=_describe(table),
        )
    types = dict(zip(names, (column.type for column in table.columns), strict=True))
    for name, column in zip(given, found, strict=True):
        if not is_coerced(column.type, types[name]):
            raise SqlError(
                f"Column {name} of {table.full_name} is {types[name]}, but the query gives "
                f"{column.type}.",
                hint=f"Say so, if that is meant: cast(… as {types[name]})",
            )
    return tuple(
        Filling(column, given.index(name) if name in given else None)
        for name, column in zip(names, table.columns, strict=True)
    )


def is_coerced(found: str, wanted: str) -> bool:
    """Whether Trino turns one type into the other by itself, without losing anything.

    Text goes into shorter text, too; there each value is looked at.
    """
    from selfserve.core.sql.translation.types import common_type, parse_type  # noqa: PLC0415  sqlglot

    source, target = replace(parse_type(found), zone=None), parse_type(wanted)
    if target.base in {"varchar", "char"}:
        return source.base in {"varchar", "char", "unknown"}
    return common_type(target, source) == target


def named_columns(found: Sequence[Column]) -> tuple[TableColumn, ...]:
    """The columns of a table that is made from a query.

    Raises:
        SqlError: a column has no name, no type, or the name of another.
    """
    columns: list[TableColumn] = []
    for position, column in enumerate(found, start=1):
        name = column.name.lower()
        if re.fullmatch(r"_col\d+", name):
            said, hint = f"Column {position} of the query has no name.", "Name it: … AS a_name"
        elif name in [one.name for one in columns]:
            said, hint = f"Two columns of the query are called {name}.", "Rename one: … AS a_name"
        elif column.type == "unknown":
            said, hint = f"Column {name} has no type.", "Give it one: cast(null as varchar)"
        else:
            columns.append(TableColumn(name, column.type))
            continue
        raise SqlError(said, hint=hint)
    return tuple(columns)


def _wrong(table: Table, text: str, name: str, what: str) -> SqlError:
    token = find_name(text, name)
    if token is None:
        return SqlError(f"{what[0].upper()}{what[1:]}.", hint=_describe(table))
    return error_at(text, token, what, hint=_describe(table))


def _describe(table: Table) -> str:
    return f'See its columns: selfserve sql "describe {table.full_name}"'


def _columns(count: int) -> str:
    return "1 column" if count == 1 else f"{count} columns"
