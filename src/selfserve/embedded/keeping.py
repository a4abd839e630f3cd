"""Keep the rows of an answer as Parquet while they pass, unless they are too many."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from selfserve.core.sql.answers import Column
from selfserve.core.sql.records import MOST_KEPT_BYTES

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq


class Keeper:
    """One such file: `path` is there once it is complete, and else nothing is."""

    def __init__(self, path: Path, *, most_bytes: int = MOST_KEPT_BYTES) -> None:
        self.is_complete = False
        self._path = path
        self._draft = path.with_name(f".{path.name}.part")
        self._most_bytes = most_bytes
        self._bytes = 0
        self._writer: pq.ParquetWriter | None = None
        self._is_given_up = False

    def begin(self, columns: Sequence[Column]) -> None:
        """Statements without columns have nothing to keep."""
        self._is_given_up = not columns

    def add(self, batch: "pa.RecordBatch") -> None:
        """Write these rows, too."""
        if self._is_given_up:
            return
        self._bytes += batch.nbytes
        if self._bytes > self._most_bytes:
            self._give_up()
            return
        renamed = batch.rename_columns([f"c{index}" for index in range(batch.num_columns)])
        try:
            self._writer_for(renamed).write_batch(renamed)
        except (OSError, NotImplementedError):  # a full disk, or a type that Parquet has not
            self._give_up()

    def complete(self) -> None:
        """The last row has passed."""
        if self._writer is not None and not self._is_given_up:
            try:
                self._writer.close()
                self._draft.replace(self._path)
            except OSError:
                self._give_up()
                return
            self._writer = None
            self.is_complete = True

    def close(self) -> None:
        """Remove what is not complete."""
        self._give_up()

    def _writer_for(self, batch: "pa.RecordBatch") -> "pq.ParquetWriter":
        if self._writer is None:
            from pyarrow.parquet import ParquetWriter  # noqa: PLC0415  70 ms

            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = ParquetWriter(self._draft, batch.schema)
        return self._writer

    def _give_up(self) -> None:
        self._is_given_up = True
        if self._writer is not None:
            with contextlib.suppress(OSError):  # nothing of it is wanted
                self._writer.close()
            self._writer = None
            self._draft.unlink(missing_ok=True)
