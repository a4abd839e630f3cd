"""What the embedded engine cannot answer as Trino does is refused by the name the user wrote."""

import pytest

from selfserve.core.sql.problems import UnsupportedHereError
from translating import answer, translated

REFUSED = [
    ("select approx_distinct(id) from films", "approx_distinct"),
    ("select Approx_Percentile(rating, 0.5) from films", "Approx_Percentile"),
    ("select approx_percentile(rating, 0.5) over () from films", "approx_percentile"),
    ("select rand()", "rand"),
    ("select random(5)", "random"),
    ("select uuid()", "uuid"),
    ("select shuffle(tags) from films", "shuffle"),
    ("select format('%s', 1)", "format"),
    ("select json_extract('{}', '$.a')", "json_extract"),
    ("select checksum(id) from films", "checksum"),
    ("select listagg(title, ',') within group (order by id) from films", "LISTAGG"),
    ("select xxhash64(to_utf8('a'))", "xxhash64"),
    ("select * from films tablesample bernoulli (10)", "TABLESAMPLE"),
    ("select id from films order by id fetch first 1 rows with ties", "WITH TIES"),
    (
        "with recursive t(n) as (select 1 union all select n + 1 from t) select * from t",
        "RECURSIVE",
    ),
    ("select * from films natural join makers", "NATURAL"),
    ("select code from films", "char(3)"),
    ("select * from films", "char(3)"),
    ("select f.code from films f", "char(3)"),
    ("select cast('a' as char(3))", "char(3)"),
    ("select cast('{}' as json)", "json"),
    ("select replace(title, '') from films", "replace"),
    ("select split(title, title) from films", "split"),
    ("select regexp_like(title, title) from films", "regexp_like"),
    ("select regexp_like('a', '(?=a)')", "(?=a)"),
    ("select regexp_like('a', 'a++')", "a++"),
    ("select regexp_like('a', '[a&&b]')", "[a&&b]"),
    ("select regexp_like('a', '\\ba')", "\\ba"),
    ("select regexp_like('a', '(?i)a')", "(?i)a"),
    ("select regexp_extract('a', '(b)?a', 1)", "regexp_extract"),
    ("select regexp_replace('a', 'x*', 'b')", "regexp_replace"),
    ("select regexp_replace('a', 'a', '$0')", "$0"),
    ("select title like title escape '#' from films", "ESCAPE"),
    ("select date '2026-01-02' - date '2026-01-01'", "date_diff"),
    ("select interval '1' day + interval '1' day", "interval"),
    ("select interval '1-2' year to month", "interval"),
    ("select current_timestamp + interval '1' month", "month"),
    ("select date_trunc('day', now())", "date_trunc"),
    ("select date_diff('day', now(), now())", "date_diff"),
    ("select date_format(now(), '%D')", "%D"),
    ("select date_parse('1/2/2026', '%c/%e/%Y')", "%c"),
    ("select from_unixtime(0, 'UTC')", "from_unixtime"),
    ("select round(1234, -2)", "round"),
    ("select cast(cast(1 as real) as varchar)", "real"),
    ("select maker = maker from films", "row"),
    ("select tags = tags from films", "array"),
    ("select id from films order by tags", "ORDER BY"),
    ("select max(tags) from films", "max"),
    ("select max(id, 2) from films", "max"),
    ("select id > all (select 1) from films", "ALL"),
    ("select rating in (select rating from films) from films", "IN"),
    ("select lag(id) ignore nulls over (order by id) from films", "IGNORE NULLS"),
    ("select sum(id) over (order by id range 1 preceding) from films", "RANGE"),
    ("select count(distinct (id, year)) from films", "TUPLE"),
    ("select row(1, 2)", "row"),
    ("select map(array['a'], array[1])['a']", "element_at"),
    ("select reduce(tags, 0, (s, x) -> s, s -> s) from films", "reduce"),
    ("select id from films for update", "FOR UPDATE"),
    ("select distinct on (id) id from films", "DISTINCT ON"),
    ("select try((select 1))", "try"),
    ("select try(date_parse(title, '%Y')) from films", "date_parse"),
    ("select try(cast(title as bigint) + 1) from films", "TRY_CAST"),
    ("select hour(timestamp '2024-07-01 12:00:00 Europe/Berlin')", "Europe/Berlin"),
    ("select timestamp '2024-07-01 12:00:00 +02:00'", "+02:00"),
    ("select 1 where now() > timestamp '2024-07-01 12:00:00 America/New_York'", "New_York"),
    ("select 1_000", "1_000"),
    ("select 0xFF", "HEX"),
    ("select x'00'", "HEX"),
    ("select U&'a'", "UNICODE"),
    ("select interval '2' month", "interval year to month"),
    ("select now() at time zone 'Asia/Tokyo'", "another zone"),
    ("select now() at time zone '+01:00'", "AT TIME ZONE"),
    ("select localtimestamp", "LOCALTIMESTAMP"),
    ("select id & 1 from films", "BITWISE"),
    ("select title ilike 'a' from films", "I LIKE"),
    ("select (id, year) in ((1, 2)) from films", "TUPLE"),
    ("select sum(id) over w from films window w as (order by id)", "WINDOW"),
    ("select * from films match_recognize (pattern (a) define a as true)", "MATCH"),
    ("select ? + 1", ":name"),
    ("insert into films select * from films", "INSERT"),
    ("create table t as select 1", "CREATE"),
    ("drop table films", "DROP"),
    ("delete from films", "DELETE"),
    ("show tables", "SHOW"),
    ("explain select 1", "EXPLAIN"),
]


@pytest.mark.parametrize(("text", "name"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_has_no_equal_is_refused_by_name(text: str, name: str) -> None:
    with pytest.raises(UnsupportedHereError) as caught:
        translated(text)

    assert name in str(caught.value)
    assert "--on aws" in caught.value.hint


FAILING = [
    ("select 1 / (id - id) from films", "Division by zero"),
    ("select id % (id - id) from films", "Division by zero"),
    ("select 1 / 0", "Division by zero"),
    ("select 1.0 / 0", "Division by zero"),
    ("select 1.0 / 0.0", "Division by zero"),
    ("select 1.5 % 0", "Division by zero"),
    ("select mod(1, 0)", "Division by zero"),
    ("select 2147483647 + 1", "Overflow"),
    ("select 9223372036854775807 + 1", "Overflow"),
    ("select sum(x) from (values 9223372036854775807, 1) t(x)", "INT64"),
    ("select cast(300 as tinyint)", "out of range"),
    ("select cast('x' as integer)", "Cannot cast"),
    ("select cast('1.5' as integer)", "Cannot cast"),
    ("select cast('1_000' as integer)", "Cannot cast"),
    ("select cast('yes' as boolean)", "Cannot cast"),
    ("select cast('2026-02-30' as date)", "2026-02-30"),
    ("select cast('01/02/2026' as date)", "Cannot cast"),
    ("select cast(nan() as bigint)", "nan"),
    ("select cast(1234 as varchar(3))", "cannot be cast"),
    ("select cast(1e10 as varchar)", "does not do"),
    ("select try_cast(' 1' as integer)", "does not do"),
    ("select try_cast('2026-1-2 ' as date)", "does not do"),
    ("select cast(' 2024-02-03 ' as date)", "does not do"),
    ("select date ' 2024-02-03'", "does not do"),
    ("select timestamp '2024-2-3 01:02:03'", "does not do"),
    ("select cast(' 1' as integer)", "does not do"),
    (
        "select cast('2024-07-01 12:00:00 Europe/Berlin' as timestamp with time zone)",
        "does not do",
    ),
    ("select try_cast('2024-07-01 12:00:00 +02:00' as timestamp with time zone)", "does not do"),
    ("select try_cast('1d' as double)", "does not do"),
    ("select array[1, 2][3]", "out of bounds"),
    ("select array[1, 2][0]", "out of bounds"),
    ("select element_at(tags, 0 * id) from films", "start at 1"),
    ("select max(x) from (values nan(), 1e0) t(x)", "NaN"),
    ("select greatest(nan(), 1e0)", "NaN"),
    ("select date_parse('2026-1-2', '%Y-%m-%d')", "does not do"),
    ("select regexp_like('é', '\\w')", "ASCII"),
    ("select (select id from films)", "More than one row"),
    ("select sequence(1, 3, -1)", "stop value"),
]


@pytest.mark.parametrize(("text", "message"), FAILING, ids=[row[0] for row in FAILING])
def test_what_fails_in_trino_or_might_differ_fails_when_it_runs(text: str, message: str) -> None:
    import duckdb

    with pytest.raises(duckdb.Error, match=f"(?i){message}"):
        answer(text)
