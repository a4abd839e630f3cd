"""TPC-H's 22 queries in Trino's dialect give the published answers of scale factor 0.01.

Trino's decimals have fewer digits than the doubles that DuckDB's own queries give for quotients,
so an answer is rounded to the digits of Trino's type before it is compared.
"""

import csv
import sys
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import duckdb
import pytest

from selfserve.core.sql.engines import Engine
from selfserve.core.sql.tables import Table, TableColumn
from selfserve.core.sql.translation import Translated, translate

QUERIES = Path(__file__).parents[2] / "fixtures" / "tpch"
SCALE = 0.01


def extension() -> Path:
    relative = Path("duckdb_extension_tpch/extensions/v1.5.5/tpch.duckdb_extension")
    return next(p / relative for p in map(Path, sys.path) if (p / relative).exists())


@pytest.fixture(scope="module")
def tpch() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute(f"load '{extension()}'")
        connection.execute(f"call dbgen(sf={SCALE})")
        yield connection


def tables(connection: duckdb.DuckDBPyConnection) -> dict[str, Table]:
    found: dict[str, list[TableColumn]] = {}
    for name, column, type_ in connection.execute(
        "select table_name, column_name, lower(data_type) from information_schema.columns "
        "order by table_name, ordinal_position"
    ).fetchall():
        found.setdefault(name, []).append(TableColumn(column, type_))
    return {name: Table(schema="main", name=name, columns=tuple(c)) for name, c in found.items()}


def translation(number: int, known: dict[str, Table]) -> Translated:
    return translate(
        (QUERIES / f"q{number:02}.sql").read_text(),
        engine=Engine.TRINO,
        find=lambda _schema, name: known.get(name),
        default_schema="main",
    )


def published(connection: duckdb.DuckDBPyConnection, number: int) -> list[list[str]]:
    row = connection.execute(
        "select answer from tpch_answers() where query_nr = ? and scale_factor = ?",
        [number, SCALE],
    ).fetchone()
    assert row is not None
    return [line or [""] for line in csv.reader(row[0].splitlines(), delimiter="|")][1:]


def as_published(value: object, expected: str) -> str:
    if isinstance(value, Decimal):
        digit = Decimal(1).scaleb(int(value.as_tuple().exponent))
        return expected if Decimal(expected).quantize(digit, ROUND_HALF_UP) == value else str(value)
    return "" if value is None else str(value)


@pytest.mark.parametrize("number", range(1, 23))
def test_a_query_of_tpch_gives_the_published_answer(
    tpch: duckdb.DuckDBPyConnection, number: int
) -> None:
    expected = published(tpch, number)

    rows = tpch.execute(translation(number, tables(tpch)).sql).fetchall()

    shown = [
        [as_published(value, known) for value, known in zip(row, line, strict=True)]
        for row, line in zip(rows, expected, strict=True)
    ]
    assert shown == expected


def test_the_types_that_duckdb_gives_are_those_that_the_translation_names(
    tpch: duckdb.DuckDBPyConnection,
) -> None:
    known = tables(tpch)
    for number in range(1, 23):
        found = translation(number, known)

        described = tpch.execute(f"describe {found.sql}").fetchall()

        assert found.columns is not None
        named = [
            column.type.split("(")[0] for column in found.columns if "decimal" not in column.type
        ]
        given = [type_.lower() for _, type_, *_ in described if not type_.startswith("DECIMAL")]
        assert given == named
        decimals = [c.type for c in found.columns if c.type.startswith("decimal")]
        assert [t.lower() for _, t, *_ in described if t.startswith("DECIMAL")] == decimals
