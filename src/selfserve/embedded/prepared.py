"""A query as DuckDB gets it."""

from collections.abc import Mapping
from dataclasses import dataclass

from selfserve.core.sql.tables import Table


@dataclass(frozen=True, slots=True)
class Prepared:
    """Text and values, and what they are about."""

    sql: str
    values: Mapping[str, object]
    tables: tuple[Table, ...]
    names: tuple[str, ...] | None
    """Of the columns; None for those that DuckDB gives."""
