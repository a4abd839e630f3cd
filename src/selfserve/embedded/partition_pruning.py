"""Which partitions a scan's filters leave: DuckDB evaluates them over the partitions' values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from selfserve.core.sql.estimates.filters import Condition
from selfserve.core.sql.estimates.plan import PlanTable, Scan
from selfserve.core.sql.tables import Partition, Table
from selfserve.embedded.scans import plan_type
from selfserve.embedded.types import quoted

if TYPE_CHECKING:
    import duckdb

_SEPARATOR = "\x1f"  # in no value of a partition: it would be in the name of a folder


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
    names = _names(table)
    usable = [one for one in scan.conditions if one.columns and one.columns <= names.keys()]
    if not usable:
        return Survivors(table.partitions, _all_of(table))
    return _evaluate(table, usable, names)


def _all_of(table: Table) -> tuple[str, ...]:
    if len(table.partitions) < 2:
        return ()
    columns = " or ".join(column.name for column in table.partition_columns)
    return (f"all {len(table.partitions):,} partitions: no filter on {columns} alone.",)


def _evaluate(table: Table, usable: Sequence[Condition], names: dict[str, str]) -> Survivors:
    import duckdb  # noqa: PLC0415  100 ms

    kept = set(range(len(table.partitions)))
    notes = []
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SET enable_external_access = false")
        _load(connection, table)
        for condition in usable:
            try:
                rows = connection.execute(
                    "SELECT selfserve_number FROM selfserve_partitions "
                    f"WHERE selfserve_bad OR ({condition.text})"
                ).fetchall()
            except duckdb.Error:
                columns = ", ".join(sorted(names[column] for column in condition.columns))
                notes.append(f"a filter on {columns} leaves out no partition: not understood.")
            else:
                kept &= {row[0] for row in rows}
    return Survivors(tuple(table.partitions[i] for i in sorted(kept)), tuple(notes))


def _names(table: Table) -> dict[str, str]:
    """The plan's names of the partition columns -> the table's."""
    ours = {column.name for column in table.partition_columns}
    return {plan: name for plan, name in PlanTable("", table).names.items() if name in ours}


def _load(connection: "duckdb.DuckDBPyConnection", table: Table) -> None:
    """The partitions' values as a table, under both names of each column.

    `selfserve_bad` where a value is not of its column's type.
    """
    texts, casts, bad = [], [], []
    for i, (plan, name) in enumerate(_names(table).items()):
        texts.append(f"unnest(string_split(${i + 1}, '{_SEPARATOR}')) AS selfserve_text_{i}")
        text = f"if(selfserve_text_{i} = '', NULL, substr(selfserve_text_{i}, 2))"
        cast = f"TRY_CAST({text} AS {plan_type(table.partition_columns[i])})"
        casts += [f"{cast} AS {plan}", f"{cast} AS {quoted(name)}"]
        bad.append(f"(selfserve_text_{i} <> '' AND {cast} IS NULL)")
    number = f"unnest(range(${len(texts) + 1})) AS selfserve_number"
    connection.execute(
        f"CREATE TABLE selfserve_partitions AS SELECT selfserve_number, {', '.join(casts)}, "
        f"{' OR '.join(bad)} AS selfserve_bad FROM (SELECT {number}, {', '.join(texts)})",
        [*(_joined(table, i) for i in range(len(texts))), len(table.partitions)],
    )


def _joined(table: Table, column: int) -> str:
    """One column's values as one text: DuckDB takes long for each Python value of a list."""
    values = (one.values[column] for one in table.partitions)
    return _SEPARATOR.join("" if value is None else f"={value}" for value in values)
