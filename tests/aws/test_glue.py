"""Tables of Glue, on moto, and what moto cannot show on a loopback server."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from loopback import Answer, emr_error, loopback
from selfserve.aws.glue import GlueTables
from selfserve.aws.session import make_clients
from selfserve.core.sql.hive.definition import Definition, PartitionDefinition
from selfserve.core.sql.hive.formats import STORAGE
from selfserve.core.sql.hive.tables import to_definition, to_table
from selfserve.core.sql.tables import FileFormat, Partition, Table, TableColumn
from selfserve.errors import AwsError
from sql_definitions import DEFINITIONS


@pytest.fixture
def glue() -> Iterator[Any]:
    """Any: the stubs of Glue are not installed."""
    with mock_aws():
        session: Any = boto3.Session()
        client = session.client("glue", region_name="eu-west-1")
        client.create_database(DatabaseInput={"Name": "sales"})
        yield client


@pytest.fixture
def tables(glue: Any) -> GlueTables:
    assert glue
    return GlueTables(make_clients("eu-west-1").glue)


def to_input(definition: Definition) -> dict[str, Any]:
    """A definition as Glue's CreateTable takes it."""
    storage = definition.storage
    return {
        "Name": definition.name,
        "TableType": definition.kind,
        "Parameters": dict(definition.parameters),
        "PartitionKeys": to_columns(definition.partition_columns),
        "ViewOriginalText": definition.view_original,
        "ViewExpandedText": definition.view_expanded,
        "StorageDescriptor": {
            "Columns": to_columns(definition.columns),
            "Location": definition.location,
            "InputFormat": storage.input_format,
            "OutputFormat": storage.output_format,
            "SerdeInfo": {
                **({"SerializationLibrary": storage.serde} if storage.serde else {}),
                "Parameters": dict(definition.serde_parameters),
            },
        },
    }


def to_columns(columns: tuple[TableColumn, ...]) -> list[dict[str, str]]:
    return [{"Name": column.name, "Type": column.type} for column in columns]


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda definition: definition.name)
def test_a_table_of_glue_is_that_of_hive_with_the_same_definition(
    glue: Any, tables: GlueTables, definition: Definition
) -> None:
    glue.create_table(DatabaseName="sales", TableInput=to_input(definition))

    assert tables.find("sales", definition.name) == to_table(definition)


def test_partitions_come_with_their_values_and_folders(glue: Any, tables: GlueTables) -> None:
    table = Table(
        schema="sales",
        name="events",
        columns=(TableColumn("n", "bigint"),),
        partition_columns=(TableColumn("day", "varchar"),),
        location="s3://bucket/events",
    )
    definition = to_definition(table)
    glue.create_table(DatabaseName="sales", TableInput=to_input(definition))
    days = [f"2026-{number:03}" for number in range(120)]
    descriptor = to_input(definition)["StorageDescriptor"]
    inputs = [
        {"Values": [day], "StorageDescriptor": {**descriptor, "Location": f"s3a://bucket/{day}/"}}
        for day in [*days, "__HIVE_DEFAULT_PARTITION__"]
    ]
    for start in range(0, len(inputs), 100):
        glue.batch_create_partition(
            DatabaseName="sales",
            TableName="events",
            PartitionInputList=inputs[start : start + 100],
        )

    found = tables.find("sales", "events")

    assert found is not None
    expected = {Partition((day,), f"s3://bucket/{day}") for day in days}
    expected.add(Partition((None,), "s3://bucket/__HIVE_DEFAULT_PARTITION__"))
    assert set(found.partitions) == expected
    definitions = [PartitionDefinition((day,), "", STORAGE[FileFormat.PARQUET]) for day in days]
    assert len(to_table(definition, definitions).partitions) == 120


def test_all_pages_of_names_are_read(glue: Any, tables: GlueTables) -> None:
    names = [f"t{number:03}" for number in range(105)]
    for name in names:
        glue.create_table(DatabaseName="sales", TableInput={"Name": name})
        glue.create_database(DatabaseInput={"Name": f"s{name}"})

    assert sorted(tables.tables("sales")) == names
    assert sorted(tables.schemas()) == sorted(["sales", *(f"s{name}" for name in names)])


def test_what_is_not_there_is_not_found(tables: GlueTables) -> None:
    assert tables.find("sales", "nothing") is None
    assert tables.find("nowhere", "nothing") is None
    assert tables.tables("nowhere") == []


def at(url: str) -> GlueTables:
    clients = make_clients("us-east-1", access_key="key", secret_key="secret")
    return GlueTables(clients.session.create_client("glue", "us-east-1", endpoint_url=url))


def test_a_link_is_followed_to_the_table_of_another_account() -> None:
    link = {
        "Name": "link",
        "DatabaseName": "sales",
        "TargetTable": {"CatalogId": "111111111111", "DatabaseName": "theirs", "Name": "real"},
    }
    real = {
        "Name": "real",
        "DatabaseName": "theirs",
        "CatalogId": "111111111111",
        "TableType": "EXTERNAL_TABLE",
        "PartitionKeys": [{"Name": "day", "Type": "string"}],
        "StorageDescriptor": {
            "Columns": [{"Name": "n", "Type": "int"}],
            "SerdeInfo": {"SerializationLibrary": STORAGE[FileFormat.PARQUET].serde},
        },
    }
    partition = {"Values": ["1"], "StorageDescriptor": {"Location": "s3://theirs/1"}}
    answers = [{"Table": link}, {"Table": real}, {"Partitions": [partition]}]
    with loopback(*(Answer(body=json.dumps(answer).encode()) for answer in answers)) as server:
        found = at(server.url).find("sales", "link")

        asked = [json.loads(request.body) for request in server.requests]

    assert found is not None
    assert (found.full_name, found.format) == ("sales.link", FileFormat.PARQUET)
    assert found.partitions == (Partition(("1",), "s3://theirs/1"),)
    assert asked[1] == link["TargetTable"]
    assert asked[2] == {
        "CatalogId": "111111111111",
        "DatabaseName": "theirs",
        "TableName": "real",
        "ExcludeColumnSchema": True,
    }


DENIED = emr_error("AccessDeniedException", "User ada is not authorized to perform this")


@pytest.mark.parametrize(
    ("use", "right"),
    [
        pytest.param(lambda tables: tables.schemas(), "glue:GetDatabases", id="schemas"),
        pytest.param(lambda tables: tables.tables("s"), "glue:GetTables", id="tables"),
        pytest.param(lambda tables: tables.find("s", "t"), "glue:GetTable;", id="find"),
    ],
)
def test_who_is_not_allowed_is_told_which_right_that_takes(use: Any, right: str) -> None:
    with loopback(DENIED) as server, pytest.raises(AwsError, match="User ada") as refused:
        use(at(server.url))

    assert right in refused.value.hint
