"""Tables of the catalogue as views of DuckDB, made anew when a table or its files change."""

import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from selfserve.core.sql.tables import FileFormat, Table
from selfserve.embedded.errors import engine_errors
from selfserve.embedded.files import FileSource
from selfserve.embedded.parquet_schemas import FileSchema, FileSchemas
from selfserve.embedded.relations import Part, orc_name, refuse_unreadable, relation
from selfserve.embedded.types import quoted

if TYPE_CHECKING:
    import duckdb


class Views:
    """The views of one DuckDB instance; all its connections share them."""

    def __init__(self, files: FileSource) -> None:
        self._files = files
        self._schemas = FileSchemas()
        self._made: dict[str, tuple[Table, tuple[Part, ...]]] = {}
        self._lock = threading.Lock()

    def ensure(self, cursor: "duckdb.DuckDBPyConnection", tables: Iterable[Table]) -> None:
        """Let statements of this connection read these tables as they are now.

        Raises:
            UnsupportedHereError: the embedded engine does not read a table's format.
            BadInputError: a file is not what its table says.
        """
        for table in tables:
            refuse_unreadable(table)
            parts = tuple(self._parts(table))
            if table.format is FileFormat.ORC:
                _register_orc(cursor, table, parts)
            with self._lock:
                if self._made.get(table.full_name) != (table, parts):
                    self._make(cursor, table, parts)
                    self._made[table.full_name] = (table, parts)

    def _parts(self, table: Table) -> Iterable[Part]:
        if not table.partition_columns:
            yield Part(None, tuple(self._files.list_files(table.location)))
        for partition in table.partitions:
            yield Part(partition, tuple(self._files.list_files(partition.location)))

    def _make(
        self, cursor: "duckdb.DuckDBPyConnection", table: Table, parts: Sequence[Part]
    ) -> None:
        schemas: Sequence[FileSchema] = ()
        if table.format is FileFormat.PARQUET:
            files = [file for part in parts for file in part.files]
            schemas = self._schemas.read(cursor, table, files)
        select = relation(table, parts, schemas)
        with engine_errors():
            cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(table.schema)}")
            name = f"{quoted(table.schema)}.{quoted(table.name)}"
            cursor.execute(f"CREATE OR REPLACE VIEW {name} AS {select}")


def _register_orc(cursor: "duckdb.DuckDBPyConnection", table: Table, parts: Sequence[Part]) -> None:
    """DuckDB has no reader of ORC, but it reads what pyarrow reads, with filters pushed down."""
    import pyarrow.dataset  # noqa: PLC0415  70 ms

    for part in parts:
        if part.files:
            paths = [file.path for file in part.files]
            found = pyarrow.dataset.dataset(paths, format="orc")
            cursor.register(orc_name(table, part.partition), found)
