"""The tables of AWS Glue's Data Catalog, which EMR's applications share.

What it says is understood in `core/sql/hive/tables.py`; here it is only asked and taken apart.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from selfserve.aws.errors import aws_errors, error_code, error_message
from selfserve.core.sql.hive.definition import Definition, PartitionDefinition, Storage
from selfserve.core.sql.hive.tables import to_table
from selfserve.core.sql.tables import Table, TableColumn
from selfserve.errors import AwsError

if TYPE_CHECKING:
    from botocore.client import BaseClient

_NOT_FOUND = "EntityNotFoundException"
_DENIED = "AccessDeniedException"
_Reply = Mapping[str, Any]
"""Any: a reply of Glue as botocore parses it."""


class GlueTables:
    """Implements `TableCatalogue`. Methods may be called from any thread."""

    def __init__(self, client: "BaseClient") -> None:
        self._client: Any = client  # Any: botocore makes the methods of its clients at run time

    def schemas(self) -> Sequence[str]:
        """See `TableCatalogue.schemas`."""
        with _glue_errors("listing the schemas", "GetDatabases"):
            return [one["Name"] for one in self._all("get_databases", "DatabaseList")]

    def tables(self, schema: str) -> Sequence[str]:
        """See `TableCatalogue.tables`."""
        with _glue_errors(f"listing the tables of {schema}", "GetTables"):
            try:
                found = self._all("get_tables", "TableList", DatabaseName=schema)
                return [one["Name"] for one in found]
            except self._client.exceptions.EntityNotFoundException:
                return []

    def find(self, schema: str, name: str) -> Table | None:
        """See `TableCatalogue.find`."""
        with _glue_errors(f"looking up the table {schema}.{name}", "GetTable"):
            found = self._get_table(schema, name)
        if found is None:
            return None
        definition = _to_definition(found, schema, name)
        if definition.is_view or not definition.partition_columns:
            return to_table(definition)
        with _glue_errors(f"listing the partitions of {schema}.{name}", "GetPartitions"):
            return to_table(definition, self._partitions(found))

    def _get_table(self, schema: str, name: str) -> _Reply | None:
        try:
            found: _Reply = self._client.get_table(DatabaseName=schema, Name=name)["Table"]
            if target := found.get("TargetTable"):  # a link to a table of another account
                found = self._client.get_table(**_place(target))["Table"]
        except self._client.exceptions.EntityNotFoundException:
            return None
        return found

    def _partitions(self, table: _Reply) -> Iterator[PartitionDefinition]:
        place = {"DatabaseName": table["DatabaseName"], "TableName": table["Name"]}
        if account := table.get("CatalogId"):
            place["CatalogId"] = account
        # All partitions have the table's columns; they would be most of the answer.
        for one in self._all("get_partitions", "Partitions", ExcludeColumnSchema=True, **place):
            descriptor = one.get("StorageDescriptor", {})
            location = descriptor.get("Location", "")
            yield PartitionDefinition(tuple(one["Values"]), location, _to_storage(descriptor))

    def _all(
        self,
        operation: str,
        key: str,
        **request: Any,  # noqa: ANN401  members of the request, which botocore checks
    ) -> Iterator[_Reply]:
        for page in self._client.get_paginator(operation).paginate(**request):
            yield from page[key]


@contextmanager
def _glue_errors(doing: str, operation: str) -> Iterator[None]:
    """Like `aws_errors`; who is not allowed is told which right that takes."""
    from botocore.exceptions import ClientError  # noqa: PLC0415  slow to load

    with aws_errors(doing):
        try:
            yield
        except ClientError as error:
            if error_code(error) != _DENIED:
                raise
            raise AwsError(
                f"Not allowed while {doing}: {error_message(error)}",
                hint=f"Ask your administrator for the right glue:{operation}; where Lake Formation "
                "guards the table, for DESCRIBE and SELECT on it, too.",
            ) from error


def _place(target: _Reply) -> dict[str, str]:
    names = ("CatalogId", "DatabaseName", "Name")
    return {name: target[name] for name in names if name in target}


def _to_definition(table: _Reply, schema: str, name: str) -> Definition:
    descriptor = table.get("StorageDescriptor", {})
    return Definition(
        schema=schema,
        name=name,
        kind=table.get("TableType", ""),
        columns=_to_columns(descriptor.get("Columns", ())),
        partition_columns=_to_columns(table.get("PartitionKeys", ())),
        location=descriptor.get("Location", ""),
        storage=_to_storage(descriptor),
        serde_parameters=descriptor.get("SerdeInfo", {}).get("Parameters", {}),
        parameters=table.get("Parameters", {}),
        view_original=table.get("ViewOriginalText", ""),
        view_expanded=table.get("ViewExpandedText", ""),
    )


def _to_columns(columns: Sequence[_Reply]) -> tuple[TableColumn, ...]:
    return tuple(TableColumn(column["Name"], column.get("Type", "string")) for column in columns)


def _to_storage(descriptor: _Reply) -> Storage:
    return Storage(
        descriptor.get("InputFormat", ""),
        descriptor.get("SerdeInfo", {}).get("SerializationLibrary", ""),
        descriptor.get("OutputFormat", ""),
    )
