"""What is done for one statement, in several steps: another thread may cancel it in any."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from selfserve.core.sql.answers import Progress
from selfserve.embedded.answer import progress_of
from selfserve.embedded.errors import cancelled

if TYPE_CHECKING:
    import duckdb


class Run:
    """Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cursor: duckdb.DuckDBPyConnection | None = None
        self._is_cancelled = False

    @contextmanager
    def at_work(self, cursor: "duckdb.DuckDBPyConnection") -> Iterator[None]:
        """In this block DuckDB works, on this connection. Raises: as `check` does."""
        with self._lock:
            self.check()
            self._cursor = cursor
        try:
            yield
        finally:
            with self._lock:  # it is closed soon
                self._cursor = None

    def check(self) -> None:
        """Raises InterruptedByUserError: it was cancelled."""
        if self._is_cancelled:
            raise cancelled()

    def progress(self) -> Progress:
        """As DuckDB says."""
        with self._lock:
            return progress_of(self._cursor) if self._cursor else Progress("PREPARING")

    def cancel(self) -> None:
        """Interrupt DuckDB, and let no further step begin. Idempotent."""
        with self._lock:
            self._is_cancelled = True
            if self._cursor is not None:
                self._cursor.interrupt()
