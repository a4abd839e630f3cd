"""Statements that make, fill and drop tables."""

from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pyarrow as pa
import pytest

from embedded_lake import BUCKET, CSV, Lake
from runner_bench import wait_until
from selfserve.core.sql.problems import SqlError, UnsupportedHereError
from selfserve.core.sql.requests import SqlRequest
from selfserve.core.sql.tables import FileFormat, Table, TableColumn
from selfserve.errors import (
    BadInputError,
    InterruptedByUserError,
    NotFoundError,
    SelfserveError,
)


@pytest.fixture
def films(lake: Lake) -> Lake:
    lake.add("films", "id integer, title varchar")
    lake.write_parquet(
        "films/1.parquet", {"id": pa.array([1, 2], pa.int32()), "title": ["Alien", "Brazil"]}
    )
    return lake


def files(lake: Lake, folder: str) -> list[Path]:
    return sorted((lake.folder / folder).rglob("*"))


def test_a_schema_is_made_and_dropped(lake: Lake) -> None:
    assert lake.ask("create schema sales") == [(True,)]
    assert lake.ask("create schema hive.other with (location = 's3://lake/x')") == [(True,)]
    assert lake.ask("create schema if not exists sales") == [(True,)]
    assert lake.catalogue.locations["other"] == "s3://lake/x"

    assert lake.ask("drop schema sales") == [(True,)]

    assert "sales" not in lake.catalogue.locations
    assert lake.ask("drop schema if exists sales") == [(True,)]
    with pytest.raises(NotFoundError):
        lake.ask("drop schema sales")
    with pytest.raises(BadInputError, match="already"):
        lake.ask("create schema other")


def test_a_managed_table_is_in_its_schemas_folder(lake: Lake) -> None:
    lake.ask("create schema sales")

    lake.ask("create table Sales.Films (Id bigint, title varchar(10), price decimal(10, 2))")

    assert lake.catalogue.find("sales", "films") == Table(
        schema="sales",
        name="films",
        columns=(
            TableColumn("id", "bigint"),
            TableColumn("title", "varchar(10)"),
            TableColumn("price", "decimal(10,2)"),
        ),
        location=f"{BUCKET}/sales.db/films",
    )
    assert lake.catalogue.managed == {"sales.films"}
    assert lake.ask("select * from sales.films") == []


def test_an_external_table_is_of_files_that_are_there(films: Lake) -> None:
    films.ask(
        "create table again (id bigint) with (external_location = 's3://lake/films/', "
        "format = 'parquet')"
    )

    assert films.ask("select id from again order by id") == [(1,), (2,)]
    assert films.catalogue.managed == set()


def test_a_table_may_have_partitions_and_another_format(lake: Lake) -> None:
    lake.ask(
        "create table t (a varchar, day varchar) "
        "with (format = 'CSV', partitioned_by = array['day'])"
    )

    table = lake.catalogue.find("lake", "t")
    assert table is not None
    assert table.format is FileFormat.CSV
    assert table.partition_columns == (TableColumn("day", "varchar"),)
    assert table.columns == (TableColumn("a", "varchar"),)


@pytest.mark.parametrize(
    ("written", "of_type"),
    [
        ("int", "integer"),
        ("timestamp", "timestamp(3)"),
        ("timestamp(6) with time zone", "timestamp(6) with time zone"),
        ("decimal", "decimal(38,0)"),
        ("array(timestamp)", "array(timestamp(3))"),
        ("map(varchar, decimal(10, 2))", "map(varchar, decimal(10,2))"),
        ("row(x bigint, y array(int))", "row(x bigint, y array(integer))"),
        ("char(3)", "char(3)"),
        ("real", "real"),
        ("double", "double"),
        ("varbinary", "varbinary"),
    ],
)
def test_types_are_written_in_one_way(lake: Lake, written: str, of_type: str) -> None:
    lake.ask(f"create table t (v {written})")

    table = lake.catalogue.find("lake", "t")
    assert table is not None
    assert table.columns == (TableColumn("v", of_type),)


def test_a_table_is_made_of_a_querys_rows(films: Lake) -> None:
    made = films.ask("create table late as select id, upper(title) as Name from films where id > 1")

    assert made == [(1,)]
    assert films.ask("select * from late") == [(2, "BRAZIL")]
    table = films.catalogue.find("lake", "late")
    assert table is not None
    assert table.columns == (TableColumn("id", "integer"), TableColumn("name", "varchar"))
    assert [path.suffix for path in files(films, "late")] == [".parquet"]


@pytest.mark.parametrize(
    "query",
    [
        "with x as (select 1 as n) select * from x",
        "(select 1 as n)",
        "table one",
        "select n from (values 1) as t(n)",
        "select 1 as n -- as select",
        "select 1 as n;",
    ],
)
def test_the_query_may_be_written_in_any_way(lake: Lake, query: str) -> None:
    lake.add("one", "n integer")
    lake.write_parquet("one/1.parquet", {"n": pa.array([1], pa.int32())})

    lake.ask(f"create table t /* as */ with (format = 'PARQUET') as {query}")
    lake.ask(f"insert into t {query}")
    lake.ask(f"insert into lake.t (n) {query}")

    assert lake.ask("select n from t") == [(1,), (1,), (1,)]


def test_a_query_without_rows_makes_a_table_without_files(films: Lake) -> None:
    assert films.ask("create table none as select id from films where id > 9") == [(0,)]

    assert films.ask("select * from none") == []
    assert files(films, "none") == []


def test_nothing_is_done_if_the_table_is_there(films: Lake) -> None:
    assert films.ask("create table if not exists films (x bigint)") == [(True,)]
    assert films.ask("create table if not exists films as select 1 as x") == [(0,)]
    with pytest.raises(BadInputError, match=r"Table lake\.films is there already"):
        films.ask("create table films (x bigint)")
    with pytest.raises(BadInputError, match=r"Table lake\.films is there already"):
        films.ask("create table films as select 1 as x")

    assert films.ask("select count(*) from films") == [(2,)]


@pytest.mark.parametrize(
    "query",
    ["select cast(title as bigint) as n from films", "select nope from films", "select 1"],
)
def test_a_query_that_fails_leaves_no_table_and_no_file(films: Lake, query: str) -> None:
    before = files(films, "")

    with pytest.raises(SelfserveError):
        films.ask(f"create table t as {query}")
    with pytest.raises(SelfserveError):
        films.ask(f"insert into films (id) {query.replace('select 1', 'select 1/0')}")

    assert films.catalogue.find("lake", "t") is None
    assert files(films, "") == before


def test_a_catalogue_that_refuses_leaves_no_file(
    films: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files(films, "")

    def refuse(table: Table, *, is_managed: bool = True) -> None:
        raise BadInputError(f"Hive has no such type: {table} {is_managed}", hint="Take another.")

    monkeypatch.setattr(films.catalogue, "create_table", refuse)
    with pytest.raises(BadInputError, match="Hive has no such type"):
        films.ask("create table t as select id from films")

    assert files(films, "") == before


def test_a_table_is_not_made_where_other_files_are(films: Lake) -> None:
    films.write_parquet("t/old.parquet", {"id": [7]})

    with pytest.raises(BadInputError, match="There are files already in s3://lake/t"):
        films.ask("create table t as select id from films")

    assert films.catalogue.find("lake", "t") is None


def test_rows_are_added(films: Lake) -> None:
    assert films.ask("insert into films values (3, 'Cube'), (4, null)") == [(2,)]
    assert films.ask("insert into hive.lake.films (Title) select 'Dune'") == [(1,)]
    assert films.ask("insert into films (title, id) values ('Eraserhead', 5)") == [(1,)]

    assert films.ask("select * from films order by id, title") == [
        (1, "Alien"),
        (2, "Brazil"),
        (3, "Cube"),
        (4, None),
        (5, "Eraserhead"),
        (None, "Dune"),
    ]


def test_a_query_may_read_the_table_that_it_fills(films: Lake) -> None:
    assert films.ask("insert into films select id + 10, title from films") == [(2,)]
    assert films.ask("insert into films select * from films") == [(4,)]

    assert films.ask("select count(*), max(id) from films") == [(8, 12)]


ALL_TYPES = (
    "i bigint, s smallint, r real, f double, d decimal(10,2), v varchar, v3 varchar(3), "
    "t timestamp(3), da date, b boolean, a array(bigint)"
)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("i", "cast(1 as integer)"),
        ("i", "null"),
        ("f", "1"),
        ("f", "1.5"),
        ("r", "1"),
        ("d", "cast(1.5 as decimal(5,2))"),
        ("d", "cast(1 as smallint)"),
        ("v", "'text'"),
        ("v3", "'abc'"),
        ("v3", "'ab   '"),
        ("t", "date '2026-01-01'"),
        ("t", "timestamp '2026-01-01 00:00:00'"),
        ("a", "array[1, 2]"),
    ],
)
def test_values_that_trino_coerces_are_taken(lake: Lake, column: str, value: str) -> None:
    lake.add("t", ALL_TYPES)

    assert lake.ask(f"insert into t ({column}) select {value}") == [(1,)]


@pytest.mark.parametrize(
    ("column", "value", "given"),
    [
        ("i", "'1'", "varchar(1)"),
        ("i", "1.0", "decimal(2,1)"),
        ("i", "true", "boolean"),
        ("s", "1", "integer"),
        ("r", "1e0", "double"),
        ("d", "1", "integer"),
        ("d", "1e0", "double"),
        ("d", "cast(1 as decimal(12,2))", "decimal(12,2)"),
        ("v", "1", "integer"),
        ("v", "date '2026-01-01'", "date"),
        ("da", "'2026-01-01'", "varchar(10)"),
        ("da", "timestamp '2026-01-01 00:00:00'", "timestamp(0)"),
        ("b", "1", "integer"),
        ("a", "array['x']", "array(varchar(1))"),
        ("a", "1", "integer"),
    ],
)
def test_values_that_trino_does_not_coerce_are_refused(
    lake: Lake, column: str, value: str, given: str
) -> None:
    table = lake.add("t", ALL_TYPES)
    wanted = next(one.type for one in table.columns if one.name == column)

    with pytest.raises(SqlError) as caught:
        lake.ask(f"insert into t ({column}) select {value}")

    assert str(caught.value) == (
        f"Column {column} of lake.t is {wanted}, but the query gives {given}."
    )
    assert caught.value.hint == f"Say so, if that is meant: cast(… as {wanted})"


def test_text_that_is_too_long_for_its_column_is_refused(lake: Lake) -> None:
    lake.add("t", ALL_TYPES)

    with pytest.raises(BadInputError, match=r"Text of column v3 is longer than varchar\(3\): abcd"):
        lake.ask("insert into t (v3) values ('abc'), ('abcd')")

    assert lake.ask("select v3 from t") == []


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("insert into films values (1)", "The query gives 1 column, and 2 of lake.films"),
        ("insert into films select 1, 'a', 2", "The query gives 3 columns, and 2 of lake.films"),
        ("insert into films (id) select 1, 'a'", "The query gives 2 columns, and 1 of lake.films"),
        (
            "insert into films\n  (id, titel) values (1, 'a')",
            (
                "Line 2, column 8: table lake.films has no column titel; did you mean 'title'?\n"
                "    (id, titel) values (1, 'a')\n"
                "         ^^^^^"
            ),
        ),
        ("insert into films (id, ID) values (1, 2)", "column id is listed twice"),
        (
            "insert into film values (1)",
            "Line 1, column 13: there is no table film in schema lake; did you mean 'films'?",
        ),
        ("create table t as select 1, 2 as b", "Column 1 of the query has no name"),
        ("create table t as select 1 as a, 2 as A", "Two columns of the query are called a"),
        ("create table t as select null as a", "Column a has no type"),
        ("create table t (a bigint,, b bigint)", "Line 1, column 25: something is missing after"),
        (
            "create table t as\nselect id,\n  titel from films",
            (
                "Line 3, column 3: there is no column 'titel'; did you mean 'title'?\n"
                "    titel from films\n"
                "    ^^^^^"
            ),
        ),
        (
            "insert into films\nselect id, title\nfrom film",
            (
                "Line 3, column 6: there is no table lake.film; did you mean 'films'?\n"
                "  from film\n"
                "       ^^^^"
            ),
        ),
        ("drop table film", "Line 1, column 12: there is no table film in schema lake"),
        ("create table t (a bigint", "this is not Trino's SQL"),
    ],
)
def test_what_is_wrong_is_marked_in_the_users_text(films: Lake, statement: str, said: str) -> None:
    with pytest.raises(SqlError) as caught:
        films.ask(statement)

    assert said in str(caught.value)


def test_tables_and_views_are_dropped_as_what_they_are(films: Lake) -> None:
    films.add("late", "id integer", view="select id from films", view_schema="lake")
    with pytest.raises(BadInputError, match=r"lake\.films is a table, not a view"):
        films.ask("drop view films")
    with pytest.raises(BadInputError, match=r"lake\.late is a view, not a table"):
        films.ask("drop table if exists late")

    assert films.ask("drop view late") == [(True,)]
    assert films.ask("drop table hive.lake.films") == [(True,)]

    assert films.catalogue.known == {}
    assert films.ask("drop table if exists films") == [(True,)]


def test_a_schema_with_tables_is_not_dropped(films: Lake) -> None:
    with pytest.raises(BadInputError, match="has tables"):
        films.ask("drop schema lake")


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("create view v as select 1 as a", "CREATE VIEW"),
        ("create or replace view v as select 1 as a", "CREATE OR REPLACE VIEW"),
        ("create or replace table t as select 1 as a", "CREATE OR REPLACE TABLE"),
        ("create materialized view v as select 1 as a", "CREATE MATERIALIZED"),
        ("create function f() returns bigint return 1", "CREATE FUNCTION"),
        ("create tabel t (a bigint)", "CREATE TABEL"),
        ("create table t with (format = 'ORC') as select 1 as a", "AS with the format ORC"),
        ("create table t (a) as select 1", "CREATE TABLE AS with names of columns"),
        ("create table t with (partitioned_by = array['b']) as select 1 a, 2 b", "partitions"),
        ("create table t as select 1 as a with no data", "WITH NO DATA"),
        ("create table t (like films)", "LIKE"),
        ("create table t (a bigint not null)", "columns with NOT NULL"),
        ("create table t (a bigint comment 'x')", "columns with COMMENT"),
        ("create table t (a bigint) comment 'x'", "tables with COMMENT"),
        ("create table t (a bigint) with (bucket_count = 3)", "WITH (bucket_count = …)"),
        ("create table t (a bigint) with (format = 'AVRO')", "tables of format AVRO"),
        ("create table t (a bigint) with (format = 'CSV')", "columns that are not varchar"),
        ("create table other.lake.t (a bigint)", "tables of the catalog other"),
        (
            "create table t (k bigint, a bigint) with (partitioned_by = array['x'])",
            "partitioned_by",
        ),
        ("insert into days values (1, 'x')", "INSERT INTO lake.days, which has partitions"),
        ("insert into texts values ('x')", "INSERT INTO lake.texts, which is no table of Parquet"),
        ("insert overwrite films select 1, 'a'", "INSERT OVERWRITE"),
        ("with x as (select 1 a) insert into films select a, 'b' from x", "WITH"),
        ("delete from films where id = 1", "DELETE FROM"),
        ("update films set id = 1", "UPDATE"),
        ("merge into films using films f on true when matched then delete", "MERGE INTO"),
        ("alter table films add column x bigint", "ALTER TABLE"),
        ("drop schema lake cascade", "DROP SCHEMA … CASCADE"),
        ("drop function f", "DROP FUNCTION"),
        ("truncate table films", "TRUNCATE"),
        ("comment on table films is 'x'", "COMMENT"),
        ("grant select on films to ada", "GRANT"),
        ("analyze films", "ANALYZE"),
        ("call system.sync()", "CALL"),
    ],
)
def test_what_cannot_be_done_in_the_same_way_is_refused_by_name(
    films: Lake, statement: str, named: str
) -> None:
    films.add("days", "id bigint", keys="day varchar", partitions={("x",): "day=x"})
    films.add("texts", "a varchar", format=CSV)
    before = files(films, "")

    with pytest.raises(UnsupportedHereError) as caught:
        films.ask(statement)

    assert named in str(caught.value)
    assert files(films, "") == before


def test_whoever_only_reads_changes_nothing(tmp_path: Path) -> None:
    with Lake(tmp_path, can_change=False) as lake:
        lake.add("films", "id bigint")

        with pytest.raises(UnsupportedHereError, match="does not do DROP"):
            lake.ask("drop table films")

        assert lake.catalogue.find("lake", "films") is not None


ENDLESS = (
    "select cast(a.x as integer) as x from unnest(sequence(1, 10000)) a(x) "
    "cross join unnest(sequence(1, 10000)) b(y) cross join unnest(sequence(1, 10000)) c(z)"
)


@pytest.mark.parametrize(
    "statement",
    ["insert into films (id) select 1", "create table t as select 1 as x", "drop table films"],
)
def test_a_change_is_made_when_its_answer_is_read(films: Lake, statement: str) -> None:
    answer = films.sql.answer(SqlRequest(text=statement, schema="lake"))
    before = films.ask("select count(*) from films")

    answer.cancel()

    with pytest.raises(InterruptedByUserError):
        list(answer.batches())
    assert films.ask("select count(*) from films") == before == [(2,)]
    assert films.catalogue.find("lake", "t") is None


@pytest.mark.parametrize("into", ["insert into films (id)", "create table t as"])
def test_a_cancelled_write_leaves_no_row_and_no_table(films: Lake, into: str) -> None:
    before = files(films, "")
    answer = films.sql.answer(SqlRequest(text=f"{into} {ENDLESS}", schema="lake"))
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(lambda: list(answer.batches()))
        wait_until(lambda: writing.done() or list(films.folder.rglob("*.part")))

        while not writing.done():
            answer.cancel()
            wait([writing], timeout=0.1)

    with pytest.raises(InterruptedByUserError):
        writing.result()
    assert files(films, "") == before
    assert films.catalogue.find("lake", "t") is None


def test_a_table_is_not_entered_once_its_statement_is_cancelled(
    films: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = films.sql.answer(SqlRequest(text="create table t as select 1 as x", schema="lake"))
    rename = Path.rename

    def rename_and_cancel(path: Path, to: Path) -> Path:
        answer.cancel()
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", rename_and_cancel)
    with pytest.raises(InterruptedByUserError):
        list(answer.batches())

    assert films.catalogue.find("lake", "t") is None
    assert files(films, "t") == []
