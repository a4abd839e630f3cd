"""The tables of Hive's metastore, over its Thrift protocol.

What it says is understood in `core/sql/hive/tables.py`; here is only the talk. The generated
client is large: it is loaded with the first connection.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TypeVar
from urllib.parse import urlsplit

from selfserve.core.sql.hive.tables import plain_s3, to_definition, to_table
from selfserve.core.sql.tables import Partition, Table
from selfserve.local.sql.connection_pool import ConnectionPool
from selfserve.local.sql.metastore_connection import Connection
from selfserve.local.sql.metastore_errors import MetastoreGoneError, metastore_errors

_T = TypeVar("_T")
_TIMEOUT_S = (
    600.0  # Derby takes its time over thousands of partitions; if it is gone, it is refused
)
_PARTITIONS_AT_ONCE = 500


class HiveMetastore:
    """Implements `TableCatalogue`, and the changes that statements make.

    Methods may be called from any thread. Raises only `SelfserveError`s; ClusterFailedError if
    the metastore is gone.
    """

    def __init__(self, host: str, port: int, *, timeout_s: float = _TIMEOUT_S) -> None:
        self._pool = ConnectionPool(lambda: Connection(host, port, timeout_s=timeout_s))

    @classmethod
    def at(cls, uri: str, *, timeout_s: float = _TIMEOUT_S) -> "HiveMetastore":
        """The one behind a URI such as thrift://127.0.0.1:9083."""
        parts = urlsplit(uri)
        return cls(parts.hostname or "127.0.0.1", parts.port or 9083, timeout_s=timeout_s)

    def close(self) -> None:
        """End all connections, after the calls that are under way; the next makes a new one."""
        self._pool.clear()

    def schemas(self) -> Sequence[str]:
        """See `TableCatalogue.schemas`."""
        return self._read("listing the schemas", lambda to: to.schemas())

    def tables(self, schema: str) -> Sequence[str]:
        """See `TableCatalogue.tables`."""
        return self._read(f"listing the tables of {schema}", lambda to: to.tables(schema))

    def find(self, schema: str, name: str) -> Table | None:
        """See `TableCatalogue.find`."""

        def look(to: Connection) -> Table | None:
            definition = to.definition(schema, name)
            if definition is None:
                return None
            has_partitions = definition.partition_columns and not definition.is_view
            partitions = to.partitions(schema, name) if has_partitions else ()
            return to_table(definition, partitions)

        return self._read(f"looking up the table {schema}.{name}", look)

    def schema_location(self, schema: str) -> str | None:
        """Where a schema's tables are made, as s3://…; None if there is no such schema."""
        location = self._read(f"looking up the schema {schema}", lambda to: to.location(schema))
        return None if location is None else plain_s3(location)

    def create_schema(self, name: str, location: str = "") -> None:
        """Make a schema; without a location it is a folder in the warehouse.

        Raises:
            BadInputError: it is there already.
        """
        self._change(f"making the schema {name}", lambda to: to.create_schema(name, location))

    def drop_schema(self, name: str) -> None:
        """Remove a schema that is empty.

        Raises:
            NotFoundError: there is no such schema.
            BadInputError: it has tables.
        """
        self._change(f"dropping the schema {name}", lambda to: to.drop_schema(name))

    def create_table(self, table: Table, *, is_managed: bool = True) -> None:
        """Enter a table with its partitions, or a view.

        Without a location, its folder is the one of its name in its schema. `is_managed`: the
        files go when it is dropped.

        Raises:
            NotFoundError: there is no such schema.
            BadInputError: there is such a table already, or Hive has no such type or format.
        """
        definition = to_definition(table, is_managed=is_managed)
        doing = f"making the table {table.full_name}"
        self._change(doing, lambda to: to.create_table(definition))
        if table.partitions:
            self.add_partitions(table, table.partitions)

    def add_partitions(self, table: Table, partitions: Sequence[Partition]) -> None:
        """Enter partitions; those that are there already stay as they are.

        Raises:
            NotFoundError: there is no such table.
        """
        definition = to_definition(table)
        doing = f"adding partitions to {table.full_name}"
        for start in range(0, len(partitions), _PARTITIONS_AT_ONCE):
            some = partitions[start : start + _PARTITIONS_AT_ONCE]
            self._change(
                doing, partial(Connection.add_partitions, definition=definition, partitions=some)
            )

    def drop_table(self, schema: str, name: str) -> None:
        """Remove a table or view; of a managed table the files, too.

        Raises:
            NotFoundError: there is no such table.
        """
        self._change(f"dropping {schema}.{name}", lambda to: to.drop_table(schema, name))

    def _read(self, doing: str, ask: Callable[[Connection], _T]) -> _T:
        """Ask; once more if a connection was lost that had stood for a while."""
        had_stood = False
        try:
            with self._connection(doing) as (connection, had_stood):
                return ask(connection)
        except MetastoreGoneError:
            if not had_stood:
                raise
        self._pool.clear()  # the others have stood as long
        return self._change(doing, ask)

    def _change(self, doing: str, ask: Callable[[Connection], _T]) -> _T:
        with self._connection(doing) as (connection, _):
            return ask(connection)

    @contextmanager
    def _connection(self, doing: str) -> Iterator[tuple[Connection, bool]]:
        """One for a call, and whether it had stood before; Thrift's exceptions stay inside.

        Those that are generated cannot be changed, and contextlib gives every exception that
        leaves a context the traceback it came with: none of them may leave one.
        """
        with metastore_errors(doing):
            connection, had_stood = self._pool.take()
            try:
                yield connection, had_stood
            except BaseException as error:
                if connection.survives(error):
                    self._pool.give(connection)
                else:  # the answer was cut off, and what comes next on it is anybody's guess
                    self._pool.drop(connection)
                raise
            self._pool.give(connection)
