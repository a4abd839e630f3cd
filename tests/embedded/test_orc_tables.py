"""ORC tables, which DuckDB reads by way of pyarrow."""

from datetime import datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from pyarrow import orc

from embedded_lake import ORC, Lake
from selfserve.errors import BadInputError

AT = datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001  it has no zone
COLUMNS = (
    "id bigint, title varchar, price decimal(12,3), at timestamp(3), rating double, "
    "tags array(bigint), m map(varchar, bigint), r row(a bigint)"
)


def write(lake: Lake, name: str, columns: dict[str, object]) -> None:
    orc.write_table(pa.table(columns), lake.path(name))


def add_films(lake: Lake) -> None:
    lake.add("films", COLUMNS, format=ORC)
    write(
        lake,
        "films/1.orc",
        {
            "id": pa.array([1, 2], pa.int32()),
            "title": ["Alien", None],
            "price": pa.array([Decimal("1.5"), None], pa.decimal128(5, 1)),
            "at": pa.array([AT, None], pa.timestamp("us")),
            "rating": pa.array([1.5, 2], pa.float32()),
            "tags": pa.array([[1], None], pa.list_(pa.int64())),
            "m": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())),
            "r": pa.array([{"a": 1}, None]),
        },
    )


def test_rows_have_the_types_of_the_table(lake: Lake) -> None:
    add_films(lake)

    assert lake.ask("select * from films order by id") == [
        (1, "Alien", Decimal("1.500"), AT, 1.5, [1], {"k": 1}, {"a": 1}),
        (2, None, None, None, 2.0, None, None, None),
    ]


@pytest.mark.parametrize(
    ("condition", "ids"),
    [
        ("id = 2", [2]),
        ("title = 'Alien'", [1]),
        ("title is null", [2]),
        ("price > 1.4", [1]),
        ("at >= timestamp '2026-01-01 00:00:00'", [1]),
        ("rating between 1.6 and 3", [2]),
        ("id in (1, 5) or rating = 2", [1, 2]),
        ("title like 'B%'", []),
    ],
)
def test_filters_hold(lake: Lake, condition: str, ids: list[int]) -> None:
    add_films(lake)

    rows = lake.ask(f"select id from films where {condition} order by id")  # noqa: S608

    assert [row[0] for row in rows] == ids


def test_files_may_differ_in_columns_and_in_the_case_of_names(lake: Lake) -> None:
    lake.add("films", "id bigint, title varchar, seen date", format=ORC)
    write(lake, "films/1.orc", {"ID": pa.array([1], pa.int32()), "Title": ["Alien"]})
    write(lake, "films/2.orc", {"title": ["Brazil"], "extra": [1], "id": [2]})

    assert lake.ask("select * from films order by id") == [
        (1, "Alien", None),
        (2, "Brazil", None),
    ]


def test_columns_of_old_hive_files_count_by_their_place(lake: Lake) -> None:
    lake.add("films", "id bigint, title varchar, late varchar", format=ORC)
    write(lake, "films/1.orc", {"_col0": [1], "_col1": ["Alien"]})

    assert lake.ask("select id, title, late from films") == [(1, "Alien", None)]


def test_files_that_appear_later_are_in_the_next_answer(lake: Lake) -> None:
    lake.add("films", "id bigint", format=ORC)
    before = lake.ask("select id from films")
    write(lake, "films/1.orc", {"id": [1]})
    one = lake.ask("select id from films")

    write(lake, "films/2.orc", {"id": [2]})

    assert (before, one) == ([], [(1,)])
    assert lake.ask("select id from films order by id") == [(1,), (2,)]


def test_empty_files_of_buckets_have_no_rows(lake: Lake) -> None:
    lake.add("films", "id bigint", format=ORC)
    lake.write("films/000000_0", "")

    assert lake.ask("select id from films") == []


def test_a_table_may_be_read_twice_in_one_statement(lake: Lake) -> None:
    add_films(lake)

    rows = lake.ask("select a.id, b.title from films a join films b on a.id = b.id order by 1")

    assert rows == [(1, "Alien"), (2, None)]


def test_a_file_with_another_type_is_refused(lake: Lake) -> None:
    lake.add("films", "id bigint", format=ORC)
    write(lake, "films/1.orc", {"id": ["7"]})

    with pytest.raises(BadInputError) as caught:
        lake.ask("select id from films")

    path = lake.folder / "films/1.orc"
    assert str(caught.value) == f"Table lake.films: column id is bigint, but varchar in {path}."


def test_a_file_that_is_not_orc_is_refused_by_name(lake: Lake) -> None:
    lake.add("films", "id bigint", format=ORC)
    path = lake.write("films/notes.txt", "this is no ORC")

    with pytest.raises(BadInputError) as caught:
        lake.ask("select id from films")

    assert str(caught.value) == f"Table lake.films: {path} is not an ORC file."
