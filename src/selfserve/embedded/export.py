"""A query whose rows DuckDB writes to a file."""

import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from selfserve.core.sql.answers import Column, Figures, Progress
from selfserve.core.sql.results.csv_text import csv_text
from selfserve.core.sql.results.json_text import json_text
from selfserve.core.sql.results.result_format import ResultFormat, distinct_names
from selfserve.embedded.answer import EmbeddedAnswer, Measure, interrupt, progress_of
from selfserve.embedded.errors import cancelled, engine_errors, file_errors
from selfserve.embedded.exporting import can_copy, copy_sql
from selfserve.embedded.prepared import Prepared
from selfserve.embedded.types import to_duckdb

if TYPE_CHECKING:
    import duckdb


class EmbeddedExport:
    """One such query; `write` does it, and another thread may cancel it."""

    def __init__(
        self,
        cursor: "duckdb.DuckDBPyConnection",
        query: Prepared,
        to: Path,
        result_format: ResultFormat,
        *,
        measure: Measure = lambda: None,
    ) -> None:
        self._cursor = cursor
        self._query = query
        self._to = to
        self._format = result_format
        self._measure = measure
        self._is_cancelled = threading.Event()

    def write(self) -> Figures:
        """Run it, and return when the last row is written."""
        query = self._query
        if self._is_cancelled.is_set():
            raise cancelled()
        with engine_errors():
            columns, types = self._described()
            if self._format is ResultFormat.PARQUET:
                names = distinct_names(column.name for column in columns)
                columns = tuple(replace(c, name=n) for c, n in zip(columns, names, strict=True))
            if not can_copy(columns, types, self._format):
                return self._write_as_text()
            copy = copy_sql(query.sql, columns, types, to=str(self._to), of=self._format)
            counted = self._cursor.execute(copy, dict(query.values) or None).fetchone()
        return Figures(int(counted[0]) if counted else 0, bytes_read=self._measure())

    def _described(self) -> tuple[tuple[Column, ...], list[str]]:
        """The columns, and DuckDB's types of them; it need not be asked for what is known."""
        query = self._query
        if query.columns is not None:
            with suppress(ValueError):  # a type that it has only in results
                return query.columns, [to_duckdb(column.type) for column in query.columns]
        values = dict(query.values) or None
        rows = self._cursor.execute(f"DESCRIBE {query.sql}", values).fetchall()
        return query.columns_of([(row[0], row[1]) for row in rows]), [row[1] for row in rows]

    def progress(self) -> Progress:
        """As DuckDB says."""
        return progress_of(self._cursor)

    def cancel(self) -> None:
        """Interrupt DuckDB, now or when it begins."""
        self._is_cancelled.set()
        interrupt(self._cursor)

    def close(self) -> None:
        """Give the connection back."""
        self._cursor.close()

    def _write_as_text(self) -> Figures:
        query = self._query
        answer = EmbeddedAnswer(self._cursor, query, measure=self._measure)
        to_text = csv_text if self._format is ResultFormat.CSV else json_text
        pieces: Iterable[str] = to_text(answer.columns, answer.batches())
        with file_errors(self._to), self._to.open("w", encoding="utf-8", newline="") as file:
            file.writelines(pieces)
        return answer.figures()
