"""What columns Parquet files have, by their footers, and whether they fit their table.

Every new file is looked at once; see `fitting.py` for why.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from selfserve.core.sql.tables import Table
from selfserve.embedded.errors import engine_errors
from selfserve.embedded.files import DataFile
from selfserve.embedded.fitting import refuse_misfit
from selfserve.embedded.types import path_literal, to_trino
from selfserve.errors import BadInputError

if TYPE_CHECKING:
    import duckdb

FileSchema = Mapping[str, str]
"""Column in lower case -> DuckDB's type."""

_NOT_PARQUET = ("No magic bytes", "too small to be a Parquet file", "Invalid Parquet")


class _Node(NamedTuple):
    """One line of a Parquet schema, which is a tree that is listed parents first."""

    name: str
    duckdb_type: str | None
    """None for arrays, maps and rows."""
    children: int | None
    logical_type: str | None


class FileSchemas:
    """Footers that were read already, by file and version. One thread at a time."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], FileSchema] = {}
        self._nested: dict[tuple[_Node, ...], FileSchema] = {}

    def read(
        self, cursor: "duckdb.DuckDBPyConnection", table: Table, files: Sequence[DataFile]
    ) -> list[FileSchema]:
        """The schemas of these files, in their order; each fits the table.

        Raises:
            BadInputError: a file is not Parquet, or a column of it is of another type.
        """
        new = [file for file in files if (file.path, file.version) not in self._known]
        if new:
            found = _read_nodes(cursor, table, new)
            for file in new:
                schema = self._schema(cursor, file, found[file.path])
                for column in table.columns:
                    of_type = schema.get(column.name.lower())
                    if of_type is not None:
                        refuse_misfit(table, column, to_trino(of_type), file.path)
                self._known[file.path, file.version] = schema
        return [self._known[file.path, file.version] for file in files]

    def _schema(
        self, cursor: "duckdb.DuckDBPyConnection", file: DataFile, nodes: tuple[_Node, ...]
    ) -> FileSchema:
        """DuckDB itself is asked for types of nested columns, once for files that are alike."""
        if all(node.duckdb_type is not None for node in nodes[1:]):
            return {node.name.lower(): node.duckdb_type or "" for node in nodes[1:]}
        if nodes not in self._nested:
            read = f"read_parquet({path_literal(file.path)}, hive_partitioning = false)"
            with engine_errors():
                rows = cursor.execute(f"DESCRIBE SELECT * FROM {read}").fetchall()
            self._nested[nodes] = {row[0].lower(): row[1] for row in rows}
        return self._nested[nodes]


def _read_nodes(
    cursor: "duckdb.DuckDBPyConnection", table: Table, files: Sequence[DataFile]
) -> dict[str, tuple[_Node, ...]]:
    paths = [file.path for file in files]
    listed = ", ".join(map(path_literal, paths))
    query = (
        "SELECT file_name, name, duckdb_type, num_children, logical_type "
        f"FROM parquet_schema([{listed}])"
    )
    try:
        with engine_errors():
            rows = cursor.execute(query).fetchall()
    except BadInputError as error:
        if not any(words in str(error) for words in _NOT_PARQUET):
            raise
        broken = next((path for path in paths if path in str(error)), paths[0])
        raise BadInputError(
            f"Table {table.full_name}: {broken} is not a Parquet file.",
            hint=f"Move it out of the table's folder: {table.location}",
        ) from error
    by_file: dict[str, list[_Node]] = {}
    for file_name, *node in rows:
        by_file.setdefault(file_name, []).append(_Node(*node))
    return {path: tuple(nodes) for path, nodes in by_file.items()}


def differ(schemas: Iterable[FileSchema]) -> bool:
    """Whether the files do not all have the same columns of the same types."""
    distinct = {tuple(sorted(schema.items())) for schema in schemas}
    return len(distinct) > 1
