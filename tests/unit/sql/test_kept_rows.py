"""Rows that pass are kept, and are the same when they are read again."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from fakes import NOON, MemoryStore
from selfserve.core.sql.answers import Column, Row
from selfserve.core.sql.engines import Engine
from selfserve.core.sql.records import QueryRecord, QueryState, make_query_id, rows_key
from selfserve.core.sql.results.rendering import render_text
from selfserve.core.sql.results.sql_types import parse_type
from selfserve.errors import AwsError, BadInputError, NotFoundError
from selfserve.usecases.sql.history.book import QueryBook
from selfserve.usecases.sql.history.kept import open_kept
from selfserve.usecases.sql.roads import teeing
from selfserve.usecases.sql.roads.teeing import KeepingAnswer, keeping
from sql_ways import COLUMNS, ROWS, FakeAnswer

QUERY = make_query_id(NOON, "abcdef")
RECORD = QueryRecord(
    query_id=QUERY,
    text="select 1",
    engine=Engine.TRINO,
    answered_by="Trino on adhoc-presto",
    owner="ada",
    created=NOON,
    state=QueryState.FINISHED,
    columns=COLUMNS,
    is_kept=True,
)
BERLIN = ZoneInfo("Europe/Berlin")
PLUS_TWO = timezone(timedelta(hours=2))


def keep(store: MemoryStore, answer: FakeAnswer) -> list[Row]:
    """The rows as they passed."""
    with keeping(answer, store, QUERY) as kept:
        passed = [row for batch in kept.batches() for row in batch]
        assert kept.is_kept == (rows_key(QUERY) in store.objects)
    return passed


def read_again(store: MemoryStore, columns: Sequence[Column] = COLUMNS) -> list[Row]:
    book = QueryBook(store, "aws")
    book.save(replace(RECORD, columns=tuple(columns)))
    with open_kept(book, QUERY) as (record, answer):
        assert record.query_id == QUERY
        assert tuple(answer.columns) == tuple(columns)
        rows = [row for batch in answer.batches() for row in batch]
        assert answer.figures().rows == len(rows)
    return rows


VALUES = [
    ("boolean", True),
    ("tinyint", -128),
    ("bigint", 2**63 - 1),
    ("real", 0.5),
    ("double", float("inf")),
    ("decimal(38,10)", Decimal("1234567890123456789012345678.0123456789")),
    ("decimal(12,2)", Decimal("-0.10")),
    ("number", Decimal("1.50")),
    ("varchar", "Ünï\ncödé\x00"),
    ("char(5)", "ab   "),
    ("varbinary", b"\x00\xff"),
    ("date", date(1, 1, 1)),
    ("time(6)", time(23, 59, 59, 999999)),
    ("time(3) with time zone", time(1, 2, 3, tzinfo=PLUS_TWO)),
    ("timestamp(3)", datetime.fromisoformat("9999-12-31 23:59:59.999")),
    ("timestamp(3) with time zone", datetime(2026, 7, 1, 12, tzinfo=BERLIN)),
    ("timestamp(3) with time zone", datetime(2026, 7, 1, 12, tzinfo=PLUS_TWO)),
    ("timestamp(3) with time zone", datetime(2026, 7, 1, 12, tzinfo=UTC)),
    ("interval day to second", timedelta(days=-3, milliseconds=7)),
    ("interval year to month", "-1-2"),
    ("uuid", "12151fd2-7586-11e9-8f9e-2a86e4085a59"),
    ("ipaddress", "10.0.0.1"),
    ("json", '{"a":[1,2]}'),
    ("array(bigint)", [1, None, 3]),
    ("array(array(varchar))", [["a"], [], None]),
    ("map(varchar,bigint)", {"a": 1, "b": None}),
    ("map(bigint,array(date))", {1: [date(2026, 1, 1)]}),
    ("row(a bigint,b varchar)", {"a": 1, "b": None}),
    ("row(a row(b decimal(3,1)))", {"a": {"b": Decimal("1.5")}}),
    ("array(row(k map(varchar,double)))", [{"k": {"x": 1.0}}]),
    ("timestamp(6) with time zone", datetime(2026, 7, 1, 12, 0, 0, 1, tzinfo=BERLIN)),
    ("timestamp(0) with time zone", datetime(2026, 7, 1, 12, tzinfo=UTC)),
    ("interval day to second", timedelta(seconds=1, microseconds=20)),
]
NESTED = [
    ("array(interval day to second)", [timedelta(seconds=1)]),
    ("array(timestamp(3) with time zone)", [datetime(2026, 7, 1, 12, tzinfo=BERLIN)]),
    ("map(varchar,interval day to second)", {"a": timedelta(days=1)}),
    ("row(a time(3) with time zone)", {"a": time(1, 2, 3, tzinfo=PLUS_TWO)}),
    ("array(real)", [0.1]),
    ("real", 0.1),
]


@pytest.mark.parametrize(("of_type", "value"), VALUES, ids=[text for text, _ in VALUES])
def test_a_value_is_the_same_when_it_is_read_again(of_type: str, value: object) -> None:
    store, columns = MemoryStore(), [Column("v", of_type), Column("v", of_type)]

    passed = keep(store, FakeAnswer([(value, None), (None, value)], columns))
    again = read_again(store, columns)

    assert again == passed == [(value, None), (None, value)]
    kind = parse_type(of_type)
    assert render_text(again[0][0], kind) == render_text(value, kind)


@pytest.mark.parametrize(("of_type", "value"), NESTED, ids=[text for text, _ in NESTED])
def test_what_parquet_lacks_is_shown_as_before(of_type: str, value: object) -> None:
    store, columns, kind = MemoryStore(), [Column("v", of_type)], parse_type(of_type)

    keep(store, FakeAnswer([(value,), (None,)], columns))

    again = read_again(store, columns)
    assert [render_text(v, kind) for (v,) in again] == [render_text(value, kind), "NULL"]


def test_a_zone_that_the_reading_machine_lacks_is_named() -> None:
    class Olympus(tzinfo):
        """Known where the rows were kept."""

        def utcoffset(self, _: datetime | None) -> timedelta:
            return timedelta(hours=3)

        def dst(self, _: datetime | None) -> None:
            return None

        def tzname(self, _: datetime | None) -> None:
            return None

        def __str__(self) -> str:
            return "Mars/Olympus"

    store, columns = MemoryStore(), [Column("at", "timestamp(3) with time zone")]
    keep(store, FakeAnswer([(datetime(2026, 7, 1, 12, tzinfo=Olympus()),)], columns))

    with pytest.raises(BadInputError, match="time zone Mars/Olympus"):
        read_again(store, columns)


def test_no_rows_are_kept_too() -> None:
    store = MemoryStore()

    assert keep(store, FakeAnswer([])) == []

    assert read_again(store) == []


def test_a_statement_without_columns_leaves_no_file() -> None:
    store = MemoryStore()

    assert keep(store, FakeAnswer([], [])) == []

    assert store.objects == {}


def test_too_many_rows_all_pass_and_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teeing, "MOST_KEPT_BYTES", 1)
    store = MemoryStore()

    assert keep(store, FakeAnswer()) == list(ROWS)

    assert store.objects == {}


@pytest.mark.parametrize(
    ("of_type", "value"),
    [
        pytest.param("bigint", 2**80, id="too-large"),
        pytest.param("bigint", "no number", id="another-type"),
        pytest.param("decimal(3,1)", Decimal("1.23"), id="too-many-digits"),
        pytest.param("decimal(77,1)", Decimal("1.5"), id="a-type-that-arrow-lacks"),
    ],
)
def test_a_value_that_cannot_be_kept_is_no_trouble_to_its_reader(
    of_type: str, value: object
) -> None:
    store = MemoryStore()

    assert keep(store, FakeAnswer([(value,), (None,)], [Column("v", of_type)])) == [
        (value,),
        (None,),
    ]

    assert store.objects == {}


def test_a_full_disk_is_no_trouble_to_who_reads_the_rows(tmp_path: Path) -> None:
    store = MemoryStore()
    kept = KeepingAnswer(FakeAnswer(), store, QUERY, tmp_path / "no such folder" / "rows.parquet")

    assert [row for batch in kept.batches() for row in batch] == list(ROWS)

    assert store.objects == {}
    assert not kept.is_kept


@pytest.mark.parametrize(
    "trouble", [AwsError("AWS refused while writing rows", hint="ask"), OSError("no such file")]
)
def test_rows_that_cannot_be_kept_were_read_all_the_same(trouble: Exception) -> None:
    class Refusing(MemoryStore):
        def put_file(self, key: str, path: Path) -> None:
            del key, path
            raise trouble

    store = Refusing()

    assert keep(store, FakeAnswer()) == list(ROWS)

    assert store.objects == {}


def test_who_stops_early_leaves_nothing_behind() -> None:
    store = MemoryStore()

    with keeping(FakeAnswer(), store, QUERY) as kept:
        batches = iter(kept.batches())
        next(batches)
        del batches

    assert (kept.is_kept, store.objects) == (False, {})


def test_what_still_comes_after_a_cancel_is_not_kept() -> None:
    class Deaf(FakeAnswer):
        """Its engine was done before it heard of it."""

        def _check(self) -> None:
            pass

    store = MemoryStore()
    with keeping(Deaf(), store, QUERY) as kept:
        kept.cancel()
        rows = [row for batch in kept.batches() for row in batch]

    assert rows == list(ROWS)
    assert (kept.is_kept, store.objects) == (False, {})


@pytest.mark.parametrize(
    ("record", "said", "hint"),
    [
        pytest.param(
            replace(RECORD, is_kept=False, state=QueryState.RUNNING),
            "is running",
            "selfserve queries",
            id="running",
        ),
        pytest.param(
            replace(RECORD, is_kept=False, state=QueryState.FAILED, error="no table t"),
            "has no result: no table t",
            f"selfserve sql --again {QUERY}",
            id="failed",
        ),
        pytest.param(
            replace(RECORD, is_kept=False, state=QueryState.CANCELLED, error="cancelled"),
            "has no result: cancelled",
            f"selfserve sql --again {QUERY}",
            id="cancelled",
        ),
        pytest.param(
            replace(RECORD, is_kept=False, out="s3://b/k.csv"),
            "went to s3://b/k.csv",
            "Read them there",
            id="exported",
        ),
        pytest.param(replace(RECORD, is_kept=False), "were not kept", "--out FILE", id="too-many"),
    ],
)
def test_who_asks_for_rows_that_are_not_there_is_told_why(
    record: QueryRecord, said: str, hint: str
) -> None:
    book = QueryBook(MemoryStore(), "aws")
    book.save(record)

    with pytest.raises(BadInputError, match=said) as raised, open_kept(book, QUERY):
        pass
    assert hint in raised.value.hint


def test_rows_that_were_removed_are_said_to_be() -> None:
    book = QueryBook(MemoryStore(), "aws")
    book.save(RECORD)

    with pytest.raises(NotFoundError, match="were removed") as raised, open_kept(book, QUERY):
        pass
    assert raised.value.hint == f"selfserve sql --again {QUERY}"


def test_a_query_that_is_not_in_the_book_has_no_rows() -> None:
    with (
        pytest.raises(NotFoundError, match="There is no query"),
        open_kept(QueryBook(MemoryStore(), "aws"), QUERY),
    ):
        pass
