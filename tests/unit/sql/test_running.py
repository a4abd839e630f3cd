"""What is written down of a statement: before it runs, and how it has ended."""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from fakes import NOON, FakeClock, MemoryStore
from selfserve.core.sql.answers import Row
from selfserve.core.sql.problems import SqlError
from selfserve.core.sql.records import QUERIES, QueryRecord, QueryState, from_json
from selfserve.core.sql.requests import SqlRequest
from selfserve.core.sql.results.result_format import ResultFormat
from selfserve.core.sql.text.parameters import parse_parameters
from selfserve.errors import AwsError, BadInputError, InterruptedByUserError
from selfserve.usecases.sql.roads.ways import Asked, Export
from selfserve.usecases.sql.running import Order, export_query, show_query
from sql_ways import COLUMNS, FACTS, FakeAnswer, FakeWay, make_session, sleeping

ORDER = Order(request=SqlRequest(text="select n, name from numbers", schema="sales"))


def read_all(asked: Asked) -> None:
    for _ in asked.batches():
        pass


def failing(error: BaseException) -> Callable[[int], None]:
    """For `FakeAnswer.act`: it happens after the first row."""

    def act(given: int) -> None:
        if given == 1:
            raise error

    return act


def records_in(store: MemoryStore) -> list[QueryRecord]:
    return [from_json(body) for key, body in store.objects.items() if key.startswith(QUERIES)]


def test_a_query_is_written_down_before_it_runs() -> None:
    store, seen = MemoryStore(), list[QueryRecord]()

    def look(asked: Asked) -> None:
        seen.extend(records_in(store))
        read_all(asked)

    show_query(make_session(store=store), ORDER, look)

    (record,) = seen
    assert record.state is QueryState.RUNNING
    assert (record.created, record.ended) == (NOON, None)
    assert (record.rows, record.cost) == (None, None)


def test_a_finished_query_has_its_rows_bytes_time_and_cost() -> None:
    clock, store = FakeClock(), MemoryStore()
    act = sleeping(clock, timedelta(minutes=5))
    way = FakeWay(make=lambda: FakeAnswer(act=act))

    record = show_query(make_session(way, clock=clock, store=store), ORDER, read_all)

    assert records_in(store) == [record]
    assert record.state is QueryState.FINISHED
    assert (record.rows, record.bytes_read, record.columns) == (3, 4096, COLUMNS)
    assert record.ended == NOON + timedelta(minutes=5)
    assert record.cost == Decimal("0.6000")  # a twelfth of $7.20
    assert (record.text, record.schema) == (ORDER.request.text, "sales")
    assert (record.cluster, record.cluster_id) == (FACTS.cluster, FACTS.cluster_id)
    assert (record.profile, record.owner) == (FACTS.profile, "ada")
    assert record.answered_by == FACTS.answered_by
    assert way.is_open == 0


@pytest.mark.parametrize(
    ("hourly", "cost"),
    [(None, None), (Decimal(0), Decimal("0.0000")), (Decimal(36), Decimal("0.1000"))],
)
def test_ten_seconds_cost_what_the_cluster_does(
    hourly: Decimal | None, cost: Decimal | None
) -> None:
    clock = FakeClock()
    act = sleeping(clock, timedelta(seconds=10))
    way = FakeWay(replace(FACTS, hourly_cost=hourly), make=lambda: FakeAnswer(act=act))

    record = show_query(make_session(way, clock=clock), ORDER, read_all)

    assert record.cost == cost


def test_parameters_are_written_down_as_they_would_be_typed() -> None:
    given = parse_parameters(["day=2026-01-31", "ids:bigint=3"], {}, used=["day", "ids"])
    request = SqlRequest(text="select :day, :ids", parameters=given)

    record = show_query(make_session(), replace(ORDER, request=request), read_all)

    assert record.parameters == {"day": ("date", "2026-01-31"), "ids": ("bigint", "3")}


def test_where_a_query_came_from_and_its_rows_went_is_written_down() -> None:
    order = replace(ORDER, saved="top_films", repeats="q-20261120-120000-abcdef", out="a.csv")

    record = export_query(make_session(), order, ResultFormat.CSV, io.BytesIO())

    assert (record.saved, record.repeats) == ("top_films", "q-20261120-120000-abcdef")
    assert record.out == "a.csv"


def test_an_export_counts_its_rows() -> None:
    sink = io.BytesIO()

    record = export_query(make_session(), ORDER, ResultFormat.CSV, nullcontext(sink))

    assert sink.getvalue().splitlines() == [b"n,name", b"1,one", b"2,", b"3,three"]
    assert (record.state, record.rows, record.is_kept) == (QueryState.FINISHED, 3, False)


@pytest.mark.parametrize(
    ("error", "state", "said"),
    [
        (SqlError("no table t", hint="look"), QueryState.FAILED, "no table t"),
        (ZeroDivisionError(), QueryState.FAILED, "ZeroDivisionError"),
        (
            InterruptedByUserError("somebody ended it", hint="again"),
            QueryState.CANCELLED,
            "somebody ended it",
        ),
    ],
)
def test_why_a_query_failed_is_written_down(error: Exception, state: QueryState, said: str) -> None:
    store = MemoryStore()
    way = FakeWay(make=lambda: FakeAnswer(act=failing(error)))

    with pytest.raises(type(error)) as raised:
        show_query(make_session(way, store=store), ORDER, read_all)

    assert raised.value is error
    (record,) = records_in(store)
    assert (record.state, record.error) == (state, said)
    assert record.ended == NOON
    assert way.is_open == 0


def test_a_statement_that_is_refused_at_once_is_written_down_too() -> None:
    def refuse() -> FakeAnswer:
        raise AwsError("no way there", hint="look")

    store = MemoryStore()

    with pytest.raises(AwsError, match="no way there"):
        show_query(make_session(FakeWay(make=refuse), store=store), ORDER, read_all)

    assert [(one.state, one.error) for one in records_in(store)] == [
        (QueryState.FAILED, "no way there")
    ]


def test_ctrl_c_tells_the_engine_and_says_how_to_ask_again() -> None:
    store = MemoryStore()
    way = FakeWay(make=lambda: FakeAnswer(act=failing(KeyboardInterrupt())))

    with pytest.raises(InterruptedByUserError) as raised:
        show_query(make_session(way, store=store), ORDER, read_all)

    (record,) = records_in(store)
    assert record.state is QueryState.CANCELLED
    assert record.error == f"Query {record.query_id} was cancelled."
    assert raised.value.hint == f"Run it again with: selfserve sql --again {record.query_id}"
    assert way.answers[0].cancelled == 1
    assert way.is_open == 0


def test_ctrl_c_while_the_engine_is_reached_says_the_same() -> None:
    def interrupted() -> FakeAnswer:
        raise KeyboardInterrupt

    store = MemoryStore()

    with pytest.raises(InterruptedByUserError, match="was cancelled"):
        show_query(make_session(FakeWay(make=interrupted), store=store), ORDER, read_all)

    assert [one.state for one in records_in(store)] == [QueryState.CANCELLED]


def test_ctrl_c_cancels_an_export_too() -> None:
    way = FakeWay(make=lambda: FakeAnswer(act=failing(KeyboardInterrupt())))

    with pytest.raises(InterruptedByUserError):
        export_query(make_session(way), ORDER, ResultFormat.JSON, io.BytesIO())

    assert way.answers[0].cancelled == 1


def test_a_second_ctrl_c_does_not_wait_for_the_engine() -> None:
    class Stubborn(FakeAnswer):
        """Its engine takes no notice, and somebody presses Ctrl-C once more."""

        def _check(self) -> None:
            if self.cancelled:
                raise KeyboardInterrupt

    store = MemoryStore()
    way = FakeWay(make=lambda: Stubborn(act=failing(KeyboardInterrupt())))

    with pytest.raises(InterruptedByUserError):
        show_query(make_session(way, store=store), ORDER, read_all)

    assert [one.state for one in records_in(store)] == [QueryState.CANCELLED]


def test_a_reader_that_has_left_cancels_the_query() -> None:
    def show(asked: Asked) -> None:
        next(iter(asked.batches()))
        raise BrokenPipeError

    store, way = MemoryStore(), FakeWay()

    with pytest.raises(BrokenPipeError):
        show_query(make_session(way, store=store), ORDER, show)

    assert way.answers[0].cancelled == 1
    assert [one.state for one in records_in(store)] == [QueryState.CANCELLED]


def test_what_is_done_around_an_export_may_fail_and_is_written_down() -> None:
    def run(export: Export) -> int:
        export.run()
        raise AwsError("the upload was refused", hint="look")

    store = MemoryStore()

    with pytest.raises(AwsError):
        export_query(make_session(store=store), ORDER, ResultFormat.CSV, io.BytesIO(), run=run)

    assert [one.error for one in records_in(store)] == ["the upload was refused"]


def test_a_book_that_cannot_be_written_does_not_hide_why_the_query_failed() -> None:
    store = MemoryStore()
    lost = AwsError("no answer while writing", hint="look at the network")

    def fail(given: int) -> None:
        del given
        store.refusal = lost
        raise SqlError("no table t", hint="look")

    with pytest.raises(SqlError, match="no table t"):
        show_query(
            make_session(FakeWay(make=lambda: FakeAnswer(act=fail)), store=store), ORDER, read_all
        )

    assert [one.state for one in records_in(store)] == [QueryState.RUNNING]


def test_without_a_book_nothing_is_run() -> None:
    store, way = MemoryStore(), FakeWay()
    store.refusal = AwsError("not allowed to write", hint="ask")

    with pytest.raises(AwsError, match="not allowed"):
        show_query(make_session(way, store=store), ORDER, read_all)

    assert way.asked == []


def test_the_way_learns_the_id_and_how_many_rows_are_looked_at() -> None:
    way = FakeWay()

    record = show_query(make_session(way), replace(ORDER, most=40), read_all)

    ((request, wish),) = way.asked
    assert request == ORDER.request
    assert (wish.query_id, wish.most) == (record.query_id, 40)


def test_rows_that_the_engine_has_kept_are_said_to_be() -> None:
    class Keeping(FakeAnswer):
        def batches(self) -> Iterator[Sequence[Row]]:
            yield from super().batches()
            self.is_kept = True

    record = show_query(make_session(FakeWay(make=Keeping)), ORDER, read_all)

    assert record.is_kept


class _BadSink(io.BytesIO):
    """Cannot be completed."""

    def __exit__(self, *_: object) -> None:
        raise BadInputError("No room.", hint="Free some.")


def test_a_query_whose_file_cannot_be_completed_has_failed() -> None:
    session = make_session()

    with pytest.raises(BadInputError, match="No room"):
        export_query(session, ORDER, ResultFormat.CSV, _BadSink())

    (record,) = session.book.list(since=timedelta(days=1), now=session.clock.now())
    assert record.state is QueryState.FAILED
