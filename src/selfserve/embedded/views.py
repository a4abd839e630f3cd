"""Tables of the catalogue as views of DuckDB, made anew when a table or its files change."""

import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from selfserve.core.sql.tables import FileFormat, Table
from selfserve.embedded.errors import engine_errors
from selfserve.embedded.files import FileSource
from selfserve.embedded.orc_files import OrcFiles, OrcGroup, orc_relation, register
from selfserve.embedded.parquet_schemas import FileSchemas
from selfserve.embedded.part import Part
from selfserve.embedded.relations import no_rows, refuse_unreadable, relation
from selfserve.embedded.types import quoted

if TYPE_CHECKING:
    import duckdb


class Views:
    """The views of one DuckDB instance; all its connections share them."""

    def __init__(self, files: FileSource) -> None:
        self._files = files
        self._schemas = FileSchemas()
        self._orc = OrcFiles()
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
            groups: Sequence[OrcGroup] = ()
            with self._lock:
                if table.format is FileFormat.ORC:
                    groups = self._orc.groups(cursor, table, parts)
                    register(cursor, groups)
                if self._made.get(table.full_name) != (table, parts):
                    self._make(cursor, table, self._select(cursor, table, parts, groups))
                    self._made[table.full_name] = (table, parts)

    def _parts(self, table: Table) -> Iterable[Part]:
        if not table.partition_columns:
            yield Part(None, tuple(self._files.list_files(table.location)))
        for partition in table.partitions:
            yield Part(partition, tuple(self._files.list_files(partition.location)))

    def _select(
        self,
        cursor: "duckdb.DuckDBPyConnection",
        table: Table,
        parts: Sequence[Part],
        groups: Sequence[OrcGroup],
    ) -> str:
        if table.format is FileFormat.ORC:
            return orc_relation(table, groups) if groups else no_rows(table)
        if table.format is not FileFormat.PARQUET:
            return relation(table, parts, ())
        files = [file for part in parts for file in part.files]
        return relation(table, parts, self._schemas.read(cursor, table, files))

    def _make(self, cursor: "duckdb.DuckDBPyConnection", table: Table, select: str) -> None:
        with engine_errors():
            cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(table.schema)}")
            name = f"{quoted(table.schema)}.{quoted(table.name)}"
            cursor.execute(f"CREATE OR REPLACE VIEW {name} AS {select}")
