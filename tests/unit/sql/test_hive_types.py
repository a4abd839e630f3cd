"""Hive's types in Trino's spelling, and back."""

import pytest

from selfserve.core.sql.hive.types import to_hive_type, to_trino_type
from selfserve.errors import BadInputError

THERE_AND_BACK = [
    ("boolean", "boolean"),
    ("tinyint", "tinyint"),
    ("smallint", "smallint"),
    ("int", "integer"),
    ("bigint", "bigint"),
    ("float", "real"),
    ("double", "double"),
    ("decimal(12,2)", "decimal(12,2)"),
    ("string", "varchar"),
    ("varchar(10)", "varchar(10)"),
    ("char(3)", "char(3)"),
    ("binary", "varbinary"),
    ("date", "date"),
    ("timestamp", "timestamp(3)"),
    ("array<int>", "array(integer)"),
    ("map<string,double>", "map(varchar, double)"),
    ("array<map<string,decimal(5,1)>>", "array(map(varchar, decimal(5,1)))"),
    (
        "array<struct<a:int,b:map<string,double>>>",
        "array(row(a integer, b map(varchar, double)))",
    ),
    ("struct<timestamp:timestamp,row:varchar(2)>", "row(timestamp timestamp(3), row varchar(2))"),
    ("struct<a b:int>", 'row("a b" integer)'),
    ("struct<Case:struct<x:date>>", 'row("Case" row(x date))'),
]


@pytest.mark.parametrize(("hive", "trino"), THERE_AND_BACK)
def test_a_type_of_hive_is_one_of_trino(hive: str, trino: str) -> None:
    assert to_trino_type(hive) == trino


@pytest.mark.parametrize(("hive", "trino"), THERE_AND_BACK)
def test_a_type_of_trino_is_one_of_hive(hive: str, trino: str) -> None:
    assert to_hive_type(trino) == hive


@pytest.mark.parametrize(
    ("hive", "trino"),
    [
        ("INT", "integer"),
        ("Array < Struct < a : int > >", "array(row(a integer))"),
        ("decimal", "decimal(10,0)"),
        ("decimal(9)", "decimal(9,0)"),
        ("decimal( 9 , 1 )", "decimal(9,1)"),
        ("numeric(9,1)", "decimal(9,1)"),
        ("double precision", "double"),
        ("timestamp_ntz", "timestamp(3)"),
        ("timestamp with local time zone", "timestamp(3) with time zone"),
        ("uniontype<int,string>", "row(tag tinyint, field0 integer, field1 varchar)"),
        ("struct<`a:b`:int>", 'row("a:b" integer)'),
        ("interval_day_time", "interval_day_time"),
    ],
)
def test_hive_has_more_spellings(hive: str, trino: str) -> None:
    assert to_trino_type(hive) == trino


@pytest.mark.parametrize(
    ("trino", "hive"),
    [
        ("VARCHAR", "string"),
        ("int", "int"),
        ("timestamp", "timestamp"),
        ("timestamp(6)", "timestamp"),
        ("decimal", "decimal(38,0)"),
        ("decimal(5)", "decimal(5,0)"),
        ('row("say ""hi""" integer)', 'struct<say "hi":int>'),
        ("ROW(A INTEGER)", "struct<A:int>"),
    ],
)
def test_trino_has_more_spellings(trino: str, hive: str) -> None:
    assert to_hive_type(trino) == hive


@pytest.mark.parametrize(
    "trino",
    [
        "uuid",
        "json",
        "time(3)",
        "timestamp(3) with time zone",
        "row(integer)",
        "row(timestamp(3) with time zone)",
        "array(json)",
        "map(varchar)",
        "interval day to second",
    ],
)
def test_what_hive_has_not_is_refused(trino: str) -> None:
    with pytest.raises(BadInputError, match="no columns of the type"):
        to_hive_type(trino)


@pytest.mark.parametrize(
    "hive",
    ["", "array<", "array<int", "array<int>>", "struct<a>", "map<string,>", "struct<`a:int>"],
)
def test_a_broken_type_is_told(hive: str) -> None:
    with pytest.raises(BadInputError, match="cannot be read"):
        to_trino_type(hive)


@pytest.mark.parametrize("trino", ["row(a integer", "decimal(5", 'row("a integer)', "array()"])
def test_a_broken_type_of_trino_is_told(trino: str) -> None:
    with pytest.raises(BadInputError):
        to_hive_type(trino)
