"""A statement that Trino would not take: what is wrong, what was meant, and where it stands."""

import pytest

from selfserve.core.sql.problems import SqlError
from translating import translated

# the statement; the message; the text above the carets
WRONG = [
    ("select a b c from films", "'c' is not expected here", "c"),
    ("selec 1", "'1' is not expected here", "1"),
    ("select\n  1 +\nfrom films", "'from' is not expected here", "from"),
    ("select (1", "ends too early", "1"),
    ("select * from films where", "ends too early", "e"),
    ("select id from films limit", "ends too early", "t"),
    ("select 'abc", "what begins with ' does not end", "'"),
    ("select 'it''s', \"abc", 'what begins with " does not end', '"'),
    ("select 1 /* note", "what begins with / does not end", "/"),
    ("select 1; select 2", "a second statement begins here", "select"),
    ("select 99999999999999999999", "too large for a bigint", "99999999999999999999"),
    ("select titel from films", "there is no column 'titel'; did you mean 'title'?", "titel"),
    ("select f.titel from films f", "did you mean 'title'?", "titel"),
    ("select films.id from films f", "there is no table 'films' in this FROM", "films"),
    ('select "Titel" from films', "did you mean 'title'?", '"Titel"'),
    ("select 1 from filsm", "there is no table sales.filsm; did you mean 'films'?", "filsm"),
    ("select 1 from sales.makes", "there is no table sales.makes; did you mean 'makers'?", "makes"),
    ("select 1 from hve.sales.films", "there is no catalog 'hve'; did you mean 'hive'?", "hve"),
    ("select id from films, makers", "column 'id' is ambiguous", "id"),
    ("select uper(title) from films", "there is no function 'uper'; did you mean 'upper'?", "uper"),
    ("select maker.nam from films", "there is no field 'nam'", "nam"),
    ("select 1 from films where title = 1", "'=' cannot be applied to varchar, integer", "title"),
    ("select 1 from films where title > released", "cannot be applied to varchar, date", "title"),
    ("select title + 1 from films", "'+' cannot be applied to varchar, integer", "title"),
    ("select 1 from films where id", "WHERE needs a boolean, not bigint", "id"),
    ("select 1 from films where id in ('a')", "bigint and varchar(1) do not go together", "id"),
    ("select case when id = 1 then 1 else 'a' end from films", "do not go together", "id"),
    ("select coalesce(id, 'a') from films", "do not go together", "coalesce"),
    ("select upper(id) from films", "upper does not take (bigint)", "upper"),
    ("select length(id) from films", "length does not take (bigint)", "length"),
    ("select substr('a') from films", "substr does not take 1 arguments", "substr"),
    ("select substring(id, 1) from films", "substring does not take", "substring"),
    ("select sum(title) from films", "sum does not take (varchar)", "sum"),
    ("select row_number() from films", "row_number needs OVER", "row_number"),
    ("select upper(title) over () from films", "upper is no aggregate function", "upper"),
    ("select sum(*) from films", "sum(*) is not possible", "sum"),
    ("select id from films order by 3", "ORDER BY 3: there are 1 columns", "3"),
    ("select id from films group by 2", "GROUP BY 2: there are 1 columns", "2"),
    ("select id as x from films group by x", "there is no column 'x'", "x"),
    ("select id as x from films where x = 1", "there is no column 'x'", "x"),
    ("select id from films limit 1.5", "has to be a whole number", "1.5"),
    ("select * from films f join makers m", "a join needs ON or USING", "makers"),
    ("select 1 from films join makers using (title)", "is not on both sides", "title"),
    ("select 1 union select 1, 2", "UNION of 1 and 2 columns", "1"),
    ("select 1 union select 'a'", "UNION of integer and varchar(1)", "'a'"),
    ("select (select id, year from films)", "has 2 columns, not one", "id"),
    ("select 1 from (values (1, 2), (3)) t", "differ in their number of columns", "1"),
    ("select 1 from (values 1) t(a, b)", "2 names are given to 1 columns", "a"),
    ("select * from unnest(1)", "UNNEST takes arrays and maps, not integer", "1"),
    ("select date '2026-01-01' + interval '1' hour", "cannot be added to a date", "'2026-01-01'"),
    ("select year(title) from films", "year cannot be taken of varchar", "year"),
    ("select date_add('dy', 1, released) from films", "'dy' is no unit of time", "date_add"),
    ("select title from films where released = :day", "the parameter :day has no value", ":day"),
    ("select id::varchar from films", "Trino has no '::'", "::"),
    ("select 1::integer", "Trino has no '::'", "::"),
    ("select '2024-01-01'::date", "Trino has no '::'", "::"),
    ("select [1, 2]", "an array is ARRAY[1, 2]", "["),
    ("select cardinality([1])", "an array is ARRAY[1, 2]", "["),
    ("select {'a': 1}", "an array is ARRAY[1, 2]", "{"),
    ("select id from films limit 1, 2", "no LIMIT of two numbers", "2"),
    ("select id from films limit 1 offset 2", "OFFSET stands before LIMIT", "offset"),
    ("select distinct year from films order by id", "takes only what is selected", "id"),
    ("select distinct year from films order by year + 1", "takes only what is selected", "year"),
    ("select distinct id as x from films order by x, -x", "takes only what is selected", "x"),
    ("select count(distinct id) over (partition by year) from films", "go with OVER", "count"),
    ("select count(distinct id) filter (where id > 1) over () from films", "with OVER", "count"),
    ("select id, from films", "'from' is not expected here", "from"),
    ("select upper(title,) from films", "')' is not expected here", ")"),
    ("select id from films where id == 1", "no '=='", "=="),
    ("select 1 <=> 1", "no '<=>'", "<=>"),
    ("select !true", "no '!'", "!"),
    ("select decimal 'abc'", "'abc' is no decimal", "'abc'"),
    ("select 'a' * interval '1' day", "'*' cannot be applied to varchar(1), interval", "'a'"),
    ("select title ilike 'a' from films", "Trino has no ILIKE", "title"),
    ("select not title ilike 'a' from films", "Trino has no ILIKE", "title"),
    ("select count(*) from films group by all", "no GROUP BY ALL", "all"),
    ("select id from :t", "a parameter stands for a value, not for a table", ":t"),
    ("select f.id from films f join :t on true", "not for a table", ":t"),
    (
        "select 1.00000000000000000000000000000000000001",
        "more digits",
        "1.00000000000000000000000000000000000001",
    ),
    ("from films", "begins with SELECT, not FROM", "from"),
    ("from films select id", "begins with SELECT, not FROM", "from"),
    ("select id from (from films)", "begins with SELECT, not FROM", "from"),
    ("with f as (select 1 id) from f", "begins with SELECT, not FROM", "from"),
    ("select title ->> '$.a' from films", "is not expected here", "->>"),
    ("select title -> '[1e0]' from films", "is not expected here", "->"),
    ("select 1e from films", "1e is no number", "1e"),
    ("select 1e0.5", "1e0.5 is no number", "1e0.5"),
    ("select 1e0+titel+1e1-2 from films", "there is no column 'titel'", "titel"),
    ("select 1e0+1e0-1.5e1+titel from films", "there is no column 'titel'", "titel"),
    ("select title, count(*) from films", "column 'title' is neither in GROUP BY", "title"),
    ("select year, max(id) + id from films group by year", "column 'id' is neither", "id"),
    ("select year from films group by year having id > 1", "column 'id' is neither", "id"),
    ("select sum(id) over (order by title) from films group by id", "'title' is neither", "title"),
    ("select x.* from films", "there is no table 'x' in FROM", "x"),
    ("select 'a' like 'a#b' escape '#'", "# escapes only itself", "'a'"),
]


@pytest.mark.parametrize(("text", "message", "marked"), WRONG, ids=[row[0] for row in WRONG])
def test_what_is_wrong_is_said_and_marked(text: str, message: str, marked: str) -> None:
    with pytest.raises(SqlError) as caught:
        translated(text)

    head, line, carets = str(caught.value).splitlines()
    assert message in head
    start = carets.index("^")
    assert line[start : len(carets)] == marked
    number = text[: text.index(line.strip()) if text.count("\n") else 0].count("\n") + 1
    assert head.startswith(f"Line {number}, column {start - 1}: ")
    assert caught.value.hint


@pytest.mark.parametrize("star", ["* exclude (id)", "* except (id)", "* replace (1 as id)"])
def test_a_star_that_trino_does_not_have_is_wrong(star: str) -> None:
    with pytest.raises(SqlError, match="Trino has no \\* with EXCLUDE"):
        translated("select STAR from films".replace("STAR", star))


def test_what_the_parser_fails_at_is_no_crash() -> None:
    with pytest.raises(SqlError, match="cannot be understood"):
        translated("select films join :t ? at time zone '' from")


def test_a_number_of_thousands_of_digits_is_too_large() -> None:
    with pytest.raises(SqlError, match="too large for a bigint"):
        translated(f"select {'9' * 5000}")


def test_bytes_that_are_no_utf_8_are_said_and_marked() -> None:
    with pytest.raises(SqlError, match="Line 1, column 10: this character is not UTF-8") as caught:
        translated("select 'M\udcfcnchen'")

    str(caught.value).encode()
    assert "iconv" in caught.value.hint


def test_tabs_and_lines_before_do_not_move_the_mark() -> None:
    with pytest.raises(SqlError) as caught:
        translated("-- films\nselect id,\n\ttitel\nfrom films")

    assert str(caught.value).splitlines() == [
        "Line 3, column 2: there is no column 'titel'; did you mean 'title'?",
        "  \ttitel",
        "  \t^^^^^",
    ]
    assert caught.value.hint == 'See its columns with: selfserve sql "describe sales.films"'


def test_the_hint_for_an_unknown_table_shows_how_to_list_them() -> None:
    with pytest.raises(SqlError) as caught:
        translated("select * from nothing_like_it")

    assert 'selfserve sql "show tables"' in caught.value.hint


def test_an_empty_statement_is_no_statement() -> None:
    for text in ("", "  ", ";", "-- nothing"):
        with pytest.raises(SqlError, match="there is no statement"):
            translated(text)
