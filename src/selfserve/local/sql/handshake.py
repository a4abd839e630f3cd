"""Client and worker prove to each other that they know the home's secret.

Before that neither unpickles anything of the other's. A stranger who connects and says
nothing holds up only the thread that was started for it.
"""

import contextlib
import os
import socket
import struct
from collections.abc import Iterator
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge

PATIENCE_S = 15.0
"""A worker that is slower than this is taken for another program, and replaced."""


def reach(port: int) -> Connection:
    """A connection to this port of the loopback. Raises OSError."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as found:
        found.settimeout(None)
        return Connection(found.detach())


def prove(connection: Connection, secret: str) -> None:
    """The client's part. Raises AuthenticationError, OSError or EOFError.

    By now the port may be that of a server which waits for us to speak first.
    """
    with _patience(connection, PATIENCE_S):
        answer_challenge(connection, secret.encode())
        deliver_challenge(connection, secret.encode())


def check(connection: Connection, secret: str) -> None:
    """The worker's part; raises the same."""
    deliver_challenge(connection, secret.encode())
    answer_challenge(connection, secret.encode())


@contextlib.contextmanager
def _patience(connection: Connection, seconds: float) -> Iterator[None]:
    """In this block each read that takes longer raises OSError."""
    _limit_reads(connection, seconds)
    yield
    _limit_reads(connection, 0)


def _limit_reads(connection: Connection, seconds: float) -> None:
    """The kernel's own limit, as `Connection` has none; 0: there is no limit."""
    limit = struct.pack("ll", int(seconds), int(seconds % 1 * 1e6))
    with socket.socket(fileno=os.dup(connection.fileno())) as borrowed:
        borrowed.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
