"""What is typed for a parameter becomes a value of its type, or an error that says what to type."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfserve.core.sql.engines import Engine
from selfserve.core.sql.problems import SqlError
from selfserve.core.sql.text.parameter_types import BaseType, ParameterType, Value, parse_type
from selfserve.core.sql.text.parameters import (
    Declaration,
    Parameter,
    find_placeholders,
    parse_parameters,
    to_typed,
)
from selfserve.errors import BadInputError

DAY = Declaration(ParameterType(BaseType.DATE))
IDS = Declaration(parse_type("bigint[]"))
COUNTRY = Declaration(ParameterType(BaseType.VARCHAR), default="DE")


def _parse(*given: str, **declared: Declaration) -> dict[str, Parameter]:
    used = [*declared, *(option.partition("=")[0].partition(":")[0] for option in given)]
    return parse_parameters(given, declared, used=dict.fromkeys(used))


def _one(given: str, type_text: str | None = None) -> Parameter:
    declared = {"x": Declaration(parse_type(type_text))} if type_text else {}
    return _parse(f"x={given}", **declared)["x"]


@pytest.mark.parametrize(
    ("text", "engine", "expected"),
    [
        pytest.param("select :day, :day, :n_1", Engine.TRINO, ("day", "n_1"), id="each-once"),
        pytest.param("select a>:x,(:y)limit:z", Engine.TRINO, ("x", "y"), id="not-after-a-word"),
        pytest.param("select ':a', \":b\" -- :c\n/* :d */", Engine.TRINO, (), id="in-quotes"),
        pytest.param("select `:a`, \":b\", '\\':c'", Engine.SPARK, (), id="in-quotes-of-spark"),
        pytest.param("select a::date, a :: date", Engine.TRINO, (), id="casts"),
        pytest.param("select a[1:2], a[b:c], f(a):c, 'k':v", Engine.TRINO, (), id="slices-paths"),
        pytest.param("create table t (a struct<b:int>)", Engine.HIVE, (), id="types-of-fields"),
        pytest.param("select time 12:30:_b", Engine.TRINO, (), id="times"),
        pytest.param("select ${hiveconf:day}", Engine.HIVE, (), id="variables"),
        pytest.param("select\n:day", Engine.TRINO, ("day",), id="start-of-a-line"),
    ],
)
def test_placeholders_are_found_where_an_engine_would_read_a_value(
    text: str, engine: Engine, expected: tuple[str, ...]
) -> None:
    assert find_placeholders(text, engine) == expected


def test_a_name_in_capitals_is_marked() -> None:
    with pytest.raises(SqlError, match=r"column 8: :Day cannot be the name") as caught:
        find_placeholders("select :Day", Engine.TRINO)

    assert str(caught.value).endswith("  select :Day\n         ^^^^")
    assert caught.value.hint.endswith(":day")


@pytest.mark.parametrize(
    ("typed", "type_text", "value"),
    [
        ("2026-01-31", "date", date(2026, 1, 31)),
        ("2026-02-31", "varchar", "2026-02-31"),
        ("2026-01-31 12:00", "varchar", "2026-01-31 12:00"),
        ("7", "bigint", 7),
        ("-7", "bigint", -7),
        ("0", "bigint", 0),
        ("00501", "varchar", "00501"),
        ("9223372036854775807", "bigint", 2**63 - 1),
        ("9223372036854775808", "varchar", "9223372036854775808"),
        ("1.50", "decimal(3,2)", Decimal("1.50")),
        ("-0.05", "decimal(2,2)", Decimal("-0.05")),
        ("01.5", "varchar", "01.5"),
        ("1" * 38 + ".1", "varchar", "1" * 38 + ".1"),
        ("1e3", "varchar", "1e3"),
        ("true", "boolean", True),
        ("false", "boolean", False),
        ("True", "varchar", "True"),
        ("DE", "varchar", "DE"),
        ("", "varchar", ""),
        ("a=b", "varchar", "a=b"),
        ("a\nb", "varchar", "a\nb"),
        (" 7", "varchar", " 7"),
        ("'7'", "varchar", "7"),
        ("'2026-01-31'", "varchar", "2026-01-31"),
        ("'it''s'", "varchar", "it's"),
        ("it's", "varchar", "it's"),
        ("'a'b'", "varchar", "'a'b'"),
        ("٣", "varchar", "٣"),
    ],
)
def test_a_value_without_a_type_is_what_it_looks_like(
    typed: str, type_text: str, value: Value
) -> None:
    assert _one(typed) == Parameter("x", parse_type(type_text), value)


@pytest.mark.parametrize(
    ("type_text", "typed", "value"),
    [
        ("varchar", "2026-01-31", "2026-01-31"),
        ("text", "7", "7"),
        ("string", "'7'", "7"),
        ("varchar(2)", "DE", "DE"),
        ("integer", "2147483647", 2**31 - 1),
        ("int", " -7 ", -7),
        ("bigint", "-9223372036854775808", -(2**63)),
        ("double", "7", 7.0),
        ("double", "1.5e300", 1.5e300),
        ("decimal(4,2)", "12.3", Decimal("12.3")),
        ("DECIMAL ( 4 , 2 )", "-0.01", Decimal("-0.01")),
        ("decimal(2,2)", "0.00", Decimal("0.00")),
        ("decimal(4)", "1234", Decimal(1234)),
        ("boolean", "TRUE", True),
        ("date", "'2026-01-31'", date(2026, 1, 31)),
        ("timestamp", "2026-01-31", datetime(2026, 1, 31)),  # noqa: DTZ001  SQL's has no zone
        ("timestamp", "2026-01-31T12:30", datetime(2026, 1, 31, 12, 30)),  # noqa: DTZ001
        ("timestamp", "2026-01-31 12:30:01.5", datetime(2026, 1, 31, 12, 30, 1, 500_000)),  # noqa: DTZ001
        ("bigint[]", "1, 2,3", (1, 2, 3)),
        ("bigint[]", "1", (1,)),
        ("varchar[]", "DE, 'a,b' ,'it''s',O'Brien", ("DE", "a,b", "it's", "O'Brien")),
        ("varchar[]", "''", ("",)),
        ("date[]", "2026-01-31,2026-02-28", (date(2026, 1, 31), date(2026, 2, 28))),
    ],
)
def test_a_value_is_parsed_as_its_declared_type(type_text: str, typed: str, value: Value) -> None:
    parameter = _one(typed, type_text)

    assert parameter.value == value
    assert parameter.type == parse_type(type_text)


def test_the_type_can_be_given_with_the_value() -> None:
    assert _parse("day:varchar=2026-01-31")["day"].value == "2026-01-31"
    assert _parse("ids:bigint[]=1,2")["ids"].value == (1, 2)
    assert _parse("n:decimal=1.50")["n"].type == parse_type("decimal(3,2)")
    assert _parse("n:decimal[]=1.50,20")["n"].type == parse_type("decimal(4,2)[]")


def test_a_list_can_be_given_in_several_options() -> None:
    assert _parse("ids=1", "ids=2,3", ids=IDS)["ids"].value == (1, 2, 3)


def test_a_default_stands_in_for_what_is_not_given() -> None:
    assert _parse(country=COUNTRY)["country"].value == "DE"
    assert _parse("country=FR", country=COUNTRY)["country"].value == "FR"


def test_a_declared_parameter_that_no_placeholder_uses_needs_no_value() -> None:
    assert parse_parameters([], {"day": DAY}, used=()) == {}


@pytest.mark.parametrize(
    ("given", "declared", "used", "message", "hint"),
    [
        pytest.param(
            [], {"day": DAY}, ["day", "n"],
            "The parameters :day and :n have no value.",
            "Add: --param day=2026-01-31 --param n=VALUE",
            id="all-that-are-missing",
        ),
        pytest.param(
            [], {"ids": IDS, "country": COUNTRY}, ["ids", "country"],
            "The parameter :ids has no value.", "Add: --param ids=7,8",
            id="missing-list",
        ),
        pytest.param(
            ["dya=2026-01-01"], {}, ["day"],
            "The statement has no :dya for --param dya; did you mean 'day'?",
            "Its parameters are :day.",
            id="unused",
        ),
        pytest.param(
            ["day=2026-01-01"], {}, [],
            "The statement has no :day for --param day",
            "Write :day in the statement where the value belongs, or leave --param out.",
            id="unused-and-there-is-none",
        ),
        pytest.param(
            ["day=soon"], {"day": DAY}, ["day"],
            "--param day=soon: day is a date, but this is no date.",
            "Write it like this: --param day=2026-01-31",
            id="wrong-type",
        ),
        pytest.param(
            ["since:timestamp=noon"], {}, ["since"],
            "--param since=noon: since is a timestamp, but this is no timestamp.",
            "Write it like this: --param 'since=2026-01-31 12:00:00'",
            id="hint-is-quoted-for-the-shell",
        ),
        pytest.param(
            ["day=a", "day=b"], {}, ["day"],
            "--param day is given twice, as 'a' and 'b'.",
            "Give it once; or if the statement says IN (:day), as a list: "
            "--param 'day:varchar[]=a,b'",
            id="twice",
        ),
        pytest.param(
            ["day:varchar=x"], {"day": DAY}, ["day"],
            "--param day is said to be date and varchar.",
            "Leave the type out: --param day=x",
            id="two-types",
        ),
        pytest.param(
            ["day"], {}, ["day"],
            "--param day is not of the form NAME=VALUE.",
            "Write, for example: --param day=2026-01-31",
            id="no-value",
        ),
        pytest.param(
            ["day:dat=x"], {}, ["day"],
            "--param day:dat=x: dat is not a type of parameters; did you mean 'date'?",
            "Types are varchar, integer, bigint, double, decimal, decimal(12,2), boolean, date "
            "and timestamp; with [] after it, a list.",
            id="unknown-type",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_with_what_to_type(
    given: Sequence[str],
    declared: Mapping[str, Declaration],
    used: Sequence[str],
    message: str,
    hint: str,
) -> None:
    with pytest.raises(BadInputError) as caught:
        parse_parameters(given, declared, used=used)

    assert str(caught.value) == message
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("type_text", "typed", "reason"),
    [
        ("integer", "2147483648", "this does not fit in 32 bits"),
        ("bigint", "9223372036854775808", "this does not fit in 64 bits"),
        ("bigint", "9" * 10_000, "this is no whole number"),
        ("bigint", "1.0", "this is no whole number"),
        ("bigint", "", "this is no whole number"),
        ("bigint", "1_000", "this is no whole number"),
        ("double", "nan", "this is no such number"),
        ("double", "1e999", "this is no such number"),
        ("decimal(4,2)", "123.4", "this has more digits than decimal(4,2)"),
        ("decimal(4,2)", "1.234", "this has more digits than decimal(4,2)"),
        ("decimal(4,2)", "1e1", "this is no decimal number"),
        ("boolean", "yes", "this is neither true nor false"),
        ("date", "2026-1-1", "this is no date"),
        ("date", "2026-02-31", "there is no such day"),
        ("date", "2026-01-31 12:00:00", "this is no date"),
        ("timestamp", "2026-01-31 25:00:00", "there is no such time"),
        ("timestamp", "2026-01-31 12:00:00Z", "this is no timestamp"),
        ("timestamp", "2026-01-31 12:00.5", "this is no timestamp"),
        ("varchar", "a\0b", "no statement can hold the character NUL"),
        ("varchar", "a\udcffb", "this is not UTF-8 text"),
        ("bigint[]", "", "this list is empty"),
        ("bigint[]", "1,,2", "a value of this list is empty; write '' for an empty text"),
        ("bigint[]", "1,", "a value of this list is empty; write '' for an empty text"),
        ("bigint[]", "1,x", "this is no whole number"),
        ("varchar[]", "'a", "a quote of this list is not closed"),
    ],
)
def test_a_value_of_another_type_is_refused_with_the_reason(
    type_text: str, typed: str, reason: str
) -> None:
    with pytest.raises(BadInputError) as caught:
        _one(typed, type_text)

    assert str(caught.value).endswith(f"but {reason}.")


def test_a_text_that_no_statement_can_hold_is_refused_without_a_type_too() -> None:
    with pytest.raises(BadInputError, match="character NUL"):
        _one("a\0b")


def test_a_decimal_of_too_many_digits_is_refused() -> None:
    with pytest.raises(BadInputError, match="more digits than the 38 of a decimal"):
        _parse(f"n:decimal[]={'1' * 38},0.1")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dat",
        "decimal(2,3)",
        "decimal(0)",
        "decimal(39)",
        "bigint(3)",
        "date[1]",
        "varchar(1,2)",
    ],
)
def test_there_are_no_other_types(text: str) -> None:
    with pytest.raises(ValueError, match="is not a type of parameters"):
        parse_type(text)


@given(st.text())
def test_any_text_in_quotes_is_that_text(text: str) -> None:
    safe = text.replace("\0", "")

    assert _one("'" + safe.replace("'", "''") + "'").value == safe


@given(st.lists(st.text(alphabet="ab,' \n\\é"), min_size=1))
def test_any_texts_in_quotes_are_a_list_of_those_texts(texts: list[str]) -> None:
    typed = ",".join("'" + text.replace("'", "''") + "'" for text in texts)

    assert _one(typed, "varchar[]").value == tuple(texts)


@pytest.mark.parametrize(
    ("type_text", "typed"),
    [
        ("varchar", "it's, 'a'"),
        ("varchar", ""),
        ("varchar[]", "'a,b','it''s',''"),
        ("bigint[]", "1,-2"),
        ("double", "1.5e300"),
        ("decimal(38,10)", "-0.0000000001"),
        ("boolean", "true"),
        ("date[]", "2026-01-31,2026-02-28"),
        ("timestamp", "2026-01-31 12:30:01.000005"),
        ("timestamp[]", "2026-01-31 12:30,2026-01-31"),
    ],
)
def test_a_value_can_be_typed_again(type_text: str, typed: str) -> None:
    parameter = _one(typed, type_text)

    kind, text = to_typed(parameter)

    assert _parse(f"x:{kind}={text}")["x"] == parameter
