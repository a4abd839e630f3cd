"""Rows of engines that know nothing of our book: kept as Parquet while they pass."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from selfserve.core.sql.answers import Answer, Column, Figures, Progress, Row
from selfserve.core.sql.records import rows_key
from selfserve.usecases.sql.book import RecordStore
from selfserve.usecases.sql.parquet import ParquetRows

MOST_BYTES = 64 * 2**20
"""A larger result is not kept; who wants it again writes it with --out."""


class KeepingAnswer:
    """An answer whose rows are kept for `selfserve result`; implements `ways.Asked`."""

    def __init__(self, answer: Answer, store: RecordStore, query_id: str, file: Path) -> None:
        self.is_kept = False
        self._answer = answer
        self._store = store
        self._key = rows_key(query_id)
        self._file = file

    @property
    def columns(self) -> Sequence[Column]:
        """See `Answer.columns`."""
        return self._answer.columns

    def batches(self) -> Iterator[Sequence[Row]]:
        """All rows; each batch is written down before it is passed on, until they are too many."""
        if not self.columns:
            yield from self._answer.batches()
            return
        numbered = [Column(f"c{i}", column.type) for i, column in enumerate(self.columns)]
        is_whole = True
        with self._file.open("wb") as file, ParquetRows(numbered, file) as writer:
            for rows in self._answer.batches():
                if is_whole:
                    writer.add(rows)
                    is_whole = file.tell() <= MOST_BYTES
                yield rows
        if is_whole:
            self._store.put_file(self._key, self._file)
            self.is_kept = True

    def progress(self) -> Progress:
        """See `Answer.progress`."""
        return self._answer.progress()

    def figures(self) -> Figures:
        """See `Answer.figures`."""
        return self._answer.figures()

    def cancel(self) -> None:
        """See `Answer.cancel`."""
        self._answer.cancel()


@contextmanager
def keeping(answer: Answer, store: RecordStore, query_id: str) -> Iterator[KeepingAnswer]:
    """The answer, kept; whoever leaves the block early leaves nothing behind."""
    with TemporaryDirectory(prefix="selfserve-rows-") as folder:
        yield KeepingAnswer(answer, store, query_id, Path(folder) / "rows.parquet")
