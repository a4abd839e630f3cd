"""A query that DuckDB answers: rows in batches, never all of them at once."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from selfserve.core.sql.answers import Column, Figures, Progress, Row
from selfserve.embedded.errors import cancelled, engine_errors, stream_errors
from selfserve.embedded.keeping import Keeper
from selfserve.embedded.prepared import Prepared
from selfserve.embedded.rows import to_rows

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

Measure = Callable[[], int | None]
"""How many bytes of its tables a query has read; None: not known."""

_BATCH_ROWS = 20_000


class EmbeddedAnswer:
    """Implements `core.sql.answers.Answer`; `keep` is a file that gets the rows as Parquet, too."""

    def __init__(
        self,
        cursor: "duckdb.DuckDBPyConnection",
        query: Prepared,
        *,
        keep: Path | None = None,
        measure: Measure = lambda: None,
    ) -> None:
        self._cursor = cursor
        self._query = query
        self._measure = measure
        self._keeper = Keeper(keep) if keep else None
        self._columns: tuple[Column, ...] | None = None
        self._rows = 0
        self._is_cancelled = threading.Event()

    @property
    def columns(self) -> Sequence[Column]:
        """Runs the statement until its first rows are there."""
        if self._columns is None:
            if self._is_cancelled.is_set():  # DuckDB forgets an interrupt that comes too early
                raise cancelled()
            with engine_errors():
                self._cursor.execute(self._query.sql, dict(self._query.values) or None)
            described = [(entry[0], str(entry[1])) for entry in self._cursor.description or []]
            self._columns = self._query.columns_of(described)
        return self._columns

    @property
    def is_kept(self) -> bool:
        """Whether all rows are in the file `keep`, after the last batch."""
        return self._keeper is not None and self._keeper.is_complete

    def batches(self, *, most: int | None = None) -> Iterator[Sequence[Row]]:
        """All rows; with `most`, no more than the first so many, though all are counted."""
        columns = self.columns
        if self._keeper:
            self._keeper.begin(columns)
        shown = 0
        for batch in self._read():
            self._rows += batch.num_rows
            if self._keeper:
                self._keeper.add(batch)
            if most is not None:
                batch = batch.slice(0, max(most - shown, 0))  # noqa: PLW2901  what is shown of it
                shown += batch.num_rows
            if batch.num_rows:
                yield to_rows(batch, columns)
        if self._keeper:
            self._keeper.complete()

    def _read(self) -> "Iterator[pa.RecordBatch]":
        with engine_errors():
            reader = self._cursor.to_arrow_reader(_BATCH_ROWS)
        while True:
            with stream_errors():
                try:
                    batch = reader.read_next_batch()
                except StopIteration:
                    return
            yield batch

    def progress(self) -> Progress:
        """As DuckDB says."""
        return progress_of(self._cursor)

    def figures(self) -> Figures:
        """After the last batch."""
        return Figures(self._rows, bytes_read=self._measure())

    def cancel(self) -> None:
        """Interrupt DuckDB, now or when it begins."""
        self._is_cancelled.set()
        interrupt(self._cursor)

    def close(self) -> None:
        """Give the connection back; a file that is not complete is removed."""
        if self._keeper:
            self._keeper.close()
        self._cursor.close()


def progress_of(cursor: "duckdb.DuckDBPyConnection") -> Progress:
    """How far a connection's statement is; DuckDB knows of a part of the whole only."""
    import duckdb  # noqa: PLC0415  100 ms; whoever has a connection has loaded it

    try:
        percent = cursor.query_progress()
    except duckdb.ConnectionException:  # it was closed a moment ago
        return Progress("FINISHED")
    return Progress("RUNNING", fraction=percent / 100 if percent >= 0 else None)


def interrupt(cursor: "duckdb.DuckDBPyConnection") -> None:
    """Let DuckDB stop what it does on a connection; nothing, if it is closed."""
    import duckdb  # noqa: PLC0415  as above

    with contextlib.suppress(duckdb.ConnectionException):
        cursor.interrupt()
