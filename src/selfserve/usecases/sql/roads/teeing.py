"""Rows of engines that know nothing of our book: kept as Parquet while they pass."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from selfserve.core.sql.answers import Answer, Column, Figures, Progress, Row
from selfserve.core.sql.records import MOST_KEPT_BYTES, rows_key
from selfserve.errors import SelfserveError
from selfserve.usecases.sql.history.book import RecordStore
from selfserve.usecases.sql.history.kept_values import to_kept_type
from selfserve.usecases.sql.output.parquet import ParquetRows

_log = logging.getLogger(__name__)


class KeepingAnswer:
    """An answer whose rows are kept for `selfserve result`; implements `ways.Asked`."""

    def __init__(self, answer: Answer, store: RecordStore, query_id: str, file: Path) -> None:
        self.is_kept = False
        self._is_cancelled = False
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
        with _Draft(self._file, self.columns) as draft:
            for rows in self._answer.batches():
                draft.add(rows)
                yield rows
        if draft.is_whole and not self._is_cancelled:
            self._hand_over()

    def _hand_over(self) -> None:
        """All rows were read by now: the query is no failure because this is one."""
        try:
            self._store.put_file(self._key, self._file)
        except (SelfserveError, OSError) as error:
            _log.info("these rows are not kept: %s", error)
        else:
            self.is_kept = True

    def progress(self) -> Progress:
        """See `Answer.progress`."""
        return self._answer.progress()

    def figures(self) -> Figures:
        """See `Answer.figures`."""
        return self._answer.figures()

    def cancel(self) -> None:
        """See `Answer.cancel`. What still comes then is not kept."""
        self._is_cancelled = True
        self._answer.cancel()


class _Draft:
    """The file while it grows. Rows that it cannot take are no trouble of whoever reads them."""

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        self.is_whole = bool(columns)
        """Whether it has all rows, after the block."""
        self._path = path
        self._columns = [Column(f"c{i}", to_kept_type(one.type)) for i, one in enumerate(columns)]
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        if self.is_whole:
            with self._given_up_if_it_fails():
                self._file = self._stack.enter_context(self._path.open("wb"))
                self._writer = self._stack.enter_context(ParquetRows(self._columns, self._file))
        return self

    def add(self, rows: Sequence[Row]) -> None:
        """Write these, too, unless they are too many."""
        if self.is_whole:
            with self._given_up_if_it_fails():
                self._writer.add(rows)
                self.is_whole = self._file.tell() <= MOST_KEPT_BYTES

    def __exit__(self, *_: object) -> None:
        with self._given_up_if_it_fails():
            self._stack.close()

    @contextmanager
    def _given_up_if_it_fails(self) -> Iterator[None]:
        try:
            yield
        except _UNFIT as error:
            _log.info("these rows are not kept: %s", error)
            self.is_whole = False


_UNFIT = (OSError, ArithmeticError, ValueError, TypeError, NotImplementedError)
"""A full disk, and what Arrow raises for values that it has no place for."""


@contextmanager
def keeping(answer: Answer, store: RecordStore, query_id: str) -> Iterator[KeepingAnswer]:
    """The answer, kept; whoever leaves the block early leaves nothing behind."""
    with TemporaryDirectory(prefix="selfserve-rows-") as folder:
        yield KeepingAnswer(answer, store, query_id, Path(folder) / "rows.parquet")
