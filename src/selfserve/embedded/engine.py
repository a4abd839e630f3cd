"""One DuckDB instance: its settings, its views, its connections."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from selfserve.core.sql.tables import Table
from selfserve.embedded.files import FileSource
from selfserve.embedded.types import text_literal
from selfserve.embedded.views import Views

if TYPE_CHECKING:
    import duckdb

Prepare = Callable[["duckdb.DuckDBPyConnection"], None]

_SETTINGS = {
    # Rows without ORDER BY have no order in Trino either. To keep that of the files, DuckDB would
    # hold back what it cannot write yet: all of a result that is read slowly.
    "preserve_insertion_order": False,
    "TimeZone": "UTC",  # EMR's clusters are in it, and Trino reads Hive's timestamps so
    "autoinstall_known_extensions": False,  # nothing is downloaded
    "autoload_known_extensions": False,
    "parquet_metadata_cache": True,  # statements of a script read the same footers again
    "enable_progress_bar": True,  # without it nobody is told how far a query is
    "enable_progress_bar_print": False,
    "allow_community_extensions": False,
    "enable_external_file_cache": False,  # it mixes a file with what stood there a moment before
}


class Engine:
    """Methods may be called from any thread; each statement has a connection of its own."""

    def __init__(
        self, files: FileSource, *, temp_folder: Path, prepare: Prepare = lambda _: None
    ) -> None:
        """`temp_folder` takes what does not fit into memory; `prepare` is given DuckDB once."""
        import duckdb  # noqa: PLC0415  100 ms

        self._root = duckdb.connect(":memory:")
        for name, value in _SETTINGS.items():
            shown = text_literal(value) if isinstance(value, str) else str(value).lower()
            self._root.execute(f"SET {name} = {shown}")
        self._root.execute(f"SET memory_limit = '{_half_of_memory_mib()}MiB'")
        self._root.execute(f"SET temp_directory = {text_literal(str(temp_folder))}")
        prepare(self._root)
        self._views = Views(files)

    def connect(self, tables: Iterable[Table]) -> "duckdb.DuckDBPyConnection":
        """A connection that can read these tables, as they are now. Its user closes it.

        Raises:
            UnsupportedHereError: a table's format is none that the embedded engine reads.
            BadInputError: a file is not what its table says.
        """
        cursor = self._root.cursor()
        try:
            self._views.ensure(cursor, tables)
        except BaseException:
            cursor.close()
            raise
        return cursor

    @contextmanager
    def connection(self, tables: Iterable[Table]) -> "Iterator[duckdb.DuckDBPyConnection]":
        """The same, for as long as the block runs."""
        cursor = self.connect(tables)
        try:
            yield cursor
        finally:
            cursor.close()

    def close(self) -> None:
        """End it, and everything it still does."""
        self._root.close()


def _half_of_memory_mib() -> int:
    """The engine shares the machine with Spark, and with whoever sits there."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**21
