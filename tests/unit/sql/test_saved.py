"""Headers of saved queries, and the folders where saved queries are found."""

from datetime import date
from pathlib import Path

import pytest

from selfserve.core.sql.engines import Engine
from selfserve.core.sql.text.parameter_types import parse_type
from selfserve.core.sql.text.parameters import Declaration
from selfserve.core.sql.text.saved import SavedQuery, parse_saved
from selfserve.errors import BadInputError, NotFoundError
from selfserve.usecases.sql.saved_queries import find_saved, list_saved, query_folders

TOP_FILMS = """\
-- description: The films that were seen most: on one day.
-- cluster: adhoc-presto
--engine:Trino

-- Note: counts are of sessions.
--   param: day date
-- param: country varchar = 'DE'
-- param: ids bigint[] = 1,2
-- ----------
select 1 -- param: other date
-- enigne: hive
"""


def test_a_header_says_what_a_query_is_and_needs() -> None:
    assert parse_saved("top_films", TOP_FILMS) == SavedQuery(
        name="top_films",
        text=TOP_FILMS,
        description="The films that were seen most: on one day.",
        cluster="adhoc-presto",
        engine=Engine.TRINO,
        parameters={
            "day": Declaration(parse_type("date")),
            "country": Declaration(parse_type("varchar"), "DE"),
            "ids": Declaration(parse_type("bigint[]"), (1, 2)),
        },
    )


def test_a_query_needs_no_header() -> None:
    assert parse_saved("one", "select 1") == SavedQuery(name="one", text="select 1", parameters={})


def test_line_ends_of_windows_belong_to_no_value() -> None:
    query = parse_saved("one", "-- engine: hive\r\n-- param: day date = 2026-01-31\r\nselect 1\r\n")

    assert query.engine is Engine.HIVE
    assert query.parameters["day"].default == date(2026, 1, 31)


def test_a_default_may_be_an_empty_text() -> None:
    assert parse_saved("one", "-- param: a varchar = ''").parameters["a"].default == ""
    assert parse_saved("one", "-- param: a varchar =").parameters["a"].default == ""


@pytest.mark.parametrize(
    "comment",
    [
        "-- customer: Acme",
        "-- engineer: Ada",
        "-- todo: faster",
        "-- see https://example.com",
        "-- a::date is a cast",
        "-- owner:",
        "-- team: data",
    ],
)
def test_ordinary_comments_stay_possible(comment: str) -> None:
    assert parse_saved("one", f"{comment}\nselect 1").parameters == {}


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        pytest.param("-- enigne: hive", "there is no enigne; did you mean 'engine'?",
                     "Write `-- engine: …`", id="misspelt"),
        pytest.param("-- params: day date", "there is no params; did you mean 'param'?",
                     "Write `-- param: …`", id="plural"),
        pytest.param("-- parameter: day date", "there is no parameter; did you mean 'param'?",
                     "Write `-- param: …`", id="long"),
        pytest.param("-- engine: trini", "trini is not an engine; did you mean 'trino'?",
                     "Engines are trino, presto, hive and spark.", id="engine"),
        pytest.param("-- cluster:", "'' is not the name of a cluster or a profile.",
                     "selfserve profiles list", id="no-cluster"),
        pytest.param("-- param: day dat", "dat is not a type of parameters; did you mean 'date'?",
                     "Types are varchar, ", id="type"),
        pytest.param("-- param: day", "'day' is not a name and a type.",
                     "-- param: day date", id="no-type"),
        pytest.param("-- param: Day date", "'Day date' is not a name and a type.",
                     "-- param: day date", id="capitals"),
        pytest.param("-- param: day date = soon",
                     "soon is no default for date: this is no date.",
                     "Write it like this: = 2026-01-31", id="default"),
        pytest.param("-- param: a date\n-- param: a date", "a is declared a second time.",
                     "Keep one", id="parameter-twice"),
        pytest.param("-- engine: hive\n-- engine: hive", "engine is here a second time.",
                     "Keep one", id="key-twice"),
    ],
)  # fmt: skip
def test_what_cannot_be_understood_names_its_line(line: str, message: str, hint: str) -> None:
    with pytest.raises(BadInputError) as caught:
        parse_saved("one", f"-- description: x\n\n{line}\nselect 1")

    number = 3 + line.count("\n")
    assert str(caught.value) == f"Saved query one, line {number}: {message}"
    assert hint in caught.value.hint


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders `named`, `queries` and `config/queries`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SELFSERVE_CONFIG", str(tmp_path / "config" / "config.yaml"))
    for folder in ("named", "queries", "config/queries"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def test_the_nearest_query_of_a_name_is_found(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (house / "config/queries/top.sql").write_text("select 'yours'")
    assert find_saved("top").text == "select 'yours'"

    (house / "queries/top.sql").write_text("select 'here'")
    assert find_saved("@top").text == "select 'here'"

    (house / "named/top.sql").write_text("\ufeffselect 'named'", encoding="utf-8")
    monkeypatch.setenv("SELFSERVE_QUERIES", str(house / "named"))
    assert find_saved("top").text == "select 'named'"


def test_the_list_has_the_nearest_of_each_name_and_says_which_are_wrong(house: Path) -> None:
    (house / "config/queries/top.sql").write_text("select 'yours'")
    (house / "queries/top.sql").write_text("-- description: Mine\nselect 'here'")
    (house / "config/queries/bad.sql").write_text("-- engine: no\nselect 1")
    (house / "config/queries/latin.sql").write_bytes(b"select '\xe9'")
    (house / "config/queries/notes.txt").write_text("no query")

    bad, latin, top = list_saved()

    assert (bad.name, bad.where, bad.query) == ("bad", "yours", None)
    assert bad.problem.startswith("Saved query bad, line 1: no is not an engine")
    assert "is not UTF-8 text" in latin.problem
    assert (top.where, top.problem) == ("here", "")
    assert top.query is not None
    assert top.query.description == "Mine"


def test_a_name_that_nothing_has_says_what_is_like_it_and_where_it_would_be(house: Path) -> None:
    (house / "queries/top_films.sql").write_text("select 1")

    with pytest.raises(NotFoundError) as caught:
        find_saved("top_film")

    assert str(caught.value) == "No saved query is called top_film; did you mean 'top_films'?"
    assert f"top_film.sql in {house}/queries or {house}/config/queries." in caught.value.hint


def test_a_name_is_no_path(house: Path) -> None:
    (house / "secret.sql").write_text("select 1")

    with pytest.raises(NotFoundError):
        find_saved("../secret")


def test_nothing_is_listed_where_there_are_no_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert list_saved(query_folders({"SELFSERVE_CONFIG": str(tmp_path / "config.yaml")})) == []
