"""A query as DuckDB gets it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from selfserve.core.sql.answers import Column
from selfserve.core.sql.tables import Table
from selfserve.embedded.types import to_trino


@dataclass(frozen=True, slots=True)
class Prepared:
    """Text and values, and what they are about."""

    sql: str
    values: Mapping[str, object]
    tables: tuple[Table, ...]
    columns: tuple[Column, ...] | None
    """As the engine that is meant would call them; None: as DuckDB does."""

    def columns_of(self, described: Sequence[tuple[str, str]]) -> tuple[Column, ...]:
        """The columns of the result; `described` has DuckDB's own names and types."""
        if self.columns is not None:
            return self.columns
        return tuple(Column(name, to_trino(of_type)) for name, of_type in described)
