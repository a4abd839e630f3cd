"""How Trino's types are taken apart."""

import pytest

from selfserve.core.sql.results.sql_types import SqlType, parse_type

BIGINT, VARCHAR = SqlType("bigint"), SqlType("varchar")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("bigint", BIGINT),
        ("VARCHAR", VARCHAR),
        ("varchar(20)", SqlType("varchar", (20,))),
        ("decimal(12, 2)", SqlType("decimal", (12, 2))),
        ("timestamp(3) with time zone", SqlType("timestamp with time zone", (3,))),
        ("interval day to second", SqlType("interval day to second")),
        ("array(bigint)", SqlType("array", parts=(BIGINT,))),
        ("map(varchar, array(bigint))", SqlType(
            "map", parts=(VARCHAR, SqlType("array", parts=(BIGINT,)))
        )),
        ("row(a bigint, b varchar)", SqlType("row", parts=(BIGINT, VARCHAR), fields=("a", "b"))),
        ('row("a, (b)" bigint)', SqlType("row", parts=(BIGINT,), fields=("a, (b)",))),
        ('row("a""b" bigint)', SqlType("row", parts=(BIGINT,), fields=('a"b',))),
        ("row(bigint, varchar)", SqlType(
            "row", parts=(BIGINT, VARCHAR), fields=("field0", "field1")
        )),
        ("row(decimal(12, 2))", SqlType(
            "row", parts=(SqlType("decimal", (12, 2)),), fields=("field0",)
        )),
        ("row(timestamp(3) with time zone)", SqlType(
            "row", parts=(SqlType("timestamp with time zone", (3,)),), fields=("field0",)
        )),
        ("row(time time)", SqlType("row", parts=(SqlType("time"),), fields=("time",))),
        ("row(interval day to second)", SqlType(
            "row", parts=(SqlType("interval day to second"),), fields=("field0",)
        )),
        ("row(a row(b decimal(3,1)))", SqlType("row", parts=(
            SqlType("row", parts=(SqlType("decimal", (3, 1)),), fields=("b",)),
        ), fields=("a",))),
        ("something new(odd", SqlType("something new(odd")),
    ],
)  # fmt: skip
def test_a_type_is_taken_apart(text: str, tree: SqlType) -> None:
    assert parse_type(text) == tree
