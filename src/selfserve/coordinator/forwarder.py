"""Run a program that forwards a port of this machine, for as long as a block lasts.

It is ended with everything that it started, whatever ends the block. Ctrl-C does not reach
it: it runs in a session of its own, and the query is cancelled through it first.
"""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from tempfile import TemporaryFile
from typing import IO

from selfserve.errors import SelfserveError

READY_WITHIN_S = 30.0
_LOOK_EVERY_S = 0.05
_ENDS_WITHIN_S = 3.0
_MOST_WORDS = 20_000
_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Program:
    """What to run, and how to tell why it failed."""

    arguments: Sequence[str]
    explain: Callable[[str], SelfserveError]
    """From all that it has printed."""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Beside that of this process; it may hold secrets."""


def free_port() -> int:
    """A port of the loopback on which nothing listens now."""
    with socket.create_server((_LOOPBACK, 0)) as server:
        port: int = server.getsockname()[1]
        return port


@contextmanager
def forwarding(program: Program, *, port: int, within_s: float = READY_WITHIN_S) -> Iterator[None]:
    """Run the program; the block begins when something listens on `port`.

    Raises:
        SelfserveError: what `program.explain` makes of its last words, if it ends or does
            not listen within that time.
    """
    with TemporaryFile() as said:
        process = subprocess.Popen(
            program.arguments,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            env={**os.environ, **program.environment},
            start_new_session=True,
        )
        try:
            if not _listens(process, port, within_s):
                raise program.explain(_words(said))
            yield
        finally:
            _end(process)


def _listens(process: subprocess.Popen[bytes], port: int, within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if process.poll() is not None:
            return False
        with contextlib.suppress(OSError):  # not yet; the deadline says when it is too late
            socket.create_connection((_LOOPBACK, port), timeout=1).close()
            return process.poll() is None
        time.sleep(_LOOK_EVERY_S)
    return False


def _words(said: IO[bytes]) -> str:
    said.seek(0, os.SEEK_END)
    said.seek(max(0, said.tell() - _MOST_WORDS))
    return said.read().decode(errors="replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the program and its children to end, then make them."""
    _signal(process, signal.SIGTERM)
    try:
        process.wait(_ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        pass  # made to, below
    finally:
        _signal(process, signal.SIGKILL)
        process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # gone; on a Mac, zombies
        os.killpg(process.pid, number)
