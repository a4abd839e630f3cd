"""A table's files as a relation of DuckDB: the text behind each view. Pure.

The columns come out with the names and types that the catalogue says, whatever the
files have; a cast stands only where it is needed, since it keeps filters from the files.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from selfserve.core.sql.problems import UnsupportedHereError
from selfserve.core.sql.tables import FileFormat, Partition, Table, TableColumn
from selfserve.embedded.files import DataFile
from selfserve.embedded.parquet_schemas import NESTED, FileSchema, differ
from selfserve.embedded.types import quoted, text_literal, to_duckdb

_DEFAULT_PARTITION = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True, slots=True)
class Part:
    """Files of one partition; of an unpartitioned table there is one part."""

    partition: Partition | None
    files: tuple[DataFile, ...]


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
    """The SELECT that gives the rows of `table`; `schemas` are those of all files, in order."""
    filled = [part for part in parts if part.files]
    if not filled:
        return _no_rows(table)
    if not table.partition_columns or _are_named_by_folders(table, filled):
        return _select(table, filled, schemas, table.partition_columns)
    position, selects = 0, []
    for part in filled:
        own = schemas[position : position + len(part.files)] if schemas else ()
        position += len(part.files)
        selects.append(_select(table, [part], own, ()))
    return " UNION ALL ".join(selects)


def _no_rows(table: Table) -> str:
    columns = (
        f"CAST(NULL AS {to_duckdb(column.type)}) AS {quoted(column.name)}"
        for column in table.all_columns
    )
    return f"SELECT {', '.join(columns)} WHERE false"


def _select(
    table: Table,
    parts: Sequence[Part],
    schemas: Sequence[FileSchema],
    from_folders: Sequence[TableColumn],
) -> str:
    files = [file.path for part in parts for file in part.files]
    partition = parts[0].partition if not from_folders else None
    read, expressions = _reader(table, _Source(files, schemas, from_folders, partition))
    if partition is not None:
        expressions += [
            f"CAST({_value(value)} AS {to_duckdb(column.type)}) AS {quoted(column.name)}"
            for column, value in zip(table.partition_columns, partition.values, strict=True)
        ]
    else:
        expressions += [quoted(column.name) for column in from_folders]
    return f"SELECT {', '.join(expressions)} FROM {read}"


@dataclass(frozen=True, slots=True)
class _Source:
    """What one reader function of DuckDB reads."""

    files: Sequence[str]
    schemas: Sequence[FileSchema]
    from_folders: Sequence[TableColumn]
    """Partition columns whose values the names of the folders say."""
    partition: Partition | None
    """The one that the files are of, if their folders do not say it."""


def _reader(table: Table, source: _Source) -> tuple[str, list[str]]:
    """The call that reads, and the expressions of the table's own columns."""
    options = _hive_options(source.from_folders)
    listed = f"[{', '.join(map(text_literal, source.files))}]"
    if table.format is FileFormat.PARQUET:
        if differ(source.schemas):
            options.append("union_by_name = true")
        read = f"read_parquet({', '.join([listed, *options])})"
        return read, [_parquet_column(column, source.schemas) for column in table.columns]
    if table.format is FileFormat.ORC:
        name = orc_name(table, source.partition)
        return f"temp.main.{quoted(name)}", [_cast(column) for column in table.columns]
    if table.format is FileFormat.JSON:
        fields = ", ".join(
            f"{text_literal(c.name)}: {text_literal(to_duckdb(c.type))}" for c in table.columns
        )
        options = ["format = 'newline_delimited'", f"columns = {{{fields}}}", *options]
        return f"read_json({', '.join([listed, *options])})", [
            quoted(c.name) for c in table.columns
        ]
    return _csv_reader(table, listed, options)


def _csv_reader(table: Table, listed: str, options: list[str]) -> tuple[str, list[str]]:
    text = table.text
    fields = ", ".join(f"{text_literal(column.name)}: 'VARCHAR'" for column in table.columns)
    options = [
        "auto_detect = false",
        "header = false",
        f"skip = {text.header_lines}",
        f"delim = {text_literal(text.delimiter)}",
        f"quote = {text_literal(text.quote)}",
        f"escape = {text_literal(text.escape)}",
        "null_padding = true",
        f"columns = {{{fields}}}",
        *([f"nullstr = {text_literal(text.null_text)}"] if text.null_text is not None else []),
        *options,
    ]
    # Text that is no value of its column's type is NULL in Hive and Trino.
    expressions = [
        quoted(column.name)
        if to_duckdb(column.type) == "VARCHAR"
        else f"TRY_CAST({quoted(column.name)} AS {to_duckdb(column.type)}) AS {quoted(column.name)}"
        for column in table.columns
    ]
    return f"read_csv({', '.join([listed, *options])})", expressions


def orc_name(table: Table, partition: Partition | None) -> str:
    """What ORC files are registered as, on each connection that reads them."""
    return f"orc:{table.full_name}:{partition.location if partition else ''}"


def _hive_options(from_folders: Sequence[TableColumn]) -> list[str]:
    if not from_folders:
        return ["hive_partitioning = false"]
    types = ", ".join(f"{quoted(column.name)}: {to_duckdb(column.type)}" for column in from_folders)
    return ["hive_partitioning = true", f"hive_types = {{{types}}}"]


def _parquet_column(column: TableColumn, schemas: Sequence[FileSchema]) -> str:
    name = column.name.lower()
    found = {schema[name] for schema in schemas if name in schema}
    if not found:
        return f"CAST(NULL AS {to_duckdb(column.type)}) AS {quoted(column.name)}"
    wanted = NESTED if found == {NESTED} else to_duckdb(column.type)
    return quoted(column.name) if found == {wanted} else _cast(column)


def _cast(column: TableColumn) -> str:
    return f"CAST({quoted(column.name)} AS {to_duckdb(column.type)}) AS {quoted(column.name)}"


def _value(value: str | None) -> str:
    return "NULL" if value is None else text_literal(value)


def _are_named_by_folders(table: Table, parts: Sequence[Part]) -> bool:
    """Whether every folder says its partition's values, as Hive names them: `day=2026-01-01`."""
    if table.format is FileFormat.ORC:
        return False
    return all(part.partition is not None and _is_named(table, part.partition) for part in parts)


def _is_named(table: Table, partition: Partition) -> bool:
    folders = partition.location.rstrip("/").split("/")[-len(partition.values) :]
    return folders == [
        f"{column.name}={value if value is not None else _DEFAULT_PARTITION}"
        for column, value in zip(table.partition_columns, partition.values, strict=True)
    ] and all(unquote(folder) == folder for folder in folders)
