"""The way to the embedded engine of this machine: its worker, warm for all statements."""

import os
import select
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from selfserve.core.sql.records import rows_key
from selfserve.core.sql.requests import SqlRequest
from selfserve.core.sql.results.result_format import ResultFormat
from selfserve.local.home import Home, local_home
from selfserve.local.lake.folder_store import FolderStore
from selfserve.local.sql.client import WorkerAnswer, ask_estimate, connect, is_usable
from selfserve.local.sql.messages import Ask, AskEstimate
from selfserve.local.sql.messages import Export as ExportTo
from selfserve.usecases.sql.output.sink import Sink
from selfserve.usecases.sql.roads.ways import Facts, Wish

if TYPE_CHECKING:
    from selfserve.core.sql.estimates.estimate import Estimate
    from selfserve.core.sql.estimates.pace import Pace
    from selfserve.core.sql.tables import TableCatalogue

_CHUNK_BYTES = 1024 * 1024


class LocalWay:
    """Implements `Way`. The daemon and the worker are started if need be."""

    def __init__(self, facts: Facts, bucket: str) -> None:
        self.facts = facts
        self.home = local_home()
        self._idle: Connection | None = connect(self.home)
        self.store = FolderStore(self.home, bucket)

    @contextmanager
    def ask(self, request: SqlRequest, wish: Wish) -> Iterator[WorkerAnswer]:
        """See `Way.ask`."""
        keep = self.store.path_of(rows_key(wish.query_id))
        with self._connection() as connection:
            yield WorkerAnswer(connection, Ask(request=request, most=wish.most, keep=keep))

    @contextmanager
    def export(
        self, request: SqlRequest, wish: Wish, result_format: ResultFormat, sink: Sink
    ) -> Iterator["_PipeExport"]:
        """See `Way.export`."""
        del wish
        with _pipe(self.home) as (path, reading), self._connection() as connection:
            ask = Ask(request=request, export=ExportTo(path, result_format))
            yield _PipeExport(WorkerAnswer(connection, ask), connection, reading, sink)

    def estimate(self, request: SqlRequest) -> "Estimate":
        """See `Way.estimate`."""
        from selfserve.core.sql.estimates.pace import Pace

        return self.estimate_at(request, Pace.of_this_machine(os.cpu_count() or 1))

    def estimate_at(self, request: SqlRequest, pace: "Pace") -> "Estimate":
        """What it would take at this pace."""
        with self._connection() as connection:
            return ask_estimate(connection, AskEstimate(request, pace))

    def most_bytes(self, request: "SqlRequest") -> int:
        """See `Way.most_bytes`. Footers of this machine's files are read as soon as listed."""
        return self.estimate(request).bytes

    def chosen_for(self, request: SqlRequest) -> "LocalWay":
        """See `Road.chosen_for`."""
        del request
        return self

    def catalogue(self) -> "TableCatalogue":
        """See `Way.catalogue`."""
        from selfserve.local.sql.tables import LocalTables

        return LocalTables(self.home)

    def close(self) -> None:
        """See `Way.close`."""
        if self._idle is not None:
            self._idle.close()
            self._idle = None

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """One for this statement; after a statement that went well it serves the next."""
        connection, self._idle = self._idle, None
        if connection is None or not is_usable(connection):  # its worker has ended since
            if connection is not None:
                connection.close()
            connection = connect(self.home)
        try:
            yield connection
        except BaseException:
            connection.close()  # which also cancels what it was still asked
            raise
        if not connection.closed:  # nobody has hung up
            self._idle = connection


class _PipeExport:
    """Rows that DuckDB writes into a pipe, and this process passes on."""

    def __init__(
        self, answer: WorkerAnswer, connection: Connection, reading: int, sink: Sink
    ) -> None:
        self.answer = answer
        self._connection = connection
        self._reading = reading
        self._sink = sink

    def run(self) -> int:
        """Return when the last byte is there."""
        waiting = [self._reading, self._connection.fileno()]
        while True:
            ready, _, _ = select.select(waiting, [], [])
            if self._reading in ready and not self._pass_on():
                waiting.remove(self._reading)  # nobody writes any more, and the end is near
            if self._connection.fileno() in ready and self.answer.hear():
                break
        while self._pass_on():
            pass
        self._sink.flush()
        return self.answer.figures().rows

    def _pass_on(self) -> bool:
        """Pass on what is there; False when nobody writes."""
        try:
            chunk = os.read(self._reading, _CHUNK_BYTES)
        except BlockingIOError:  # a writer has the pipe open, and nothing in it
            return True
        if chunk:
            self._sink.write(chunk)
        return bool(chunk)


@contextmanager
def _pipe(home: Home) -> Iterator[tuple[Path, int]]:
    """A named pipe, private to this user, and its end to read from."""
    home.sql_temp.mkdir(exist_ok=True)  # which the worker clears when it starts and ends
    path = home.sql_temp / f"rows-{token_hex(4)}.pipe"
    os.mkfifo(path, 0o600)
    try:
        reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            yield path, reading
        finally:
            os.close(reading)
    finally:
        path.unlink(missing_ok=True)
