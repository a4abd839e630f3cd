"""What a statement reads, by DuckDB's own optimizer: EXPLAIN over empty tables.

No data and no file is touched. Nothing is run: the connection has no access to the outside.
"""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from selfserve.core.sql.estimates.plan import PlanTable, Scan, to_scans
from selfserve.core.sql.tables import Table, TableColumn
from selfserve.embedded.errors import engine_errors
from selfserve.embedded.types import quoted, to_duckdb

if TYPE_CHECKING:
    import duckdb

Parameters = Sequence[object] | Mapping[str, object]
Prepare = Callable[["duckdb.DuckDBPyConnection"], None]

_MOST_PLANS = 256
_PLAN_SCHEMA = "selfserve_plan"
_NOT_OVER_EMPTY_TABLES = (
    "statistics_propagation",  # an empty table needs no scan
    "empty_result_pullup",
    "late_materialization",  # reads a table twice in DuckDB's own storage, not in Parquet
    "join_filter_pushdown",  # known only while it runs
)


class Planner:
    """Plans statements over empty tables, which it keeps. Any thread may call it."""

    def __init__(self, *, prepare: Prepare | None = None) -> None:
        """`prepare` may make functions that statements use."""
        import duckdb  # noqa: PLC0415  100 ms

        self._lock = threading.Lock()
        self._made: dict[str, PlanTable] = {}
        self._count = 0
        self._plans: dict[tuple[str, tuple[str, ...], str], str] = {}
        with engine_errors():
            self._connection = duckdb.connect(config={"threads": 1})
            if prepare is not None:
                prepare(self._connection)
            self._connection.execute("SET enable_external_access = false")
            self._connection.execute(f"CREATE SCHEMA {_PLAN_SCHEMA}")
            disabled = ",".join(_NOT_OVER_EMPTY_TABLES)
            self._connection.execute(f"SET disabled_optimizers = '{disabled}'")

    def plan(
        self,
        sql: str,
        tables: Sequence[Table],
        parameters: Parameters | None = None,
        *,
        repeats_shared: bool = True,
    ) -> tuple[Scan, ...]:
        """Every reading of a table by `sql`, in DuckDB's dialect, with its columns and filters.

        `tables`: those that it names as "schema"."name"; views must be part of `sql` already.
        `repeats_shared`: see `to_scans`; False for the embedded engine.

        Raises:
            SelfserveError: DuckDB cannot plan it.
        """
        with self._lock, engine_errors():
            named = [self._made_for(table) for table in tables if table.view is None]
            asked = (sql, tuple(one.plan_name for one in named), repr(parameters or None))
            plan = self._plans.get(asked)
            if plan is None:
                explain = f"EXPLAIN (FORMAT json) {sql}"
                rows = self._connection.execute(explain, parameters or None).fetchall()
                plan = self._remember(asked, str(rows[0][1]))
        return to_scans(json.loads(plan), named, repeats_shared=repeats_shared)

    def close(self) -> None:
        """End it."""
        self._connection.close()

    def _remember(self, asked: tuple[str, tuple[str, ...], str], plan: str) -> str:
        """Keep a plan for the next time that it is asked for; the oldest goes."""
        self._plans[asked] = plan
        if len(self._plans) > _MOST_PLANS:
            del self._plans[next(iter(self._plans))]
        return plan

    def _made_for(self, table: Table) -> PlanTable:
        known = self._made.get(table.full_name)
        if known is None or known.table.all_columns != table.all_columns:
            made = PlanTable(f"t{self._count}", table)
            self._count += 1
            _make_empty(self._connection, made)
        elif known.table is table:
            return known
        else:
            made = PlanTable(known.plan_name, table)  # with other partitions, perhaps
        self._made[table.full_name] = made
        return made


def plan_scans(
    sql: str,
    tables: Sequence[Table],
    parameters: Parameters | None = None,
    *,
    repeats_shared: bool = True,
    prepare: Prepare | None = None,
) -> tuple[Scan, ...]:
    """Plan one statement; see `Planner.plan`."""
    planner = Planner(prepare=prepare)
    try:
        return planner.plan(sql, tables, parameters, repeats_shared=repeats_shared)
    finally:
        planner.close()


def _make_empty(connection: "duckdb.DuckDBPyConnection", one: PlanTable) -> None:
    """The table under the plan's names, and a view with its real ones."""
    table, columns = one.table, one.table.all_columns
    base, names = f"{_PLAN_SCHEMA}.{one.plan_name}", one.names.items()
    fields = [f"{plan} {plan_type(c)}" for (plan, _), c in zip(names, columns, strict=True)]
    connection.execute(f"CREATE TABLE {base} ({', '.join(fields)})")
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(table.schema)}")
    shown = [f"{plan} AS {quoted(name)}" for plan, name in names]
    connection.execute(
        f"CREATE OR REPLACE VIEW {quoted(table.schema)}.{quoted(table.name)} AS "
        f"SELECT {', '.join(shown)} FROM {base}"
    )


def plan_type(column: TableColumn) -> str:
    """DuckDB's type for a column; text for a type that it has not."""
    try:
        return to_duckdb(column.type)
    except ValueError:
        return "VARCHAR"
