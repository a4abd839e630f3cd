"""What is offered at the cursor, which is | here."""

from collections.abc import Sequence

import pytest

from selfserve.core.sql.engines import Engine
from selfserve.core.sql.text.completion import Completion, complete, is_complete

COLUMNS = {
    ("lake", "films"): ["film_id", "title", "year"],
    ("lake", "ratings"): ["film_id", "stars", "Rated At"],
    ("raw", "events"): ["event_id", "date"],
}


class KnownNames:
    def schemas(self) -> Sequence[str]:
        return ["lake", "raw"]

    def tables(self, schema: str | None) -> Sequence[str]:
        return [table for known, table in COLUMNS if known == (schema or "lake")]

    def columns(self, schema: str | None, table: str) -> Sequence[str]:
        return COLUMNS.get((schema or "lake", table), [])

    def functions(self) -> Sequence[str]:
        return ["approx_distinct", "year", "substr"]


def offered(text: str, engine: Engine = Engine.TRINO) -> list[str]:
    before, _, after = text.partition("|")
    return [found.text for found in complete(before, after, KnownNames(), engine)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("|", [], id="nothing-before-the-first-letter"),
        pytest.param("sel|", ["select"], id="start"),
        pytest.param("SEL|", ["SELECT"], id="in-capitals-as-typed"),
        pytest.param("select 1; ins|", ["insert"], id="start-of-another-statement"),
        pytest.param("select * from |", ["films", "ratings", "lake", "raw"], id="tables"),
        pytest.param("select * from f|", ["films"], id="tables-that-start-so"),
        pytest.param("select * from FI|", ["films"], id="in-any-case"),
        pytest.param("select * from raw.|", ["events"], id="of-a-schema"),
        pytest.param("select * from raw.e|", ["events"], id="of-a-schema-that-start-so"),
        pytest.param("select * from hive.raw.|", ["events"], id="of-a-schema-of-a-catalogue"),
        pytest.param('select * from "raw".|', ["events"], id="of-a-quoted-schema"),
        pytest.param("select * from films f join r|", ["ratings", "raw"], id="join"),
        pytest.param("select * from films f, r|", ["ratings", "raw"], id="list-of-tables"),
        pytest.param("select * from films f, lake.ratings as x, e|", [], id="longer-list"),
        pytest.param("insert into r|", ["ratings", "raw"], id="insert"),
        pytest.param("describe f|", ["films"], id="describe"),
        pytest.param("use r|", ["raw"], id="use"),
        pytest.param("select | from films", ["film_id", "title", "year"], id="columns"),
        pytest.param("select tit| from films", ["title"], id="columns-that-start-so"),
        pytest.param("select tit|, year from films", ["title"], id="in-a-list"),
        pytest.param("select 1; select tit| from films; select", ["title"], id="statement-alone"),
        pytest.param("select ev| from raw.events", ["event_id", "events"], id="other-schema"),
        pytest.param("select st| from films f join ratings r on", ["stars"], id="two-tables"),
        pytest.param("select film| from films join ratings", ["film_id", "films"], id="once"),
        pytest.param("select f.| from films f", ["film_id", "title", "year"], id="alias"),
        pytest.param("select F.t| from films as f", ["title"], id="alias-with-as"),
        pytest.param("select films.t| from films", ["title"], id="table-as-qualifier"),
        pytest.param("select lake.films.t| from lake.films", ["title"], id="with-its-schema"),
        pytest.param("select r.s| from films f, ratings r", ["stars"], id="alias-in-a-list"),
        pytest.param("select g.t| from films f", [], id="unknown-alias"),
        pytest.param("select r.| from ratings r", ["film_id", "stars", '"Rated At"'], id="quoted"),
        pytest.param("select * from films where tit|", ["title"], id="where"),
        pytest.param("select * from films whe|", ["where", "when"], id="no-alias-but-a-keyword"),
        pytest.param("select app| from films", ["approx_distinct"], id="function"),
        pytest.param("with best as (select 1) select * from b|", ["best"], id="name-made-by-with"),
        pytest.param("select 'sel|", [], id="in-a-string"),
        pytest.param("select 'x'|", [], id="right-after-a-string"),
        pytest.param('select "ti| from films', [], id="in-a-quoted-name"),
        pytest.param("select 1 -- fro|", [], id="in-a-comment"),
        pytest.param("select /* fro|", [], id="in-a-comment-of-more-lines"),
        pytest.param("select 1|", [], id="in-a-number"),
        pytest.param("select * from films| where", [], id="whole-already"),
    ],
)
def test_what_is_offered(text: str, expected: list[str]) -> None:
    assert offered(text) == expected


def test_a_name_is_quoted_as_the_engine_does() -> None:
    assert offered("select r.ra| from ratings r", Engine.HIVE) == ["`Rated At`"]


def test_what_is_offered_says_what_it_replaces_and_what_it_is() -> None:
    assert complete("select tit", " from films", KnownNames()) == [Completion("title", 3, "column")]


@pytest.mark.parametrize(("engine", "text"), [(Engine.TRINO, "date"), (Engine.HIVE, "`date`")])
def test_a_name_that_is_a_keyword_is_quoted_where_it_must_be(engine: Engine, text: str) -> None:
    assert offered("select e.da| from raw.events e", engine) == [text]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select 1;", True),
        ("select 1 ;  \n", True),
        ("select 1; -- done", True),
        ("select 1", False),
        ("", False),
        ("select ';", False),
        ("select ';'", False),
        ("select 1 -- ;", False),
        ("/* ; ", False),
        ("select 1; select 2", False),
        ("select 1; select 2;", True),
        (";", True),
    ],
)
def test_a_statement_is_complete_with_its_semicolon(text: str, *, expected: bool) -> None:
    assert is_complete(text) is expected
