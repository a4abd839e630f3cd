"""From what is typed, a file, a saved query or an earlier one to statements with their values."""

from datetime import date
from pathlib import Path

import pytest

from fakes import NOON
from selfserve.core.sql.engines import Engine
from selfserve.core.sql.records import QueryRecord, make_query_id
from selfserve.core.sql.requests import SqlRequest
from selfserve.errors import BadInputError, NotFoundError
from selfserve.usecases.sql.orders import (
    Ready,
    Script,
    check_engine,
    make_ready,
    read_script,
    repeated_script,
    saved_script,
)
from selfserve.usecases.sql.running import Order, show_query
from sql_ways import FakeAnswer, FakeWay, make_session

TOP = """\
-- description: The films of one day.
-- cluster: mine
-- engine: trino
-- param: day date
-- param: country varchar = 'DE'
select :day, :country
"""


def values_of(ready: Ready, at: int = 0) -> dict[str, object]:
    found = ready.parameters_of(ready.statements[at], Engine.TRINO)
    return {name: parameter.value for name, parameter in found.items()}


def ready_for(script: Script, *given: str) -> Ready:
    return make_ready(script, given, Engine.TRINO)


def record_of(script: Script, *given: str) -> QueryRecord:
    """The script's first statement, run and written down."""
    ready = ready_for(script, *given)
    statement = ready.statements[0]
    request = SqlRequest(
        text=statement.text, parameters=ready.parameters_of(statement, Engine.TRINO), schema="sales"
    )
    way = FakeWay(make=lambda: FakeAnswer([], []))
    return show_query(make_session(way), Order(request=request), lambda _: None)


def test_a_script_is_cut_into_its_statements() -> None:
    ready = ready_for(Script(text="use sales;\nselect ';' as a; -- done\n"))

    assert [statement.text for statement in ready.statements] == ["use sales", "select ';' as a"]
    assert [statement.line for statement in ready.statements] == [1, 2]


@pytest.mark.parametrize("text", ["", "  \n", ";;", "-- nothing\n", "/* nothing */ ;"])
def test_a_script_without_a_statement_says_so(text: str) -> None:
    with pytest.raises(BadInputError, match="There is no statement") as raised:
        ready_for(Script(text=text))
    assert "selfserve sql" in raised.value.hint


def test_each_statement_gets_the_values_that_it_has_places_for() -> None:
    script = Script(text="select :a; select 1; select :b, :a")

    ready = ready_for(script, "a=1", "b=x")

    assert [values_of(ready, at) for at in range(3)] == [{"a": 1}, {}, {"b": "x", "a": 1}]


def test_a_value_that_is_missing_is_named() -> None:
    with pytest.raises(BadInputError, match="day"):
        ready_for(Script(text="select :day"))


def test_a_value_without_a_place_is_named() -> None:
    with pytest.raises(BadInputError, match="dya"):
        ready_for(Script(text="select :day"), "day=2026-01-31", "dya=2026-01-31")
    with pytest.raises(BadInputError, match="day"):
        ready_for(Script(text="select 1"), "day=2026-01-31")


def test_a_file_is_read_with_its_header(tmp_path: Path) -> None:
    path = tmp_path / "top.sql"
    path.write_text(TOP, encoding="utf-8")

    script = read_script(path)

    assert (script.cluster, script.engine, script.saved) == ("mine", Engine.TRINO, None)
    assert values_of(ready_for(script, "day=2026-01-31")) == {
        "day": date(2026, 1, 31),
        "country": "DE",
    }


def test_a_file_of_windows_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "top.sql"
    path.write_bytes(b"\xef\xbb\xbf" + TOP.replace("\n", "\r\n").encode())

    script = read_script(path)

    assert script.cluster == "mine"
    assert [one.text for one in ready_for(script, "day=2026-01-31").statements] != []


@pytest.mark.parametrize(
    ("content", "said"), [(None, "No such file"), (b"select '\xff'", "is not UTF-8 text")]
)
def test_a_file_that_cannot_be_read_says_why(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    path = tmp_path / "top.sql"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(BadInputError, match=said) as raised:
        read_script(path)
    assert "selfserve sql -f" in raised.value.hint


def test_a_saved_query_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SELFSERVE_QUERIES", str(tmp_path))
    (tmp_path / "top.sql").write_text(TOP, encoding="utf-8")

    script = saved_script("top")

    assert (script.saved, script.cluster, script.engine) == ("top", "mine", Engine.TRINO)
    assert values_of(ready_for(script, "day=2026-01-31", "country=AT"))["country"] == "AT"
    with pytest.raises(NotFoundError, match="did you mean 'top'"):
        saved_script("topp")


def test_a_wrong_value_of_a_declared_parameter_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "top.sql"
    path.write_text(TOP, encoding="utf-8")

    with pytest.raises(BadInputError, match="day"):
        ready_for(read_script(path), "day=tomorrow")


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("select :day", ["day=2026-01-31"]),
        ("select :n + :m", ["n=42", "m:decimal(4,2)=1.50"]),
        ("select :name", ["name='O''Hara, :day=1'"]),
        ("select x in (:ids)", ["ids:bigint[]=1,2,3"]),
        ("select x in (:names)", ["names:varchar[]='a,b',c"]),
        ("select :b, :t", ["b=true", "t:timestamp=2026-01-31 01:02:03.456"]),
        ("select :empty", ["empty=''"]),
    ],
)
def test_a_query_is_repeated_with_the_same_values(text: str, given: list[str]) -> None:
    first = ready_for(Script(text=text), *given)
    record = record_of(Script(text=text), *given)

    again = ready_for(repeated_script(record))

    assert again.parameters == first.parameters
    assert [one.text for one in again.statements] == [text]


def test_a_query_is_repeated_with_some_values_changed() -> None:
    record = record_of(Script(text="select :day, :country"), "day=2026-01-31", "country=DE")

    script = repeated_script(record)
    again = ready_for(script, "day=2026-02-01")

    assert values_of(again) == {"day": date(2026, 2, 1), "country": "DE"}
    assert (script.repeats, script.schema) == (record.query_id, "sales")


def test_a_changed_value_may_have_another_type() -> None:
    record = record_of(Script(text="select :n"), "n=42")

    assert values_of(ready_for(repeated_script(record), "n:varchar=42")) == {"n": "42"}


def test_all_items_of_a_list_are_replaced_together() -> None:
    record = record_of(Script(text="select x in (:ids)"), "ids:bigint[]=1,2,3")

    assert values_of(ready_for(repeated_script(record), "ids:bigint[]=7,8")) == {"ids": (7, 8)}


@pytest.mark.parametrize(
    ("cluster", "profile", "expected"),
    [("mine", "adhoc-presto", "mine"), (None, "spark-ml", "spark-ml"), (None, None, None)],
)
def test_a_query_is_repeated_where_it_ran(
    cluster: str | None, profile: str | None, expected: str | None
) -> None:
    record = QueryRecord(
        query_id=make_query_id(NOON, "abcdef"),
        text="select 1",
        engine=Engine.TRINO,
        answered_by="Trino",
        cluster=cluster,
        profile=profile,
        owner="ada",
        created=NOON,
    )

    assert repeated_script(record).cluster == expected


@pytest.mark.parametrize("there", list(Engine))
def test_without_a_word_on_it_a_query_is_for_any_engine(there: Engine) -> None:
    check_engine(None, there)
    check_engine(there, there)


@pytest.mark.parametrize(
    ("wanted", "there", "hint"),
    [
        (Engine.HIVE, Engine.TRINO, "-c hive-batch"),
        (Engine.SPARK, Engine.HIVE, "-c spark-ml"),
        (Engine.TRINO, Engine.PRESTO, "-c adhoc-presto"),
        (Engine.PRESTO, Engine.TRINO, "a profile with Presto"),
    ],
)
def test_a_query_for_another_engine_is_told_where_to_go(
    wanted: Engine, there: Engine, hint: str
) -> None:
    with pytest.raises(BadInputError, match=f"for {wanted.called}, and here") as raised:
        make_ready(Script(text="select 1", engine=wanted), [], there)
    assert hint in raised.value.hint
