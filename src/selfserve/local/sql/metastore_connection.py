"""One connection to Hive's metastore, and its records as ours.

Calls and fields are those that Hive has had since 2.3, the version in Spark's jars.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from selfserve.core.sql.hive.definition import (
    NULL_PARTITION,
    Definition,
    PartitionDefinition,
    Storage,
)
from selfserve.core.sql.tables import Partition, TableColumn

_ALL = -1


class Connection:
    """Not for several threads. Methods raise Thrift's exceptions, and OSError."""

    def __init__(self, host: str, port: int, *, timeout_s: float) -> None:
        from pymetastore.hive_metastore import ThriftHiveMetastore, ttypes  # noqa: PLC0415  slow
        from thrift.protocol.TBinaryProtocol import (  # noqa: PLC0415
            TBinaryProtocolAcceleratedFactory,
        )
        from thrift.transport.TSocket import TSocket  # noqa: PLC0415
        from thrift.transport.TTransport import TBufferedTransport  # noqa: PLC0415

        socket = TSocket(host, port)
        socket.setTimeout(timeout_s * 1000)
        # Any, here and below: Thrift and what it generates have no types.
        self._transport: Any = TBufferedTransport(socket, 64 * 1024)
        protocol = TBinaryProtocolAcceleratedFactory().getProtocol(self._transport)
        self._client: Any = ThriftHiveMetastore.Client(protocol)
        self._types: Any = ttypes
        self._transport.open()

    def close(self) -> None:
        """End it. Idempotent."""
        self._transport.close()

    def survives(self, error: BaseException) -> bool:
        """Whether it can be used on: the answer was an error, and it came as a whole."""
        module: str = self._types.__name__
        return type(error).__module__ == module

    def schemas(self) -> list[str]:
        """Names of all schemas."""
        return sorted(self._client.get_all_databases())

    def location(self, schema: str) -> str | None:
        """The folder of a schema; None if there is no such schema."""
        try:
            found = self._client.get_database(schema)
        except self._types.NoSuchObjectException:
            return None
        return str(found.locationUri)

    def tables(self, schema: str) -> list[str]:
        """Names of a schema's tables; none if there is no such schema."""
        try:
            return sorted(self._client.get_all_tables(schema))
        except self._types.NoSuchObjectException:
            return []

    def definition(self, schema: str, name: str) -> Definition | None:
        """What is known of a table, without its partitions; None if there is none."""
        try:
            return _to_definition(self._client.get_table(schema, name))
        except self._types.NoSuchObjectException:
            return None

    def partitions(self, schema: str, name: str) -> list[PartitionDefinition]:
        """All partitions, in one call that repeats nothing that they have in common."""
        specs = self._client.get_partitions_pspec(schema, name, _ALL)
        return [partition for spec in specs for partition in _to_partitions(spec)]

    def create_schema(self, name: str, location: str) -> None:
        """Make a schema; an empty location leaves it to the metastore."""
        database = self._types.Database(
            name=name, description="", locationUri=location or None, parameters={}
        )
        self._client.create_database(database)

    def drop_schema(self, name: str) -> None:
        """Remove an empty one, and its folder."""
        self._client.get_database(name)  # to drop one that is not there fails without a reason
        self._client.drop_database(name, True, False)  # noqa: FBT003  generated

    def create_table(self, definition: Definition) -> None:
        """Enter a table or a view."""
        types = self._types
        table = types.Table(
            tableName=definition.name,
            dbName=definition.schema,
            sd=self._storage(definition, definition.location),
            partitionKeys=self._columns(definition.partition_columns),
            parameters=dict(definition.parameters),
            tableType=definition.kind,
            viewOriginalText=definition.view_original or None,
            viewExpandedText=definition.view_expanded or None,
            owner="",
            retention=0,
        )
        self._client.create_table(table)

    def add_partitions(self, definition: Definition, partitions: Sequence[Partition]) -> None:
        """Enter partitions that are not there yet."""
        types = self._types
        new = [
            types.Partition(
                values=[NULL_PARTITION if value is None else value for value in partition.values],
                dbName=definition.schema,
                tableName=definition.name,
                sd=self._storage(definition, partition.location),
                parameters={},
            )
            for partition in partitions
        ]
        request = types.AddPartitionsRequest(
            dbName=definition.schema,
            tblName=definition.name,
            parts=new,
            ifNotExists=True,
            needResult=False,
        )
        self._client.add_partitions_req(request)

    def drop_table(self, schema: str, name: str) -> None:
        """Remove a table, and the files of a managed one."""
        self._client.drop_table(schema, name, True)  # noqa: FBT003  generated

    def _storage(self, definition: Definition, location: str) -> Any:  # noqa: ANN401  generated
        types = self._types
        storage = definition.storage
        serde = types.SerDeInfo(
            name=definition.name,
            serializationLib=storage.serde or None,
            parameters=dict(definition.serde_parameters),
        )
        return types.StorageDescriptor(
            cols=self._columns(definition.columns),
            location=location or None,
            inputFormat=storage.input_format or None,
            outputFormat=storage.output_format or None,
            compressed=False,
            numBuckets=-1,
            serdeInfo=serde,
            bucketCols=[],
            sortCols=[],
            parameters={},
            storedAsSubDirectories=False,
        )

    def _columns(self, columns: Sequence[TableColumn]) -> list[Any]:
        return [self._types.FieldSchema(column.name, column.type, "") for column in columns]


def _to_definition(table: Any) -> Definition:  # noqa: ANN401  generated
    descriptor = table.sd
    return Definition(
        schema=table.dbName,
        name=table.tableName,
        kind=table.tableType,
        columns=_to_columns(descriptor.cols),
        partition_columns=_to_columns(table.partitionKeys),
        location=descriptor.location or "",
        storage=_to_storage(descriptor),
        serde_parameters=descriptor.serdeInfo.parameters or {},
        parameters=table.parameters or {},
        view_original=table.viewOriginalText or "",
        view_expanded=table.viewExpandedText or "",
    )


def _to_columns(columns: Sequence[Any] | None) -> tuple[TableColumn, ...]:
    return tuple(TableColumn(column.name, column.type) for column in columns or ())


def _to_storage(descriptor: Any) -> Storage:  # noqa: ANN401  generated
    return Storage(
        descriptor.inputFormat or "",
        descriptor.serdeInfo.serializationLib or "",
        descriptor.outputFormat or "",
    )


def _to_partitions(spec: Any) -> Iterator[PartitionDefinition]:  # noqa: ANN401  generated
    """Those below the table's folder come with what they share, and where they lie in it."""
    if spec.sharedSDPartitionSpec is not None:
        shared = spec.sharedSDPartitionSpec
        storage = _to_storage(shared.sd)
        for one in shared.partitions:
            location = f"{spec.rootPath}{one.relativePath or ''}"
            yield PartitionDefinition(tuple(one.values), location, storage)
    if spec.partitionList is not None:
        for one in spec.partitionList.partitions:
            storage = _to_storage(one.sd)
            yield PartitionDefinition(tuple(one.values), one.sd.location or "", storage)
