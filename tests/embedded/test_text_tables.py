"""CSV and JSON: what Hive and Spark take for fields and values, and which lines are refused."""

import gzip
import json
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

import pytest

from embedded_lake import CSV, JSON, Lake
from selfserve.core.sql.problems import UnsupportedHereError
from selfserve.core.sql.tables import TableColumn, TextOptions
from selfserve.errors import BadInputError

HIVE = TextOptions(delimiter="\x01", quote="", escape="")
PIPES = TextOptions(delimiter="|", quote="", escape="\\", null_text="none")
OPEN_CSV = TextOptions(null_text=None)
SPARK = TextOptions(null_text="")


def rows_of(
    lake: Lake, text: str, options: TextOptions, columns: str = "a varchar, b varchar"
) -> list[tuple[object, ...]]:
    lake.add("t", columns, format=CSV, text=options)
    lake.write("t/1.csv", text)
    return lake.ask("select * from t")


@pytest.mark.parametrize(
    ("options", "line", "fields"),
    [
        (HIVE, 'he said "hi"\x01a,b\\', ('he said "hi"', "a,b\\")),
        (HIVE, "\\N\x01", (None, "")),
        (HIVE, "short", ("short", None)),
        (HIVE, "1\x012\x013", ("1", "2")),
        (PIPES, "a\\|b|c\\\\d", ("a|b", "c\\d")),
        (PIPES, 'none|"none"', (None, '"none"')),
        (OPEN_CSV, '"a, b","say ""hi"""', ("a, b", 'say "hi"')),
        (OPEN_CSV, r'"say \"hi\"","a\\b\n"', ('say "hi"', "a\\bn")),
        (OPEN_CSV, '"",', ("", "")),
        (OPEN_CSV, 'a,  "b"', ("a", "b")),
        (OPEN_CSV, "short", ("short", None)),
        (SPARK, r'"say \"hi\"","a\\b\n"', ('say "hi"', "a\\b\\n")),
        (SPARK, '"",', ("", None)),
        (SPARK, r"a\b,c", (r"a\b", "c")),
        (TextOptions(delimiter=";", quote="'", null_text=None), "'a;b';c", ("a;b", "c")),
        (TextOptions(escape='"', null_text=""), '"say ""hi""",x', ('say "hi"', "x")),
    ],
)
def test_a_line_is_cut_as_the_tables_serde_cuts_it(
    lake: Lake, options: TextOptions, line: str, fields: tuple[object, ...]
) -> None:
    assert rows_of(lake, line + "\n", options) == [fields]


@pytest.mark.parametrize(
    ("options", "line"),
    [(OPEN_CSV, '"a'), (OPEN_CSV, 'a"b",c'), (OPEN_CSV, '"a" b,c'), (SPARK, '"say ""hi""",x')],
)
def test_a_line_whose_quotes_do_not_match_is_refused(
    lake: Lake, options: TextOptions, line: str
) -> None:
    with pytest.raises(BadInputError, match=r"line of table lake\.t cannot be cut") as caught:
        rows_of(lake, f"fine,fine\n{line}\n", options)

    assert line in str(caught.value)


def test_headers_are_left_out_of_every_file(lake: Lake) -> None:
    lake.add("t", "a varchar", format=CSV, text=TextOptions(null_text=None, header_lines=2))
    lake.write("t/1.csv", "h\nh\n1\n")
    lake.write("t/2.csv", "h\nh\n2\n")
    lake.write("t/3.csv", "h\nh\n")

    assert lake.ask("select a from t order by a") == [("1",), ("2",)]


def test_lines_may_end_as_on_windows_and_be_long(lake: Lake) -> None:
    long = "x" * 3_000_000

    rows = rows_of(lake, f"1,{long}\r\n2,y\n3,z", OPEN_CSV)

    assert rows == [("1", long), ("2", "y"), ("3", "z")]


@pytest.mark.parametrize(
    ("of_type", "text", "value"),
    [
        ("bigint", "12", 12),
        ("bigint", "-7", -7),
        ("bigint", "+5", 5),
        ("bigint", "1.7", 1),
        ("bigint", "99999999999999999999", None),
        ("tinyint", "300", None),
        ("bigint", "1e3", None),
        ("bigint", " 5", None),
        ("bigint", "five", None),
        ("bigint", "", None),
        ("bigint", "\\N", None),
        ("double", "1e3", 1000.0),
        ("double", ".5", 0.5),
        ("double", "inf", None),
        ("double", "x", None),
        ("decimal(5,2)", "1.239", Decimal("1.24")),
        ("decimal(5,2)", "1234.5", None),
        ("boolean", "TRUE", True),
        ("boolean", "t", None),
        ("boolean", "1", None),
        ("date", "2026-01-02", date(2026, 1, 2)),
        ("date", "2026/01/02", None),
        ("date", "infinity", None),
        ("timestamp(3)", "2026-01-02 03:04:05.5", datetime(2026, 1, 2, 3, 4, 5, 500000)),  # noqa: DTZ001
        ("timestamp(3)", "2026-01-02 03:04:05+02", None),
        ("timestamp(3)", "2026-01-02", None),
        ("varchar(3)", "abcdef", "abc"),
    ],
)
def test_text_that_is_no_value_of_its_column_is_null(
    lake: Lake, of_type: str, text: str, value: object
) -> None:
    rows = rows_of(lake, f"{text}\x01b\n", HIVE, f"a {of_type}, b varchar")

    assert rows == [(value, "b")]


def test_spark_takes_a_point_for_no_whole_number(lake: Lake) -> None:
    assert rows_of(lake, "1.7,b\n2,c\n", SPARK, "a bigint, b varchar") == [(None, "b"), (2, "c")]


def test_text_that_is_packed_is_read(lake: Lake) -> None:
    lake.add("t", "a varchar, b bigint", format=CSV, text=OPEN_CSV)
    lake.path("t/1.csv.gz").write_bytes(gzip.compress(b"x,1\n"))

    assert lake.ask("select a from t") == [("x",)]


@pytest.mark.parametrize("file_format", [CSV, JSON])
@pytest.mark.parametrize("ending", ["bz2", "snappy", "lz4"])
def test_text_that_duckdb_cannot_unpack_is_refused_by_name(
    lake: Lake, file_format: str, ending: str
) -> None:
    lake.add("t", "a varchar", format=file_format)
    lake.write(f"t/1.{ending}", "a")

    with pytest.raises(UnsupportedHereError, match=rf"unpack .*1\.{ending}"):
        lake.ask("select a from t")


def test_text_in_another_encoding_is_refused_with_line_and_file(lake: Lake) -> None:
    lake.add("t", "a varchar", format=CSV, text=OPEN_CSV)
    path = lake.path("t/1.csv")
    path.write_bytes(b"fine\ncaf\xe9\n")

    with pytest.raises(BadInputError) as caught:
        lake.ask("select a from t")

    assert str(caught.value).startswith(f"The query failed: line 2 of {path} cannot be read: ")
    assert "ignore_errors" not in str(caught.value)
    assert caught.value.hint == "Look at that file, or move it out of the table's folder."


def test_only_columns_that_are_asked_for_must_be_values(lake: Lake) -> None:
    assert rows_of(lake, "x,1\n", OPEN_CSV, "a bigint, b bigint") == [(None, 1)]


def test_lines_of_json_are_rows(lake: Lake) -> None:
    lake.add(
        "t",
        "id bigint, title varchar, seen date, r row(a bigint, b varchar), l array(double), "
        "m map(varchar, bigint)",
        format=JSON,
    )
    lake.write(
        "t/1.json",
        '{"id":1,"title":"ä\\n","seen":"2026-01-02","r":{"a":1,"b":"q"},"l":[1,2.5],"m":{"k":1}}\n'
        "\n"
        '{"ID":2,"Title":5,"r":{"A":1},"extra":{}}\n'
        '{"id":null,"title":null,"l":[],"m":{}}\n',
    )

    assert lake.ask("select * from t") == [
        (1, "ä\n", date(2026, 1, 2), {"a": 1, "b": "q"}, [1.0, 2.5], {"k": 1}),
        (2, "5", None, {"a": 1, "b": None}, None, None),
        (None, None, None, None, [], {}),
    ]


@pytest.mark.parametrize("name", ["id", "a.b", "a b", "$id", "*", 'say "x"', "é", "[0]"])
@pytest.mark.parametrize("is_upper", [False, True])
def test_names_in_json_stand_for_themselves(lake: Lake, name: str, is_upper: bool) -> None:  # noqa: FBT001
    table = lake.add("t", "v bigint, other bigint", format=JSON)
    columns = (TableColumn(name, "bigint"), TableColumn("other", "bigint"))
    lake.catalogue.known["lake", "t"] = replace(table, columns=columns)
    written = name.upper() if is_upper else name
    lines = [
        json.dumps({written: 1, "a": {"b": 9}}, ensure_ascii=escapes) for escapes in (True, False)
    ]
    lake.write("t/1.json", "\n".join(lines))

    assert lake.ask("select * from t") == [(1, None), (1, None)]


def test_objects_of_json_may_be_nested_in_each_other(lake: Lake) -> None:
    lake.add("t", "v array(row(a bigint, m map(integer, row(b array(varchar)))))", format=JSON)
    lake.write(
        "t/1.json",
        '{"v":[{"A":1,"m":{"7":{"B":["x",null]},"8":null}},null,{}]}\n{"v":null}\n{}\n',
    )

    assert lake.ask("select v from t") == [
        (
            [
                {"a": 1, "m": {7: {"b": ["x", None]}, 8: None}},
                None,
                {"a": None, "m": None},
            ],
        ),
        (None,),
        (None,),
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"id":', "Malformed JSON"),
        ('{"id":"x"}', 'Failed to cast value to numerical: "x"'),
        ('{"id":1.5}', "a field is bigint, but the file has 1.5"),
        ("[1]", "Expected OBJECT"),
    ],
)
def test_json_that_does_not_fit_is_refused(lake: Lake, line: str, said: str) -> None:
    lake.add("t", "id bigint", format=JSON)
    lake.write("t/1.json", f'{{"id":1}}\n{line}\n')

    with pytest.raises(BadInputError) as caught:
        lake.ask("select id from t")

    assert said in str(caught.value)
    assert caught.value.hint == "Look at that file, or move it out of the table's folder."
