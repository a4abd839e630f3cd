"""Rows come out of Parquet as answers have them, file by file."""

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fakes import MemoryStore
from selfserve.core.sql.answers import Column
from selfserve.errors import BadInputError
from selfserve.usecases.sql.steps.rows import StoredRows
from targets import make_target

PREFIX = "selfserve/queries/q/result/"
NOON = dt.datetime(2026, 7, 1, 12, 0, tzinfo=dt.UTC)
IN_BERLIN = dt.datetime(2026, 7, 1, 14, 0)  # noqa: DTZ001  a timestamp without zone


def put(store: MemoryStore, folder: Path, name: str, table: pa.Table, **how: Any) -> None:
    path = folder / "file.parquet"
    pq.write_table(table, path, **how)
    store.put(PREFIX + name, path.read_bytes())


@pytest.mark.parametrize(
    ("kind", "type_name", "stored", "expected"),
    [
        (pa.int8(), "tinyint", 7, 7),
        (pa.decimal128(12, 2), "decimal(12,2)", Decimal("1.50"), Decimal("1.50")),
        (pa.binary(), "varbinary", b"\0\xff", b"\0\xff"),
        (pa.date32(), "date", NOON.date(), NOON.date()),
        (pa.timestamp("us", tz="UTC"), "timestamp(6)", NOON, IN_BERLIN),
        (pa.timestamp("us"), "timestamp(6)", IN_BERLIN, IN_BERLIN),
        (
            pa.list_(pa.timestamp("us", "UTC")),
            "array(timestamp(6))",
            [NOON, None],
            [IN_BERLIN, None],
        ),
        (pa.map_(pa.string(), pa.int32()), "map(varchar, integer)", {"a": 1}, {"a": 1}),
        (
            pa.struct([("at", pa.timestamp("us", "UTC")), ("n", pa.map_(pa.int8(), pa.int8()))]),
            "row(at timestamp(6), n map(tinyint, tinyint))",
            {"at": NOON, "n": [(1, 2)]},
            {"at": IN_BERLIN, "n": {1: 2}},
        ),
        (pa.int64(), "interval day to second", 86_400_000_000, dt.timedelta(days=1)),
        (pa.string(), "unknown", None, None),
    ],
    ids=str,
)
def test_values_are_pythons_own(
    tmp_path: Path, kind: pa.DataType, type_name: str, stored: object, expected: object
) -> None:
    store = MemoryStore()
    put(store, tmp_path, "part-00000-u-c000", pa.table({"c0": pa.array([stored, None], kind)}))
    rows = StoredRows(make_target(store=store), PREFIX)

    batches = list(rows.batches([Column("x", type_name)], "Europe/Berlin"))

    assert batches == [[(expected,), (None,)]]


def test_times_of_hive_in_nanoseconds_are_read_too(tmp_path: Path) -> None:
    store = MemoryStore()
    table = pa.table({"at": pa.array([IN_BERLIN], pa.timestamp("ns"))})
    put(store, tmp_path, "000000_0", table, use_deprecated_int96_timestamps=True)
    rows = StoredRows(make_target(store=store), PREFIX)

    columns = rows.columns(None)

    assert columns == (Column("at", "timestamp(6)"),)
    assert list(rows.batches(columns, "UTC")) == [[(IN_BERLIN,)]]


def test_a_stored_schema_tells_types_and_names_are_the_users(tmp_path: Path) -> None:
    store = MemoryStore()
    kinds = [pa.int32(), pa.float32(), pa.bool_(), pa.list_(pa.struct([("a b", pa.string())]))]
    table = pa.table({f"_c{at}": pa.array([], kind) for at, kind in enumerate(kinds)})
    put(store, tmp_path, "000000_0", table)
    rows = StoredRows(make_target(store=store), PREFIX)

    assert rows.columns(("x", "x", "y", "z")) == (
        Column("x", "integer"),
        Column("x", "real"),
        Column("y", "boolean"),
        Column("z", 'array(row("a b" varchar))'),
    )


def test_files_follow_each_other_and_many_rows_come_in_pieces(tmp_path: Path) -> None:
    store = MemoryStore()
    for number in (2, 0, 1):
        table = pa.table({"c0": range(number * 10_000, (number + 1) * 10_000)})
        put(store, tmp_path, f"part-{number:05}-u-c000.snappy.parquet", table)
    rows = StoredRows(make_target(store=store), PREFIX)

    sizes, seen = [], []
    for batch in rows.batches([Column("n", "bigint")], "UTC"):
        sizes.append(len(batch))
        seen += [n for (n,) in batch]

    assert seen == list(range(30_000))
    assert max(sizes) < 10_000


def test_no_file_is_fetched_before_its_rows_are_wanted(tmp_path: Path) -> None:
    store = MemoryStore()
    for number in range(2):
        put(store, tmp_path, f"00000{number}_0", pa.table({"c0": [number]}))
    batches = StoredRows(make_target(store=store), PREFIX).batches([Column("n", "bigint")], "UTC")

    next(batches)

    assert [key for method, key in store.calls if method == "get_file"] == [f"{PREFIX}000000_0"]


def test_a_result_that_was_removed_says_so(tmp_path: Path) -> None:
    store = MemoryStore()
    put(store, tmp_path, "000000_0", pa.table({"c0": [1]}))
    batches = StoredRows(make_target(store=store), PREFIX).batches([Column("n", "bigint")], "UTC")
    store.delete(f"{PREFIX}000000_0")

    with pytest.raises(BadInputError, match="The result is no longer there"):
        next(batches)
