"""What a statement reads, by DuckDB's own optimizer: EXPLAIN over empty tables.

No data and no file is touched. Nothing is run: the connection has no access to the outside.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from selfserve.core.sql.estimate_plan import PlanTable, Scan, to_scans
from selfserve.core.sql.tables import Table, TableColumn
from selfserve.embedded.errors import engine_errors
from selfserve.embedded.types import quoted, to_duckdb

if TYPE_CHECKING:
    import duckdb

Parameters = Sequence[object] | Mapping[str, object]
Prepare = Callable[["duckdb.DuckDBPyConnection"], None]

_PLAN_SCHEMA = "selfserve_plan"
_NOT_OVER_EMPTY_TABLES = (
    "statistics_propagation",  # an empty table needs no scan
    "empty_result_pullup",
    "late_materialization",  # reads a table twice in DuckDB's own storage, not in Parquet
    "join_filter_pushdown",  # known only while it runs
)


def plan_scans(
    sql: str,
    tables: Sequence[Table],
    parameters: Parameters | None = None,
    *,
    repeats_shared: bool = True,
    prepare: Prepare | None = None,
) -> tuple[Scan, ...]:
    """Every reading of a table by `sql`, in DuckDB's dialect, with its columns and filters.

    `tables`: those that it names as "schema"."name"; views must be part of `sql` already.
    `repeats_shared`: see `to_scans`; False for the embedded engine. `prepare` may make
    functions that `sql` uses.

    Raises:
        SelfserveError: DuckDB cannot plan it.
    """
    import duckdb  # noqa: PLC0415  100 ms

    named = [PlanTable(f"t{i}", table) for i, table in enumerate(tables) if table.view is None]
    with engine_errors(), duckdb.connect(config={"threads": 1}) as connection:
        if prepare is not None:
            prepare(connection)
        connection.execute("SET enable_external_access = false")
        connection.execute(f"CREATE SCHEMA {_PLAN_SCHEMA}")
        for one in named:
            _make_empty(connection, one)
        connection.execute(f"SET disabled_optimizers = '{','.join(_NOT_OVER_EMPTY_TABLES)}'")
        rows = connection.execute(f"EXPLAIN (FORMAT json) {sql}", parameters).fetchall()
    return to_scans(json.loads(rows[0][1]), named, repeats_shared=repeats_shared)


def _make_empty(connection: "duckdb.DuckDBPyConnection", one: PlanTable) -> None:
    """The table under the plan's names, and a view with its real ones."""
    table, columns = one.table, one.table.all_columns
    base, names = f"{_PLAN_SCHEMA}.{one.plan_name}", one.names.items()
    fields = [f"{plan} {plan_type(c)}" for (plan, _), c in zip(names, columns, strict=True)]
    connection.execute(f"CREATE TABLE {base} ({', '.join(fields)})")
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(table.schema)}")
    shown = [f"{plan} AS {quoted(name)}" for plan, name in names]
    connection.execute(
        f"CREATE VIEW {quoted(table.schema)}.{quoted(table.name)} AS "
        f"SELECT {', '.join(shown)} FROM {base}"
    )


def plan_type(column: TableColumn) -> str:
    """DuckDB's type for a column; text for a type that it has not."""
    try:
        return to_duckdb(column.type)
    except ValueError:
        return "VARCHAR"
