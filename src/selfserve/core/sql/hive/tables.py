"""Tables of Hive's metastore and of Glue as `Table`s, and new ones the other way round. Pure."""

from collections.abc import Iterable, Sequence

from selfserve.core.sql.engines import Engine
from selfserve.core.sql.hive import spark_tables
from selfserve.core.sql.hive.definition import (
    EXTERNAL,
    MANAGED,
    NULL_PARTITION,
    VIEW,
    Definition,
    PartitionDefinition,
)
from selfserve.core.sql.hive.formats import OPEN_CSV, STORAGE, Files, decide_files, short_name
from selfserve.core.sql.hive.types import to_hive_type, to_trino_type
from selfserve.core.sql.hive.views import PRESTO_EXPANDED, View, presto_text, view_of
from selfserve.core.sql.tables import FileFormat, Partition, Table, TableColumn
from selfserve.errors import BadInputError

_S3 = ("s3a://", "s3n://")
_Columns = tuple[TableColumn, ...]


def to_table(definition: Definition, partitions: Iterable[PartitionDefinition] = ()) -> Table:
    """The table that a catalogue describes.

    Raises:
        BadInputError: the description is damaged.
    """
    columns, partition_columns = _columns(definition)
    if definition.is_view:
        return _view(definition, columns)
    partitions = list(partitions)
    files = _one_format(decide_files(definition, columns), definition, partitions)
    return Table(
        schema=definition.schema,
        name=definition.name,
        columns=columns,
        partition_columns=partition_columns,
        location=_location(definition),
        format=files.format,
        serde=files.serde,
        text=files.text,
        partitions=tuple(map(_partition, partitions)) if partition_columns else (),
    )


def to_definition(table: Table, *, is_managed: bool = False) -> Definition:
    """How to enter a new table, or view, so that Hive and Spark (a view: Trino) can read it.

    A managed one loses its files when it is dropped.

    Raises:
        BadInputError: Hive has no such format or type.
    """
    columns = _hive_columns(table.columns)
    if table.view is not None:
        view = View(table.view, Engine.TRINO, table.view_schema, table.columns)
        return Definition(
            schema=table.schema,
            name=table.name,
            kind=VIEW,
            columns=columns,
            parameters={"presto_view": "true", "comment": "Presto View"},
            view_original=presto_text(view),
            view_expanded=PRESTO_EXPANDED,
        )
    _refuse_unwritable(table)
    return Definition(
        schema=table.schema,
        name=table.name,
        kind=MANAGED if is_managed else EXTERNAL,
        columns=columns,
        partition_columns=_hive_columns(table.partition_columns),
        location=table.location,
        storage=STORAGE[table.format],
        serde_parameters=_serde_parameters(table),
        parameters=_table_parameters(table, is_managed=is_managed),
    )


def plain_s3(location: str) -> str:
    """A folder's URI as s3://, without a slash at its end."""
    for scheme in _S3:
        if location.startswith(scheme):
            location = f"s3://{location.removeprefix(scheme)}"
    return location.rstrip("/")


def _columns(definition: Definition) -> tuple[_Columns, _Columns]:
    """The table's columns and partition columns, in Trino's types."""
    of_spark = spark_tables.columns_of(definition)
    if of_spark is not None and spark_tables.provider_of(definition):
        return of_spark
    of_hive = _trino_columns(definition.columns), _trino_columns(definition.partition_columns)
    if definition.storage.serde == OPEN_CSV:  # which gives text, whatever was asked for
        return tuple(TableColumn(column.name, "varchar") for column in of_hive[0]), of_hive[1]
    # Spark's note has the case of names; but who changes a table with Hive leaves it outdated.
    if of_spark is not None and _folded(of_spark) == _folded(of_hive):
        return of_spark
    return of_hive


def _folded(columns: tuple[_Columns, _Columns]) -> list[list[tuple[str, str]]]:
    return [[(one.name.casefold(), one.type.casefold()) for one in some] for some in columns]


def _trino_columns(columns: Iterable[TableColumn]) -> _Columns:
    return tuple(TableColumn(column.name, to_trino_type(column.type)) for column in columns)


def _hive_columns(columns: Iterable[TableColumn]) -> _Columns:
    return tuple(
        TableColumn(column.name.casefold(), to_hive_type(column.type)) for column in columns
    )


def _view(definition: Definition, columns: _Columns) -> Table:
    view = view_of(definition)
    return Table(
        schema=definition.schema,
        name=definition.name,
        columns=view.columns or columns,
        format=FileFormat.OTHER,
        serde="a view",
        view=view.statement,
        view_engine=view.engine,
        view_schema=view.schema,
    )


def _location(definition: Definition) -> str:
    """Spark leaves a placeholder where Hive looks, and the real folder among the options."""
    if spark_tables.provider_of(definition) and (path := definition.serde_parameters.get("path")):
        return plain_s3(path)
    return plain_s3(definition.location)


def _partition(partition: PartitionDefinition) -> Partition:
    values = (None if value == NULL_PARTITION else value for value in partition.values)
    return Partition(tuple(values), plain_s3(partition.location))


def _one_format(
    files: Files, definition: Definition, partitions: Sequence[PartitionDefinition]
) -> Files:
    """Each partition has a format of its own, though hardly ever another than the table's."""
    if spark_tables.provider_of(definition):  # which has one format, and no regard for Hive's
        return files
    for partition in partitions:
        if partition.storage.serde not in {"", definition.storage.serde}:
            other = short_name(partition.storage.serde)
            return Files(FileFormat.OTHER, f"a mix of {files.serde} and {other}")
    return files


def _refuse_unwritable(table: Table) -> None:
    if table.format is FileFormat.OTHER:
        raise BadInputError(
            f"New tables cannot be stored as {table.serde or 'other'}.",
            hint="Write: CREATE TABLE … WITH (format = 'PARQUET')",
        )
    if table.format is FileFormat.CSV and any(one.type != "varchar" for one in table.columns):
        raise BadInputError(
            "A table of CSV files can have columns of the type varchar only.",
            hint="Cast them, such as: CAST(x AS varchar), or use the format PARQUET.",
        )


def _serde_parameters(table: Table) -> dict[str, str]:
    if table.format is not FileFormat.CSV:
        return {"serialization.format": "1"}
    text = table.text
    return {"separatorChar": text.delimiter, "quoteChar": text.quote, "escapeChar": text.escape}


def _table_parameters(table: Table, *, is_managed: bool) -> dict[str, str]:
    parameters = {} if is_managed else {"EXTERNAL": "TRUE"}
    if table.format is FileFormat.CSV and table.text.header_lines:
        parameters["skip.header.line.count"] = str(table.text.header_lines)
    return parameters
