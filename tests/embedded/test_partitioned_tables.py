"""Partitions: where they are, what their values are, which of their files are read."""

from dataclasses import replace
from datetime import date
from urllib.parse import quote

import pyarrow as pa
import pytest
from pyarrow import orc

from embedded_lake import BUCKET, CSV, JSON, ORC, Lake
from selfserve.core.sql.answers import Column
from selfserve.core.sql.tables import FileFormat, Partition
from selfserve.errors import BadInputError

NONE = "__HIVE_DEFAULT_PARTITION__"


def write(lake: Lake, name: str, file_format: FileFormat, number: int) -> None:
    """A file with one row, whose only column is `id`."""
    if file_format is FileFormat.PARQUET:
        lake.write_parquet(name, {"id": [number]})
    elif file_format is ORC:
        orc.write_table(pa.table({"id": [number]}), lake.path(name))
    else:
        lake.write(name, f"{number}\n" if file_format is CSV else f'{{"id": {number}}}\n')


FORMATS = (FileFormat.PARQUET, ORC, CSV, JSON)


@pytest.mark.parametrize("file_format", FORMATS)
def test_values_come_from_the_names_of_folders(lake: Lake, file_format: FileFormat) -> None:
    lake.add(
        "views",
        "id bigint",
        keys="day date, hour integer",
        partitions={
            ("2026-01-01", "1"): "day=2026-01-01/hour=1",
            ("2026-01-01", "02"): "day=2026-01-01/hour=02",
            (None, None): f"day={NONE}/hour={NONE}",
        },
        format=file_format,
    )
    write(lake, "views/day=2026-01-01/hour=1/a", file_format, 1)
    write(lake, "views/day=2026-01-01/hour=02/a", file_format, 2)
    write(lake, f"views/day={NONE}/hour={NONE}/a", file_format, 3)

    columns, rows = lake.read("select * from views order by id")

    day = date(2026, 1, 1)
    assert rows == [(1, day, 1), (2, day, 2), (3, None, None)]
    assert columns == (Column("id", "bigint"), Column("day", "date"), Column("hour", "integer"))


@pytest.mark.parametrize("file_format", FORMATS)
def test_values_come_from_the_catalogue_if_folders_have_other_names(
    lake: Lake, file_format: FileFormat
) -> None:
    lake.add(
        "views",
        "id bigint",
        keys="day date",
        partitions={
            ("2026-01-01",): "first",
            ("2026-01-02",): "day=2026-01-02",
            (None,): "none",
            ("2026-01-04",): "is/not/there",
        },
        format=file_format,
    )
    for number, folder in enumerate(("first", "day=2026-01-02", "none"), start=1):
        write(lake, f"views/{folder}/a", file_format, number)

    rows = lake.ask("select id, day from views order by id")
    filtered = lake.ask("select id from views where day = date '2026-01-01'")

    assert rows == [(1, date(2026, 1, 1)), (2, date(2026, 1, 2)), (3, None)]
    assert filtered == [(1,)]


VALUES = ("a=b", "with space", "10:30", "%3A", "ä", "a/b", 'x"y', "it's", "", "*", "[a]", "01")


@pytest.mark.parametrize("file_format", FORMATS)
def test_values_may_have_signs_that_hive_escapes_in_names_of_folders(
    lake: Lake, file_format: FileFormat
) -> None:
    folders: dict[tuple[str | None, ...], str] = {
        (value,): f"k={quote(value, safe=' ä')}" for value in VALUES
    }
    lake.add("t", "id bigint", keys="k varchar", partitions=folders, format=file_format)
    for number, folder in enumerate(folders.values()):
        write(lake, f"t/{folder}/a", file_format, number)

    rows = lake.ask("select id, k from t order by id")

    assert rows == list(enumerate(VALUES))
    for number, value in enumerate(VALUES):
        written = value.replace("'", "''")
        assert lake.ask(f"select id from t where k = '{written}'") == [(number,)]  # noqa: S608


@pytest.mark.parametrize("value", VALUES)
def test_each_such_value_stands_alone_too(lake: Lake, value: str) -> None:
    folder = f"k={quote(value, safe=' ä')}"
    lake.add("t", "id bigint", keys="k varchar", partitions={(value,): folder})
    lake.write_parquet(f"t/{folder}/a", {"id": [1]})

    assert lake.ask("select * from t") == [(1, value)]


def test_a_column_of_the_files_does_not_hide_the_partitions_value(lake: Lake) -> None:
    lake.add("t", "id bigint", keys="k integer", partitions={("1",): "k=1", ("2",): "odd"})
    for folder in ("k=1", "odd"):
        lake.write_parquet(f"t/{folder}/a", {"id": [0], "k": [99]})

    assert sorted(lake.ask("select k from t")) == [(1,), (2,)]


def test_folders_above_the_table_are_no_partitions(lake: Lake) -> None:
    table = lake.add("t", "id bigint", keys="k integer", partitions={("5",): "k=5"})
    moved = f"{BUCKET}/x=1/k=9/t"
    lake.catalogue.known["lake", "t"] = replace(
        table, location=moved, partitions=(Partition(("5",), f"{moved}/k=5"),)
    )
    lake.write_parquet("x=1/k=9/t/k=5/a", {"id": [1]})

    assert lake.ask("select * from t") == [(1, 5)]


def damaged(lake: Lake, name: str) -> None:
    """A Parquet file whose footer is whole, and whose rows are not."""
    path = lake.write_parquet(name, {"id": list(range(50_000))})
    content = path.read_bytes()
    path.write_bytes(content[:4] + bytes(10_000) + content[10_004:])


@pytest.mark.parametrize("folders", [("k=1", "k=2"), ("one", "two")])
def test_rows_of_partitions_that_a_filter_excludes_are_not_read(
    lake: Lake, folders: tuple[str, str]
) -> None:
    lake.add("t", "id bigint", keys="k integer", partitions=dict(zip((("1",), ("2",)), folders)))  # noqa: B905
    lake.write_parquet(f"t/{folders[0]}/a", {"id": [7]})
    damaged(lake, f"t/{folders[1]}/a")

    assert lake.ask("select id from t where k = 1") == [(7,)]
    assert lake.ask("select max(id) from t where k < 2") == [(7,)]
    with pytest.raises(BadInputError):
        lake.ask("select max(id) from t")


def test_a_file_that_is_not_parquet_is_refused_in_any_partition(lake: Lake) -> None:
    """Every footer is looked at before the query is: its columns must fit the table."""
    lake.add("t", "id bigint", keys="k integer", partitions={("1",): "k=1", ("2",): "k=2"})
    lake.write_parquet("t/k=1/a", {"id": [7]})
    lake.write("t/k=2/a", "junk junk junk junk")

    with pytest.raises(BadInputError, match="k=2/a is not a Parquet file"):
        lake.ask("select id from t where k = 1")


def test_partitions_that_are_added_are_in_the_next_answer(lake: Lake) -> None:
    lake.add("t", "id bigint", keys="k integer", partitions={("1",): "k=1"})
    lake.write_parquet("t/k=1/a", {"id": [1]})
    lake.write_parquet("t/k=2/a", {"id": [2]})
    assert lake.ask("select * from t") == [(1, 1)]

    lake.add("t", "id bigint", keys="k integer", partitions={("1",): "k=1", ("2",): "k=2"})

    assert lake.ask("select * from t order by k") == [(1, 1), (2, 2)]
