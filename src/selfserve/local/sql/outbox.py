"""Replies on their way to a client: short answers in one packet, long ones as they come."""

import contextlib
import threading
from multiprocessing.connection import Connection

from selfserve.local.sql.messages import Head, Reply, Rows

_PACKET_ROWS = 10_000


class Outbox:
    """Thread-safe. Nothing is sent after the last reply to a question."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._waiting: list[Reply] = []
        self._rows = 0

    def add(self, reply: Reply) -> None:
        """Send it soon; at once, with all that waits, if it is the last or there is much.

        Raises:
            OSError: the client has left.
        """
        with self._lock:
            self._waiting.append(reply)
            self._rows += len(reply.rows) if isinstance(reply, Rows) else 0
            if not isinstance(reply, Head | Rows) or self._rows >= _PACKET_ROWS:
                waiting, self._waiting, self._rows = self._waiting, [], 0
                self._connection.send(waiting)

    def add_last(self, reply: Reply) -> None:
        """The same, for a client that may have left."""
        with contextlib.suppress(OSError):
            self.add(reply)
