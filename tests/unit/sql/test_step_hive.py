"""Scripts for Hive: rows go to files, and places are still the user's."""

import pytest

from selfserve.core.sql.steps.hive_script import Output, write_script
from selfserve.core.sql.text.edits import Edit, Edited

INSERT = "INSERT OVERWRITE DIRECTORY 's3://b/r/' STORED AS PARQUET\n"


def script_of(text: str) -> str:
    """What stands in the script for a statement."""
    return write_script(text, schema="films", rows_uri="s3://b/r/").statement.text


@pytest.mark.parametrize(
    ("text", "statement", "names"),
    [
        pytest.param("select a, t.b from t", "@select a, t.b from t", ("a", "b"), id="as-is"),
        pytest.param("select * from t", "@select * from t", None, id="star"),
        pytest.param(
            "SELECT 1, count(*) AS n",
            "@SELECT 1 AS `_c0`, count(*) AS n",
            ("_c0", "n"),
            id="no-name",
        ),
        pytest.param(
            "select t.id, s.id, x as ID from t",
            "@select t.id, s.id AS `_c1`, x as `_c2` from t",
            ("id", "id", "ID"),
            id="a-name-again",
        ),
        pytest.param(
            "select null, NULL as x",
            "@select CAST(NULL AS STRING) AS `_c0`, CAST(NULL AS STRING) as x",
            ("_c0", "x"),
            id="null-has-no-type-in-parquet",
        ),
        pytest.param(
            "with q as (select 1 x) select x from q order by x",
            "with q as (select 1 x) @select x from q order by x",
            ("x",),
            id="with",
        ),
        pytest.param("from t select a", "from t @select a", ("a",), id="from-comes-first"),
        pytest.param(
            "select 'a', 'b' union all select 'c', 'd'",
            "@select 'a' AS `_c0`, 'b' AS `_c1` union all select 'c', 'd'",
            ("_c0", "_c1"),
            id="union",
        ),
        pytest.param(
            "select if(a, 1, 2), array(1, 2)[0] as i, case when a then 1 else 2 end from t",
            "@select if(a, 1, 2) AS `_c0`, array(1, 2)[0] as i, "
            "case when a then 1 else 2 end AS `_c2` from t",
            ("_c0", "i", "_c2"),
            id="commas-inside",
        ),
        pytest.param("select a form t x", "@select a form t x", None, id="not-understood"),
    ],
)
def test_a_query_becomes_an_insert_into_a_folder(
    text: str, statement: str, names: tuple[str, ...] | None
) -> None:
    script = write_script(text, schema="films", rows_uri="s3://b/r/")

    assert script.text == f"USE `films`;{statement.replace('@', INSERT)}\n;\n"
    assert script.output is Output.FILES
    assert script.names == names


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("show tables", Output.PRINTED),
        ("describe t", Output.PRINTED),
        ("explain select 1", Output.PRINTED),
        ("create table t as select 1", Output.NONE),
        ("insert into t select 1", Output.NONE),
        ("with q as (select 1) insert into t select * from q", Output.NONE),
    ],
)
def test_other_statements_run_as_they_are(text: str, output: Output) -> None:
    script = write_script(text, schema="films", rows_uri="s3://b/r/")

    assert script.text == f"USE `films`;{text}\n;\n"
    assert script.output is output


def test_comments_go_because_hives_client_cuts_at_their_semicolons_and_counts_without_them() -> (
    None
):
    assert script_of("-- top; \nselect a -- not b;\n  -- alone\nfrom t") == (
        INSERT + "select a  \nfrom t"
    )
    assert script_of("select '--' as a") == INSERT + "select '--' as a"


def test_a_place_in_the_script_is_told_as_the_users() -> None:
    text = "-- top\nselect a,\n  b\nfrom nope"
    script = write_script(text, schema="films", rows_uri="s3://b/r/")
    lines = script.statement.text.splitlines()
    assert lines[-1] == "from nope"

    assert script.place(len(lines), 6) == (4, 6)
    assert script.place(2, 8) == (2, 8)


def test_of_what_is_new_the_place_is_that_of_what_follows() -> None:
    edited = Edited("select a, b", [Edit(0, 0, "INSERT\n"), Edit(8, 8, " AS x"), Edit(9, 10, "\n")])

    assert edited.text == "INSERT\nselect a AS x,\nb"
    assert edited.original_place(1, 3) == (1, 1)
    assert edited.original_place(2, 11) == (1, 9)
    assert edited.original_place(3, 1) == (1, 11)
    assert edited.original_place(9, 9) == (1, 12)


def test_edits_that_overlap_are_a_bug() -> None:
    with pytest.raises(ValueError, match="overlap"):
        Edited("abc", [Edit(0, 2, ""), Edit(1, 3, "")])
