"""What Hive's metastore and Glue say of tables, and what that means."""

import base64
import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from selfserve.core.sql.engines import Engine
from selfserve.core.sql.hive.definition import (
    MANAGED,
    VIEW,
    Definition,
    PartitionDefinition,
    Storage,
)
from selfserve.core.sql.hive.formats import OPEN_CSV, STORAGE
from selfserve.core.sql.hive.tables import to_definition, to_table
from selfserve.core.sql.tables import FileFormat, Partition, Table, TableColumn, TextOptions
from selfserve.errors import BadInputError
from sql_definitions import (
    DUMMY,
    HIVE_VIEW,
    ICEBERG,
    LAZY_SIMPLE,
    OPEN,
    PARQUET,
    SEQUENCES,
    SPARK_CSV,
    TEXT_INPUT,
    spark_parameters,
)

TEXT = Storage(TEXT_INPUT, LAZY_SIMPLE)
ID_AND_WHAT = [("id", "bigint"), ("what", "varchar")]
DAY = (TableColumn("day", "date"),)


def pairs(columns: tuple[TableColumn, ...]) -> list[tuple[str, str]]:
    return [(column.name, column.type) for column in columns]


def stored_as(serde: str, input_format: str = "some.InputFormat", **more: str) -> Definition:
    return replace(PARQUET, storage=Storage(input_format, serde), parameters=more)


def test_a_plain_table() -> None:
    table = to_table(PARQUET)

    assert table.full_name == "sales.plain"
    assert pairs(table.columns) == ID_AND_WHAT
    assert table.location == "s3://bucket/plain"
    assert (table.format, table.serde) == (FileFormat.PARQUET, "ParquetHiveSerDe")
    assert table.view is None


@pytest.mark.parametrize(
    ("location", "plain"),
    [
        ("s3://b/k", "s3://b/k"),
        ("s3n://b/k//", "s3://b/k"),
        ("s3a://b/a b%3A", "s3://b/a b%3A"),
        ("hdfs://node:8020/k", "hdfs://node:8020/k"),
    ],
)
def test_every_spelling_of_a_folder_on_s3_is_one(location: str, plain: str) -> None:
    assert to_table(replace(PARQUET, location=location)).location == plain


@pytest.mark.parametrize(
    ("definition", "found", "called"),
    [
        pytest.param(
            replace(PARQUET, storage=STORAGE[FileFormat.ORC]),
            FileFormat.ORC,
            "OrcSerde",
            id="orc",
        ),
        pytest.param(
            replace(PARQUET, storage=STORAGE[FileFormat.AVRO]),
            FileFormat.AVRO,
            "AvroSerDe",
            id="avro",
        ),
        pytest.param(
            stored_as("org.openx.data.jsonserde.JsonSerDe", TEXT_INPUT),
            FileFormat.JSON,
            "JsonSerDe",
            id="json",
        ),
        pytest.param(ICEBERG, FileFormat.OTHER, "Iceberg", id="iceberg"),
        pytest.param(
            replace(
                PARQUET,
                parameters={
                    "storage_handler": "org.apache.iceberg.mr.hive.HiveIcebergStorageHandler"
                },
            ),
            FileFormat.OTHER,
            "Iceberg",
            id="iceberg-of-hive",
        ),
        pytest.param(
            replace(PARQUET, parameters=spark_parameters("delta")),
            FileFormat.OTHER,
            "Delta Lake",
            id="delta",
        ),
        pytest.param(
            stored_as(
                STORAGE[FileFormat.PARQUET].serde,
                "org.apache.hudi.hadoop.HoodieParquetInputFormat",
            ),
            FileFormat.OTHER,
            "Hudi",
            id="hudi",
        ),
        pytest.param(
            replace(PARQUET, parameters={"transactional": "true"}),
            FileFormat.OTHER,
            "Hive's transactional format",
            id="acid",
        ),
        pytest.param(
            replace(PARQUET, parameters={"projection.enabled": "TRUE"}),
            FileFormat.OTHER,
            "files with partition projection",
            id="projection",
        ),
        pytest.param(
            stored_as("", storage_handler="org.apache.hadoop.hive.hbase.HBaseStorageHandler"),
            FileFormat.OTHER,
            "HBaseStorageHandler",
            id="a-handler",
        ),
        pytest.param(
            stored_as("org.apache.hadoop.hive.serde2.RegexSerDe", TEXT_INPUT),
            FileFormat.OTHER,
            "RegexSerDe",
            id="regex",
        ),
        pytest.param(
            replace(PARQUET, storage=SEQUENCES),
            FileFormat.OTHER,
            "SequenceFileInputFormat",
            id="sequence-files",
        ),
        pytest.param(
            stored_as(LAZY_SIMPLE, TEXT_INPUT, **{"skip.footer.line.count": "1"}),
            FileFormat.OTHER,
            "text with footer lines",
            id="footer",
        ),
        pytest.param(
            stored_as(LAZY_SIMPLE, TEXT_INPUT, **{"serialization.encoding": "GBK"}),
            FileFormat.OTHER,
            "text in GBK",
            id="encoding",
        ),
        pytest.param(
            replace(PARQUET, storage=TEXT, columns=(TableColumn("a", "array<int>"),)),
            FileFormat.OTHER,
            "text with arrays, maps, rows or binary values",
            id="nested-text",
        ),
        pytest.param(stored_as("", ""), FileFormat.OTHER, "an unknown format", id="nothing"),
    ],
)
def test_the_format_of_a_table(definition: Definition, found: FileFormat, called: str) -> None:
    table = to_table(definition)

    assert (table.format, table.serde) == (found, called)


@pytest.mark.parametrize(
    ("serde", "serde_parameters", "parameters", "options"),
    [
        pytest.param(
            LAZY_SIMPLE,
            {},
            {},
            TextOptions(delimiter="\x01", quote="", escape=""),
            id="hives-own",
        ),
        pytest.param(
            LAZY_SIMPLE,
            {"field.delim": ",", "serialization.format": ",", "escape.delim": "\\"},
            {"skip.header.line.count": "1"},
            TextOptions(delimiter=",", quote="", escape="\\", header_lines=1),
            id="commas",
        ),
        pytest.param(
            LAZY_SIMPLE,
            {"field.delim": "9", "serialization.null.format": ""},
            {},
            TextOptions(delimiter="\t", quote="", escape="", null_text=""),
            id="a-number-is-a-code",
        ),
        pytest.param(
            LAZY_SIMPLE,
            {"serialization.format": "||"},
            {},
            TextOptions(delimiter="|", quote="", escape=""),
            id="the-first-character",
        ),
        pytest.param(OPEN_CSV, {}, {}, TextOptions(null_text=None), id="open-csv"),
        pytest.param(
            OPEN_CSV,
            {"separatorChar": "\t", "quoteChar": "'", "escapeChar": '"'},
            {"skip.header.line.count": "2"},
            TextOptions(delimiter="\t", quote="'", null_text=None, header_lines=2),
            id="open-csv-with-options",
        ),
    ],
)
def test_how_text_is_read(
    serde: str,
    serde_parameters: Mapping[str, str],
    parameters: Mapping[str, str],
    options: TextOptions,
) -> None:
    definition = replace(
        PARQUET,
        storage=Storage(TEXT_INPUT, serde),
        serde_parameters=serde_parameters,
        parameters=parameters,
    )

    table = to_table(definition)

    assert (table.format, table.text) == (FileFormat.CSV, options)


def test_open_csv_gives_text_whatever_its_columns_are_called() -> None:
    assert pairs(to_table(OPEN).columns) == [("id", "varchar"), ("what", "varchar")]


def test_partitions_have_values_and_folders() -> None:
    definition = replace(PARQUET, partition_columns=DAY)
    storage = PARQUET.storage
    partitions = [
        PartitionDefinition(("2026-01-01",), "s3a://bucket/x/", storage),
        PartitionDefinition(("__HIVE_DEFAULT_PARTITION__",), "s3://bucket/none", storage),
    ]

    table = to_table(definition, partitions)

    assert pairs(table.partition_columns) == [("day", "date")]
    assert table.partitions == (
        Partition(("2026-01-01",), "s3://bucket/x"),
        Partition((None,), "s3://bucket/none"),
    )


def test_partitions_in_another_format_than_the_table_are_not_readable() -> None:
    orc = PartitionDefinition(("2026-01-01",), "s3://bucket/x", STORAGE[FileFormat.ORC])

    table = to_table(replace(PARQUET, partition_columns=DAY), [orc])

    assert (table.format, table.serde) == (
        FileFormat.OTHER,
        "a mix of ParquetHiveSerDe and OrcSerde",
    )


def test_a_csv_table_of_spark() -> None:
    table = to_table(SPARK_CSV)

    assert pairs(table.columns) == [("Id", "bigint"), ("What", "varchar")]
    assert table.location == "s3://bucket/csv"
    assert (table.format, table.serde) == (FileFormat.CSV, "csv")
    assert table.text == TextOptions(delimiter="|", null_text="", header_lines=1)


@pytest.mark.parametrize(
    ("provider", "options", "called"),
    [
        ("csv", {"multiLine": "true"}, "csv with the option multiline"),
        ("json", {"dateFormat": "dd.MM.yyyy"}, "json with the option dateformat"),
        ("text", {}, "text"),
        ("org.apache.spark.sql.jdbc", {}, "jdbc"),
    ],
)
def test_what_spark_reads_in_its_own_way_is_not_readable(
    provider: str, options: dict[str, str], called: str
) -> None:
    definition = replace(SPARK_CSV, serde_parameters=options, parameters=spark_parameters(provider))

    table = to_table(definition)

    assert (table.format, table.serde) == (FileFormat.OTHER, called)


def spark_schema(*fields: tuple[str, object], **parameters: str) -> dict[str, str]:
    described = [
        {"name": name, "type": kind, "nullable": True, "metadata": {}} for name, kind in fields
    ]
    schema = json.dumps({"type": "struct", "fields": described})
    return {"spark.sql.sources.schema": schema, **parameters}


STRUCT = {
    "type": "struct",
    "fields": [{"name": "A", "type": "integer", "nullable": True, "metadata": {}}],
}


@pytest.mark.parametrize(
    ("kind", "trino"),
    [
        ("long", "bigint"),
        ("integer", "integer"),
        ("short", "smallint"),
        ("byte", "tinyint"),
        ("float", "real"),
        ("double", "double"),
        ("boolean", "boolean"),
        ("string", "varchar"),
        ("binary", "varbinary"),
        ("date", "date"),
        ("timestamp", "timestamp(3)"),
        ("timestamp_ntz", "timestamp(3)"),
        ("decimal(10,2)", "decimal(10,2)"),
        ({"type": "array", "elementType": "long", "containsNull": True}, "array(bigint)"),
        (
            {"type": "map", "keyType": "string", "valueType": STRUCT, "valueContainsNull": True},
            'map(varchar, row("A" integer))',
        ),
        ({"type": "udt", "class": "Point", "sqlType": "double"}, "double"),
    ],
)
def test_types_of_spark(kind: object, trino: str) -> None:
    parameters = spark_schema(("x", kind), **{"spark.sql.sources.provider": "parquet"})

    assert pairs(to_table(replace(PARQUET, parameters=parameters)).columns) == [("x", trino)]


def test_spark_keeps_the_length_of_a_varchar_elsewhere() -> None:
    field = {
        "name": "code",
        "type": "string",
        "nullable": True,
        "metadata": {"__CHAR_VARCHAR_TYPE_STRING": "varchar(3)"},
    }
    schema = json.dumps({"type": "struct", "fields": [field]})
    parameters = {"spark.sql.sources.provider": "orc", "spark.sql.sources.schema": schema}

    assert pairs(to_table(replace(PARQUET, parameters=parameters)).columns) == [
        ("code", "varchar(3)")
    ]


def test_a_long_schema_of_spark_is_in_pieces() -> None:
    whole = spark_schema(("Id", "long"), ("What", "string"), ("Day", "date"))
    text = whole["spark.sql.sources.schema"]
    parameters = {
        "spark.sql.sources.provider": "parquet",
        "spark.sql.sources.schema.numParts": "2",
        "spark.sql.sources.schema.part.0": text[:50],
        "spark.sql.sources.schema.part.1": text[50:],
        "spark.sql.sources.schema.numPartCols": "1",
        "spark.sql.sources.schema.partCol.0": "Day",
    }

    table = to_table(replace(PARQUET, columns=DUMMY, parameters=parameters))

    assert pairs(table.columns) == [("Id", "bigint"), ("What", "varchar")]
    assert pairs(table.partition_columns) == [("Day", "date")]


def test_a_table_in_hives_way_has_the_case_that_spark_has_noted() -> None:
    parameters = spark_schema(("Id", "long"), ("WHAT", "string"))

    table = to_table(replace(PARQUET, parameters=parameters))

    assert pairs(table.columns) == [("Id", "bigint"), ("WHAT", "varchar")]


def test_a_note_of_spark_that_hive_has_made_outdated_does_not_count() -> None:
    parameters = spark_schema(("Id", "long"))

    assert pairs(to_table(replace(PARQUET, parameters=parameters)).columns) == ID_AND_WHAT


@pytest.mark.parametrize("schema", ["{", "[]", '{"fields": [{}]}', '{"fields": 3}'])
def test_a_damaged_note_of_spark_is_told(schema: str) -> None:
    definition = replace(PARQUET, parameters={"spark.sql.sources.schema": schema})

    with pytest.raises(BadInputError, match=r"sales\.plain"):
        to_table(definition)


def test_a_view_of_hive_has_every_name_in_full() -> None:
    view = to_table(HIVE_VIEW)

    assert view.view == "select `plain`.`id` from `sales`.`plain`"
    assert (view.view_engine, view.view_schema) == (Engine.HIVE, "")
    assert pairs(view.columns) == ID_AND_WHAT


def test_a_view_of_spark_has_names_of_its_schema() -> None:
    parameters = {
        "spark.sql.create.version": "3.5.8",
        "view.catalogAndNamespace.numParts": "2",
        "view.catalogAndNamespace.part.0": "spark_catalog",
        "view.catalogAndNamespace.part.1": "other",
    }

    view = to_table(replace(HIVE_VIEW, parameters=parameters))

    assert view.view == "select * from plain"
    assert (view.view_engine, view.view_schema) == (Engine.SPARK, "other")


def presto_view(content: object) -> Definition:
    encoded = base64.b64encode(json.dumps(content).encode()).decode()
    return Definition(
        schema="sales",
        name="of_trino",
        kind=VIEW,
        columns=(TableColumn("dummy", "string"),),
        view_original=f"/* Presto View: {encoded} */",
        view_expanded="/* Presto View */",
    )


def test_a_view_of_trino_has_types_of_trino() -> None:
    content = {
        "originalSql": "SELECT now() AS at",
        "catalog": "hive",
        "schema": "sales",
        "columns": [{"name": "at", "type": "timestamp(3) with time zone"}],
    }

    view = to_table(presto_view(content))

    assert (view.view, view.view_engine) == ("SELECT now() AS at", Engine.TRINO)
    assert view.view_schema == "sales"
    assert pairs(view.columns) == [("at", "timestamp(3) with time zone")]


@pytest.mark.parametrize("content", [[], {}, {"originalSql": "x", "columns": [1]}, "x"])
def test_a_damaged_view_is_told(content: object) -> None:
    with pytest.raises(BadInputError, match=r"sales\.of_trino"):
        to_table(presto_view(content))


NEW = Table(
    schema="sales",
    name="new",
    columns=(TableColumn("n", "bigint"), TableColumn("at", "timestamp(3)")),
    partition_columns=DAY,
    location="s3://bucket/new",
)


@pytest.mark.parametrize(
    "table",
    [
        pytest.param(NEW, id="parquet"),
        pytest.param(replace(NEW, format=FileFormat.ORC), id="orc"),
        pytest.param(replace(NEW, format=FileFormat.JSON), id="json"),
        pytest.param(replace(NEW, format=FileFormat.AVRO), id="avro"),
        pytest.param(
            replace(
                NEW,
                format=FileFormat.CSV,
                columns=(TableColumn("a", "varchar"),),
                text=TextOptions(delimiter=";", null_text=None, header_lines=1),
            ),
            id="csv",
        ),
    ],
)
def test_a_new_table_is_what_it_was_meant_to_be(table: Table) -> None:
    found = to_table(to_definition(table))

    assert replace(found, serde="") == table


def test_a_new_view_is_what_it_was_meant_to_be() -> None:
    view = Table(
        schema="sales",
        name="v",
        columns=(TableColumn("n", "timestamp(6)"),),
        view="SELECT 'ä' AS n",
        view_schema="sales",
    )

    found = to_table(to_definition(view))

    assert (found.view, found.view_schema, found.columns) == (view.view, "sales", view.columns)
    assert found.view_engine is Engine.TRINO


def test_names_of_new_columns_are_lower_case_as_hive_wants_them() -> None:
    table = replace(NEW, columns=(TableColumn("Number", "integer"),))

    assert pairs(to_definition(table).columns) == [("number", "int")]


def test_only_a_managed_table_owns_its_files() -> None:
    assert to_definition(NEW, is_managed=True).kind == MANAGED
    assert to_definition(NEW).parameters["EXTERNAL"] == "TRUE"


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (replace(NEW, format=FileFormat.OTHER, serde="Iceberg"), "Iceberg"),
        (replace(NEW, format=FileFormat.CSV), "varchar"),
        (replace(NEW, columns=(TableColumn("j", "json"),)), "json"),
    ],
)
def test_what_hive_cannot_read_is_not_made(table: Table, said: str) -> None:
    with pytest.raises(BadInputError, match=said):
        to_definition(table)
