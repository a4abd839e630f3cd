"""Which format the files of a table have, by what its catalogue says. Pure.

What is not certain to be read as Hive and Spark read it, is OTHER, and named.

Sources: the classes LazySerDeParameters and OpenCSVSerde of Hive 2.3.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from selfserve.core.sql.hive import spark_tables
from selfserve.core.sql.hive.definition import Definition, Storage
from selfserve.core.sql.tables import FileFormat, TableColumn, TextOptions

OPEN_CSV = "org.apache.hadoop.hive.serde2.OpenCSVSerde"
_LAZY_SIMPLE = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
_TEXT_INPUT = "org.apache.hadoop.mapred.TextInputFormat"
_TEXT_OUTPUT = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
_HIVE_IO = "org.apache.hadoop.hive.ql.io"

STORAGE: Mapping[FileFormat, Storage] = {
    FileFormat.PARQUET: Storage(
        f"{_HIVE_IO}.parquet.MapredParquetInputFormat",
        f"{_HIVE_IO}.parquet.serde.ParquetHiveSerDe",
        f"{_HIVE_IO}.parquet.MapredParquetOutputFormat",
    ),
    FileFormat.ORC: Storage(
        f"{_HIVE_IO}.orc.OrcInputFormat",
        f"{_HIVE_IO}.orc.OrcSerde",
        f"{_HIVE_IO}.orc.OrcOutputFormat",
    ),
    FileFormat.CSV: Storage(_TEXT_INPUT, OPEN_CSV, _TEXT_OUTPUT),
    FileFormat.JSON: Storage(_TEXT_INPUT, "org.apache.hive.hcatalog.data.JsonSerDe", _TEXT_OUTPUT),
    FileFormat.AVRO: Storage(
        f"{_HIVE_IO}.avro.AvroContainerInputFormat",
        "org.apache.hadoop.hive.serde2.avro.AvroSerDe",
        f"{_HIVE_IO}.avro.AvroContainerOutputFormat",
    ),
}
"""How new tables are stored."""

_BY_SERDE = {storage.serde: found for found, storage in STORAGE.items()} | {
    "parquet.hive.serde.ParquetHiveSerDe": FileFormat.PARQUET,
    "org.apache.hadoop.hive.serde2.JsonSerDe": FileFormat.JSON,
    "org.openx.data.jsonserde.JsonSerDe": FileFormat.JSON,
    _LAZY_SIMPLE: FileFormat.CSV,
}
_LAKE_FORMATS = {"iceberg": "Iceberg", "delta": "Delta Lake", "hudi": "Hudi"}
_NESTED = ("array(", "map(", "row(")
_UTF8 = frozenset({"utf-8", "utf8"})


@dataclass(frozen=True, slots=True)
class Files:
    """What is known of a table's files."""

    format: FileFormat
    serde: str
    text: TextOptions = field(default_factory=TextOptions)


def decide_files(definition: Definition, columns: Sequence[TableColumn]) -> Files:
    """The format of a table with these columns, whose types are Trino's."""
    if special := _special(definition):
        return Files(FileFormat.OTHER, special)
    if provider := spark_tables.provider_of(definition):
        found, called = spark_tables.format_of(provider, definition)
        if found is FileFormat.CSV:
            return _text_files(spark_tables.text_options(definition), called, columns)
        return Files(found, called)
    return _by_serde(definition, columns)


def short_name(java_class: str) -> str:
    """`OrcSerde` of `org.apache.hadoop.hive.ql.io.orc.OrcSerde`."""
    return java_class.rpartition(".")[2]


def _special(definition: Definition) -> str | None:
    """What a table is that has the serde of plain files, or none, and is no such table."""
    parameters = {name.casefold(): value for name, value in definition.parameters.items()}
    provider = spark_tables.provider_of(definition)
    handler = short_name(parameters.get("storage_handler", ""))
    words = {parameters.get("table_type", "").casefold(), provider}
    inside = f"{handler} {definition.storage.input_format}".casefold()
    for word, called in _LAKE_FORMATS.items():
        if word in words or word in inside or (word == "hudi" and "hoodie" in inside):
            return called
    if parameters.get("transactional", "").casefold() == "true":
        return "Hive's transactional format"
    if parameters.get("projection.enabled", "").casefold() == "true":
        return "files with partition projection"
    return handler or None


def _by_serde(definition: Definition, columns: Sequence[TableColumn]) -> Files:
    serde, input_format = definition.storage.serde, definition.storage.input_format
    found = _BY_SERDE.get(serde)
    name = short_name(serde) or short_name(input_format) or "an unknown format"
    if found is None:
        return Files(FileFormat.OTHER, name)
    if STORAGE[found].input_format == _TEXT_INPUT:
        if input_format != _TEXT_INPUT:
            return Files(FileFormat.OTHER, short_name(input_format) or name)
        if odd := _odd_text(definition):
            return Files(FileFormat.OTHER, odd)
    if found is FileFormat.CSV:
        options = _open_csv(definition) if serde == OPEN_CSV else _lazy_simple(definition)
        return _text_files(options, name, columns)
    return Files(found, name)


def _odd_text(definition: Definition) -> str | None:
    parameters = {**definition.serde_parameters, **definition.parameters}
    if parameters.get("serialization.encoding", "utf-8").casefold() not in _UTF8:
        return f"text in {parameters['serialization.encoding']}"
    if _number(parameters.get("skip.footer.line.count")):
        return "text with footer lines"
    if parameters.get("timestamp.formats"):
        return "text with its own formats of timestamps"
    if any(name.startswith("mapping.") for name in parameters):
        return "JSON with mapped names"
    return None


def _text_files(options: TextOptions, name: str, columns: Sequence[TableColumn]) -> Files:
    if any(column.type.startswith((*_NESTED, "varbinary")) for column in columns):
        return Files(FileFormat.OTHER, "text with arrays, maps, rows or binary values")
    return Files(FileFormat.CSV, name, options)


def _open_csv(definition: Definition) -> TextOptions:
    given = definition.serde_parameters
    # The default, and what is used if it equals the quote, is the parser's own.
    escape = given.get("escapeChar", "")[:1]
    return TextOptions(
        delimiter=given.get("separatorChar", "")[:1] or ",",
        quote=given.get("quoteChar", "")[:1] or '"',
        escape=escape if escape not in {"", '"'} else "\\",
        null_text=None,
        header_lines=_header_lines(definition),
    )


def _lazy_simple(definition: Definition) -> TextOptions:
    given = definition.serde_parameters
    delimiter = given.get("field.delim") or given.get("serialization.format") or "1"
    escape = given.get("escape.delim")
    return TextOptions(
        delimiter=_character(delimiter),
        quote="",
        escape=_character(escape) if escape else "",
        null_text=given.get("serialization.null.format", "\\N"),
        header_lines=_header_lines(definition),
    )


def _header_lines(definition: Definition) -> int:
    name = "skip.header.line.count"
    return _number(definition.parameters.get(name, definition.serde_parameters.get(name)))


def _character(text: str) -> str:
    """Hive takes a number for the code of a character, and else the first character."""
    number = _number(text, none=-1)
    return chr(number) if 0 <= number <= 127 else text[0]


def _number(text: str | None, none: int = 0) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else none
