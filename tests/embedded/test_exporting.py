"""Files that DuckDB writes: the same, to the byte, as those of our own writers."""

import json
import os
import re
import threading
from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from embedded_lake import Lake
from selfserve.core.sql.requests import SqlRequest
from selfserve.core.sql.results.csv_text import csv_text
from selfserve.core.sql.results.json_text import json_text
from selfserve.core.sql.results.result_format import ResultFormat
from selfserve.errors import BadInputError, SelfserveError

CSV, JSON, PARQUET = ResultFormat.CSV, ResultFormat.JSON, ResultFormat.PARQUET
TYPES = {
    "i": ("bigint", pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "s": ("smallint", pa.int16(), st.integers(-(2**15), 2**15 - 1)),
    "b": ("boolean", pa.bool_(), st.booleans()),
    "v": ("varchar", pa.string(), st.text(st.sampled_from("ab ,\"\n\r\t'\\;0é漢😀"), max_size=5)),
    "u": ("varchar", pa.string(), st.text(max_size=8)),
    "f": ("double", pa.float64(), st.floats()),
    "g": ("double", pa.float64(), st.integers(-(10**6), 10**6).map(lambda n: n / 100)),
    "r": ("real", pa.float32(), st.floats(width=32)),
    "d": (
        "decimal(12,3)",
        pa.decimal128(12, 3),
        st.integers(-(10**12) + 1, 10**12 - 1).map(lambda n: Decimal(n) / 1000),
    ),
    "w": (
        "decimal(38,0)",
        pa.decimal128(38, 0),
        st.integers(-(10**38) + 1, 10**38 - 1).map(Decimal),
    ),
    "da": ("date", pa.date32(), st.dates(date(1, 1, 1), date(9999, 12, 31))),
    "t": (
        "timestamp(3)",
        pa.timestamp("us"),
        st.builds(
            lambda moment, unit: moment.replace(microsecond=moment.microsecond // unit * unit),
            st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)),  # noqa: DTZ001  no zone
            st.sampled_from([1, 10, 100, 1_000, 10_000, 100_000, 1_000_000]),
        ),
    ),
    "x": ("varbinary", pa.binary(), st.binary(max_size=4)),
}
ROWS = st.lists(
    st.tuples(*(st.none() | strategy for _, _, strategy in TYPES.values())), max_size=12
)
EXAMPLES = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
ALL = f"select {', '.join(TYPES)} from t"  # noqa: S608
COPIED = f"select {', '.join(name for name in TYPES if name != 'r')} from t"  # noqa: S608
"""What DuckDB's COPY writes itself: of REAL it chooses other digits than we."""


def fill(lake: Lake, rows: Sequence[tuple[object, ...]]) -> None:
    columns = list(zip(*rows, strict=True)) or [()] * len(TYPES)
    arrays = {
        name: pa.array(values, of_type)
        for (name, (_, of_type, _)), values in zip(TYPES.items(), columns, strict=True)
    }
    lake.add("t", ", ".join(f"{name} {of_type}" for name, (of_type, _, _) in TYPES.items()))
    lake.write_parquet("t/1.parquet", arrays)


def ours(lake: Lake, query: str, of: ResultFormat) -> bytes:
    """What our own writers make of the answer."""
    columns, rows = lake.read(query)
    write = csv_text if of is CSV else json_text
    return "".join(write(columns, [rows] if rows else [])).encode()


def exported(lake: Lake, query: str, of: ResultFormat) -> bytes:
    path = lake.folder / f"out.{of}"
    lake.export(query, path, of)
    return path.read_bytes()


def same(body: bytes) -> str:
    """What a reader of JSON finds; 1e16 and 10000000000000000.0 are one number."""
    return repr(json.loads(body, object_pairs_hook=list))


@EXAMPLES
@given(ROWS)
def test_csv_is_that_of_our_writer_to_the_byte(lake: Lake, rows: list[tuple[object, ...]]) -> None:
    fill(lake, rows)

    for query in (ALL, COPIED):
        theirs = exported(lake, query, CSV)
        assert re.sub(rb'"([^",\r\n]*#[^",\r\n]*)"', rb"\1", theirs) == ours(lake, query, CSV)


@EXAMPLES
@given(ROWS)
def test_json_says_the_same_as_that_of_our_writer(
    lake: Lake, rows: list[tuple[object, ...]]
) -> None:
    fill(lake, rows)

    for query in (ALL, COPIED):
        assert same(exported(lake, query, JSON)) == same(ours(lake, query, JSON))


@EXAMPLES
@given(ROWS)
def test_parquet_has_the_rows(lake: Lake, rows: list[tuple[object, ...]]) -> None:
    fill(lake, rows)
    path = lake.folder / "out.parquet"

    count = lake.export(ALL, path, PARQUET)

    read = [tuple(row.values()) for row in parquet.read_table(path).to_pylist()]
    assert repr(read) == repr(lake.ask(ALL))  # which NaN is equal to itself in, too
    assert count == len(rows)


SINGLE = [
    "select 1 as a",
    "select cast(null as bigint) as a",
    "select a from (values 'x', '', null, 'NULL', '\"', ',', ' ') t(a)",
    "select a from (values '', null) t(a)",
    "select 1 as a where false",
    "select time '10:00:00.120' as a, cast(null as time(3)) as b",
    "select timestamp '2026-01-01 00:00:00.100 UTC' as a",
    "select timestamp '2026-01-01 00:00:00' as a, timestamp '2026-01-01 00:00:00.123456' as b",
    "select nan() as a, infinity() as b, -infinity() as c, -0e0 as d, 1e300 as e, 1e-7 as f",
    "select cast(1e10 as real) as a, cast(0.1 as real) as b, 1e16 as c, 123456789012345680e0 as d",
    "select 1 as a, 2 as a, 3 as A",
    "select 1, 'x', 2 as b",
    'select 1 as "a ""b""", 2 as "x,y", 3 as "é"',
    "select array[1, null] as a, map(array['k'], array[1.5]) as m",
    "select true as a, false as b, cast(null as boolean) as c",
    "select 1.50 as a, 12345678901234567890.5 as b, sum(x) as c from (values 1, 2) t(x)",
    "select count(*) as n, avg(x) as m from (values 1, 2) t(x)",
    "select null as a",
]


@pytest.mark.parametrize("query", SINGLE)
def test_each_kind_of_value_is_written_as_we_write_it(lake: Lake, query: str) -> None:
    assert exported(lake, query, CSV) == ours(lake, query, CSV)
    assert same(exported(lake, query, JSON)) == same(ours(lake, query, JSON))


def test_names_that_repeat_are_told_apart_in_parquet(lake: Lake) -> None:
    path = lake.folder / "out.parquet"

    lake.export("select 1 as a, 2 as a, 3 as b", path, PARQUET)

    assert parquet.read_table(path).to_pylist() == [{"a": 1, "a_2": 2, "b": 3}]


@pytest.mark.parametrize("of", [CSV, JSON, PARQUET])
def test_a_result_without_rows_is_a_file(lake: Lake, of: ResultFormat) -> None:
    path = lake.folder / "out"

    assert lake.export("select 1 as a, 'x' as b where false", path, of) == 0

    if of is PARQUET:
        assert parquet.read_table(path).column_names == ["a", "b"]
    else:
        assert path.read_text().split() in {CSV: [["a,b"]], JSON: [["[]"], ["[", "]"]]}[of]


def many_rows(lake: Lake, count: int = 200_000) -> None:
    lake.add("numbers", "i bigint, v varchar")
    lake.write_parquet("numbers/1.parquet", {"i": range(count), "v": ["some text"] * count})


@pytest.mark.parametrize("of", [CSV, JSON, PARQUET])
def test_a_named_pipe_takes_the_rows(lake: Lake, tmp_path: Path, of: ResultFormat) -> None:
    many_rows(lake)
    pipe, plain = tmp_path / "pipe", tmp_path / "plain"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()

    count = lake.export("select * from numbers order by i", pipe, of)
    reader.join()

    assert count == 200_000
    assert pipe.is_fifo()
    assert {path.name for path in tmp_path.iterdir()} == {"pipe", "lake"}
    lake.export("select * from numbers order by i", plain, of)
    assert got == [plain.read_bytes()]


@pytest.mark.parametrize("query", ["select * from numbers", "select array[i] as a from numbers"])
def test_a_reader_that_leaves_ends_the_query(lake: Lake, tmp_path: Path, query: str) -> None:
    many_rows(lake)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def read_a_little() -> None:
        with pipe.open("rb") as file:
            file.read(10)

    reader = threading.Thread(target=read_a_little)
    reader.start()

    with pytest.raises(SelfserveError, match=r"[Pp]ipe"):
        lake.export(query, pipe, CSV)
    reader.join()


@pytest.mark.parametrize(
    ("query", "of"),
    [
        ("select * from numbers", CSV),
        ("select * from numbers", PARQUET),
        ("select array[i] as a from numbers", CSV),
    ],
)
def test_a_full_disk_is_said_to_be_full(lake: Lake, query: str, of: ResultFormat) -> None:
    many_rows(lake)

    with pytest.raises(BadInputError, match="The disk is full"):
        lake.export(query, Path("/dev/full"), of)


def test_a_folder_that_is_not_there_is_named(lake: Lake, tmp_path: Path) -> None:
    for query in ("select 1 as a", "select array[1] as a"):
        with pytest.raises(BadInputError, match="nowhere"):
            lake.export(query, tmp_path / "nowhere/out.csv", CSV)


def test_an_export_that_was_cancelled_before_does_not_begin(lake: Lake, tmp_path: Path) -> None:
    export = lake.sql.export(SqlRequest(text="select 1 as a"), tmp_path / "out", CSV)
    export.cancel()

    with pytest.raises(SelfserveError, match="cancelled"):
        export.write()
    export.close()

    assert not (tmp_path / "out").exists()


def test_times_have_the_digits_of_their_type(lake: Lake) -> None:
    columns, rows = lake.read(
        "select time '10:00:00.12' as a, timestamp '2026-01-01 00:00:00' as b"
    )

    assert [column.type for column in columns] == ["time(2)", "timestamp(0)"]
    assert rows == [(time(10, 0, 0, 120_000), datetime(2026, 1, 1))]  # noqa: DTZ001
    assert exported(lake, "select timestamp '2026-01-01 00:00:00' as b", CSV) == (
        b"b\n2026-01-01 00:00:00\n"
    )
