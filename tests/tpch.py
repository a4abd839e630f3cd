"""TPC-H's data, its 22 queries in Trino's dialect, and its published answers.

Data and answers are those of DuckDB's tpch extension, which carries the answers that the
Transaction Processing Council publishes. https://www.tpc.org/tpch/
"""

import csv
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from importlib.resources import files
from pathlib import Path

import duckdb

from selfserve.embedded.types import to_trino

NUMBERS = range(1, 23)
_QUERIES = Path(__file__).parent / "fixtures" / "tpch"


def query(number: int) -> str:
    """The text of a query, without a semicolon."""
    return (_QUERIES / f"q{number:02}.sql").read_text(encoding="utf-8").strip()


def connect() -> duckdb.DuckDBPyConnection:
    """DuckDB with its tpch extension, in memory."""
    connection = duckdb.connect()
    folder = files("duckdb_extension_tpch") / "extensions" / f"v{duckdb.__version__}"
    connection.execute(f"LOAD '{folder / 'tpch.duckdb_extension'}'")
    return connection


@dataclass(frozen=True, slots=True)
class Dataset:
    """The eight tables as Parquet, one folder each, in `folder`."""

    folder: Path
    columns: dict[str, list[tuple[str, str]]]
    """Table -> names and Trino types of its columns."""

    @classmethod
    def generate(cls, folder: Path, *, scale: float) -> "Dataset":
        """Make it. Scale factor 1 takes 20 s and 320 MB."""
        columns: dict[str, list[tuple[str, str]]] = {}
        with connect() as connection:
            connection.execute(f"CALL dbgen(sf={scale})")
            for (table,) in connection.execute("SHOW TABLES").fetchall():
                described = connection.execute(f"DESCRIBE {table}").fetchall()
                columns[table] = [(row[0], to_trino(row[1])) for row in described]
                (folder / table).mkdir(parents=True)
                connection.execute(f"COPY {table} TO '{folder / table / 'part-0.parquet'}'")
        return cls(folder, columns)

    def statements(self, location: str, *, schema: str) -> str:
        """A script in Trino's SQL that makes the tables over these files."""
        made = [f"create schema {schema}"]
        for table, columns in self.columns.items():
            listed = ", ".join(f"{name} {of_type}" for name, of_type in columns)
            made.append(
                f"create table {schema}.{table} ({listed}) with (format = 'PARQUET', "
                f"external_location = '{location}/{table}')"
            )
        return ";\n".join(made)


def published(number: int, *, scale: float) -> list[list[str]]:
    """The rows of the published answer, as text; there are some for 0.01, 0.1 and 1."""
    with connect() as connection:
        row = connection.execute(
            "SELECT answer FROM tpch_answers() WHERE query_nr = ? AND scale_factor = ?",
            [number, scale],
        ).fetchone()
    assert row is not None
    return [line or [""] for line in csv.reader(row[0].splitlines(), delimiter="|")][1:]


def as_published(value: str, expected: str) -> str:
    """What to compare with `expected`: it, if it is `value` with more digits.

    Trino's decimals have fewer digits than the doubles of the published quotients.
    """
    if value == expected or "." not in value:
        return value
    digits = Decimal(1).scaleb(-len(value.partition(".")[2]))
    rounded = Decimal(expected).quantize(digits, ROUND_HALF_UP)
    return expected if rounded == Decimal(value) else value
