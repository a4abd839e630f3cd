"""Which partitions a scan's filters leave: DuckDB evaluates them over the partitions' values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from selfserve.core.sql.estimate_filters import Condition
from selfserve.core.sql.estimate_plan import Scan
from selfserve.core.sql.tables import Partition, Table
from selfserve.embedded.types import to_duckdb

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, slots=True)
class Survivors:
    """The partitions that are read, and what is to be said about it."""

    partitions: tuple[Partition, ...]
    notes: tuple[str, ...] = ()


def prune_partitions(scan: Scan) -> Survivors:
    """Leave out the partitions whose values make a condition of `scan` false or NULL."""
    table = scan.table
    if not table.partition_columns:
        return Survivors(())
    first = len(table.columns)
    names = {f"c{first + i}": column.name for i, column in enumerate(table.partition_columns)}
    usable = [one for one in scan.conditions if one.columns and one.columns <= names.keys()]
    if not usable:
        columns = " or ".join(names.values())
        count = len(table.partitions)
        return Survivors(table.partitions, (f"all {count:,} partitions: no filter on {columns}.",))
    return _evaluate(table, usable, names)


def _evaluate(table: Table, usable: Sequence[Condition], names: dict[str, str]) -> Survivors:
    import duckdb  # noqa: PLC0415  100 ms

    kept = set(range(len(table.partitions)))
    notes = []
    with duckdb.connect(config={"threads": 1}) as connection:
        _load(connection, table)
        for condition in usable:
            try:
                rows = connection.execute(
                    f"SELECT i FROM parts WHERE ({condition.text}) OR bad"
                ).fetchall()
            except duckdb.Error:
                columns = ", ".join(sorted(names[column] for column in condition.columns))
                notes.append(f"a filter on {columns} leaves out no partition: not understood.")
            else:
                kept &= {row[0] for row in rows}
    return Survivors(tuple(table.partitions[i] for i in sorted(kept)), tuple(notes))


def _load(connection: "duckdb.DuckDBPyConnection", table: Table) -> None:
    """The partitions' values as a table; `bad` where one is not of its column's type."""
    first, count = len(table.columns), len(table.partition_columns)
    texts = ", ".join(f"unnest(${i + 1}::VARCHAR[]) AS v{i}" for i in range(count))
    casts = [
        f"TRY_CAST(v{i} AS {to_duckdb(column.type)}) AS c{first + i}"
        for i, column in enumerate(table.partition_columns)
    ]
    bad = " OR ".join(f"(v{i} IS NOT NULL AND c{first + i} IS NULL)" for i in range(count))
    columns = [[one.values[i] for one in table.partitions] for i in range(count)]
    numbers = f"unnest(range(${count + 1})) AS i"
    connection.execute(
        f"CREATE TABLE parts AS SELECT *, {bad} AS bad FROM "
        f"(SELECT *, {', '.join(casts)} FROM (SELECT {numbers}, {texts}))",
        [*columns, len(table.partitions)],
    )
