"""A translated query: its text and its columns."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from selfserve.core.sql.translation.scope import Field
from selfserve.core.sql.translation.types import Type
from selfserve.core.sql.translation.values import Value, coerced, quoted


@dataclass(frozen=True, slots=True)
class OutputColumn:
    """A column of a query's result."""

    name: str | None
    """None: Trino gives it none but `_col` and its position."""
    type: Type
    sql_name: str
    """In DuckDB's text; each name once."""
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Query:
    """A query in DuckDB's SQL."""

    sql: str
    columns: tuple[OutputColumn, ...]

    def typed(self, types: Sequence[Type], *, alias: str) -> "Query":
        """The query with columns cast to these types, where they are not of them yet."""
        if all(
            column.exact and column.type == type_
            for column, type_ in zip(self.columns, types, strict=True)
        ):
            return self
        items, columns = [], []
        for column, type_ in zip(self.columns, types, strict=True):
            name = quoted(column.sql_name)
            value = Value(f"{quoted(alias)}.{name}", column.type, exact=column.exact)
            items.append(f"{coerced(value, type_).sql} AS {name}")
            columns.append(replace(column, type=type_, exact=True))
        sql = selected(items, f"({self.sql}) AS {quoted(alias)}")
        return Query(sql, tuple(columns))


def selected(items: Sequence[str], source: str) -> str:
    """A plain SELECT."""
    return " ".join(("SELECT", ", ".join(items), "FROM", source))


def sql_names(names: Sequence[str | None]) -> list[str]:
    """Different names for all columns, as close to theirs as can be."""
    taken: set[str] = set()
    result = []
    for position, name in enumerate(names):
        found = shown = name or f"_col{position}"
        number = 2
        while found.lower() in taken:
            found, number = f"{shown}_{number}", number + 1
        taken.add(found.lower())
        result.append(found)
    return result


def as_fields(query: Query) -> tuple[Field, ...]:
    """The columns, to be named; their text lacks the relation still."""
    return tuple(
        Field(column.name, column.type, quoted(column.sql_name), exact=column.exact)
        for column in query.columns
    )
