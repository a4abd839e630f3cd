"""USE names a schema, however it is written."""

import pytest

from selfserve.core.sql.engines import Engine
from selfserve.core.sql.problems import SqlError
from selfserve.core.sql.text.use import parse_use
from selfserve.errors import BadInputError


@pytest.mark.parametrize(
    ("text", "schema"),
    [
        ("use sales", "sales"),
        ("USE Sales -- the usual one", "sales"),
        ("use /* which */ hive.sales", "sales"),
        ('use "my schema"', "my schema"),
        ('use awsdatacatalog."a""b"', 'a"b'),
    ],
)
def test_the_schema_is_found(text: str, schema: str) -> None:
    assert parse_use(text, Engine.TRINO) == schema


@pytest.mark.parametrize("text", ["use", "use a.b.c", "use a,b", "use 'a'"])
def test_what_names_no_schema_is_refused(text: str) -> None:
    with pytest.raises(SqlError, match="USE takes a schema's name"):
        parse_use(text, Engine.TRINO)


def test_another_catalog_is_refused() -> None:
    with pytest.raises(BadInputError, match="catalog iceberg"):
        parse_use("use iceberg.sales", Engine.TRINO)


def test_spark_quotes_with_backticks() -> None:
    assert parse_use("use `my schema`", Engine.SPARK) == "my schema"
