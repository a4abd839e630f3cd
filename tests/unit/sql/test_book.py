"""The book of queries finds what was written into it."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fakes import NOON, MemoryStore
from selfserve.core.sql.engines import Engine
from selfserve.core.sql.records import (
    Client,
    QueryRecord,
    QueryState,
    make_query_id,
    record_key,
    rows_key,
)
from selfserve.errors import BadInputError, NotFoundError
from selfserve.usecases.sql.history.book import QueryBook
from selfserve.usecases.sql.history.clients import this_client

MINUTE = timedelta(minutes=1)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def book(store: MemoryStore) -> QueryBook:
    return QueryBook(store, "aws")


def record_of(created: datetime, part: str = "000000", *, owner: str = "ada") -> QueryRecord:
    return QueryRecord(
        query_id=make_query_id(created, part),
        text="select 1",
        engine=Engine.TRINO,
        answered_by="Trino on adhoc-presto",
        owner=owner,
        created=created,
    )


def asked_by(client: Client, created: datetime) -> QueryRecord:
    return replace(record_of(created), client=client)


def save(book: QueryBook, *records: QueryRecord) -> None:
    for record in records:
        book.save(record)


def ids(records: Sequence[QueryRecord]) -> list[str]:
    return [record.query_id for record in records]


def test_what_was_saved_is_read_again(book: QueryBook) -> None:
    record = record_of(NOON)

    book.save(record)

    assert book.read(record.query_id) == record


def test_the_beginning_of_an_id_is_enough_if_no_other_begins_so(book: QueryBook) -> None:
    one, other = record_of(NOON, "aaaaaa"), record_of(NOON, "bbbbbb")
    save(book, one, other)

    assert book.read(one.query_id[:-5]) == one
    with pytest.raises(BadInputError, match=r"^2 queries begin with q-20261121-120000\."):
        book.read(one.query_id[:17])


@pytest.mark.parametrize("wanted", ["q-2027", "20261121", "", "q-20261121-120000-ffffff", "../x"])
def test_an_id_that_nothing_has_is_not_found(book: QueryBook, wanted: str) -> None:
    save(book, record_of(NOON))

    with pytest.raises(NotFoundError, match="There is no query") as raised:
        book.read(wanted)
    assert "selfserve queries" in raised.value.hint


def test_a_list_begins_with_the_newest(book: QueryBook) -> None:
    records = [record_of(NOON - minutes * MINUTE) for minutes in (3, 1, 2)]
    save(book, *records)

    found = list(book.list(since=timedelta(days=1), now=NOON))

    assert [record.created for record in found] == [
        NOON - minutes * MINUTE for minutes in (1, 2, 3)
    ]


def test_of_one_second_the_later_comes_first_whatever_the_ids_say(book: QueryBook) -> None:
    steps = [timedelta(microseconds=number) for number in range(3)]
    first, second, third = (
        record_of(NOON + step, part)
        for step, part in zip(steps, ("ffffff", "000000", "888888"), strict=True)
    )
    save(book, first, second, third, record_of(NOON - MINUTE))

    assert ids(list(book.list(since=timedelta(hours=1), now=NOON)))[:3] == ids(
        [third, second, first]
    )
    assert book.newest(owner="ada") == third


@pytest.mark.parametrize(
    ("since", "now", "expected"),
    [
        (2 * MINUTE, NOON, [0, 1, 2]),
        (timedelta(seconds=61), NOON, [0, 1]),
        (timedelta(0), NOON, [0]),
        (timedelta.max, NOON, [0, 1, 2, 3]),
        (timedelta(0), None, [0, 1, 2, 3]),
    ],
)
def test_a_list_goes_back_as_far_as_is_asked(
    book: QueryBook, since: timedelta, now: datetime | None, expected: list[int]
) -> None:
    save(book, *(record_of(NOON - minutes * MINUTE) for minutes in range(4)))

    found = list(book.list(since=since, now=now))

    assert [record.created for record in found] == [NOON - minutes * MINUTE for minutes in expected]


def test_older_records_are_not_even_fetched(book: QueryBook, store: MemoryStore) -> None:
    save(book, *(record_of(NOON - minutes * MINUTE) for minutes in range(4)))
    store.calls.clear()

    next(book.list(since=timedelta(minutes=3), now=NOON))

    assert [method for method, _ in store.calls] == ["list_folders", "get"]


def test_a_record_of_a_later_version_hides_no_others(book: QueryBook, store: MemoryStore) -> None:
    older, newer = record_of(NOON - MINUTE), record_of(NOON)
    save(book, older, newer)
    store.objects[record_key(newer.query_id)] = b'{"format": 99}'

    assert list(book.list(since=timedelta(days=1), now=NOON)) == [older]
    assert book.newest(owner="ada") == older
    with pytest.raises(BadInputError, match=newer.query_id) as raised:
        book.read(newer.query_id)
    assert "newer selfserve" in raised.value.hint


def test_what_is_no_query_is_no_record(book: QueryBook, store: MemoryStore) -> None:
    record = record_of(NOON)
    store.objects[rows_key(record.query_id)] = b"rows that outlived their record"
    store.objects["selfserve/queries/notes/readme.txt"] = b"somebody's own"

    assert list(book.list(since=timedelta(days=1), now=NOON)) == []
    with pytest.raises(NotFoundError):
        book.read(record.query_id)


def test_the_last_query_is_the_last_of_the_user(book: QueryBook) -> None:
    hers, his = record_of(NOON - MINUTE), record_of(NOON, owner="bob")
    save(book, record_of(NOON - 2 * MINUTE), hers, his)

    assert book.newest(owner="ada") == hers
    assert book.newest(owner="bob") == his


def test_who_has_run_nothing_is_told_how_to(book: QueryBook) -> None:
    save(book, record_of(NOON, owner="bob"))

    with pytest.raises(NotFoundError, match="You have run no query on aws") as raised:
        book.newest(owner="ada")
    assert raised.value.hint == 'Run one: selfserve sql "select 1"'


def test_a_query_is_running_as_long_as_its_client(book: QueryBook) -> None:
    record = asked_by(this_client(), datetime.now(UTC))
    save(book, record)

    assert book.read(record.query_id) == record


def test_a_query_whose_client_has_ended_is_lost(book: QueryBook) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    record = asked_by(replace(this_client(), pid=ended.pid), datetime.now(UTC))
    save(book, record)

    assert book.read(record.query_id).state is QueryState.LOST


def test_a_later_process_with_the_clients_number_is_another(book: QueryBook) -> None:
    before_this_process = datetime.now(UTC) - timedelta(days=3650)
    record = asked_by(this_client(), before_this_process)
    save(book, record)

    assert book.read(record.query_id).state is QueryState.LOST


def test_of_a_client_elsewhere_nothing_is_said(book: QueryBook) -> None:
    record = asked_by(Client("another.example", 4_194_304), NOON)
    save(book, record)

    assert book.read(record.query_id) == record
