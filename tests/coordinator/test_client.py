"""The `trino` package, as our client uses it, against a coordinator true to the protocol."""

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from coordinator.conftest import coordinator_of
from selfserve.coordinator.client import CoordinatorAnswer, open_answer
from selfserve.coordinator.connection import Coordinator
from selfserve.coordinator.http_session import Patience
from selfserve.core.sql.answers import Column, Figures, Row
from selfserve.core.sql.engines import Engine
from selfserve.core.sql.problems import SqlError
from selfserve.errors import (
    BadInputError,
    ClusterFailedError,
    InterruptedByUserError,
    OutcomeUnknownError,
)
from trino_queries import QueryError, Scripted
from trino_server import Refusal, TrinoServer, trino_server

NUMBERS = "SELECT x FROM UNNEST(sequence(1, 1000)) AS t(x)"
ENDLESS = (
    "SELECT count(*) FROM UNNEST(sequence(1, 1000000)) AS a(x) "
    "CROSS JOIN UNNEST(sequence(1, 1000000)) AS b(y) WHERE x * y % 7 = 3"
)
ONE_TO_THOUSAND = [(number,) for number in range(1, 1001)]


def read(answer: CoordinatorAnswer) -> list[Row]:
    return [row for batch in answer.batches() for row in batch]


def test_rows_come_page_by_page_in_their_order(trino: Coordinator, server: TrinoServer) -> None:
    batches = list(open_answer(trino, NUMBERS).batches())

    assert [len(batch) for batch in batches] == [100] * 10
    assert [row for batch in batches for row in batch] == ONE_TO_THOUSAND
    assert len(server.asked("POST")) == 1
    assert server.asked("DELETE") == []


def test_columns_are_known_before_the_rows_are_read(trino: Coordinator) -> None:
    answer = open_answer(trino, "SELECT 1 AS n, DATE '2026-01-01' AS day, CAST(2 AS decimal(12,2))")

    assert answer.columns[:2] == (Column("n", "integer"), Column("day", "date"))
    assert answer.columns[2].type == "decimal(12,2)"
    assert read(answer) == [(1, date(2026, 1, 1), Decimal("2.00"))]


def test_an_empty_result_has_columns_and_no_batch(trino: Coordinator) -> None:
    answer = open_answer(trino, "SELECT 1 AS n WHERE 1 = 2")

    assert answer.columns == (Column("n", "integer"),)
    assert list(answer.batches()) == []


def test_progress_and_figures_are_what_the_coordinator_counts(trino: Coordinator) -> None:
    answer = open_answer(trino, NUMBERS)
    assert answer.progress().state == "QUEUED"

    batches = answer.batches()
    next(batches)
    half_way = answer.progress()
    assert (half_way.state, half_way.splits_done, half_way.splits) == ("RUNNING", 5, 10)
    assert half_way.rows == 100
    assert sum(map(len, batches)) == 900
    assert answer.progress().state == "FINISHED"
    assert answer.figures() == Figures(rows=1000, bytes_read=4000, rows_read=1000)


def test_what_changes_something_says_how_much_or_nothing(trino: Coordinator) -> None:
    made = open_answer(trino, "CREATE TABLE t (n bigint)")
    filled = open_answer(trino, "INSERT INTO t VALUES (1), (2)")

    assert (made.columns, read(made)) == ((), [])
    assert (filled.columns, read(filled)) == ((Column("rows", "bigint"),), [(2,)])
    assert read(open_answer(trino, "SELECT * FROM hive.main.t")) == [(1,), (2,)]


def test_the_coordinator_is_told_who_asks_from_where(
    trino: Coordinator, server: TrinoServer
) -> None:
    session = {"query_max_execution_time": "10m", "join_distribution_type": "AUTO"}
    answer = open_answer(replace(trino, schema="films", properties=session), "SELECT 1")
    read(answer)

    headers = server.requests[0].headers
    assert headers["X-Trino-User"] == "ada"
    assert headers["X-Trino-Source"] == "selfserve"
    assert headers["X-Trino-Catalog"] == "hive"
    assert headers["X-Trino-Schema"] == "films"
    assert headers["X-Trino-Time-Zone"] == "UTC"
    assert headers["X-Trino-Session"] == "query_max_execution_time=10m,join_distribution_type=AUTO"
    assert "X-Trino-Query-Data-Encoding" not in headers
    assert answer.query_id in server.queries


def test_what_a_statement_changes_holds_for_the_next(
    trino: Coordinator, server: TrinoServer
) -> None:
    for statement in ("USE hive.films", "SET SESSION query_max_run_time = '1h'", "SELECT 1"):
        answer = open_answer(trino, statement)
        read(answer)
        trino = answer.next_coordinator()

    assert (trino.schema, trino.properties) == ("films", {"query_max_run_time": "1h"})
    posts = [request for request in server.requests if request.method == "POST"]
    assert posts[-1].headers["X-Trino-Schema"] == "films"
    assert posts[-1].headers["X-Trino-Session"] == "query_max_run_time=1h"


# Parameters.

BOUND: Any = [
    (7,), ("it's; DROP TABLE t --",), (Decimal("1.50"),), (date(2026, 1, 1),), (None,), (True,),
]  # fmt: skip


@pytest.mark.parametrize("parameters", BOUND)
def test_parameters_arrive_as_the_values_that_they_are(
    trino: Coordinator, server: TrinoServer, parameters: Sequence[object]
) -> None:
    rows = read(open_answer(trino, "SELECT ? AS v", parameters))

    assert rows == [tuple(parameters)]
    assert len(server.asked("POST")) == 1
    assert server.requests[0].body.startswith("EXECUTE selfserve USING ")


def test_a_statement_too_long_for_a_header_is_executed_at_once(
    trino: Coordinator, server: TrinoServer
) -> None:
    long = "SELECT ? AS v, 'it''s' AS s -- " + "x" * 7000

    assert read(open_answer(trino, long, (7,))) == [(7, "it's")]
    assert server.requests[0].body.startswith("EXECUTE IMMEDIATE\n'SELECT ? AS v, ''it''''s''")


def test_presto_takes_no_long_statement_with_parameters(presto: TrinoServer) -> None:
    with pytest.raises(BadInputError, match="so long"):
        open_answer(coordinator_of(presto), "SELECT ? -- " + "x" * 7000, (7,))

    assert presto.requests == []


def test_too_few_parameters_are_the_users_mistake(trino: Coordinator) -> None:
    with pytest.raises(SqlError, match="expected 2 but found 1"):
        read(open_answer(trino, "SELECT ?, ?", (7,)))


# Presto.


def test_presto_is_spoken_to_in_its_own_headers(presto: TrinoServer) -> None:
    answer = open_answer(coordinator_of(presto), NUMBERS + " WHERE x > ?", (10,))

    assert read(answer) == ONE_TO_THOUSAND[10:]
    for request in presto.requests:
        assert request.headers["X-Presto-User"] == "ada"
        assert not [name for name in request.headers if name.startswith("X-Trino")]


def test_presto_refuses_to_be_spoken_to_as_trino(presto: TrinoServer) -> None:
    asked_as_trino = replace(coordinator_of(presto), engine=Engine.TRINO)

    with pytest.raises(ClusterFailedError, match="X-Presto-User must be set"):
        open_answer(asked_as_trino, "SELECT 1")


def test_prestosql_is_trino_with_prestos_headers(presto: TrinoServer) -> None:
    prestosql = replace(coordinator_of(presto), engine=Engine.TRINO, presto_headers=True)

    assert read(open_answer(prestosql, "SELECT 1")) == [(1,)]


# Cancelling.


def is_reading(server: TrinoServer) -> bool:
    return any(pages.state == "RUNNING" for pages in server.queries.values())


def test_cancelling_stops_the_engine(trino: Coordinator, server: TrinoServer) -> None:
    answer = open_answer(trino, ENDLESS)
    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(read, answer)
        while not is_reading(server):
            assert not reading.done()

        answer.cancel()
        answer.cancel()

        with pytest.raises(InterruptedByUserError):
            reading.result()
    (pages,) = server.queries.values()
    assert pages.query.cancelled
    assert not pages.query.is_at_work
    assert len(server.asked("DELETE")) == 1


def test_whoever_reads_a_cancelled_answer_does_not_take_it_for_a_whole_one(
    trino: Coordinator,
) -> None:
    answer = open_answer(trino, NUMBERS)
    batches = answer.batches()
    next(batches)

    answer.cancel()

    with pytest.raises(InterruptedByUserError):
        list(batches)


def test_a_reader_that_stops_early_cancels_the_query(
    trino: Coordinator, server: TrinoServer
) -> None:
    batches = open_answer(trino, NUMBERS).batches()
    next(batches)

    batches.close()  # type: ignore[attr-defined]  # as a `for` that is left does

    assert len(server.asked("DELETE")) == 1
    assert next(iter(server.queries.values())).query.cancelled


def test_cancelling_what_is_over_asks_nobody(trino: Coordinator, server: TrinoServer) -> None:
    answer = open_answer(trino, "SELECT 1")
    read(answer)

    answer.cancel()

    assert server.asked("DELETE") == []


def test_cancelling_does_not_fail_when_the_coordinator_is_gone(
    trino: Coordinator, server: TrinoServer
) -> None:
    answer = open_answer(trino, NUMBERS)
    server.die()

    answer.cancel()

    with pytest.raises(InterruptedByUserError):
        read(answer)


# Trouble on the way.


@pytest.mark.parametrize("fault", ["lose", "tear", "empty"])
def test_a_page_that_does_not_arrive_is_asked_for_again(
    trino: Coordinator, server: TrinoServer, fault: str
) -> None:
    answer = open_answer(trino, NUMBERS)
    batches = answer.batches()
    rows = list(next(batches))

    for batch in batches:
        rows += batch
        getattr(server, fault)["GET"] = 2

    assert rows == ONE_TO_THOUSAND
    pages = server.asked("GET")
    assert len(pages) > len(set(pages)) + 10


@pytest.mark.parametrize("fault", ["lose", "tear", "empty"])
def test_a_statement_is_never_sent_again_when_its_answer_is_lost(
    trino: Coordinator, server: TrinoServer, fault: str
) -> None:
    getattr(server, fault)["POST"] = 1

    with pytest.raises(OutcomeUnknownError):
        open_answer(trino, NUMBERS)

    assert len(server.asked("POST")) == 1
    assert len(server.queries) == 1


@pytest.mark.parametrize("status", [429, 502, 503, 504])
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_busy_coordinator_is_asked_again(
    trino: Coordinator, server: TrinoServer, method: str, status: int
) -> None:
    server.refusals[method] = [Refusal(status), Refusal(status)]

    assert read(open_answer(trino, "SELECT 1")) == [(1,)]
    assert len(server.queries) == 1


def test_a_coordinator_that_takes_no_queries_any_more_is_given_up(
    trino: Coordinator, server: TrinoServer
) -> None:
    server.refusals["POST"] = [Refusal(503, "shutting down")] * 10

    with pytest.raises(ClusterFailedError, match=r"takes no queries.*shutting down"):
        open_answer(trino, "SELECT 1")

    assert len(server.asked("POST")) == 4


def test_a_coordinator_that_starts_is_waited_for(trino: Coordinator, server: TrinoServer) -> None:
    server.refusals["POST"] = [Refusal(503, "Trino server is still initializing")] * 10
    server.starting_queries = 10

    assert read(open_answer(trino, "SELECT 1")) == [(1,)]


def test_a_coordinator_that_starts_for_too_long_is_given_up(server: TrinoServer) -> None:
    server.refusals["POST"] = [Refusal(503, "Trino server is still initializing")] * 1000
    impatient = Patience(attempts=2, first_wait_s=0.001, longest_wait_s=0.01, starting_s=0.05)

    with pytest.raises(ClusterFailedError, match="is starting"):
        open_answer(coordinator_of(server, impatient), "SELECT 1")


def test_the_death_of_the_coordinator_is_told_with_what_to_do(
    trino: Coordinator, server: TrinoServer
) -> None:
    server.die_at_page = 4
    batches = open_answer(trino, NUMBERS).batches()

    with pytest.raises(ClusterFailedError, match="does not answer any more") as raised:
        list(batches)

    assert raised.value.exit_code == 6
    assert "selfserve why adhoc-presto" in raised.value.hint
    assert "selfserve status adhoc-presto" in raised.value.hint


def test_a_coordinator_that_is_not_there_has_begun_nothing(server: TrinoServer) -> None:
    server.die()

    with pytest.raises(ClusterFailedError, match="refused"):
        open_answer(coordinator_of(server), "SELECT 1")


def test_a_coordinator_that_has_restarted_has_forgotten_the_query(
    trino: Coordinator, server: TrinoServer
) -> None:
    batches = open_answer(trino, NUMBERS).batches()
    next(batches)
    server.queries.clear()

    with pytest.raises(ClusterFailedError, match="knows nothing of the query"):
        list(batches)


def test_pages_are_fetched_through_the_tunnel_whatever_address_they_have(
    trino: Coordinator,
) -> None:
    answer = open_answer(trino, NUMBERS)
    answer._next = str(answer._next).replace("127.0.0.1", "ip-10-0-0-7.ec2.internal")

    assert len(read(answer)) == 1000


# Errors of the engine, end to end; `test_failures.py` has the table.


def test_a_syntax_error_is_marked_in_the_statement(trino: Coordinator) -> None:
    with pytest.raises(SqlError) as raised:
        read(open_answer(trino, "SELECT 1\nFROM a b c"))

    assert str(raised.value).startswith("Line 2, column 10: mismatched input 'c'")
    assert str(raised.value).endswith("  FROM a b c\n           ^")


def test_an_unknown_column_is_marked_in_a_statement_with_parameters(trino: Coordinator) -> None:
    with pytest.raises(SqlError) as raised:
        read(open_answer(trino, "SELECT ?,\n  nix FROM (VALUES 1) t(a)", (1,)))

    assert "Line 2, column 3: Column 'nix' cannot be resolved" in str(raised.value)
    assert str(raised.value).endswith("\n    ^^^")


def test_an_error_after_rows_ends_the_answer(trino: Coordinator, server: TrinoServer) -> None:
    error = QueryError("REMOTE_HOST_GONE", "Node 10.0.0.9 has gone away", kind="INTERNAL_ERROR")
    server.scripted["SELECT big"] = Scripted([("n", "bigint")], [[1]] * 150, then=error)
    batches = open_answer(trino, "SELECT big").batches()

    assert len(next(batches)) == 100
    assert len(next(batches)) == 50
    with pytest.raises(ClusterFailedError, match="gone away"):
        next(batches)


def test_an_answer_that_has_failed_stays_failed(trino: Coordinator) -> None:
    answer = open_answer(trino, "SELECT 1 FROM nix")
    with pytest.raises(SqlError):
        assert answer.columns

    with pytest.raises(SqlError):
        read(answer)


# Size.


def test_a_million_rows_are_never_in_memory_at_once() -> None:
    with trino_server(page_rows=10_000) as server:
        answer = open_answer(
            coordinator_of(server), "SELECT x, x AS y FROM UNNEST(sequence(1, 1000000)) AS t(x)"
        )
        total, blocks = 0, []
        for batch in answer.batches():
            total += len(batch)
            blocks.append(sys.getallocatedblocks())

    assert total == 1_000_000
    # Server and client together, in the memory's pieces: a row here is three of them.
    assert max(blocks) - blocks[0] < 300_000
