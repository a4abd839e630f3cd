"""The SQL worker of this machine: warm, private, and gone when nobody needs it."""

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from multiprocessing.connection import Client, Connection
from pathlib import Path

import psutil
import pytest

from embedded_lake import Lake
from runner_bench import wait_until
from selfserve.core.sql.engines import Engine
from selfserve.core.sql.requests import SqlRequest
from selfserve.core.sql.results.result_format import ResultFormat
from selfserve.core.sql.text.parameter_types import BaseType, ParameterType
from selfserve.core.sql.text.parameters import Parameter
from selfserve.errors import BadInputError, ClusterFailedError
from selfserve.local import daemon_client
from selfserve.local.endpoint import LocalEndpoint
from selfserve.local.engine.processes import is_running
from selfserve.local.home import Home, write_private
from selfserve.local.lake.service import find_services
from selfserve.local.sql.client import WorkerAnswer, connect, is_usable, try_to_connect
from selfserve.local.sql.handshake import prove, reach
from selfserve.local.sql.messages import Ask, Export
from selfserve.local.sql.worker import Worker
from selfserve.usecases.sql.roads.local_way import LocalWay
from selfserve.usecases.sql.roads.ways import Facts, Wish

ENDLESS = (
    "select count(*) from unnest(sequence(1, 10000)) a(x) "
    "cross join unnest(sequence(1, 10000)) b(y) cross join unnest(sequence(1, 10000)) c(z) "
    "where (x * y + z) % 7 = 3"
)

NUMBERS = (
    "select (x - 1) * 1000 + y as n "
    "from unnest(sequence(1, 100)) a(x) cross join unnest(sequence(1, 1000)) b(y)"
)
"""From 1 to 100,000; a sequence has at most 10,000."""


@pytest.fixture
def shared(endpoint: LocalEndpoint) -> Home:
    """The home of the endpoint that tests share."""
    return Home(endpoint.home)


def rows_of(home: Home, text: str, **parameters: Parameter) -> list[tuple[object, ...]]:
    with closing(connect(home)) as connection:
        request = SqlRequest(text=text, parameters=parameters)
        answer = WorkerAnswer(connection, Ask(request=request))
        return [row for rows in answer.batches() for row in rows]


def worker_of(home: Home) -> psutil.Process:
    (worker,) = find_services(home.root, "sql")
    return worker


def test_a_statement_is_answered(shared: Home) -> None:
    assert rows_of(shared, "select 1 as one, 'x' as t") == [(1, "x")]


def test_values_of_parameters_are_values(shared: Home) -> None:
    name = Parameter("name", ParameterType(BaseType.VARCHAR), "O'Brien'; drop table films --")

    assert rows_of(shared, "select :name", name=name) == [(name.value,)]


def test_one_worker_serves_all_clients_at_once(shared: Home) -> None:
    rows_of(shared, "select 1")
    found: list[list[tuple[object, ...]]] = []

    def ask(number: int) -> None:
        found.append(rows_of(shared, f"select {number}"))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(found) == [[(number,)] for number in range(8)]
    assert len(find_services(shared.root, "sql")) == 1


def test_an_error_comes_back_as_what_it_was(shared: Home) -> None:
    with pytest.raises(BadInputError, match="column 8: there is no column 'nothing'") as caught:
        rows_of(shared, "select nothing")

    assert "\n         ^^^^^^^" in str(caught.value)


def test_after_an_error_the_connection_takes_the_next_statement(shared: Home) -> None:
    with closing(connect(shared)) as connection:
        wrong = WorkerAnswer(connection, Ask(request=SqlRequest(text="select nothing")))
        with pytest.raises(BadInputError):
            list(wrong.batches())
        right = WorkerAnswer(connection, Ask(request=SqlRequest(text="select 2")))

        assert [list(rows) for rows in right.batches()] == [[(2,)]]


def test_rows_beyond_what_is_wanted_are_counted_only(shared: Home) -> None:
    with closing(connect(shared)) as connection:
        request = SqlRequest(text=NUMBERS + " order by n limit 50000")
        answer = WorkerAnswer(connection, Ask(request=request, most=3))
        rows = [row for batch in answer.batches() for row in batch]

        assert rows == [(1,), (2,), (3,)]
        assert answer.figures().rows == 50_000


def test_rows_are_kept_as_parquet(shared: Home, tmp_path: Path) -> None:
    keep = tmp_path / "rows.parquet"
    with closing(connect(shared)) as connection:
        request = SqlRequest(text="select 1.50 as price, 'x' as name")
        answer = WorkerAnswer(connection, Ask(request=request, keep=keep))
        list(answer.batches())

    import pyarrow.parquet

    assert answer.is_kept
    assert pyarrow.parquet.read_table(keep).column_names == ["c0", "c1"]


def test_a_client_that_hangs_up_stops_its_statement(shared: Home) -> None:
    connection = connect(shared)
    answer = WorkerAnswer(connection, Ask(request=SqlRequest(text=ENDLESS)))
    worker = worker_of(shared)
    wait_until(lambda: answer.hear() or answer.progress().state == "RUNNING")

    answer.cancel()

    wait_until(lambda: _is_calm(worker))


def _is_calm(worker: psutil.Process) -> bool:
    before = sum(worker.cpu_times()[:2])
    return worker.cpu_percent(interval=0.5) < 20 and sum(worker.cpu_times()[:2]) - before < 0.2


def test_rows_go_through_a_pipe_in_order(shared: Home, tmp_path: Path) -> None:
    pipe = tmp_path / "rows.pipe"
    os.mkfifo(pipe, 0o600)
    opened = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text(encoding="utf-8")))
    reader.start()
    with closing(connect(shared)) as connection:
        request = SqlRequest(text=NUMBERS + " order by n")
        ask = Ask(request=request, export=Export(pipe, ResultFormat.CSV))
        answer = WorkerAnswer(connection, ask)
        list(answer.batches())
    reader.join()
    os.close(opened)

    assert read[0].splitlines() == ["n", *map(str, range(1, 100_001))]
    assert answer.figures().rows == 100_000


def test_who_does_not_know_the_secret_is_turned_away(shared: Home) -> None:
    rows_of(shared, "select 1")
    port = _port(shared)

    with closing(Client(("127.0.0.1", port))) as stranger, pytest.raises(Exception, match="digest"):
        prove(stranger, "not the secret")

    assert rows_of(shared, "select 1") == [(1,)]


def test_a_stranger_who_says_nothing_holds_nobody_up(shared: Home) -> None:
    rows_of(shared, "select 1")

    with socket.create_connection(("127.0.0.1", _port(shared))):
        assert rows_of(shared, "select 1") == [(1,)]


def _port(home: Home) -> int:
    return int(json.loads(home.sql_worker.read_text(encoding="utf-8"))["port"])


@pytest.fixture
def own(home: Home) -> Home:
    """A home with a daemon of its own."""
    daemon_client.ensure_running(home)
    return home


def test_a_worker_that_is_killed_is_told_and_the_next_statement_has_another(own: Home) -> None:
    connection = connect(own)
    answer = WorkerAnswer(connection, Ask(request=SqlRequest(text=ENDLESS)))
    wait_until(lambda: answer.hear() or answer.progress().state == "RUNNING")

    worker_of(own).send_signal(signal.SIGKILL)

    with pytest.raises(ClusterFailedError, match="died while it was at work"):
        list(answer.batches())
    connection.close()
    assert rows_of(own, "select 2") == [(2,)]


def test_the_worker_goes_when_the_daemon_goes(own: Home) -> None:
    rows_of(own, "select 1")
    worker = worker_of(own)

    daemon_client.stop(own)

    assert not is_running(worker)
    assert not own.sql_worker.exists()


def test_the_worker_goes_by_itself_when_the_daemon_has_ended_itself(own: Home) -> None:
    rows_of(own, "select 1")
    worker = worker_of(own)
    daemon = own.read_daemon()
    assert daemon is not None

    os.kill(daemon.pid, signal.SIGTERM)

    wait_until(lambda: not is_running(worker))
    assert not (own.root / "sql-temp").exists()


def test_clients_at_once_start_one_worker(own: Home) -> None:
    found: list[object] = []
    ask: Callable[[], None] = lambda: found.append(rows_of(own, "select 1"))  # noqa: E731
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [[(1,)]] * 4
    assert len(find_services(own.root, "sql")) == 1


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A server of another program, which waits for its clients to speak first."""
    monkeypatch.setattr("selfserve.local.sql.handshake.PATIENCE_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        yield server


def test_a_port_that_is_another_programs_by_now_holds_nobody_up(
    own: Home, silent: socket.socket
) -> None:
    said = {"port": silent.getsockname()[1], "pid": os.getpid()}
    write_private(own.sql_worker, json.dumps(said))

    with pytest.raises(BlockingIOError):
        prove(reach(said["port"]), "secret")

    assert try_to_connect(own) is None


def test_nobody_talks_to_the_port_of_a_worker_that_is_gone(
    own: Home, silent: socket.socket
) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    said = {"port": silent.getsockname()[1], "pid": gone.pid}
    write_private(own.sql_worker, json.dumps(said))

    assert try_to_connect(own) is None

    with pytest.raises(BlockingIOError):  # nobody has come
        silent.accept()


def test_a_way_that_stood_idle_while_its_worker_died_has_another(
    own: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SELFSERVE_LOCAL_HOME", str(own.root))
    way = LocalWay(Facts(engine=Engine.TRINO, answered_by="the embedded engine"), "lake")
    request = SqlRequest(text="select 1")
    with way.ask(request, Wish(query_id="q-1")) as answer:
        list(answer.batches())
    idle = way._idle
    assert idle is not None
    worker_of(own).send_signal(signal.SIGKILL)
    wait_until(lambda: not is_usable(idle))  # its threads end one by one, and the socket last

    with way.ask(request, Wish(query_id="q-2")) as answer:
        assert [list(rows) for rows in answer.batches()] == [[(1,)]]
    way.close()


class _Full:
    """A listener of a process with no file left, for a while; then it is closed."""

    def __init__(self) -> None:
        self.refusals = [errno.EMFILE, errno.ECONNABORTED, errno.EBADF]

    def accept(self) -> Connection:
        raise OSError(self.refusals.pop(0), "no")


def test_a_worker_without_files_waits_for_some_and_one_that_cannot_accept_ends(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("selfserve.local.sql.worker._PAUSE_S", 0)
    listener = _Full()
    with Lake(tmp_path) as lake, pytest.raises(OSError, match="no"):
        Worker("secret", lake.sql).serve(listener)

    assert listener.refusals == []
