"""ORC files as relations of DuckDB, which has no reader of ORC but reads what pyarrow reads.

Filters are pushed down into pyarrow. Files of one schema are read together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from selfserve.core.sql.problems import UnsupportedHereError
from selfserve.core.sql.tables import Partition, Table
from selfserve.embedded.files import DataFile
from selfserve.embedded.fitting import converted, missing, refuse_misfit
from selfserve.embedded.part import Part, partition_values
from selfserve.embedded.types import quoted, to_trino
from selfserve.errors import BadInputError

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class OrcGroup:
    """Files of one partition and one schema."""

    name: str
    """Under which connections that read it have it."""
    partition: Partition | None
    files: tuple[str, ...]
    schema: "pa.Schema"
    columns: Mapping[str, tuple[str, str]]
    """The table's column -> its name in the files, and DuckDB's type there."""


class OrcFiles:
    """Schemas of files that were read already, by file and version. One thread at a time."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], pa.Schema] = {}

    def groups(
        self, cursor: "duckdb.DuckDBPyConnection", table: Table, parts: Sequence[Part]
    ) -> list[OrcGroup]:
        """The files of a table, each of which fits it.

        Raises:
            BadInputError: a file is not ORC, or a column of it is of another type.
            UnsupportedHereError: they are not on this machine.
        """
        found: list[OrcGroup] = []
        for part in parts:
            by_schema: dict[str, list[tuple[DataFile, pa.Schema]]] = {}
            for file in part.files:
                if file.size:  # Hive writes empty files for buckets without rows
                    schema = self._schema(table, file)
                    by_schema.setdefault(str(schema), []).append((file, schema))
            for members in by_schema.values():
                name = f"orc:{table.full_name}:{len(found)}"
                found.append(_group(cursor, table, part, (name, members)))
        return found

    def _schema(self, table: Table, file: DataFile) -> "pa.Schema":
        known = self._known.get((file.path, file.version))
        if known is None:
            known = self._known[file.path, file.version] = _read_schema(table, file)
        return known


def _read_schema(table: Table, file: DataFile) -> "pa.Schema":
    from pyarrow import ArrowException, orc  # noqa: PLC0415  70 ms

    if "://" in file.path:
        raise UnsupportedHereError(
            f"Table {table.full_name} is ORC in S3, which the embedded engine does not read.",
            hint="Query it on a cluster: selfserve sql … -c adhoc-presto",
        )
    try:
        return orc.ORCFile(file.path).schema
    except (OSError, ArrowException) as error:
        raise BadInputError(
            f"Table {table.full_name}: {file.path} is not an ORC file.",
            hint=f"Move it out of the table's folder: {table.location}",
        ) from error


def _group(
    cursor: "duckdb.DuckDBPyConnection",
    table: Table,
    part: Part,
    named: tuple[str, Sequence[tuple[DataFile, "pa.Schema"]]],
) -> OrcGroup:
    name, members = named
    file, schema = members[0]
    described = cursor.from_arrow(schema.empty_table())
    types = dict(zip(schema.names, map(str, described.types), strict=True))
    by_name = {own.lower(): own for own in schema.names}
    if all(own == f"_col{index}" for index, own in enumerate(schema.names)):  # Hive before 2.0
        by_name = {c.name: own for c, own in zip(table.columns, schema.names, strict=False)}
    columns = {}
    for column in table.columns:
        own = by_name.get(column.name.lower())
        if own is not None:
            refuse_misfit(table, column, to_trino(types[own]), file.path)
            columns[column.name] = (own, types[own])
    paths = tuple(file.path for file, _ in members)
    return OrcGroup(name, part.partition, paths, schema, columns)


def orc_relation(table: Table, groups: Sequence[OrcGroup]) -> str:
    """The SELECT that gives the rows of all groups, of which there is at least one."""
    return " UNION ALL ".join(_select(table, group) for group in groups)


def _select(table: Table, group: OrcGroup) -> str:
    expressions = []
    for column in table.columns:
        if column.name in group.columns:
            own, found = group.columns[column.name]
            expressions.append(converted(column, found, name=own))
        else:
            expressions.append(missing(column))
    expressions += partition_values(table, group.partition)
    return f"SELECT {', '.join(expressions)} FROM temp.main.{quoted(group.name)}"


def register(cursor: "duckdb.DuckDBPyConnection", groups: Sequence[OrcGroup]) -> None:
    """Let this connection read these files."""
    import pyarrow.dataset  # noqa: PLC0415  70 ms

    for group in groups:
        found = pyarrow.dataset.dataset(list(group.files), schema=group.schema, format="orc")
        cursor.register(group.name, found)
