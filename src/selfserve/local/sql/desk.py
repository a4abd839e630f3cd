"""One client of the SQL worker: its statements, one after the other, each may be cancelled."""

import contextlib
import logging
import os
import threading
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol

from selfserve.core.sql.answers import Column, Progress, Row
from selfserve.embedded.answer import EmbeddedAnswer
from selfserve.embedded.sql import EmbeddedSql
from selfserve.errors import SelfserveError
from selfserve.local.sql.messages import (
    Ask,
    AskEstimate,
    Beat,
    End,
    Estimated,
    Export,
    Failed,
    Head,
    Reply,
    Rows,
)
from selfserve.local.sql.outbox import Outbox

_log = logging.getLogger(__name__)

_BEAT_S = 0.2


class _Work(Protocol):
    """What is being done for the client."""

    def progress(self) -> Progress:
        """How far it is."""

    def cancel(self) -> None:
        """End it soon."""


class Desk:
    """Attends to one connection until its client leaves."""

    def __init__(self, connection: Connection, sql: EmbeddedSql) -> None:
        self._connection = connection
        self._sql = sql
        self._outbox = Outbox(connection)
        self._lock = threading.Lock()
        """Whoever asks what is at work, or says that it no longer is, holds it."""
        self._work: _Work | None = None

    def attend(self) -> None:
        """Answer what is asked. A client that leaves cancels what it has asked."""
        with contextlib.suppress(EOFError, OSError):  # it has left
            while True:
                message = self._connection.recv()
                if isinstance(message, Ask | AskEstimate):
                    self._attend_to(message)

    def _attend_to(self, ask: Ask | AskEstimate) -> None:
        done = threading.Event()
        working = threading.Thread(target=self._answer, args=(ask, done), daemon=True)
        working.start()
        try:
            while not done.wait(_BEAT_S):
                self._look()
        finally:
            while not done.wait(_BEAT_S):  # each time: DuckDB forgets one that comes too early
                self._cancel()
            working.join()

    def _look(self) -> None:
        """Tell how far it is. Raises EOFError or OSError if the client has left."""
        if self._connection.poll():
            self._connection.recv()  # it has nothing to say: this is its end
        with self._lock:
            if self._work is not None:
                self._outbox.add(Beat(self._work.progress()))

    def _cancel(self) -> None:
        with self._lock:
            if self._work is not None:
                self._work.cancel()

    @contextlib.contextmanager
    def _at_work(self, work: _Work) -> Iterator[None]:
        """While the block runs, it can be looked at and cancelled; before its end is told."""
        with self._lock:
            self._work = work
        try:
            yield
        finally:
            with self._lock:
                self._work = None

    def _answer(self, ask: Ask | AskEstimate, done: threading.Event) -> None:
        """Do it, and send what comes of it."""
        last: Reply
        try:
            last = self._do(ask)
        except SelfserveError as error:
            last = Failed.of(error)
        except OSError as error:  # the pipe, or the client, is gone
            last = Failed("BadInputError", f"The rows could not be written: {error}", "Try again.")
        except Exception as error:  # noqa: BLE001  a bug must be told to the client, too
            _log.exception("a statement failed")
            said = f"A bug in the embedded engine: {type(error).__name__}: {error}"
            last = Failed("SelfserveError", said, "See sql.log in the local target's folder.")
        done.set()
        self._outbox.add_last(last)

    def _do(self, ask: Ask | AskEstimate) -> Reply:
        if isinstance(ask, AskEstimate):
            return Estimated(self._sql.estimate(ask.request, ask.pace))
        return self._export(ask, ask.export) if ask.export else self._show(ask)

    def _show(self, ask: Ask) -> Reply:
        answer = self._sql.answer(ask.request, keep=ask.keep)
        if not isinstance(answer, EmbeddedAnswer):
            with self._at_work(answer):
                self._send(answer.columns, answer.batches())
                return End(answer.figures(), is_kept=False)
        with contextlib.closing(answer), self._at_work(answer):
            self._send(answer.columns, answer.batches(most=ask.most))
            return End(answer.figures(), is_kept=answer.is_kept)

    def _send(self, columns: Sequence[Column], batches: Iterator[Sequence[Row]]) -> None:
        self._outbox.add(Head(tuple(columns)))
        for rows in batches:
            self._outbox.add(Rows(rows))

    def _export(self, ask: Ask, place: Export) -> Reply:
        with _opened(place.to) as to:
            export = self._sql.export(ask.request, to, place.format)
            with contextlib.closing(export), self._at_work(export):
                return End(export.write(), is_kept=False)


@contextlib.contextmanager
def _opened(pipe: Path) -> Iterator[Path]:
    """A name of a pipe that stands for it even when its reader has left and removed it.

    By its own name, DuckDB would then make a file there, which nobody would ever remove.

    Raises:
        OSError: nobody reads it any more.
    """
    writing = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)  # which makes nothing
    try:
        os.set_blocking(writing, True)
        yield Path(f"/dev/fd/{writing}")
    finally:
        os.close(writing)
