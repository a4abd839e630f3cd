"""Records of queries: as JSON and back, and what is refused."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfserve.core.sql.answers import Column
from selfserve.core.sql.engines import Engine
from selfserve.core.sql.records import (
    Client,
    QueryRecord,
    QueryState,
    from_json,
    is_query_id,
    make_query_id,
    record_key,
    rows_key,
    to_json,
    to_plain,
)

NOON = datetime(2026, 1, 2, 12, 0, 0, 123456, tzinfo=UTC)
PLAIN = QueryRecord(
    query_id="q-20260102-120000-0a1b2c",
    text="select 1",
    engine=Engine.TRINO,
    answered_by="the embedded engine",
    owner="ada",
    created=NOON,
)
WORDS = st.text(max_size=20)
MAYBE = st.none() | WORDS
COUNTS = st.none() | st.integers(0, 2**63)
TIMES = st.datetimes(timezones=st.just(UTC))
RECORDS = st.builds(
    QueryRecord,
    query_id=st.just(PLAIN.query_id),
    text=WORDS,
    parameters=st.dictionaries(WORDS, st.tuples(WORDS, WORDS), max_size=3),
    engine=st.sampled_from(Engine),
    answered_by=WORDS,
    schema=WORDS,
    cluster=MAYBE,
    cluster_id=MAYBE,
    profile=MAYBE,
    owner=WORDS,
    client=st.none() | st.builds(Client, WORDS, st.integers(1, 2**22)),
    created=TIMES,
    ended=st.none() | TIMES,
    state=st.sampled_from(QueryState),
    rows=COUNTS,
    bytes_read=COUNTS,
    cost=st.none() | st.decimals(allow_nan=False, allow_infinity=False),
    error=MAYBE,
    columns=st.lists(st.builds(Column, WORDS, WORDS), max_size=3).map(tuple),
    is_kept=st.booleans(),
    out=MAYBE,
    saved=MAYBE,
    repeats=MAYBE,
)


@given(RECORDS)
def test_a_record_is_the_same_when_it_is_read_again(record: QueryRecord) -> None:
    again = from_json(to_json(record))

    assert again == record
    assert again.created.utcoffset() == timedelta(0)
    assert str(again.cost) == str(record.cost)


def test_money_is_text_and_times_have_their_zone() -> None:
    plain = to_plain(PLAIN)

    assert plain["created"] == "2026-01-02T12:00:00.123456+00:00"
    assert plain["state"] == "RUNNING"
    assert to_plain(from_json(to_json(PLAIN)))["cost"] is None
    with_cost = json.loads(to_json(PLAIN)) | {"cost": "0.10"}
    assert from_json(json.dumps(with_cost).encode()).cost == Decimal("0.10")


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"format": None},
        {"state": "SLEEPING"},
        {"engine": "oracle"},
        {"created": "yesterday"},
        {"created": None},
        {"cost": "much"},
        {"columns": [{"name": "a"}]},
        {"columns": [["a", "bigint"]]},
        {"parameters": [1]},
        {"parameters": {"day": 1}},
        {"unheard_of": 1},
    ],
    ids=str,
)
def test_what_is_no_record_of_this_version_is_refused(change: dict[str, object]) -> None:
    body = json.dumps(json.loads(to_json(PLAIN)) | change).encode()

    with pytest.raises(ValueError):  # noqa: PT011  the book tells which it was
        from_json(body)


@pytest.mark.parametrize("body", [b"", b"junk", b"[]", b"[1]", b'"text"', b"{}", b"null", b"\xff"])
def test_what_is_no_record_at_all_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  as above
        from_json(body)


@pytest.mark.parametrize("left_out", ["query_id", "text", "engine", "owner", "created", "columns"])
def test_a_record_in_which_something_lacks_is_refused(left_out: str) -> None:
    facts = json.loads(to_json(PLAIN))
    del facts[left_out]

    with pytest.raises(ValueError):  # noqa: PT011  as above
        from_json(json.dumps(facts).encode())


def test_ids_sort_by_time_and_say_where_things_are() -> None:
    first = make_query_id(NOON, "ffffff")
    second = make_query_id(NOON + timedelta(seconds=1), "000000")

    assert first == "q-20260102-120000-ffffff"
    assert first < second
    assert record_key(first).endswith("queries/q-20260102-120000-ffffff/query.json")
    assert rows_key(first).endswith("queries/q-20260102-120000-ffffff/rows.parquet")


@pytest.mark.parametrize("random_part", ["", "12345", "1234567", "12345g", "ABCDEF", "../../"])
def test_an_id_needs_six_hexadecimal_digits(random_part: str) -> None:
    with pytest.raises(ValueError, match="six hexadecimal digits"):
        make_query_id(NOON, random_part)


@pytest.mark.parametrize(
    "text", ["", "q-20260102-120000-0a1b2", "q-20260102-120000-0a1b2c\n", "r-1"]
)
def test_other_texts_are_no_ids(text: str) -> None:
    assert not is_query_id(text)
