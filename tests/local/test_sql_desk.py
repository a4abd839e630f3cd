"""One client of the SQL worker, here without a process of its own."""

import os
import threading
from collections.abc import Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

import pyarrow as pa
import pytest

from embedded_lake import Lake
from runner_bench import wait_until
from selfserve.core.sql.problems import SqlError, UnsupportedHereError
from selfserve.core.sql.requests import SqlRequest
from selfserve.core.sql.results.result_format import ResultFormat
from selfserve.embedded.export import EmbeddedExport
from selfserve.errors import BadInputError, ClusterFailedError, SelfserveError
from selfserve.local.sql.client import WorkerAnswer, is_usable
from selfserve.local.sql.desk import Desk
from selfserve.local.sql.messages import Ask, Beat, End, Export, Failed, Head, Reply, Rows
from selfserve.local.sql.metastore_errors import MetastoreGoneError

ENDLESS = (
    "select cast(a.x as integer) as x from unnest(sequence(1, 10000)) a(x) "
    "cross join unnest(sequence(1, 10000)) b(y) cross join unnest(sequence(1, 10000)) c(z)"
)


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with Lake(tmp_path) as lake:
        lake.add("films", "id integer")
        lake.write_parquet("films/1.parquet", {"id": pa.array([1, 2], pa.int32())})
        yield lake


class House:
    """A desk that attends in a thread, and its client's end."""

    def __init__(self, lake: Lake) -> None:
        self.client, self._connection = Pipe()
        self._thread = threading.Thread(target=self._attend, args=(self._connection, lake))
        self._thread.start()

    def _attend(self, connection: Connection, lake: Lake) -> None:
        with connection:
            Desk(connection, lake.sql).attend()

    def ask(self, text: str, export: Export | None = None) -> WorkerAnswer:
        request = SqlRequest(text=text, schema="lake")
        return WorkerAnswer(self.client, Ask(request=request, export=export))

    def leave(self) -> None:
        self.client.close()
        self._thread.join()


@pytest.fixture
def house(lake: Lake) -> Iterator[House]:
    house = House(lake)
    yield house
    house.leave()


def test_a_client_that_leaves_stops_its_insert(lake: Lake, house: House) -> None:
    answer = house.ask(f"insert into films {ENDLESS}")
    wait_until(lambda: answer.hear() or list(lake.folder.rglob("*.part")))

    house.leave()

    assert lake.ask("select count(*) from films") == [(2,)]
    assert not list(lake.folder.rglob("*.part"))


def test_an_insert_says_that_it_runs(house: House) -> None:
    answer = house.ask(f"insert into films {ENDLESS}")

    wait_until(lambda: answer.hear() or answer.progress().state == "RUNNING")


def test_nothing_comes_after_the_end_of_an_answer(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("selfserve.local.sql.desk._BEAT_S", 0.0001)
    for _ in range(50):
        request = SqlRequest(text="select max(id) from films", schema="lake")
        house.client.send(Ask(request=request))
        replies: list[Reply] = []
        while not replies or not isinstance(replies[-1], End):
            replies += house.client.recv()

        others = [type(reply) for reply in replies if not isinstance(reply, Beat)]
        assert others == [Head, Rows, End]
        assert not house.client.poll(0.01)


def test_who_asks_a_worker_that_has_left_is_told() -> None:
    client, worker = Pipe()
    assert is_usable(client)

    worker.close()

    assert not is_usable(client)
    with pytest.raises(ClusterFailedError, match="died"):
        WorkerAnswer(client, Ask(request=SqlRequest(text="select 1")))
    client.close()
    assert not is_usable(client)


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    path = tmp_path / "rows.pipe"
    os.mkfifo(path, 0o600)
    return path


def test_rows_for_a_pipe_that_is_gone_become_no_file(house: House, pipe: Path) -> None:
    pipe.unlink()

    answer = house.ask("select id from films", Export(pipe, ResultFormat.CSV))

    with pytest.raises(BadInputError, match="The rows could not be written"):
        list(answer.batches())
    assert not pipe.exists()


def test_rows_for_a_pipe_that_nobody_reads_are_not_written(house: House, pipe: Path) -> None:
    answer = house.ask("select id from films", Export(pipe, ResultFormat.CSV))

    with pytest.raises(BadInputError, match="The rows could not be written"):
        list(answer.batches())


@pytest.mark.parametrize(  # DuckDB writes it, or we do
    "select", ["select id as x from films", "select array[id] as x from films"]
)
def test_rows_go_to_the_pipe_even_if_its_name_goes_first(
    lake: Lake, pipe: Path, monkeypatch: pytest.MonkeyPatch, select: str
) -> None:
    export = lake.sql.export

    def unlink_first(request: SqlRequest, to: Path, of: ResultFormat) -> EmbeddedExport:
        pipe.unlink()
        return export(request, to, of)

    monkeypatch.setattr(lake.sql, "export", unlink_first)
    house = House(lake)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    answer = house.ask(select, Export(pipe, ResultFormat.CSV))
    list(answer.batches())

    assert os.read(reading, 100).decode().split()[0] == "x"
    assert not pipe.exists()
    os.close(reading)
    house.leave()


class _PrivateSqlError(SqlError):
    """As there may be some day."""


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (MetastoreGoneError("It is gone.", hint="Try again."), ClusterFailedError),
        (_PrivateSqlError("Wrong.", hint="Mend it."), SqlError),
        (UnsupportedHereError("No.", hint="Take another."), UnsupportedHereError),
        (BadInputError("No.", hint="Take another."), BadInputError),
        (SelfserveError("A bug.", hint="Tell."), SelfserveError),
    ],
)
def test_a_private_error_arrives_as_its_nearest_known_one(
    error: SelfserveError, kind: type[SelfserveError]
) -> None:
    told = Failed.of(error).to_error()

    assert type(told) is kind
    assert (str(told), told.hint) == (str(error), error.hint)
    assert told.exit_code == error.exit_code
