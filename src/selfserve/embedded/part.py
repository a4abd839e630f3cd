"""The parts that the files of a table are in. Pure."""

from dataclasses import dataclass

from selfserve.core.sql.tables import Partition, Table
from selfserve.embedded.files import DataFile
from selfserve.embedded.types import quoted, text_literal, to_duckdb


@dataclass(frozen=True, slots=True)
class Part:
    """Files of one partition; of an unpartitioned table there is one part."""

    partition: Partition | None
    files: tuple[DataFile, ...]


def partition_values(table: Table, partition: Partition | None) -> list[str]:
    """The expressions of the partition columns; none for a table without partitions."""
    if partition is None:
        return []
    return [
        f"CAST({_value(value)} AS {to_duckdb(column.type)}) AS {quoted(column.name)}"
        for column, value in zip(table.partition_columns, partition.values, strict=True)
    ]


def _value(value: str | None) -> str:
    return "NULL" if value is None else text_literal(value)
