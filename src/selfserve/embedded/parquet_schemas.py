"""What columns Parquet files have, by their footers, and whether they fit their table.

Trino refuses a file whose column is of another kind than the table says; DuckDB would
convert it, and give another answer. So every new file is looked at once.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from selfserve.core.sql.tables import Table, TableColumn
from selfserve.embedded.errors import engine_errors
from selfserve.embedded.files import DataFile
from selfserve.embedded.types import to_duckdb, to_trino
from selfserve.errors import BadInputError

if TYPE_CHECKING:
    import duckdb

FileSchema = Mapping[str, str]
"""Column in lower case -> DuckDB's type; `NESTED` for arrays, maps and rows."""

NESTED = "NESTED"
_NOT_PARQUET = ("No magic bytes", "too small to be a Parquet file", "Invalid Parquet")
_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT")
_FLOATS = ("FLOAT", "DOUBLE")
_TIMES = ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S")
_BYTES = ("VARCHAR", "BLOB")
_KINDS = (_INTEGERS, _FLOATS, _TIMES, _BYTES)
_NESTED_IN_TRINO = ("array(", "map(", "row(")


class FileSchemas:
    """Footers that were read already, by file and version. One thread at a time."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], FileSchema] = {}

    def read(
        self, cursor: "duckdb.DuckDBPyConnection", table: Table, files: Sequence[DataFile]
    ) -> list[FileSchema]:
        """The schemas of these files, in their order; each fits the table.

        Raises:
            BadInputError: a file is not Parquet, or a column of it is of another type.
        """
        new = [file for file in files if (file.path, file.version) not in self._known]
        if new:
            found = _read_schemas(cursor, table, new)
            for file in new:
                _refuse_misfit(table, file, found[file.path])
                self._known[file.path, file.version] = found[file.path]
        return [self._known[file.path, file.version] for file in files]


def _read_schemas(
    cursor: "duckdb.DuckDBPyConnection", table: Table, files: Sequence[DataFile]
) -> dict[str, FileSchema]:
    paths = [file.path for file in files]
    query = "SELECT file_name, name, duckdb_type, num_children FROM parquet_schema($1)"
    try:
        with engine_errors():
            rows = cursor.execute(query, [paths]).fetchall()
    except BadInputError as error:
        if not any(words in str(error) for words in _NOT_PARQUET):
            raise
        broken = next((path for path in paths if path in str(error)), paths[0])
        raise BadInputError(
            f"Table {table.full_name}: {broken} is not a Parquet file.",
            hint=f"Move it out of the table's folder: {table.location}",
        ) from error
    by_file: dict[str, list[tuple[str, str | None, int | None]]] = {}
    for file_name, name, of_type, children in rows:
        by_file.setdefault(file_name, []).append((name, of_type, children))
    return {path: _top_level(nodes) for path, nodes in by_file.items()}


def _top_level(nodes: Sequence[tuple[str, str | None, int | None]]) -> FileSchema:
    """The root's own children, of a tree that is listed parents first."""
    schema: dict[str, str] = {}
    position = 1
    while position < len(nodes):
        name, of_type, _ = nodes[position]
        end = _end_of_subtree(nodes, position)
        schema[name.lower()] = NESTED if end > position + 1 or of_type is None else of_type
        position = end
    return schema


def _end_of_subtree(nodes: Sequence[tuple[str, str | None, int | None]], position: int) -> int:
    waiting = 1
    while waiting:
        waiting += (nodes[position][2] or 0) - 1
        position += 1
    return position


def _refuse_misfit(table: Table, file: DataFile, schema: FileSchema) -> None:
    for column in table.columns:
        found = schema.get(column.name.lower())
        if found is not None and not fits(found, column):
            shown = "nested" if found == NESTED else to_trino(found)
            raise BadInputError(
                f"Table {table.full_name}: column {column.name} is {column.type}, but {shown} "
                f"in {file.path}.",
                hint="Files of two schemas are in one folder: move that file to a folder, and "
                "a table, of its own.",
            )


def fits(found: str, column: TableColumn) -> bool:
    """Whether a column of a file can be read as the table's, as Trino would."""
    if column.type.startswith(_NESTED_IN_TRINO) or found == NESTED:
        return column.type.startswith(_NESTED_IN_TRINO) == (found == NESTED)
    wanted = to_duckdb(column.type)
    if found.startswith("DECIMAL(") and wanted.startswith("DECIMAL("):
        (precision, scale), (most, wanted_scale) = _digits(found), _digits(wanted)
        return precision - scale <= most - wanted_scale and scale <= wanted_scale
    return found == wanted or any(found in kind and wanted in kind for kind in _KINDS)


def _digits(decimal: str) -> tuple[int, int]:
    precision, scale = decimal.removeprefix("DECIMAL(").rstrip(")").split(",")
    return int(precision), int(scale)


def differ(schemas: Iterable[FileSchema]) -> bool:
    """Whether the files do not all have the same columns of the same types."""
    distinct = {tuple(sorted(schema.items())) for schema in schemas}
    return len(distinct) > 1
