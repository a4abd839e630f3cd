"""Names for completion, fetched when first wanted, beside the prompt and not in its way.

A fetch runs in a thread of its own: whoever types waits for it a moment at most, and finds
the names at a later key. What cannot be fetched is not offered, until `forget`.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from selfserve.core.sql.tables import TableColumn
from selfserve.errors import SelfserveError

_WAIT_S = 0.5


class Catalogue(Protocol):
    """Where names come from; called from other threads. Raises only `SelfserveError`s."""

    @property
    def schema(self) -> str:
        """The one in use."""

    def schemas(self) -> Sequence[str]:
        """Names of all schemas."""

    def tables(self, schema: str) -> Sequence[str]:
        """Names of the tables of a schema."""

    def columns(self, schema: str, table: str) -> Sequence[TableColumn]:
        """Columns of a table; empty if there is no such table."""

    def functions(self) -> Sequence[str]:
        """Names of the engine's functions."""


class FetchedNames:
    """`core.sql.text.completion.Names`, as far as they are there."""

    def __init__(self, catalogue: Catalogue, *, wait_s: float = _WAIT_S) -> None:
        self._catalogue = catalogue
        self._wait_s = wait_s
        self._fetches: dict[tuple[str, ...], _Fetch] = {}
        self._lock = threading.Lock()

    def schemas(self) -> Sequence[str]:
        """All of them."""
        return self._get(self._catalogue.schemas, "schemas")

    def tables(self, schema: str | None) -> Sequence[str]:
        """Of a schema; None: of the one in use."""
        wanted = schema or self._catalogue.schema
        return self._get(lambda: self._catalogue.tables(wanted), "tables", wanted)

    def columns(self, schema: str | None, table: str) -> Sequence[str]:
        """Of a table, whose schema is the one in use if it is None."""
        wanted = schema or self._catalogue.schema

        def fetch() -> Sequence[str]:
            return [column.name for column in self._catalogue.columns(wanted, table)]

        return self._get(fetch, "columns", wanted, table)

    def functions(self) -> Sequence[str]:
        """The engine's."""
        return self._get(self._catalogue.functions, "functions")

    def forget(self) -> None:
        """Fetch everything again when it is next wanted: a statement may have changed it."""
        with self._lock:
            self._fetches.clear()

    def _get(self, fetch: Callable[[], Sequence[str]], *key: str) -> Sequence[str]:
        with self._lock:
            under_way = self._fetches.get(key)
            if under_way is None:
                under_way = self._fetches[key] = _Fetch(fetch)
        return under_way.names(self._wait_s)


class _Fetch:
    """One question to the catalogue, and its answer once that is there."""

    def __init__(self, fetch: Callable[[], Sequence[str]]) -> None:
        self._fetch = fetch
        self._names: Sequence[str] = ()
        self._over = threading.Event()
        threading.Thread(target=self._run, name="names", daemon=True).start()

    def names(self, wait_s: float) -> Sequence[str]:
        self._over.wait(wait_s)
        return self._names

    def _run(self) -> None:
        try:
            self._names = self._fetch()
        except (SelfserveError, OSError):
            # Without names there is nothing to offer; the statement itself will tell the trouble.
            self._names = ()
        finally:
            self._over.set()
