"""SHOW and DESCRIBE, answered from a catalogue."""

import pytest

from embedded_lake import MemoryCatalogue, to_columns
from selfserve.core.sql.answers import Column, Progress, Row
from selfserve.core.sql.metadata import answer_metadata
from selfserve.core.sql.problems import SqlError, UnsupportedHereError
from selfserve.core.sql.tables import Table

CATALOGUE = MemoryCatalogue({"default": "s3://lake", "sales": "", "sales_old": "", "odd name": ""})
for _schema, _name in (
    ("sales", "films"),
    ("sales", "makers"),
    ("default", "top_films"),
    ("default", "topxfilms"),
    ("odd name", 'say "so"'),
):
    CATALOGUE.create_table(
        Table(
            schema=_schema,
            name=_name,
            columns=to_columns("id bigint, title varchar"),
            partition_columns=to_columns("day date"),
        )
    )
HEAD = ("Column", "Type", "Extra", "Comment")
FILMS = [
    ("id", "bigint", "", ""),
    ("title", "varchar", "", ""),
    ("day", "date", "partition key", ""),
]


def rows(text: str) -> list[Row]:
    answer = answer_metadata(text, CATALOGUE, schema="default")
    return [row for batch in answer.batches() for row in batch]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("show catalogs", ["hive"]),
        ("show catalogs like 'x%'", []),
        ("SHOW SCHEMAS", ["default", "odd name", "sales", "sales_old"]),
        ("show schemas from hive like 'sales%'", ["sales", "sales_old"]),
        ("show databases in awsdatacatalog like 'sales'", ["sales"]),
        ("show schemas like 'sales!_%' escape '!'", ["sales_old"]),
        ("show tables", ["top_films", "topxfilms"]),
        ("show tables;", ["top_films", "topxfilms"]),
        ("show tables like 'top_films'", ["top_films", "topxfilms"]),
        ("show tables like 'top$_films' escape '$'", ["top_films"]),
        ("show tables like 'TOP%'", []),
        ("show tables like '[a-z]*'", []),
        ("show tables from sales", ["films", "makers"]),
        ("show tables in hive.Sales like '%m_'", ["films"]),
        ("show tables in hive.\"SALES\" like '%m%'", ["films", "makers"]),
        ('show tables from "odd name"', ['say "so"']),
        ("/* of\n the */ show -- all\n tables\nfrom sales -- ;", ["films", "makers"]),
    ],
)
def test_names_are_listed_in_their_order(text: str, names: list[str]) -> None:
    assert rows(text) == [(name,) for name in names]


@pytest.mark.parametrize(
    "text",
    [
        "describe sales.films",
        "DESC hive.sales.films",
        "show columns from sales.films",
        'show columns in "sales"."FILMS"',
        "describe `sales`.`films`;",
    ],
)
def test_columns_are_described(text: str) -> None:
    assert rows(text) == FILMS
    columns = answer_metadata(text, CATALOGUE, schema="default").columns
    assert columns == tuple(Column(name, "varchar") for name in HEAD)


def test_names_without_a_schema_are_of_the_one_in_use() -> None:
    answer = answer_metadata("describe films", CATALOGUE, schema="sales")

    assert list(answer.rows) == FILMS


def test_columns_may_be_picked() -> None:
    assert rows("show columns from sales.films like '_i%'") == [FILMS[1]]


def test_quoted_names_may_have_quotes() -> None:
    assert rows('describe "odd name"."say ""so"""') == FILMS


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "show tables from sale",
            (
                "Line 1, column 18: there is no schema sale; did you mean 'sales'?\n"
                "  show tables from sale\n"
                "                   ^^^^"
            ),
        ),
        (
            "describe -- films of\n  sales.film",
            (
                "Line 2, column 9: there is no table film in schema sales; did you mean 'films'?\n"
                "    sales.film\n"
                "          ^^^^"
            ),
        ),
        ('show columns from "Nope"', "column 19: there is no table nope in schema default\n  show"),
        ("describe describe", "Line 1, column 10: there is no table describe"),
        ("show schemas from hiv", "there is no catalog hiv; did you mean 'hive'?"),
        ("show tables from other.sales", "Line 1, column 18: there is no catalog other"),
        ("describe other.sales.films", "Line 1, column 10: there is no catalog other"),
        ("describe 'films", "this string is not closed"),
    ],
)
def test_an_unknown_name_is_marked(text: str, said: str) -> None:
    with pytest.raises(SqlError) as caught:
        rows(text)

    assert said in str(caught.value)


def test_the_schema_in_use_may_be_gone() -> None:
    with pytest.raises(SqlError, match="there is no schema gone"):
        answer_metadata("show tables", CATALOGUE, schema="gone")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("show create table films", "SHOW CREATE"),
        ("show functions", "SHOW FUNCTIONS"),
        ("show session", "SHOW SESSION"),
        ("show stats for films", "SHOW STATS"),
        ("describe input x", "DESCRIBE INPUT"),
        ("show tables from a.b.c.d", "SHOW TABLES"),
    ],
)
def test_what_has_no_answer_here_is_refused_by_name(text: str, named: str) -> None:
    with pytest.raises(UnsupportedHereError, match=f"has no answer to {named}"):
        rows(text)


def test_a_fixed_answer_is_finished_and_has_read_nothing() -> None:
    answer = answer_metadata("show tables", CATALOGUE, schema="sales")
    answer.cancel()

    figures = answer.figures()

    assert (figures.rows, figures.bytes_read, figures.rows_read) == (2, 0, 0)
    assert answer.progress() == Progress("FINISHED")
