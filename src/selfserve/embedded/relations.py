"""A table's files as a relation of DuckDB: the text behind each view. Pure.

The columns come out with the names and types that the catalogue says, whatever the
files have; a cast stands only where it is needed, since it keeps filters from the files.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from selfserve.core.sql.problems import UnsupportedHereError
from selfserve.core.sql.tables import FileFormat, Partition, Table, TableColumn
from selfserve.embedded.fitting import converted, missing
from selfserve.embedded.json_files import json_source
from selfserve.embedded.parquet_schemas import FileSchema, differ
from selfserve.embedded.part import Part, partition_values
from selfserve.embedded.text_files import csv_source, refuse_packed
from selfserve.embedded.types import path_literal, quoted, to_duckdb

_DEFAULT_PARTITION = "__HIVE_DEFAULT_PARTITION__"


def refuse_unreadable(table: Table) -> None:
    """Raises UnsupportedHereError for a table whose files the embedded engine cannot read."""
    if table.format in {FileFormat.OTHER, FileFormat.AVRO}:
        raise UnsupportedHereError(
            f"Table {table.full_name} is {table.serde or table.format}, which the embedded engine "
            "does not read.",
            hint="It reads Parquet, ORC, CSV and JSON; query this one on AWS: selfserve sql … "
            "--on aws",
        )


def relation(table: Table, parts: Sequence[Part], schemas: Sequence[FileSchema]) -> str:
    """The SELECT that gives the rows of `table`; `schemas` are those of all files, in order.

    Raises:
        UnsupportedHereError: the files are of a kind that is read otherwise here.
    """
    filled = [part for part in parts if part.files]
    if not filled:
        return no_rows(table)
    if not table.partition_columns or _are_named_by_folders(table, filled):
        return _select(table, filled, schemas, table.partition_columns)
    position, selects = 0, []
    for part in filled:
        own = schemas[position : position + len(part.files)] if schemas else ()
        position += len(part.files)
        selects.append(_select(table, [part], own, ()))
    return " UNION ALL ".join(selects)


def no_rows(table: Table) -> str:
    """The SELECT of a table without files."""
    return f"SELECT {', '.join(map(missing, table.all_columns))} WHERE false"


def _select(
    table: Table,
    parts: Sequence[Part],
    schemas: Sequence[FileSchema],
    from_folders: Sequence[TableColumn],
) -> str:
    files = [file.path for part in parts for file in part.files]
    refuse_packed(table, files)
    read, expressions = _reader(table, _Source(files, schemas, from_folders))
    if from_folders:
        expressions += [quoted(column.name) for column in from_folders]
    else:
        expressions += partition_values(table, parts[0].partition)
    return f"SELECT {', '.join(expressions)} FROM {read}"


@dataclass(frozen=True, slots=True)
class _Source:
    """What one reader function of DuckDB reads."""

    files: Sequence[str]
    schemas: Sequence[FileSchema]
    from_folders: Sequence[TableColumn]
    """Partition columns whose values the names of the folders say."""


def _reader(table: Table, source: _Source) -> tuple[str, list[str]]:
    """The call that reads, and the expressions of the table's own columns."""
    options = _hive_options(source.from_folders)
    listed = f"[{', '.join(map(path_literal, source.files))}]"
    if table.format is FileFormat.JSON:
        return json_source(table, listed, options)
    if table.format is FileFormat.CSV:
        return csv_source(table, listed, options)
    if differ(source.schemas):
        options.append("union_by_name = true")
    read = f"read_parquet({', '.join([listed, *options])})"
    return read, [_parquet_column(table, column, source.schemas) for column in table.columns]


def _hive_options(from_folders: Sequence[TableColumn]) -> list[str]:
    if not from_folders:
        return ["hive_partitioning = false"]
    types = ", ".join(f"{quoted(column.name)}: {to_duckdb(column.type)}" for column in from_folders)
    return ["hive_partitioning = true", f"hive_types = {{{types}}}"]


def _parquet_column(table: Table, column: TableColumn, schemas: Sequence[FileSchema]) -> str:
    name = column.name.lower()
    found = {schema[name] for schema in schemas if name in schema}
    if not found:
        return missing(column)
    if found == {"BLOB", "VARCHAR"}:  # DuckDB would join them with bytes written as \xFF
        raise UnsupportedHereError(
            f"Table {table.full_name}: the embedded engine does not read a column, {column.name}, "
            "that is text in one file and bytes in another.",
            hint="Query it on AWS: selfserve sql … --on aws",
        )
    return converted(column, found.pop() if len(found) == 1 else "", name=column.name)


def _are_named_by_folders(table: Table, parts: Sequence[Part]) -> bool:
    """Whether every folder says its partition's values, as Hive names them: `day=2026-01-01`."""
    return all(
        part.partition is not None
        and _is_named(table, part.partition)
        and not _is_named_above(table, part.files[0].path)
        for part in parts
    )


def _is_named(table: Table, partition: Partition) -> bool:
    folders = partition.location.rstrip("/").split("/")[-len(partition.values) :]
    return folders == [
        f"{column.name}={value if value is not None else _DEFAULT_PARTITION}"
        for column, value in zip(table.partition_columns, partition.values, strict=True)
    ] and all(unquote(folder) == folder for folder in folders)


def _is_named_above(table: Table, path: str) -> bool:
    """Whether a folder further up has a partition's name, too: DuckDB would take its value."""
    above = path.split("/")[: -1 - len(table.partition_columns)]
    keys = {column.name.lower() for column in table.partition_columns}
    return any("=" in folder and folder.partition("=")[0].lower() in keys for folder in above)
