"""Values reach an engine as values: whatever is in them, the statement stays what it was."""

import re
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal

import duckdb
import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st

from selfserve.core.sql.engines import Engine
from selfserve.core.sql.problems import SqlError
from selfserve.core.sql.text.binding import bind_literals, bind_positional, to_dollar
from selfserve.core.sql.text.literals import to_literal
from selfserve.core.sql.text.parameter_types import VARCHAR, Scalar, parse_type
from selfserve.core.sql.text.parameters import Parameter
from selfserve.core.sql.text.script import split_script
from selfserve.core.sql.text.tokens import TokenKind, scan

NOON = datetime(2026, 1, 31, 12, 0, 0, 500)  # noqa: DTZ001  SQL's timestamp has no zone
DAY = Parameter("day", parse_type("date"), date(2026, 1, 31))
IDS = Parameter("ids", parse_type("bigint[]"), (1, -2))
PARAMETERS = {"day": DAY, "ids": IDS}
TEXT = "select ':day', :day -- :day\nfrom t where day=:day and id in (:ids)"


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def test_positional_values_come_in_the_order_of_their_question_marks() -> None:
    text, values = bind_positional(TEXT, PARAMETERS)

    assert text == "select ':day', ? -- :day\nfrom t where day=? and id in (?, ?)"
    assert values == (date(2026, 1, 31), date(2026, 1, 31), 1, -2)


def test_named_values_have_a_name_for_each_of_a_list() -> None:
    text, values = to_dollar(TEXT, PARAMETERS)

    assert text == "select ':day', $day -- :day\nfrom t where day=$day and id in ($ids_1, $ids_2)"
    assert values == {"day": date(2026, 1, 31), "ids_1": 1, "ids_2": -2}


def test_names_of_a_lists_values_are_nobody_elses() -> None:
    others = {
        "ids_1": Parameter("ids_1", VARCHAR, "x"),
        "ids": IDS,
        "ids_": Parameter("ids_", parse_type("bigint[]"), (3,)),
    }

    text, values = to_dollar("select :ids_1, :ids, :ids_", others)

    assert text == "select $ids_1, $ids__1, $ids__2, $ids___1"
    assert values == {"ids_1": "x", "ids__1": 1, "ids__2": -2, "ids___1": 3}


def test_only_the_values_that_a_statement_uses_go_with_it() -> None:
    assert bind_positional("select 1", PARAMETERS) == ("select 1", ())
    assert to_dollar("select :day", PARAMETERS) == ("select $day", {"day": DAY.value})


def test_literals_take_the_places_of_their_names() -> None:
    text = bind_literals(TEXT, PARAMETERS, Engine.HIVE)

    assert text == (
        "select ':day', DATE '2026-01-31' -- :day\n"
        "from t where day=DATE '2026-01-31' and id in (1, (-2))"
    )


def test_a_question_mark_of_the_statements_own_is_marked() -> None:
    with pytest.raises(SqlError, match=r"^Line 2, column 9: .* cannot have a \?") as caught:
        bind_positional("select '?', :day -- ?\nfrom t( ? )", PARAMETERS)

    assert str(caught.value).endswith("\n          ^")


def test_a_question_mark_is_the_engines_business_where_no_parameter_is() -> None:
    assert bind_positional("select ?", {}) == ("select ?", ())


@pytest.mark.parametrize(
    ("type_text", "value", "literal"),
    [
        ("varchar", "DE", "'DE'"),
        ("integer", 7, "7"),
        ("bigint", 2**63 - 1, "9223372036854775807"),
        ("bigint", -7, "(-7)"),
        ("bigint", -(2**63), "CAST('-9223372036854775808' AS bigint)"),
        ("double", 1.5e300, "CAST('1.5e+300' AS double)"),
        ("double", -0.1, "CAST('-0.1' AS double)"),
        ("decimal(12,2)", Decimal("-1.50"), "CAST('-1.50' AS decimal(12,2))"),
        ("decimal(38,10)", Decimal("0.0000000001"), "CAST('0.0000000001' AS decimal(38,10))"),
        ("boolean", True, "true"),
        ("boolean", False, "false"),
        ("date", date(987, 1, 31), "DATE '0987-01-31'"),
        ("timestamp", NOON, "TIMESTAMP '2026-01-31 12:00:00.000500'"),
        ("varchar[]", ("a", "b'"), "'a', 'b'''"),
        ("decimal(2,1)[]", (Decimal("2.5"),), "CAST('2.5' AS decimal(2,1))"),
    ],
)
def test_literals_of_trino(type_text: str, value: Scalar, literal: str) -> None:
    assert to_literal(value, parse_type(type_text), Engine.TRINO) == literal


@pytest.mark.parametrize("engine", [Engine.HIVE, Engine.SPARK])
@pytest.mark.parametrize(
    ("value", "literal"),
    [
        pytest.param("it's", r"'it\'s'", id="quote"),
        pytest.param('"', "'\"'", id="double-quote"),
        pytest.param("\\", r"'\\'", id="backslash"),
        pytest.param("\\'", r"'\\\''", id="both"),
        pytest.param("100\\%", r"'100\\%'", id="pattern"),
        pytest.param("a\n--b\r\t", r"'a\u000a--b\u000d\u0009'", id="line-ends"),
        pytest.param("${env:HOME};", r"'\u0024{env:HOME}\u003b'", id="variable-and-semicolon"),
        pytest.param("é漢", r"'\u00e9\u6f22'", id="unicode"),
        pytest.param("😀", r"'\ud83d\ude00'", id="beyond-the-first-plane"),
        pytest.param("", "''", id="empty"),
    ],
)
def test_strings_of_hive_and_spark(value: str, literal: str, engine: Engine) -> None:
    assert to_literal(value, VARCHAR, engine) == literal


@pytest.mark.parametrize("engine", list(Engine))
def test_a_minus_sign_before_a_negative_number_starts_no_comment(engine: Engine) -> None:
    text = bind_literals("select 1-:n", {"n": Parameter("n", parse_type("bigint"), -7)}, engine)

    assert not any(token.kind is TokenKind.COMMENT for token in scan(text, engine))


def test_nul_never_gets_into_a_statement() -> None:
    with pytest.raises(ValueError, match="NUL"):
        to_literal("\0", VARCHAR, Engine.TRINO)


_TEXTS = st.text().map(lambda text: text.replace("\0", ""))
_TRICKY = st.text(alphabet="'\"\\`;-/*:?$ \n\r\tnu0{}é漢😀", max_size=12)


@given(text=_TEXTS | _TRICKY)
def test_a_literal_of_any_text_is_that_text(database: duckdb.DuckDBPyConnection, text: str) -> None:
    literal = to_literal(text, VARCHAR, Engine.TRINO)

    assert database.execute(f"select {literal}").fetchone() == (text,)


@given(text=_TEXTS | _TRICKY)
def test_a_named_value_of_any_text_is_that_text(
    database: duckdb.DuckDBPyConnection, text: str
) -> None:
    bound, values = to_dollar("select :order", {"order": Parameter("order", VARCHAR, text)})
    [translated] = sqlglot.transpile(bound, read="trino", write="duckdb")

    assert database.execute(translated, values).fetchone() == (text,)


@pytest.mark.parametrize(
    ("type_text", "value"),
    [
        ("bigint", -(2**63)),
        ("double", 1.5e300),
        ("double", 5e-324),
        ("decimal(38,10)", Decimal("-1234567890.0123456789")),
        ("boolean", True),
        ("date", date(1, 1, 1)),
        ("timestamp", NOON),
    ],
)
def test_a_literal_of_any_type_is_its_value(
    database: duckdb.DuckDBPyConnection, type_text: str, value: Scalar
) -> None:
    literal = to_literal(value, parse_type(type_text), Engine.TRINO)

    row = database.execute(f"select {literal}, typeof({literal})").fetchone()

    assert row == (value, type_text.upper())


_UNIT = re.compile(r"\\u([0-9a-f]{4})|\\(.)", re.DOTALL)


def _read_by_hive(literal: str) -> str:
    """What the parsers of Hive and Spark make of a literal; four digits are a unit of UTF-16."""
    units = _UNIT.sub(lambda found: chr(int(found[1], 16)) if found[1] else found[2], literal[1:-1])
    return units.encode("utf-16-be", "surrogatepass").decode("utf-16-be")


@pytest.mark.parametrize("engine", [Engine.HIVE, Engine.SPARK])
@given(text=_TEXTS | _TRICKY)
def test_a_literal_of_hive_is_one_string_that_reads_as_the_text(engine: Engine, text: str) -> None:
    literal = to_literal(text, VARCHAR, engine)

    assert [token.kind for token in scan(literal, engine)] == [TokenKind.STRING]
    assert literal.isascii()
    assert literal.isprintable()
    assert not set("$;").intersection(literal)
    assert _read_by_hive(literal) == text


@pytest.mark.parametrize("engine", list(Engine))
@given(text=_TEXTS | _TRICKY)
def test_no_text_adds_a_statement_or_a_comment(engine: Engine, text: str) -> None:
    bound = bind_literals("select :x, 2", {"x": Parameter("x", VARCHAR, text)}, engine)

    [statement] = split_script(bound, engine)
    kinds = [token.kind for token in scan(statement.text, engine) if token.is_significant]
    assert kinds == [TokenKind.WORD, TokenKind.STRING, TokenKind.SIGN, TokenKind.NUMBER]
