"""The rows of a query that was run before: read again, not computed again."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from selfserve.core.sql.answers import Column, Figures, Progress, Row
from selfserve.core.sql.records import QueryRecord, QueryState, rows_key
from selfserve.errors import BadInputError, NotFoundError
from selfserve.usecases.sql.history.book import QueryBook
from selfserve.usecases.sql.history.kept_values import from_text

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH_ROWS = 20_000


class KeptAnswer:
    """Implements `core.sql.answers.Answer` with the Parquet file that the query has left."""

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        self.columns = tuple(columns)
        self._path = path
        self._rows = 0

    def batches(self) -> Iterator[Sequence[Row]]:
        """All rows, in their order."""
        from pyarrow.parquet import ParquetFile

        with ParquetFile(self._path) as file:
            for batch in file.iter_batches(_BATCH_ROWS):
                self._rows += batch.num_rows
                yield _to_rows(batch, self.columns)

    def progress(self) -> Progress:
        """How many rows were read."""
        return Progress("READING", rows=self._rows)

    def figures(self) -> Figures:
        """Nothing was read from the tables."""
        return Figures(self._rows, bytes_read=0)

    def cancel(self) -> None:
        """Nothing is at work."""


def _to_rows(batch: "pa.RecordBatch", columns: Sequence[Column]) -> Sequence[Row]:
    """What is text in the file is no more than that to `embedded.rows`."""
    import pyarrow as pa

    from selfserve.embedded.rows import to_rows

    texts = [pa.types.is_string(field.type) for field in batch.schema]
    stored = [
        Column(column.name, "varchar") if is_text else column
        for column, is_text in zip(columns, texts, strict=True)
    ]
    rows = to_rows(batch, stored)
    converts = [
        from_text(column.type) if is_text else None
        for column, is_text in zip(columns, texts, strict=True)
    ]
    if not any(converts):
        return rows
    return [tuple(map(_converted, row, converts)) for row in rows]


# Any: a text where there is something to convert it with.
def _converted(value: Any, convert: Callable[[str], object] | None) -> object:  # noqa: ANN401
    return value if value is None or convert is None else convert(value)


@contextmanager
def open_kept(book: QueryBook, query_id: str) -> Iterator[tuple[QueryRecord, KeptAnswer]]:
    """The record of a query, and its rows.

    Raises:
        NotFoundError: there is no such query.
        BadInputError: it has no rows, or they are elsewhere.
    """
    record = book.read(query_id)
    _refuse_without_rows(record)
    with TemporaryDirectory(prefix="selfserve-rows-") as folder:
        path = Path(folder) / "rows.parquet"
        body = book.store.get(rows_key(record.query_id))
        if body is None:
            raise NotFoundError(
                f"The rows of query {record.query_id} were removed.", hint=_again(record)
            )
        path.write_bytes(body)
        yield record, KeptAnswer(path, record.columns)


def _refuse_without_rows(record: QueryRecord) -> None:
    if record.is_kept:
        return
    if record.state is QueryState.RUNNING:
        raise BadInputError(
            f"Query {record.query_id} is running.",
            hint="See how far it is with: selfserve queries",
        )
    if record.state is not QueryState.FINISHED:
        raise BadInputError(
            f"Query {record.query_id} has no result: {record.error}", hint=_again(record)
        )
    if record.out is not None:
        raise BadInputError(
            f"The rows of query {record.query_id} went to {record.out}.",
            hint=f"Read them there, or run it again: {_again(record)}",
        )
    raise BadInputError(
        f"The rows of query {record.query_id} were not kept: there were none or too many, or they "
        "went elsewhere.",
        hint=f"{_again(record)} --out FILE",
    )


def _again(record: QueryRecord) -> str:
    return f"selfserve sql --again {record.query_id}"
