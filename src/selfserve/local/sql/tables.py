"""The tables of this machine: Hive's metastore, started when there may be any.

A machine on which no job has made a table yet has an empty catalogue, and no JVM is
started to find that out.
"""

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from selfserve.core.sql.requests import DEFAULT_SCHEMA
from selfserve.core.sql.tables import Table
from selfserve.errors import ClusterFailedError
from selfserve.local.daemon_client import ensure_running
from selfserve.local.home import Home
from selfserve.local.sql.catalogue_client import ask_for_catalogue, has_catalogue
from selfserve.local.sql.metastore import HiveMetastore

_T = TypeVar("_T")


_Token = tuple[tuple[str, int, int], ...]


class LocalTables:
    """Implements `CatalogueWriter`. Methods may be called from any thread."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._metastore: HiveMetastore | None = None
        self._found: dict[tuple[str, str], tuple[_Token, Table]] = {}

    def schemas(self) -> Sequence[str]:
        """See `TableCatalogue.schemas`."""
        if not self._may_have_tables():
            return [DEFAULT_SCHEMA]
        return self.ask(lambda metastore: metastore.schemas())

    def tables(self, schema: str) -> Sequence[str]:
        """See `TableCatalogue.tables`."""
        return (
            self.ask(lambda metastore: metastore.tables(schema)) if self._may_have_tables() else []
        )

    def find(self, schema: str, name: str) -> Table | None:
        """See `TableCatalogue.find`."""
        if not self._may_have_tables():
            return None
        token = self._token()  # before asking: a change meanwhile makes it old
        looked_at, known = self._found.get((schema, name), ((), None))
        if known is not None and looked_at == token:
            return known
        found = self.ask(lambda metastore: metastore.find(schema, name))
        if found is not None:
            self._found[schema, name] = (token, found)
        return found

    def schema_location(self, schema: str) -> str | None:
        """See `CatalogueWriter.schema_location`."""
        return self.ask(lambda metastore: metastore.schema_location(schema))

    def create_schema(self, name: str, location: str = "") -> None:
        """See `CatalogueWriter.create_schema`."""
        self._change().create_schema(name, location)

    def drop_schema(self, name: str) -> None:
        """See `CatalogueWriter.drop_schema`."""
        self._change().drop_schema(name)

    def create_table(self, table: Table, *, is_managed: bool = True) -> None:
        """See `CatalogueWriter.create_table`."""
        self._change().create_table(table, is_managed=is_managed)

    def drop_table(self, schema: str, name: str) -> None:
        """See `CatalogueWriter.drop_table`."""
        self._change().drop_table(schema, name)

    def ask(self, question: Callable[[HiveMetastore], _T]) -> _T:
        """Ask the metastore, which is started if need be; once more if it has died since.

        `question` may be asked twice.
        """
        metastore = self._connected(None)
        try:
            return question(metastore)
        except ClusterFailedError:
            return question(self._connected(metastore))

    def _change(self) -> HiveMetastore:
        """The metastore, to be told something; what is known may be wrong then.

        A change is asked for once, so it must be one that answers.
        """
        self.ask(lambda metastore: metastore.schemas())
        self._found.clear()
        return self._connected(None)

    def _token(self) -> _Token:
        """What changes whenever anybody changes a table: Derby writes each commit to its log.

        Looking a table up takes the metastore 10 ms and more, this takes a fraction of one.
        """
        files = (self._home.root / "metastore").glob("derby-*/log/log*")
        return tuple(
            sorted((f.name, found.st_size, found.st_mtime_ns) for f in files if (found := f.stat()))
        )

    def _may_have_tables(self) -> bool:
        return self._metastore is not None or has_catalogue(self._home.root)

    def _connected(self, gone: HiveMetastore | None) -> HiveMetastore:
        with self._lock:
            if self._metastore is None or self._metastore is gone:
                uri = ask_for_catalogue(ensure_running(self._home))
                if self._metastore is not None:
                    self._metastore.close()
                self._metastore = HiveMetastore.at(uri)
            return self._metastore
