"""Clauses of queries: what rows Trino gives, when DuckDB answers the translation.

Expectations follow https://trino.io/docs/current/sql/select.html, …/functions/aggregate.html and
…/functions/window.html.
"""

import base64
import json
from decimal import Decimal

import pytest

from selfserve.core.sql.engines import Engine
from selfserve.core.sql.problems import SqlError, UnsupportedHereError
from selfserve.core.sql.tables import Table, TableColumn
from selfserve.core.sql.translation import translate
from translating import FILMS, answer, database, translated

D = Decimal
SOURCES = {
    "NUMBERS": "(values 3, null, 1, 2) t(x)",
    "PAIRS": "(values ('a', 1), ('a', 2), ('b', 3), ('b', null)) t(k, v)",
}

ROWS = [
    ("select x from NUMBERS order by x", [(1,), (2,), (3,), (None,)]),
    ("select x from NUMBERS order by x desc", [(3,), (2,), (1,), (None,)]),
    ("select x from NUMBERS order by x desc nulls first", [(None,), (3,), (2,), (1,)]),
    ("select x as y from NUMBERS order by y", [(1,), (2,), (3,), (None,)]),
    ("select -x as x from NUMBERS order by x", [(-3,), (-2,), (-1,), (None,)]),
    ("select x as y from NUMBERS order by -x", [(3,), (2,), (1,), (None,)]),
    ("select x from NUMBERS order by 1 limit 2", [(1,), (2,)]),
    ("select x from NUMBERS order by 1 offset 1 limit 2", [(2,), (3,)]),
    ("select x from NUMBERS order by 1 offset 1 rows fetch next 1 row only", [(2,)]),
    ("select x from NUMBERS order by 1 limit all", [(1,), (2,), (3,), (None,)]),
    ("select count(*), count(x), count(distinct x) from NUMBERS", [(4, 3, 3)]),
    ("select sum(x), avg(x), min(x), max(x) from NUMBERS", [(6, 2.0, 1, 3)]),
    ("select sum(x), avg(x), array_agg(x) from NUMBERS where x > 9", [(None, None, None)]),
    ("select array_agg(x order by x) from NUMBERS", [([1, 2, 3, None],)]),
    ("select array_agg(x order by x desc) from NUMBERS", [([3, 2, 1, None],)]),
    ("select array_agg(distinct x order by x) from NUMBERS", [([1, 2, 3, None],)]),
    ("select sum(x) filter (where x > 1), count_if(x > 1) from NUMBERS", [(5, 2)]),
    ("select bool_and(x > 0), bool_or(x > 2), every(x > 1) from NUMBERS", [(True, True, False)]),
    ("select stddev(x), variance(x), var_pop(x) from NUMBERS", [(1.0, 1.0, 2 / 3)]),
    ("select stddev(x), corr(x, x) from (values 1) t(x)", [(None, None)]),
    ("select avg(x) from (values 1.0, 2.5, 2.6) t(x)", [(D("2.0"),)]),
    ("select avg(x) from (values 0.1, 0.2) t(x)", [(D("0.2"),)]),
    ("select avg(x) from (values -0.1, -0.2) t(x)", [(D("-0.2"),)]),
    ("select sum(x) from (values 1.10, 2.20) t(x)", [(D("3.30"),)]),
    ("select min_by(k, v), max_by(k, v) from (values ('a', 1), (null, 2), ('c', null)) t(k, v)",
     [("a", None)]),
    ("select k, sum(v) from PAIRS group by k order by k", [("a", 3), ("b", 3)]),
    ("select upper(k), count(*) from PAIRS group by 1 order by 1", [("A", 2), ("B", 2)]),
    ("select k from PAIRS group by k having count(v) > 1", [("a",)]),
    ("select k, grouping(k), sum(v) from PAIRS group by rollup(k) order by 1",
     [("a", 0, 3), ("b", 0, 3), (None, 1, 6)]),
    ("select k, v, count(*) from PAIRS group by grouping sets ((k), (v), ()) order by 1, 2, 3",
     [("a", None, 2), ("b", None, 2), (None, 1, 1), (None, 2, 1), (None, 3, 1), (None, None, 1),
      (None, None, 4)]),
    ("select k, count(*) from PAIRS group by cube(k) order by 1", [("a", 2), ("b", 2), (None, 4)]),
    ("select distinct k from PAIRS order by k desc", [("b",), ("a",)]),
    ("select distinct upper(k) from PAIRS order by upper(k)", [("A",), ("B",)]),
    ("select distinct k as l from PAIRS order by t.k", [("a",), ("b",)]),
    ("select distinct v * 1.0 / 3 as l from PAIRS order by v * 1.0 / 3 limit 1", [(D("0.3"),)]),
    ("select k, v, row_number() over (partition by k order by v desc) from PAIRS order by 1, 3",
     [("a", 2, 1), ("a", 1, 2), ("b", 3, 1), ("b", None, 2)]),
    ("select v, rank() over (order by k), dense_rank() over (order by k) from PAIRS order by 1",
     [(1, 1, 1), (2, 1, 1), (3, 3, 2), (None, 3, 2)]),
    ("select v, lag(v) over (order by v), lead(v, 1, 0) over (order by v) from PAIRS order by 1",
     [(1, None, 2), (2, 1, 3), (3, 2, None), (None, 3, 0)]),
    ("select v, sum(v) over (order by v), last_value(v) over (order by v) from PAIRS order by 1",
     [(1, 1, 1), (2, 3, 2), (3, 6, 3), (None, 6, None)]),
    (("select v, sum(v) over (order by v rows between 1 preceding and current row)"
      " from PAIRS order by 1"), [(1, 1), (2, 3), (3, 5), (None, 3)]),
    ("select v, ntile(2) over (order by v), count(*) over () from PAIRS order by 1",
     [(1, 1, 4), (2, 1, 4), (3, 2, 4), (None, 2, 4)]),
    ("select k, sum(sum(v)) over (order by k) from PAIRS group by k order by 1",
     [("a", 3), ("b", 6)]),
    ("select upper(k) || '!', 1, count(*) from PAIRS group by upper(k) order by 1",
     [("A!", 1, 2), ("B!", 1, 2)]),
    ("select maker.name, count(*) from films group by maker.name order by 1",
     [("Brandywine", 1), ("Embassy", 1), (None, 1)]),
    ("select maker.name, count(*) from films group by maker order by 1",
     [("Brandywine", 1), ("Embassy", 1), (None, 1)]),
    ("select f.year + 1, count(*) from films f group by year order by 1 limit 1", [(1980, 1)]),
    (("select year, (select max(id) from makers where id < f.year) from films f group by 1"
      " order by 1"),
     [(1979, 1), (1985, 1), (1997, 1)]),
    ("select count(*), transform(array[1], x -> x + 1) from films", [(3, [2])]),
    ("select 1 union select 1", [(1,)]),
    ("select 1 union all select 1", [(1,), (1,)]),
    ("select 1 union select 2.5 order by 1", [(D("1.0"),), (D("2.5"),)]),
    ("select x from (values 1, 1, 2) t(x) intersect select 1", [(1,)]),
    ("select x from (values 1, 1, 2) t(x) except select 2", [(1,)]),
    ("select x from (values 1, 1, 2) t(x) except all select 1 order by 1", [(1,), (2,)]),
    ("select 1 union select 2 intersect select 3", [(1,)]),
    ("(select 1 union select 2) intersect select 2", [(2,)]),
    ("(select 2 as x union all select 1) order by x limit 1", [(1,)]),
    ("select * from (select 3 x union all select 1 x order by x limit 1) t", [(1,)]),
    ("values row(2, 'b'), row(1, 'a') order by 1", [(1, "a"), (2, "b")]),
    ("values (2, 'b'), (1, 'a') order by 1", [(1, "a"), (2, "b")]),
    ("with t as (select 1 a), u as (select a + 1 b from t) select * from t, u", [(1, 2)]),
    ("with t(z) as (select 1) select z from t", [(1,)]),
    ("with t as (select 1 a) select (with t as (select 2 a) select a from t), a from t", [(2, 1)]),
    ("table makers", [(1, "Embassy")]),
    ("select 1 where exists (select * from films)", [(1,)]),
    ("select id from films where exists (select 1 from makers where name = maker.name)", [(2,)]),
    ("select id from films where id not in (select id from makers) order by 1", [(2,), (3,)]),
    ("select id from films where id not in (select null)", []),
    ("select id, (select max(m.id) from makers m where m.id = f.id) from films f order by 1",
     [(1, 1), (2, None), (3, None)]),
    ("select t.id from films t where exists (select 1 from makers t where t.id = 1) order by 1",
     [(1,), (2,), (3,)]),
    ("select f.id, m.name from films f left join makers m on f.id = m.id order by 1",
     [(1, "Embassy"), (2, None), (3, None)]),
    ("select id, name from films join makers using (id)", [(1, "Embassy")]),
    ("select id, name from makers right join films using (id) order by 1",
     [(1, "Embassy"), (2, None), (3, None)]),
    (("select id, a, b from (values (1, 'x')) s(id, a) full join (values (2, 'y'))"
      " t(id, b) using (id) order by 1"), [(1, "x", None), (2, None, "y")]),
    ("select * from (values (1, 'x')) s(id, a) join (values (1, 'y')) t(id, b) using (id)",
     [(1, "x", "y")]),
    ("select s.x, t.x from (values 1) s(x) cross join (values 2) t(x)", [(1, 2)]),
    ("select a.*, b.x from (values 1) a(x), (values 2) b(x)", [(1, 2)]),
    ("select id, tag from films cross join unnest(tags) as t(tag) order by 1, 2",
     [(1, "horror"), (1, "space"), (2, "satire")]),
    ("select tag, n from films, unnest(tags) with ordinality as t(tag, n) where id = 1 order by n",
     [("space", 1), ("horror", 2)]),
    (("select x, y from unnest(array[1, 2], array['a']) as t(x, y) order by"
      " 1"), [(1, "a"), (2, None)]),
    ("select k, v from unnest(map(array['a', 'b'], array[1, 2])) as t(k, v) order by 1",
     [("a", 1), ("b", 2)]),
    ("select id, tag from films left join unnest(tags) as t(tag) on true order by 1, 2",
     [(1, "horror"), (1, "space"), (2, "satire"), (3, None)]),
    ("select maker.name, f.maker.country from films f order by f.id",
     [("Brandywine", "us"), ("Embassy", "uk"), (None, None)]),
    (("select f.id, y.n from films f cross join lateral (select count(*) n from makers"
      " m where m.id = f.id) y order by 1"), [(1, 1), (2, 0), (3, 0)]),
    ("select TITLE, Films.YEAR from hive.SALES.Films where sales.films.id = 1",
     [("Alien", 1979)]),
    ("select count(*) from awsdatacatalog.sales.films", [(3,)]),
    ("select price / 3, price * 1.1, avg(price) over () from films where id = 1",
     [(D("3.33"), D("10.989"), D("9.99"))]),
    ("select sum(price) / count(price) from films", [(D("8.75"),)]),
    ("select id from films where rating > 8 or rating < 1", [(1,)]),
    ("select id from films where released between date '1980-01-01' and date '1990-01-01'", [(2,)]),
    ("select id from films where title like '%a%' and not contains(tags, 'satire')", []),
]  # fmt: skip


@pytest.mark.parametrize(("text", "rows"), ROWS, ids=[row[0] for row in ROWS])
def test_a_query_gives_the_rows_of_trino(text: str, rows: list[tuple[object, ...]]) -> None:
    for name, source in SOURCES.items():
        text = text.replace(name, source)

    assert answer(text) == rows


COLUMNS = [
    ("select 1", [("_col0", "integer")]),
    ("select ID, Title as Name, upper(title), 1 from films",
     [("id", "bigint"), ("name", "varchar"), ("_col2", "varchar"), ("_col3", "integer")]),
    ('select id as "My Id" from films', [("My Id", "bigint")]),
    ('select "A B", X from (select 1 as "A B", 2 as x)', [("A B", "integer"), ("x", "integer")]),
    ("select a, a from (values 1) t(a)", [("a", "integer"), ("a", "integer")]),
    ("select maker.name from films", [("name", "varchar")]),
    ("select * from makers", [("id", "bigint"), ("name", "varchar")]),
    ("select 1 x union select 2 y", [("x", "integer")]),
    ("select sum(id), avg(id), sum(price), avg(price), count(*), sum(year) from films",
     [("_col0", "bigint"), ("_col1", "double"), ("_col2", "decimal(38,2)"),
      ("_col3", "decimal(10,2)"), ("_col4", "bigint"), ("_col5", "bigint")]),
    ("select price * price, price + 1, price / 3 from films",
     [("_col0", "decimal(20,4)"), ("_col1", "decimal(13,2)"), ("_col2", "decimal(10,2)")]),
    ("select tags, maker from films where false",
     [("tags", "array(varchar)"), ("maker", "row(name varchar, country varchar)")]),
    ("select date_trunc('day', released), now(), year(released) from films",
     [("_col0", "date"), ("_col1", "timestamp(3) with time zone"), ("_col2", "bigint")]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "columns"), COLUMNS, ids=[row[0] for row in COLUMNS])
def test_columns_have_the_names_and_types_of_trino(
    text: str, columns: list[tuple[str, str]]
) -> None:
    found = translated(text)

    assert found.columns is not None
    assert [(column.name, column.type) for column in found.columns] == columns


def test_types_of_results_in_duckdb_are_those_named() -> None:
    text = "select price * price, price + 1, sum(price) over (), avg(price) over () from films"

    types = [str(type_) for type_ in database().sql(translated(text).sql).types]

    assert types == ["DECIMAL(20,4)", "DECIMAL(13,2)", "DECIMAL(38,2)", "DECIMAL(10,2)"]


def test_a_parameter_is_bound_with_its_type() -> None:
    found = translated(
        "select id from films where released < :day and title = :t",
        parameters={"day": "date", "t": "varchar"},
    )

    rows = database().execute(found.sql, {"day": "1980-01-01", "t": "Alien"}).fetchall()
    assert rows == [(1,)]
    assert "CAST($day AS DATE)" in found.sql


def test_each_table_is_named_once() -> None:
    found = translated("select 1 from films a, films b where a.id in (select id from makers)")

    assert [table.name for table in found.tables] == ["films", "makers"]


def view(text: str) -> dict[tuple[str, str], Table]:
    columns = (TableColumn("title", "varchar"), TableColumn("n", "bigint"))
    return {("sales", "v"): Table(schema="sales", name="v", columns=columns, view=text)}


def encoded(text: str) -> str:
    content = json.dumps({"originalSql": text, "catalog": "hive", "schema": "sales"})
    return f"/* Presto View: {base64.b64encode(content.encode()).decode()} */"


@pytest.mark.parametrize(
    "text",
    [
        encoded("select title, count(*) from films group by title"),
        "SELECT `films`.`title`, `films`.`id` FROM `sales`.`films` WHERE `films`.`id` > 0",
    ],
)
def test_a_view_stands_for_its_query(text: str) -> None:
    found = translated("select w.title from v w where n = 1", views=view(text))

    assert ("Alien",) in database().execute(found.sql).fetchall()
    assert [table.name for table in found.tables] == ["films"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("SELECT title, id / 2 FROM sales.films", "DIV"),
        ("SELECT concat(title, 'x'), id FROM sales.films", "CONCAT"),
        (encoded("select title, approx_distinct(id) from films group by 1"), "approx_distinct"),
        (encoded("select titel, 1 from films"), "titel"),
        (encoded("select title, n from v"), "reads itself"),
        (encoded("select title from films"), "other columns"),
        ("/* Presto View: AAAA */", "cannot be read"),
        ("selct what", "v"),
    ],
)
def test_a_view_that_cannot_be_translated_is_refused(text: str, reason: str) -> None:
    with pytest.raises(UnsupportedHereError, match=reason):
        translated("select * from v", views=view(text))


def test_the_dialects_of_hive_and_spark_are_refused() -> None:
    with pytest.raises(UnsupportedHereError, match="Spark SQL"):
        translate("select 1", engine=Engine.SPARK, find=lambda _s, _n: FILMS)


def test_prestos_dialect_is_translated() -> None:
    assert translate("select 1", engine=Engine.PRESTO, find=lambda _s, _n: None).sql


def test_a_deeply_nested_statement_ends_in_an_error_for_people() -> None:
    with pytest.raises((UnsupportedHereError, SqlError)):
        translated("select " + "(" * 3000 + "1" + ")" * 3000)
