"""What the rows of Parquet tables are, and which files are refused."""

import threading
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from pyarrow import parquet

from embedded_lake import BUCKET, Lake
from selfserve.core.sql.answers import Column
from selfserve.core.sql.problems import UnsupportedHereError
from selfserve.core.sql.tables import FileFormat
from selfserve.errors import BadInputError


def test_files_that_appear_later_are_in_the_next_answer(lake: Lake) -> None:
    lake.add("films", "id bigint")
    before = lake.ask("select id from films")

    lake.write_parquet("films/1.parquet", {"id": [1]})
    one = lake.ask("select id from films")
    lake.write_parquet("films/2.parquet", {"id": [2]})
    two = lake.ask("select id from films order by id")
    (lake.folder / "films/1.parquet").unlink()

    assert (before, one, two) == ([], [(1,)], [(1,), (2,)])
    assert lake.ask("select id from films") == [(2,)]


def test_a_file_that_is_written_anew_is_read_anew(lake: Lake) -> None:
    lake.add("films", "id bigint, title varchar")
    lake.write_parquet("films/1.parquet", {"id": [1]})
    assert lake.ask("select * from films") == [(1, None)]

    lake.write_parquet("films/1.parquet", {"id": [2], "title": ["Alien"]})

    assert lake.ask("select * from films") == [(2, "Alien")]


def test_a_file_may_be_written_anew_as_often_as_it_likes(lake: Lake) -> None:
    lake.add("t", "v bigint, s varchar")
    for number in range(100):
        size = number * 7 % 11
        values = list(range(number, number + size))
        texts = pa.array([str(number) * (number % 5)] * size, pa.string())
        lake.write_parquet("t/1.parquet", {"v": pa.array(values, pa.int64()), "s": texts})

        assert [row[0] for row in lake.ask("select v, s from t")] == values


def test_hidden_files_are_left_out(lake: Lake) -> None:
    lake.add("films", "id bigint")
    lake.write_parquet("films/1.parquet", {"id": [1]})
    lake.write("films/_SUCCESS", "")
    lake.write("films/.1.parquet.crc", "junk")
    lake.write_parquet("films/_temporary/2.parquet", {"id": [2]})

    assert lake.ask("select id from films") == [(1,)]


def test_a_table_without_a_folder_has_no_rows(lake: Lake) -> None:
    lake.add("films", "id bigint, tags array(varchar)")

    assert lake.ask("select * from films") == []


def test_a_file_without_rows_is_fine(lake: Lake) -> None:
    lake.add("films", "id bigint")
    lake.write_parquet("films/1.parquet", {"id": pa.array([], pa.int64())})

    assert lake.ask("select * from films") == []


def test_a_column_that_a_file_lacks_is_null(lake: Lake) -> None:
    lake.add("films", "id bigint, title varchar, seen date")
    lake.write_parquet("films/1.parquet", {"id": [1], "title": ["Alien"], "extra": [0]})
    lake.write_parquet("films/2.parquet", {"id": [2]})

    rows = lake.ask("select * from films order by id")

    assert rows == [(1, "Alien", None), (2, None, None)]


@pytest.mark.parametrize("names", [["ID", "Title"], ["id", "title"], ["iD", "TITLE"]])
def test_names_of_columns_count_in_any_case(lake: Lake, names: list[str]) -> None:
    lake.add("films", "id bigint, title varchar")
    lake.write_parquet("films/1.parquet", dict(zip(names, ([1], ["Alien"]), strict=True)))
    lake.write_parquet("films/2.parquet", {"Id": [2]})

    columns, rows = lake.read("select * from films where Title = 'Alien' or ID = 2 order by id")

    assert rows == [(1, "Alien"), (2, None)]
    assert columns == (Column("id", "bigint"), Column("title", "varchar"))


@pytest.mark.parametrize(
    ("of_file", "of_table", "value"),
    [
        (pa.int8(), "bigint", 1),
        (pa.int32(), "bigint", 1),
        (pa.int64(), "integer", 1),
        (pa.float32(), "double", 1.5),
        (pa.decimal128(5, 1), "decimal(12,3)", Decimal("1.5")),
        (pa.binary(), "varchar", b"caf\xc3\xa9"),
        (pa.string(), "varbinary", "café"),
        (pa.timestamp("ms"), "timestamp(3)", datetime(2026, 1, 2, 3, tzinfo=UTC)),
        (pa.timestamp("us", tz="UTC"), "timestamp(3)", datetime(2026, 1, 2, 3, tzinfo=UTC)),
        (pa.timestamp("ns"), "timestamp(3)", datetime(2026, 1, 2, 3, tzinfo=UTC)),
        (pa.list_(pa.int32()), "array(bigint)", [1, None]),
        (pa.map_(pa.string(), pa.int32()), "map(varchar, bigint)", [("a", 1)]),
        (
            pa.struct([("A", pa.int32()), ("more", pa.int32())]),
            "row(a bigint, b varchar)",
            {"A": 1},
        ),
    ],
    ids=str,
)
def test_types_are_widened_to_those_of_the_table(
    lake: Lake, of_file: pa.DataType, of_table: str, value: object
) -> None:
    lake.add("t", f"v {of_table}")
    lake.write_parquet("t/1.parquet", {"v": pa.array([value, None], of_file)})

    columns, rows = lake.read("select v from t")

    expected = {
        "varchar": "café",
        "varbinary": b"caf\xc3\xa9",
        "timestamp(3)": datetime(2026, 1, 2, 3),  # noqa: DTZ001  it has no zone
        "map(varchar, bigint)": {"a": 1},
        "row(a bigint, b varchar)": {"a": 1, "b": None},
    }.get(of_table, value)
    assert rows == [(expected,), (None,)]
    assert columns == (Column("v", of_table),)


@pytest.mark.parametrize(
    ("of_file", "of_table", "shown"),
    [
        (pa.string(), "bigint", "varchar"),
        (pa.int64(), "varchar", "bigint"),
        (pa.float64(), "bigint", "double"),
        (pa.int64(), "double", "bigint"),
        (pa.decimal128(12, 3), "decimal(12,2)", "decimal(12,3)"),
        (pa.decimal128(12, 2), "decimal(10,2)", "decimal(12,2)"),
        (pa.date32(), "timestamp(3)", "date"),
        (pa.list_(pa.string()), "array(bigint)", "array(varchar)"),
        (pa.list_(pa.int64()), "bigint", "array(bigint)"),
        (pa.int64(), "array(bigint)", "bigint"),
        (pa.map_(pa.string(), pa.string()), "map(varchar, bigint)", "map(varchar, varchar)"),
        (pa.struct([("a", pa.string())]), "row(a bigint)", "row(a varchar)"),
    ],
    ids=str,
)
def test_two_schemas_in_one_folder_are_refused(
    lake: Lake, of_file: pa.DataType, of_table: str, shown: str
) -> None:
    lake.add("films", f"id bigint, v {of_table}")
    lake.write_parquet("films/1.parquet", {"id": [1]})
    odd = lake.write_parquet("films/2.parquet", {"id": [2], "v": pa.array([None], of_file)})

    with pytest.raises(BadInputError) as caught:
        lake.ask("select id from films")

    said = f"Table lake.films: column v is {of_table}, but {shown} in {odd}."
    assert str(caught.value) == said
    assert "two schemas" in caught.value.hint


def test_a_column_of_text_in_one_file_and_bytes_in_another_is_refused(lake: Lake) -> None:
    lake.add("films", "title varchar")
    lake.write_parquet("films/1.parquet", {"title": ["café"]})
    lake.write_parquet("films/2.parquet", {"title": ["café".encode()]})

    with pytest.raises(UnsupportedHereError, match="title, that is text in one file and bytes"):
        lake.ask("select * from films")


@pytest.mark.parametrize("content", ["", "junk", "id,title\n1,this is CSV, and long enough\n"])
def test_a_file_that_is_not_parquet_is_refused_by_name(lake: Lake, content: str) -> None:
    lake.add("films", "id bigint")
    lake.write_parquet("films/1.parquet", {"id": [1]})
    odd = lake.write("films/notes.txt", content)

    with pytest.raises(
        BadInputError, match=r"Table lake\.films: .* is not a Parquet file"
    ) as caught:
        lake.ask("select * from films")

    assert str(odd) in str(caught.value)
    assert "s3://lake/films" in caught.value.hint


def test_a_parquet_file_that_was_cut_off_is_refused_by_name(lake: Lake) -> None:
    lake.add("films", "id bigint")
    path = lake.write_parquet("films/1.parquet", {"id": list(range(1000))})
    path.write_bytes(path.read_bytes()[:-100])

    with pytest.raises(BadInputError, match="is not a Parquet file") as caught:
        lake.ask("select * from films")

    assert str(path) in str(caught.value)


def test_a_parquet_file_that_is_damaged_within_fails_by_name(lake: Lake) -> None:
    lake.add("films", "id bigint")
    path = lake.write_parquet("films/1.parquet", {"id": list(range(50_000))})
    content = path.read_bytes()
    path.write_bytes(content[:100] + bytes(5_000) + content[5_100:])

    with pytest.raises(BadInputError, match=r"1\.parquet") as caught:
        lake.ask("select sum(id) from films")

    assert caught.value.hint == "Look at that file, or move it out of the table's folder."


@pytest.mark.parametrize("name", ["a?", "a*", "a[b]", "[ab]*", "it's", 'say "so"', "a b", "ä"])
def test_signs_in_names_of_files_stand_for_themselves(lake: Lake, name: str) -> None:
    lake.add("films", "id bigint")
    lake.write_parquet(f"films/{name}.parquet", {"id": [1]})
    lake.write_parquet("films/ab.parquet", {"id": [2]})

    assert lake.ask("select id from films order by id") == [(1,), (2,)]


def test_folders_that_look_like_partitions_are_none_of_a_table_without(lake: Lake) -> None:
    lake.add("films", "id bigint", location=f"{BUCKET}/year=2026/films")
    lake.write_parquet("year=2026/films/1.parquet", {"id": [1]})

    assert lake.ask("select * from films") == [(1,)]


def test_timestamps_as_spark_writes_them_are_utc(lake: Lake) -> None:
    lake.add("events", "at timestamp(3)")
    written = [datetime(2026, 1, 2, 3, 4, 5, 678000), datetime(1900, 1, 1), None]  # noqa: DTZ001
    parquet.write_table(
        pa.table({"at": pa.array(written, pa.timestamp("us"))}),
        lake.path("events/1.parquet"),
        use_deprecated_int96_timestamps=True,
    )

    assert lake.ask("select at from events") == [(moment,) for moment in written]


def test_nested_values_are_lists_and_dictionaries(lake: Lake) -> None:
    lake.add(
        "t",
        "l array(array(bigint)), m map(varchar, array(double)), r row(a bigint, b row(c date)), "
        "lm array(map(varchar, bigint)), b varbinary",
    )
    lake.write_parquet(
        "t/1.parquet",
        {
            "l": [[[1, None], [], None]],
            "m": pa.array([[("k", [1.5])]], pa.map_(pa.string(), pa.list_(pa.float64()))),
            "r": [{"a": 1, "b": {"c": date(2026, 1, 2)}}],
            "lm": pa.array([[[("k", 1)], []]], pa.list_(pa.map_(pa.string(), pa.int64()))),
            "b": [b"\x00\xff"],
        },
    )

    rows = lake.ask("select * from t")

    assert rows == [
        (
            [[1, None], [], None],
            {"k": [1.5]},
            {"a": 1, "b": {"c": date(2026, 1, 2)}},
            [{"k": 1}, {}],
            b"\x00\xff",
        )
    ]


@pytest.mark.parametrize(
    ("file_format", "serde", "named"),
    [
        (FileFormat.AVRO, "", "avro"),
        (FileFormat.OTHER, "Iceberg", "Iceberg"),
        (FileFormat.OTHER, "Delta Lake", "Delta Lake"),
    ],
)
def test_other_formats_are_refused_by_name(
    lake: Lake, file_format: FileFormat, serde: str, named: str
) -> None:
    lake.add("films", "id bigint", format=file_format, serde=serde)

    with pytest.raises(UnsupportedHereError, match=f"Table lake.films is {named}, which"):
        lake.ask("select count(*) from films")


def test_a_view_reads_its_tables_as_they_are_now(lake: Lake) -> None:
    lake.add("films", "id bigint")
    lake.add("late", "id bigint", view="SELECT id FROM films WHERE id > 1", view_schema="lake")
    lake.write_parquet("films/1.parquet", {"id": [1, 2]})
    assert lake.ask("select * from late") == [(2,)]

    lake.write_parquet("films/2.parquet", {"id": [3]})

    assert lake.ask("select * from late order by id") == [(2,), (3,)]


def test_many_threads_may_ask_at_once_while_files_come(lake: Lake) -> None:
    lake.add("films", "id bigint, title varchar")
    lake.write_parquet("films/0.parquet", {"id": [0]})
    wrong: list[object] = []

    def ask() -> None:
        try:
            for _ in range(10):
                ids = [row[0] for row in lake.ask("select id from films order by id")]
                if ids != list(range(len(ids))) or not ids:
                    wrong.append(ids)
        except Exception as error:  # noqa: BLE001  the test tells of it
            wrong.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(1, 6):
        lake.write_parquet(f"films/.{number}", {"id": [number], "title": ["x"]}).rename(
            lake.path(f"films/{number}.parquet")
        )
    for thread in threads:
        thread.join()

    assert wrong == []
    assert len(lake.ask("select * from films")) == 6
