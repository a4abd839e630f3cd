"""Results as CSV, JSON and Parquet: what is written, and that it streams."""

import csv
import io
import json
import weakref
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal

import pyarrow as pa
import pytest
from pyarrow import parquet

from selfserve.core.sql.answers import Column, Row
from selfserve.core.sql.results.result_format import ResultFormat, distinct_names, format_of_name
from selfserve.errors import BadInputError
from selfserve.usecases.sql.output.writing import write_rows

FILMS = (Column("id", "bigint"), Column("title", "varchar"), Column("score", "double"))


def written(
    columns: Sequence[Column], rows: Sequence[Row], result_format: ResultFormat, *, batch: int = 2
) -> bytes:
    sink = io.BytesIO()
    batches = (rows[start : start + batch] for start in range(0, len(rows), batch))
    assert write_rows(columns, batches, result_format, sink) == len(rows)
    return sink.getvalue()


def as_csv(columns: Sequence[Column], rows: Sequence[Row]) -> str:
    return written(columns, rows, ResultFormat.CSV).decode()


def test_csv_has_a_header_and_quotes_only_what_must_be() -> None:
    rows = [(1, "Heat", 0.5), (2, 'a "b", c', None), (3, "two\nlines", float("nan"))]

    assert as_csv(FILMS, rows) == (
        'id,title,score\n1,Heat,0.5\n2,"a ""b"", c",\n3,"two\nlines",NaN\n'
    )


def test_in_csv_null_and_an_empty_string_differ() -> None:
    assert as_csv(FILMS, [(1, "", None), (2, None, 1.0)]) == ('id,title,score\n1,"",\n2,,1.0\n')


@pytest.mark.parametrize(
    ("value", "line"), [(None, ""), ("", '""'), ("a", "a"), ("a\rb", '"a\rb"')]
)
def test_csv_of_one_column_tells_values_apart(value: str | None, line: str) -> None:
    assert as_csv([Column("a", "varchar")], [(value,)]) == f"a\n{line}\n"


def test_other_types_are_text_in_csv() -> None:
    types = ("decimal(9,7)", "boolean", "array(bigint)", "timestamp(3)", "varbinary", "date")
    columns = [Column("a", type_name) for type_name in types]
    row = (Decimal("0.0000001"), True, [1, 2], datetime(2026, 1, 1), b"\xff", date(2026, 1, 1))  # noqa: DTZ001

    assert as_csv(columns, [row]).splitlines()[1] == (
        '0.0000001,true,"[1, 2]",2026-01-01 00:00:00.000,ff,2026-01-01'
    )


def test_csv_is_read_back_as_it_was() -> None:
    texts = ["", "a,b", 'say "hi"', "two\r\nlines", "lone\rreturn", " blanks ", "é日"]
    rows: list[Row] = [(index, text, 1.5) for index, text in enumerate(texts)]

    read = list(csv.reader(io.StringIO(as_csv(FILMS, rows), newline="")))

    assert [line[1] for line in read[1:]] == texts


def test_json_is_one_array_with_an_object_on_each_line() -> None:
    rows = [(1, "Heat", 0.5), (2, "é", None), (3, None, float("inf"))]

    text = written(FILMS, rows, ResultFormat.JSON).decode()

    assert text == (
        '[\n{"id":1,"title":"Heat","score":0.5},\n{"id":2,"title":"é","score":null},\n'
        '{"id":3,"title":null,"score":"Infinity"}\n]\n'
    )
    assert len(json.loads(text)) == 3


def test_json_without_rows_is_an_empty_array() -> None:
    assert written(FILMS, [], ResultFormat.JSON) == b"[]\n"


@pytest.mark.parametrize(
    ("names", "distinct"),
    [
        (["a", "b"], ["a", "b"]),
        (["a", "a", "a"], ["a", "a_2", "a_3"]),
        (["a", "a", "a_2"], ["a", "a_3", "a_2"]),
        (["a_2", "a", "a"], ["a_2", "a", "a_3"]),
    ],
)
def test_repeated_names_are_told_apart(names: list[str], distinct: list[str]) -> None:
    assert distinct_names(names) == distinct


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("films.csv", ResultFormat.CSV),
        ("s3://b/films.PARQUET", ResultFormat.PARQUET),
        ("films.txt", None),
        ("csv", ResultFormat.CSV),
        ("films", None),
    ],
)
def test_the_ending_of_a_name_says_the_format(name: str, expected: ResultFormat | None) -> None:
    assert format_of_name(name) is expected


NOON = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))


@pytest.mark.parametrize(
    ("type_name", "value", "arrow", "stored"),
    [
        ("boolean", True, pa.bool_(), True),
        ("tinyint", 1, pa.int8(), 1),
        ("bigint", 2**40, pa.int64(), 2**40),
        ("real", 0.5, pa.float32(), 0.5),
        ("decimal(12,2)", Decimal("12.3"), pa.decimal128(12, 2), Decimal("12.30")),
        ("varchar(5)", "é", pa.string(), "é"),
        ("varbinary", b"\x00", pa.binary(), b"\x00"),
        ("date", date(2026, 1, 1), pa.date32(), date(2026, 1, 1)),
        ("time(3)", time(9, 5), pa.time64("us"), time(9, 5)),
        ("timestamp(3)", NOON.replace(tzinfo=None), pa.timestamp("us"), NOON.replace(tzinfo=None)),
        (
            "timestamp(3) with time zone",
            NOON,
            pa.timestamp("us", tz="UTC"),
            datetime(2026, 1, 1, 10, tzinfo=UTC),
        ),
        ("array(integer)", [1, None], pa.list_(pa.int32()), [1, None]),
        ("map(varchar, double)", {"a": 0.5}, pa.map_(pa.string(), pa.float64()), [("a", 0.5)]),
        (
            "row(a bigint, b array(date))",
            {"a": 1, "b": [date(2026, 1, 1)]},
            pa.struct([("a", pa.int64()), ("b", pa.list_(pa.date32()))]),
            {"a": 1, "b": [date(2026, 1, 1)]},
        ),
        ("row(a bigint)", (7,), pa.struct([("a", pa.int64())]), {"a": 7}),
        ("interval day to second", timedelta(days=1), pa.string(), "1 00:00:00.000"),
        ("array(uuid)", ["x"], pa.list_(pa.string()), ["x"]),
        ("unknown", None, pa.string(), None),
        ("bigint", None, pa.int64(), None),
    ],
)
def test_parquet_has_the_type_and_the_value(
    type_name: str, value: object, arrow: pa.DataType, stored: object
) -> None:
    content = written([Column("a", type_name)], [(value,), (None,)], ResultFormat.PARQUET)

    table = parquet.read_table(pa.BufferReader(content))

    assert table.schema.field("a").type.equals(arrow)
    assert table.column("a").to_pylist() == [stored, None]


def test_parquet_without_rows_still_says_its_columns() -> None:
    table = parquet.read_table(pa.BufferReader(written(FILMS, [], ResultFormat.PARQUET)))

    assert table.column_names == ["id", "title", "score"]


def test_a_statement_without_columns_is_no_parquet_file() -> None:
    with pytest.raises(BadInputError, match="no result"):
        written([], [], ResultFormat.PARQUET)


class _Batch(list[Row]):
    """A list that can be watched."""


@pytest.mark.parametrize("result_format", ResultFormat)
def test_no_batch_is_kept_once_the_next_is_asked_for(result_format: ResultFormat) -> None:
    alive: weakref.WeakSet[_Batch] = weakref.WeakSet()
    most = 0

    def batches() -> Iterator[_Batch]:
        nonlocal most
        for index in range(50):
            batch = _Batch([(index, "text", 0.5)] * 10)
            alive.add(batch)
            most = max(most, len(alive))
            yield batch
            del batch

    write_rows(FILMS, batches(), result_format, io.BytesIO())

    assert most <= 2


_Batch.__hash__ = object.__hash__  # type: ignore[assignment]  # a list has none; a WeakSet wants one


def test_parquet_is_written_in_row_groups_of_bounded_size() -> None:
    row = (1, "x" * 100_000, 0.5)

    content = written(FILMS, [row] * 1_000, ResultFormat.PARQUET, batch=50)

    described = parquet.ParquetFile(pa.BufferReader(content)).metadata
    groups = [described.row_group(index).num_rows for index in range(described.num_row_groups)]
    assert sum(groups) == 1_000
    assert max(groups) < 400
