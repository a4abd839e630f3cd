"""Translate a statement and let DuckDB answer it, as tests of the translation do."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache

import duckdb

from selfserve.core.sql.engines import Engine
from selfserve.core.sql.tables import Table, TableColumn
from selfserve.core.sql.translation import Translated, translate

FILMS = Table(
    schema="sales",
    name="films",
    columns=(
        TableColumn("id", "bigint"),
        TableColumn("title", "varchar"),
        TableColumn("price", "decimal(10,2)"),
        TableColumn("rating", "double"),
        TableColumn("released", "date"),
        TableColumn("tags", "array(varchar)"),
        TableColumn("maker", "row(name varchar, country varchar)"),
        TableColumn("code", "char(3)"),
    ),
    partition_columns=(TableColumn("year", "integer"),),
)
MAKERS = Table(
    schema="sales",
    name="makers",
    columns=(TableColumn("id", "bigint"), TableColumn("name", "varchar")),
)
TABLES: Mapping[tuple[str, str], Table] = {(t.schema, t.name): t for t in (FILMS, MAKERS)}


def names_in(schema: str) -> Sequence[str]:
    return [name for found, name in TABLES if found == schema]


def translated(
    text: str,
    *,
    parameters: Mapping[str, str] | None = None,
    views: Mapping[tuple[str, str], Table] | None = None,
) -> Translated:
    known = {**TABLES, **(views or {})}
    return translate(
        text,
        engine=Engine.TRINO,
        find=lambda schema, name: known.get((schema, name)),
        default_schema="sales",
        known_tables=names_in,
        parameters=parameters,
    )


@cache
def database() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'; create schema sales")
    connection.execute("""
        create table sales.films as select * from (values
          (1::bigint, 'Alien', 9.99::decimal(10,2), 8.5::double, date '1979-05-25',
           ['space', 'horror'], {'name': 'Brandywine', 'country': 'us'}, 'ALN', 1979),
          (2, 'Brazil', 7.50, 7.9, date '1985-02-20', ['satire'],
           {'name': 'Embassy', 'country': 'uk'}, 'BRZ', 1985),
          (3, 'Cube', NULL, NULL, date '1997-09-09', [], NULL, NULL, 1997)
        ) t(id, title, price, rating, released, tags, maker, code, year)""")
    connection.execute("create table sales.makers as select 1::bigint as id, 'Embassy' as name")
    return connection


def answer(text: str) -> list[tuple[object, ...]]:
    return database().execute(translated(text).sql).fetchall()


def value_and_type(expression: str) -> tuple[object, str]:
    """What DuckDB gives for an expression of Trino, and the type that it has there."""
    relation = database().sql(translated(f"select {expression}").sql)
    row = relation.fetchone()
    assert row is not None
    return row[0], str(relation.types[0])


def moment(*parts: int) -> datetime:
    """A time stamp without a zone, as Trino's `timestamp` is."""
    return datetime(*parts)  # type: ignore[arg-type] # noqa: DTZ001 (parts are numbers, no zone)
