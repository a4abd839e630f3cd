"""Statements to Trino and Presto on a cluster: rows, files, leases, and what goes wrong."""

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from pyarrow import parquet

from coordinator.cluster_house import House
from selfserve.core import lease as leases
from selfserve.core.naming import lease_key
from selfserve.core.sql.answers import Row
from selfserve.core.sql.problems import SqlError
from selfserve.core.sql.records import QueryState
from selfserve.core.sql.requests import SqlRequest
from selfserve.core.sql.results.result_format import ResultFormat
from selfserve.embedded.engine import Engine as Embedded
from selfserve.embedded.estimation import Estimator
from selfserve.embedded.files import DataFile
from selfserve.embedded.footers import Footers
from selfserve.embedded.sql import EmbeddedSql
from selfserve.errors import (
    AwsError,
    ClusterFailedError,
    InterruptedByUserError,
    OutcomeUnknownError,
)
from selfserve.usecases.placement.leases import BeingEndedError
from selfserve.usecases.sql.history.kept import open_kept
from selfserve.usecases.sql.roads.ways import Asked
from selfserve.usecases.sql.running import show_query
from sql_ways import NoTables
from trino_queries import QueryError, Scripted
from trino_server import Refusal, TrinoServer, trino_server

ENDLESS = (
    "SELECT count(*) FROM UNNEST(sequence(1, 1000000)) AS a(x) "
    "CROSS JOIN UNNEST(sequence(1, 1000000)) AS b(y) WHERE x * y % 7 = 3"
)
MANY = "SELECT x, x * 2 AS y FROM UNNEST(sequence(1, 250)) AS t(x)"


@pytest.fixture
def house(server: TrinoServer, tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path, [server])
    yield house
    house.way.close()
    assert house.tunnels == 0


def test_rows_come_page_by_page_and_are_written_down(house: House, server: TrinoServer) -> None:
    assert house.rows(MANY) == [(x, 2 * x) for x in range(1, 251)]

    record = house.session.book.newest(owner="ada")
    assert (record.state, record.rows, record.is_kept) == (QueryState.FINISHED, 250, True)
    assert record.answered_by == "Trino on trino"
    assert (record.cluster, record.cluster_id) == ("trino", house.cluster.id)
    (statement,) = (request for request in server.requests if request.method == "POST")
    assert statement.headers["X-Trino-User"] == "ada"
    assert statement.headers["X-Trino-Source"] == "selfserve"


def test_the_rows_can_be_had_again_without_the_engine(house: House, server: TrinoServer) -> None:
    rows = house.rows(MANY)
    before = len(server.requests)

    with open_kept(house.session.book, house.session.book.newest(owner="ada").query_id) as kept:
        _, answer = kept
        assert [row for batch in answer.batches() for row in batch] == rows

    assert len(server.requests) == before


def test_values_are_bound_not_pasted(house: House, server: TrinoServer) -> None:
    rows = house.rows("SELECT :name AS n, :number + 1 AS m", "name=O'Hara", "number=41")

    assert rows == [("O'Hara", 42)]
    posted = next(request for request in server.requests if request.method == "POST")
    assert posted.body == "EXECUTE selfserve USING 'O''Hara', 41"


def test_each_statement_has_its_schema_and_one_tunnel_serves_all(
    house: House, server: TrinoServer
) -> None:
    house.rows("SELECT 1", schema="sales")
    house.rows("SELECT 2", schema="stock")

    posts = [request.headers for request in server.requests if request.method == "POST"]
    assert [headers["X-Trino-Schema"] for headers in posts] == ["sales", "stock"]
    assert [headers["X-Trino-Catalog"] for headers in posts] == ["hive", "hive"]
    assert house.opened == 1


def test_what_a_statement_sets_is_kept_for_the_next(house: House, server: TrinoServer) -> None:
    house.rows("SET SESSION query_max_run_time = '10m'")
    house.rows("SELECT 1")

    last = [request.headers for request in server.requests if request.method == "POST"][-1]
    assert last["X-Trino-Session"] == "query_max_run_time=10m"


@pytest.mark.parametrize("applications", [("Hadoop", "Presto"), ("Hadoop", "PrestoSQL")])
def test_prestos_have_headers_of_their_own(
    presto: TrinoServer, tmp_path: Path, applications: Sequence[str]
) -> None:
    house = House(tmp_path, [presto], applications)
    try:
        assert house.rows("SELECT 1 AS one") == [(1,)]
    finally:
        house.way.close()

    posted = next(request for request in presto.requests if request.method == "POST")
    assert posted.headers["X-Presto-User"] == "ada"
    assert not any(name.startswith("X-Trino") for name in posted.headers)


def test_a_coordinator_that_starts_is_waited_for(house: House, server: TrinoServer) -> None:
    server.starting_infos = 3

    assert house.rows("SELECT 1 AS one") == [(1,)]

    assert server.asked("GET")[:4] == ["/v1/info"] * 4


TYPES = """\
SELECT x AS n, CAST(x AS double) / 4 AS d, CAST(x AS decimal(12, 2)) AS m,
  CASE WHEN x % 3 = 0 THEN NULL WHEN x % 3 = 1 THEN 'a "b", c' ELSE 'ünï' END AS s,
  x % 2 = 0 AS b, DATE '2026-01-31' AS day, TIMESTAMP '2026-01-31 01:02:03.456' AS at,
  ARRAY[x, NULL] AS xs
FROM UNNEST(sequence(1, 120)) AS t(x) ORDER BY x"""


@pytest.mark.parametrize("result_format", [ResultFormat.CSV, ResultFormat.JSON])
def test_a_file_is_byte_for_byte_that_of_the_embedded_engine(
    house: House, tmp_path: Path, result_format: ResultFormat
) -> None:
    written = house.exported(TYPES, result_format)

    assert written == exported_here(TYPES, result_format, tmp_path / "rows")
    assert house.holders() == []
    if result_format is ResultFormat.JSON:
        assert len(json.loads(written)) == 120


def test_a_parquet_file_has_the_columns_and_values_of_the_embedded_engines(
    house: House, tmp_path: Path
) -> None:
    written = house.exported(TYPES, ResultFormat.PARQUET)

    exported_here(TYPES, ResultFormat.PARQUET, tmp_path / "rows.parquet")
    ours, its = (
        parquet.read_table(io.BytesIO(written)),
        parquet.read_table(tmp_path / "rows.parquet"),
    )
    assert ours.column_names == its.column_names
    assert ours.to_pylist() == its.to_pylist()


def exported_here(text: str, result_format: ResultFormat, to: Path) -> bytes:
    """What the embedded engine writes."""
    files = _NoFiles()
    engine = Embedded(files, temp_folder=to.parent)
    sql = EmbeddedSql(engine, NoTables(), estimator=Estimator(files, Footers(_no_bytes)))
    try:
        export = sql.export(SqlRequest(text=text), to, result_format)
        export.write()
        export.close()
    finally:
        sql.close()
    return to.read_bytes()


class _NoFiles:
    def list_files(self, location: str) -> Sequence[DataFile]:
        raise AssertionError(location)


def _no_bytes(path: str, start: int, length: int) -> bytes:
    raise AssertionError((path, start, length))


def test_ctrl_c_ends_the_query_on_the_engine(house: House, server: TrinoServer) -> None:
    def show(asked: Asked) -> None:
        next(iter(asked.batches()))
        raise KeyboardInterrupt

    with pytest.raises(InterruptedByUserError) as raised:
        show_query(house.session, house.order(MANY), show)

    assert "--again" in raised.value.hint
    assert len(server.asked("DELETE")) == 1
    assert [pages.query.cancelled for pages in server.queries.values()] == [True]
    assert house.states() == [QueryState.CANCELLED]
    assert house.holders() == []
    assert house.rows("SELECT 1 AS one") == [(1,)]  # the tunnel serves on


def test_ctrl_c_before_the_first_row_ends_it_too(house: House, server: TrinoServer) -> None:
    def show(asked: Asked) -> None:
        assert asked.progress().state == "QUEUED"
        raise KeyboardInterrupt

    with pytest.raises(InterruptedByUserError):
        show_query(house.session, house.order(ENDLESS), show)

    assert len(server.asked("DELETE")) == 1


def test_whatever_fails_on_our_side_ends_the_query_there(house: House, server: TrinoServer) -> None:
    def show(asked: Asked) -> None:
        next(iter(asked.batches()))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        show_query(house.session, house.order(MANY), show)

    assert len(server.asked("DELETE")) == 1
    assert house.holders() == []


def test_the_lease_is_given_back_after_an_error_of_the_statement(house: House) -> None:
    with pytest.raises(SqlError):
        house.rows("SELECT nothing FROM nowhere")

    assert house.states() == [QueryState.FAILED]
    assert house.holders() == []
    assert house.opened == 1


def test_a_coordinator_that_dies_is_said_to_have_and_the_next_tunnel_is_new(
    server: TrinoServer, tmp_path: Path
) -> None:
    server.die_at_page = 2
    with trino_server() as other:
        house = House(tmp_path, [server, other])
        rows: list[Row] = []

        with pytest.raises(ClusterFailedError, match="Trino on trino does not answer") as raised:
            house.ask(MANY, into=rows)

        assert raised.value.exit_code == 6
        assert "selfserve status trino" in raised.value.hint
        assert house.states() == [QueryState.FAILED]
        assert house.holders() == []
        assert house.tunnels == 0
        assert house.rows("SELECT 1 AS one") == [(1,)]
        house.way.close()


def test_after_a_lost_answer_the_next_tunnel_is_new(house: House, server: TrinoServer) -> None:
    server.lose["POST"] = 1

    with pytest.raises(OutcomeUnknownError):
        house.rows("SELECT 1")

    assert (house.tunnels, house.holders()) == (0, [])
    assert house.rows("SELECT 1 AS one") == [(1,)]
    assert house.opened == 2


def test_a_coordinator_that_never_answers_leaves_nothing_open(
    server: TrinoServer, tmp_path: Path
) -> None:
    server.die()
    house = House(tmp_path, [server])

    with pytest.raises(ClusterFailedError, match="takes no queries"):
        house.rows("SELECT 1")

    assert (house.tunnels, house.holders()) == (0, [])


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_cluster_that_is_shutting_down_is_said_to_be(
    house: House, server: TrinoServer, method: str
) -> None:
    house.rows("SELECT 1")
    server.refusals[method] = [Refusal(503, "Server is shutting down")] * 10

    with pytest.raises(ClusterFailedError, match="shutting down") as raised:
        house.rows(MANY)

    assert "selfserve status trino" in raised.value.hint
    assert house.holders() == []


def test_a_query_that_a_shutdown_ends_is_a_failure_of_the_cluster(
    house: House, server: TrinoServer
) -> None:
    gone = QueryError("SERVER_SHUTTING_DOWN", "Server is shutting down", kind="INTERNAL_ERROR")
    server.scripted[MANY] = Scripted([("x", "bigint")], [[1]], then=gone)

    with pytest.raises(ClusterFailedError, match="Trino lost the query: Server is shutting down"):
        house.rows(MANY)

    assert house.states() == [QueryState.FAILED]
    assert house.holders() == []


def test_a_cluster_that_a_sweep_is_ending_is_left_alone(house: House, server: TrinoServer) -> None:
    now = house.target.clock.now()
    ending = leases.begin_ending(leases.Lease(), "sweep-1", now)
    house.target.store.put(lease_key(house.cluster.id), leases.to_bytes(ending, by="sweep-1"))

    with pytest.raises(BeingEndedError, match="is being ended by a sweep") as raised:
        house.rows("SELECT 1")

    assert raised.value.exit_code == 4
    assert "selfserve up" in raised.value.hint
    assert server.asked("POST") == []
    assert house.states() == [QueryState.FAILED]


def test_the_lease_is_taken_when_the_coordinator_is_there(
    house: House, server: TrinoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_before: list[int] = []
    swap = house.target.store.swap

    def note(key: str, body: bytes, *, etag: str | None) -> str | None:
        asked_before.append(len(server.asked("GET")))
        return swap(key, body, etag=etag)

    monkeypatch.setattr(house.target.store, "swap", note)
    server.starting_infos = 3

    house.rows("SELECT 1")

    assert asked_before[0] == 4  # after the one that says that it has started


def test_no_query_is_sent_under_a_lease_that_took_long_to_get(
    server: TrinoServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path, [server])
    swap, slow = house.target.store.swap, [True]

    def take_long(key: str, body: bytes, *, etag: str | None) -> str | None:
        if slow[0]:
            house.target.clock.sleep(leases.ACT_WITHIN)
        return swap(key, body, etag=etag)

    monkeypatch.setattr(house.target.store, "swap", take_long)

    with pytest.raises(AwsError, match="no query can safely be sent"):
        house.rows("SELECT 1")
    assert server.asked("POST") == []

    slow[0] = False
    assert house.rows("SELECT 1 AS one") == [(1,)]
    assert house.holders() == []
    house.way.close()
