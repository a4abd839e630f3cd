"""The SQL worker: DuckDB, warm, for all `selfserve sql` of this machine's user.

Run by `client.py` as `python -m selfserve.local.sql.worker --home FOLDER`. It ends itself
when the daemon is gone, or nobody has asked for a while.
"""

import argparse
import contextlib
import errno
import json
import logging
import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from typing import Protocol

from selfserve.core.sql.requests import SqlRequest
from selfserve.embedded.answer import EmbeddedAnswer
from selfserve.embedded.changes import Changes
from selfserve.embedded.engine import Engine
from selfserve.embedded.estimation import Estimator
from selfserve.embedded.files import FolderFiles
from selfserve.embedded.footers import Footers, read_local_range
from selfserve.embedded.sql import EmbeddedSql
from selfserve.errors import SelfserveError
from selfserve.local.daemon_client import running
from selfserve.local.home import Home, write_private
from selfserve.local.lake.folders import Lake
from selfserve.local.sql.desk import Desk
from selfserve.local.sql.handshake import check
from selfserve.local.sql.tables import LocalTables

_log = logging.getLogger("selfserve.local.sql")

IDLE_EXIT_S = 900.0
_LOOK_S = 1.0
_TOUCH_S = 30.0
_LOOPBACK = "127.0.0.1"


_PASSING = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.ECONNABORTED}
"""What keeps a client from being accepted, and may be over when others have left."""
_PAUSE_S = 0.2


class Accepting(Protocol):
    """What the worker needs of a `Listener`."""

    def accept(self) -> Connection:
        """The next client."""


class Worker:
    """Takes connections; each has threads of its own (`desk.py`)."""

    def __init__(self, secret: str, sql: EmbeddedSql) -> None:
        self._secret = secret
        self._sql = sql
        self._lock = threading.Lock()
        self._clients = 0
        self._last = time.monotonic()

    def serve(self, listener: Accepting) -> None:
        """Accept clients until the process ends. Raises OSError: no more can be accepted."""
        while True:
            try:
                connection = listener.accept()
            except OSError as error:
                if error.errno not in _PASSING:
                    raise
                _log.warning("a client must wait: %r", error)
                time.sleep(_PAUSE_S)
                continue
            threading.Thread(target=self._attend, args=(connection,), daemon=True).start()

    def idle_s(self) -> float:
        """For how long nobody has been there; 0 while somebody is."""
        with self._lock:
            return 0.0 if self._clients else time.monotonic() - self._last

    def _attend(self, connection: Connection) -> None:
        with connection:
            try:
                _send_at_once(connection)
                check(connection, self._secret)
            except (OSError, EOFError, AuthenticationError) as error:
                _log.warning("a connection was turned away: %r", error)
                return
            with self._present():
                Desk(connection, self._sql).attend()

    @contextlib.contextmanager
    def _present(self) -> Iterator[None]:
        with self._lock:
            self._clients += 1
        try:
            yield
        finally:
            with self._lock:
                self._clients -= 1
                self._last = time.monotonic()


def _send_at_once(connection: Connection) -> None:
    """With Nagle's algorithm on, a reply could wait 40 ms for the client's delayed ACK."""
    with socket.socket(fileno=os.dup(connection.fileno())) as borrowed:
        borrowed.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _warm_up(sql: EmbeddedSql) -> None:
    """Load what the first statement would have to wait for."""
    answer = sql.answer(SqlRequest(text="SELECT 1"))
    if isinstance(answer, EmbeddedAnswer):
        with contextlib.closing(answer):
            for rows in answer.batches():
                _log.info("ready: %s", rows)


def _has_daemon(home: Home) -> bool:
    """Whether the home's daemon runs; one that was killed leaves its file behind."""
    daemon = home.read_daemon()
    if daemon is None:
        return False
    try:
        os.kill(daemon.pid, 0)
    except ProcessLookupError:
        return False
    return True


def serve(home: Home, *, idle_exit_s: float) -> None:
    """Serve until nobody needs it any more."""
    temp = home.sql_temp
    shutil.rmtree(temp, ignore_errors=True)  # what a killed worker has left
    lake = Lake(home.lake)
    files, tables = FolderFiles(lake.path_of), LocalTables(home)
    sql = EmbeddedSql(
        Engine(files, temp_folder=temp),
        tables,
        estimator=Estimator(files, Footers(read_local_range)),
        changes=lambda sql, engine: Changes(
            engine, tables, to_folder=lake.path_of, prepare=sql.prepare
        ),
    )
    _warm_up(sql)
    worker = Worker(home.keys().secret_key, sql)
    try:
        with Listener((_LOOPBACK, 0), backlog=64) as listener:
            port = listener.address[1]
            accepting = threading.Thread(target=worker.serve, args=(listener,), daemon=True)
            accepting.start()
            write_private(home.sql_worker, json.dumps({"port": port, "pid": os.getpid()}))
            touched = time.monotonic()
            while accepting.is_alive() and worker.idle_s() < idle_exit_s and _has_daemon(home):
                time.sleep(_LOOK_S)
                if worker.idle_s() < _TOUCH_S < time.monotonic() - touched:
                    running(home)  # a request, so that the daemon does not take itself for idle
                    touched = time.monotonic()
    finally:
        home.sql_worker.unlink(missing_ok=True)
        shutil.rmtree(temp, ignore_errors=True)


def main() -> int:
    """Run the worker; what goes wrong is in its log, which the client shows."""
    parser = argparse.ArgumentParser(prog="selfserve-local-sql")
    parser.add_argument("--home", type=Path, required=True)
    home = Home(parser.parse_args().home)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    idle_exit_s = float(os.environ.get("SELFSERVE_LOCAL_IDLE_EXIT_S", IDLE_EXIT_S))
    try:
        serve(home, idle_exit_s=idle_exit_s)
    except SelfserveError as error:
        _log.error("%s %s", error, error.hint)
        return error.exit_code
    except SystemExit:  # told to end
        return 0
    return 0


if __name__ == "__main__":
    # Without waiting for threads: a statement that still runs is nobody's any more.
    code = main()
    logging.shutdown()
    os._exit(code)
