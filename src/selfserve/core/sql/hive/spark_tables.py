"""What Spark writes into the parameters of a table beside what Hive understands. Pure.

A table that was made with `USING` keeps its schema there as JSON, with names in their case;
Hive's own columns may then be one of no meaning, `col array<string>`.

Source: Spark's HiveExternalCatalog, and the JSON of its data types.
"""

import json
from collections.abc import Mapping
from typing import Any

from selfserve.core.sql.hive.definition import Definition
from selfserve.core.sql.hive.types import row_field, to_trino_type
from selfserve.core.sql.tables import FileFormat, TableColumn, TextOptions
from selfserve.errors import BadInputError

_SCHEMA = "spark.sql.sources.schema"
_PROVIDER = "spark.sql.sources.provider"
_REAL_TYPE = "__CHAR_VARCHAR_TYPE_STRING"
_SIMPLE = {"long": "bigint", "short": "smallint", "byte": "tinyint", "integer": "int"}
_FORMATS = {
    "parquet": FileFormat.PARQUET,
    "orc": FileFormat.ORC,
    "csv": FileFormat.CSV,
    "json": FileFormat.JSON,
    "avro": FileFormat.AVRO,
}
_HARMLESS = frozenset({"path", "serialization.format", "inferschema", "compression"})
_TEXT = frozenset({"header", "sep", "delimiter", "quote", "escape", "nullvalue"})
_UNDERSTOOD = {FileFormat.CSV: _HARMLESS | _TEXT, FileFormat.JSON: _HARMLESS}


def provider_of(definition: Definition) -> str | None:
    """What the table was made with, such as `csv`; None for a table in Hive's way."""
    provider = definition.parameters.get(_PROVIDER, "hive").casefold()
    return None if provider == "hive" else provider.rpartition(".")[2]


def format_of(provider: str, definition: Definition) -> tuple[FileFormat, str]:
    """The format, and what to call it; OTHER if an option means that we would read it wrongly."""
    found = _FORMATS.get(provider)
    if found is None:
        return FileFormat.OTHER, provider
    options = {name.casefold() for name in definition.serde_parameters}
    if unknown := sorted(options - _UNDERSTOOD.get(found, options)):
        return FileFormat.OTHER, f"{provider} with the option {unknown[0]}"
    return found, provider


def text_options(definition: Definition) -> TextOptions:
    """How Spark reads the CSV files of a table that was made with `USING csv`."""
    options = {name.casefold(): value for name, value in definition.serde_parameters.items()}
    return TextOptions(
        delimiter=options.get("sep", options.get("delimiter", ",")),
        quote=options.get("quote", '"'),
        escape=options.get("escape", "\\"),
        null_text=options.get("nullvalue", ""),
        header_lines=1 if options.get("header", "false").casefold() == "true" else 0,
    )


def columns_of(
    definition: Definition,
) -> tuple[tuple[TableColumn, ...], tuple[TableColumn, ...]] | None:
    """The columns, and the partition columns, of Spark's own schema; None without one.

    Raises:
        BadInputError: it is damaged.
    """
    text = _long_parameter(definition.parameters, _SCHEMA)
    if text is None:
        return None
    try:
        columns = [_column(field) for field in json.loads(text)["fields"]]
    except (ValueError, KeyError, TypeError) as error:
        raise BadInputError(
            f"What Spark has noted of the columns of {definition.schema}.{definition.name} "
            "cannot be read.",
            hint=f"Look at it with: SHOW CREATE TABLE {definition.schema}.{definition.name}",
        ) from error
    keys = _partition_names(definition)
    by_name = {column.name.casefold(): column for column in columns}
    return (
        tuple(column for column in columns if column.name.casefold() not in keys),
        tuple(by_name[key] for key in keys if key in by_name),
    )


def _partition_names(definition: Definition) -> list[str]:
    parameters = definition.parameters
    if (count := parameters.get(f"{_SCHEMA}.numPartCols")) is not None:
        names = [parameters[f"{_SCHEMA}.partCol.{i}"] for i in range(int(count))]
    else:
        names = [column.name for column in definition.partition_columns]
    return [name.casefold() for name in names]


def _long_parameter(parameters: Mapping[str, str], name: str) -> str | None:
    """A parameter that is in pieces if it is long."""
    count = parameters.get(f"{name}.numParts")
    if count is None:
        return parameters.get(name)
    return "".join(parameters.get(f"{name}.part.{i}", "") for i in range(int(count)))


def _column(field: Mapping[str, Any]) -> TableColumn:  # Any: JSON as Spark writes it
    real = field.get("metadata", {}).get(_REAL_TYPE)
    kind = to_trino_type(real) if real else _trino_type(field["type"])
    return TableColumn(field["name"], kind)


def _trino_type(kind: Any) -> str:  # noqa: ANN401  a word, or an object of JSON
    if isinstance(kind, str):
        return to_trino_type(_SIMPLE.get(kind, kind))
    if kind["type"] == "struct":
        fields = [_column(field) for field in kind["fields"]]
        return f"row({', '.join(row_field(field.name, field.type) for field in fields)})"
    if kind["type"] == "array":
        return f"array({_trino_type(kind['elementType'])})"
    if kind["type"] == "map":
        return f"map({_trino_type(kind['keyType'])}, {_trino_type(kind['valueType'])})"
    return _trino_type(kind["sqlType"])  # a user's own type
