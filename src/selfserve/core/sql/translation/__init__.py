"""One statement of Trino or Presto as DuckDB's SQL with the same answer, or a refusal by name.

Expressions, functions and clauses are translated one by one, with Trino's types worked out on
the way; whatever no rule names is refused, so nothing is passed on in the hope that it means
the same. Pure: tables are looked up through functions that the caller gives.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from selfserve.core.sql.answers import Column
from selfserve.core.sql.engines import Engine
from selfserve.core.sql.tables import Table
from selfserve.core.sql.translation import (  # noqa: F401 (they register what they translate)
    casts,
    combined,
    comparisons,
    conditionals,
    literals,
    moments,
    names,
    numbers,
    queries,
)
from selfserve.core.sql.translation.env import Env, Statement
from selfserve.core.sql.translation.functions import dispatch  # noqa: F401
from selfserve.core.sql.translation.parsing import parse
from selfserve.core.sql.translation.places import unsupported
from selfserve.core.sql.translation.subqueries import query_of


@dataclass(frozen=True, slots=True)
class Translated:
    """A statement for DuckDB."""

    sql: str
    """With tables as "schema"."name" and parameters as $name."""
    tables: tuple[Table, ...]
    """That it reads, each once; those of views, not the views."""
    columns: tuple[Column, ...] | None
    """As Trino names and types them."""


def _no_tables(_schema: str) -> Sequence[str]:
    return ()


def translate(
    text: str,
    *,
    engine: Engine,
    find: Callable[[str, str], Table | None],
    default_schema: str = "default",
    known_tables: Callable[[str], Sequence[str]] = _no_tables,
    parameters: Mapping[str, str] | None = None,
) -> Translated:
    """The one statement in `text`, which is in the dialect of `engine`.

    `find` takes a schema and a name in lower case; `known_tables` a schema, for suggestions;
    `parameters` has the Trino type of each `:name` that has a value.

    Raises:
        SqlError: Trino would not take it; the place is marked.
        UnsupportedHereError: Nothing in DuckDB is known to give the same answer.
    """
    if not engine.has_coordinator:
        raise unsupported(f"the dialect of {engine.called}")
    tree = parse(text)
    statement = Statement(text, find, known_tables, default_schema.lower(), parameters or {})
    query = query_of(Env(statement, outermost=True), tree)
    columns = tuple(
        Column(column.name or f"_col{position}", str(column.type))
        for position, column in enumerate(query.columns)
    )
    return Translated(query.sql, tuple(statement.tables.values()), columns)
