"""The contract with our program on the cluster, and what it leaves."""

import ast
import json
import re
import sys
from pathlib import Path

import pytest

import selfserve
from selfserve.core.sql.answers import Column
from selfserve.core.sql.steps.order import in_order, parse_outcome, spark_type, write_order
from selfserve.sql_job.order import Order, parse_order, version_of

JOB = Path(selfserve.__file__).parent / "sql_job"


def test_the_program_reads_the_order_as_it_was_written() -> None:
    order = write_order("select 'ü'\n", schema="films", folder="s3://b/q/")

    assert parse_order(order) == Order("select 'ü'\n", "films", "s3://b/q/")


def test_the_version_of_emrs_spark_is_understood() -> None:
    assert version_of("3.5.8-amzn-0") == (3, 5)


@pytest.mark.parametrize(
    "path", [*JOB.glob("*.py"), JOB.parent / "__init__.py"], ids=lambda it: it.name
)
def test_the_program_runs_on_the_oldest_python_and_brings_nothing_else(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 7))

    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {
        it.name for node in ast.walk(tree) if isinstance(node, ast.Import) for it in node.names
    }
    known = {"pyspark", "py4j", *sys.stdlib_module_names}
    others = {name for name in imported if name and name.partition(".")[0] not in known}
    assert {name for name in others if not name.startswith("selfserve.sql_job.")} == set()
    is_typed = any(isinstance(node, ast.FunctionDef | ast.AnnAssign) for node in ast.walk(tree))
    assert "annotations" in path.read_text() or not is_typed  # else 3.7 would evaluate `X | None`


@pytest.mark.parametrize(
    ("spark", "trino"),
    [
        ("int", "integer"),
        ("timestamp", "timestamp(6)"),
        ("array<timestamp_ntz>", "array(timestamp(6))"),
        (
            "map<string,struct<a:decimal(4,2),b:void>>",
            "map(varchar, row(a decimal(4,2), b unknown))",
        ),
        ("void", "unknown"),
        ("interval day", "interval day to second"),
        ("interval day to second", "interval day to second"),
        ("array<interval month>", "array(interval year to month)"),
    ],
)
def test_types_are_told_in_trinos_spelling(spark: str, trino: str) -> None:
    assert spark_type(spark).replace(", ", ",") == trino.replace(", ", ",")


def test_an_outcome_is_read_with_its_columns_and_figures() -> None:
    record = {
        "columns": [{"name": "id", "type": "bigint"}, {"name": "id", "type": "string"}],
        "time_zone": "Europe/Berlin",
        "rows": 7,
        "bytes_read": 100,
        "rows_read": 9,
    }

    outcome = parse_outcome(json.dumps(record).encode())

    assert outcome.columns == (Column("id", "bigint"), Column("id", "varchar"))
    assert (outcome.rows, outcome.bytes_read, outcome.rows_read) == (7, 100, 9)
    assert outcome.time_zone == "Europe/Berlin"
    assert outcome.error is None


def test_rows_that_a_statement_without_columns_wrote_are_not_those_of_its_result() -> None:
    assert parse_outcome(b'{"columns": [], "rows": 7}').rows is None


@pytest.mark.parametrize("body", [b"[]", b'{"columns": [1]}', b'{"error": {}}', b"x"])
def test_what_is_no_outcome_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError, match=re.compile("outcome|Expecting")):
        parse_outcome(body)


def test_files_are_in_the_order_of_their_rows_however_many_there_are() -> None:
    names = [
        "r/part-100000-u-c000.snappy.parquet",
        "r/part-00001-u-c1000.snappy.parquet",
        "r/part-00001-u-c101.snappy.parquet",
        "r/_SUCCESS",
        "r/part-00000-u-c000.snappy.parquet",
    ]

    assert in_order(names) == [names[4], names[2], names[1], names[0]]
    assert in_order(["r/000001_0", "r/000000_0", "r/.hive-staging/x"]) == [
        "r/000000_0",
        "r/000001_0",
    ]
