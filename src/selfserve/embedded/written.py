"""Rows that a statement writes into a table: as what, and how they are taken back."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from selfserve.core.sql.changes.insertion import Filling
from selfserve.embedded.types import quoted, text_literal, to_duckdb


@dataclass(frozen=True, slots=True)
class Written:
    """A file of a table."""

    rows: int
    path: Path
    """Not there if there are no rows."""
    is_new_folder: bool
    """Whether its folder was made for it."""

    def undo(self) -> None:
        """Leave things as they were."""
        self.path.unlink(missing_ok=True)
        if self.is_new_folder:
            with contextlib.suppress(OSError):  # somebody else uses the folder by now
                self.path.parent.rmdir()


def rows_sql(sql: str, filled: Sequence[Filling]) -> str:
    """The SELECT of a table's columns from the rows of `sql`."""
    count = max((one.position for one in filled if one.position is not None), default=0) + 1
    names = ", ".join(f"c{index}" for index in range(count))
    columns = ", ".join(f"{_value(one)} AS {quoted(one.column.name)}" for one in filled)
    return f"SELECT {columns} FROM ({sql}) AS given({names})"


def _value(one: Filling) -> str:
    value = "NULL" if one.position is None else f"c{one.position}"
    most = one.most_characters
    if most is not None and one.position is not None:
        said = f"Text of column {one.column.name} is longer than {one.column.type}: "
        wrong = f"error({text_literal(said)} || {value})"
        fits = f"length(rtrim({value}, ' ')) <= {most}"
        value = f"CASE WHEN {value} IS NULL OR {fits} THEN left({value}, {most}) ELSE {wrong} END"
    return f"CAST({value} AS {to_duckdb(one.column.type)})"
