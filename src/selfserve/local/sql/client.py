"""Ask the SQL worker of this machine; it is started if it does not run.

On the path of the shortest query: when the worker is up, nothing heavy is imported.
"""

import fcntl
import json
import os
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from selfserve.core.sql.answers import Column, Figures, Progress, Row
from selfserve.errors import ClusterFailedError
from selfserve.local.home import Home
from selfserve.local.sql.handshake import prove, reach
from selfserve.local.sql.messages import (
    Ask,
    AskEstimate,
    Beat,
    End,
    Estimated,
    Failed,
    Head,
    Reply,
    Rows,
)

if TYPE_CHECKING:
    from selfserve.core.sql.estimates.estimate import Estimate

_START_DEADLINE_S = 60.0


def connect(home: Home) -> Connection:
    """A connection to the worker; its user closes it. A worker that runs has its daemon.

    Raises:
        ClusterFailedError: the daemon or the worker does not start.
    """
    found = try_to_connect(home)
    if found is not None:
        return found
    from selfserve.local.daemon_client import ensure_running  # noqa: PLC0415  loads http.client

    ensure_running(home)
    with (home.root / "sql.lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return try_to_connect(home) or _start(home)


def try_to_connect(home: Home) -> Connection | None:
    """A connection to the worker that runs; None if none does."""
    try:
        said = json.loads(home.sql_worker.read_text(encoding="utf-8"))
        os.kill(said["pid"], 0)  # after a kill its port may be another program's
        connection = reach(said["port"])
    except (OSError, ValueError, KeyError):
        return None  # it is gone
    try:
        prove(connection, home.keys().secret_key)
    except (OSError, EOFError, AuthenticationError):
        connection.close()
        return None  # another program listens there
    return connection


def _start(home: Home) -> Connection:
    from selfserve.local.lake.service import Service  # noqa: PLC0415  needs psutil

    service = Service("sql", home.root)
    command = (sys.executable, "-m", "selfserve.local.sql.worker", "--home", str(home.root))
    home.sql_worker.unlink(missing_ok=True)
    service.launch(
        command, os.environ, find_port=lambda pid: _port_of(home, pid), deadline_s=_START_DEADLINE_S
    )
    service.leave_running()
    connection = try_to_connect(home)
    if connection is None:
        raise ClusterFailedError(
            "The SQL worker of this machine started, and does not answer.",
            hint=f"See its log: tail {service.log}",
        )
    return connection


def _port_of(home: Home, pid: int) -> int | None:
    try:
        said = json.loads(home.sql_worker.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return int(said["port"]) if said["pid"] == pid else None


def ask_estimate(connection: Connection, ask: AskEstimate) -> "Estimate":
    """What the worker says that a statement would read.

    Raises: what `EmbeddedSql.estimate` raises.
    """
    replies = _ask(connection, ask)
    while True:
        reply = replies.next()
        if isinstance(reply, Failed):
            raise reply.to_error()
        if isinstance(reply, Estimated):
            return reply.estimate


class WorkerAnswer:
    """Implements `core.sql.answers.Answer` with what the worker replies."""

    def __init__(self, connection: Connection, ask: Ask) -> None:
        self.is_kept = False
        """Whether all rows are in the file `ask.keep`, after the last batch."""
        self._connection = connection
        self._columns: tuple[Column, ...] | None = None
        self._progress = Progress("PREPARING")
        self._figures: Figures | None = None
        self._replies = _ask(connection, ask)

    @property
    def columns(self) -> Sequence[Column]:
        """Waits until the statement's first rows are there."""
        while self._columns is None and self._figures is None:
            self._take(self._replies.next())
        return self._columns or ()

    def batches(self) -> Iterator[Sequence[Row]]:
        """All rows, or as many of the first as were asked for."""
        while self._figures is None and not self._connection.closed:
            reply = self._replies.next()
            if isinstance(reply, Rows):
                yield reply.rows
            else:
                self._take(reply)

    def hear(self) -> bool:
        """Take the replies that are there or soon will be; whether the last was among them."""
        self._take(self._replies.next())
        while self._replies.has_more:
            self._take(self._replies.next())
        return self._figures is not None

    def progress(self) -> Progress:
        """As last heard of."""
        return self._progress

    def figures(self) -> Figures:
        """After the last batch."""
        return self._figures or Figures(0)

    def cancel(self) -> None:
        """Hang up: the worker then cancels what it was asked. No rows come any more.

        To talk on would not be safe: Ctrl-C may have come amid a reply.
        """
        if self._figures is None:
            self._connection.close()

    def _take(self, reply: Reply) -> None:
        if isinstance(reply, Failed):
            raise reply.to_error()
        if isinstance(reply, Head):
            self._columns = reply.columns
        elif isinstance(reply, Beat):
            self._progress = reply.progress
        elif isinstance(reply, End):
            self._figures, self.is_kept = reply.figures, reply.is_kept


def is_usable(connection: Connection) -> bool:
    """Whether one on which nothing is asked can be asked: the other side has not hung up."""
    try:
        return not connection.closed and not connection.poll()
    except OSError:
        return False


def _ask(connection: Connection, ask: Ask | AskEstimate) -> "_Replies":
    """What it replies. Raises ClusterFailedError: it is gone."""
    try:
        connection.send(ask)
    except OSError as error:
        raise _died() from error
    return _Replies(connection)


def _died() -> ClusterFailedError:
    return ClusterFailedError(
        "The embedded engine died while it was at work, perhaps for lack of memory.",
        hint="Run the statement again, or on a cluster: selfserve sql … --on aws",
    )


class _Replies:
    """Replies one by one, of packets that hold several."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: deque[Reply] = deque()

    @property
    def has_more(self) -> bool:
        """Whether one is there already."""
        return bool(self._waiting)

    def next(self) -> Reply:
        """The next one, as soon as it comes. Raises ClusterFailedError if none will."""
        while not self._waiting:
            try:
                self._waiting.extend(self._connection.recv())
            except (EOFError, OSError) as error:
                raise _died() from error
        return self._waiting.popleft()
