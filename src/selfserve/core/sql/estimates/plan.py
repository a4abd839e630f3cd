"""Which tables a statement reads, and which of their columns: from DuckDB's EXPLAIN. Pure.

The plan is made over empty tables whose columns have names of ours (`PlanTable`), so that
no name that people chose, such as `a.b` or `order`, can be mistaken for something else.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from selfserve.core.sql.estimates.filters import Condition, parse_conditions
from selfserve.core.sql.tables import Table

Node = Mapping[str, Any]  # Any: a node of the EXPLAIN's JSON
_PASSES_ROWS_ON = frozenset({"PROJECTION", "FILTER"})
_LIMITS = frozenset({"LIMIT", "STREAMING_LIMIT"})


@dataclass(frozen=True, slots=True)
class PlanTable:
    """A table under the plan's own names, such as `t0`; its columns are numbered."""

    plan_name: str
    table: Table

    @property
    def names(self) -> dict[str, str]:
        """The plan's column -> the table's."""
        return {f"selfserve_{i}": column.name for i, column in enumerate(self.table.all_columns)}


@dataclass(frozen=True, slots=True)
class Scan:
    """One reading of a table; a table that is joined with itself is read twice."""

    table: Table
    columns: tuple[str, ...]
    """Names of the table's columns that are read, in its order, without partition columns."""
    paths: tuple[str, ...]
    """The same, down to the fields of rows where not all are read, such as `s.info.mode`."""
    conditions: tuple[Condition, ...]
    filtered: tuple[str, ...] = ()
    """Paths of what the filters need; of a row group in which no row matches, only these are."""
    may_stop_early: bool = False
    """A LIMIT is all that stands above it: the engine need not read to the end."""


def to_scans(
    plan: Sequence[Node], tables: Sequence[PlanTable], *, repeats_shared: bool
) -> tuple[Scan, ...]:
    """All readings of tables in a plan.

    `repeats_shared`: a WITH query that is used twice is computed twice, as Trino does;
    DuckDB computes it once.
    """
    walk = _Walk({table.plan_name: table for table in tables}, repeats_shared=repeats_shared)
    return tuple(scan for node in plan for scan in walk.scans(node, _Above()))


@dataclass(frozen=True, slots=True)
class _Above:
    """What stands between a node and the root."""

    filters: tuple[str, ...] = ()
    only_passes_on: bool = True
    has_limit: bool = False


class _Walk:
    def __init__(self, tables: Mapping[str, PlanTable], *, repeats_shared: bool) -> None:
        self._tables = tables
        self._repeats_shared = repeats_shared
        self._shared: dict[str, tuple[Scan, ...]] = {}

    def scans(self, node: Node, above: _Above) -> Iterator[Scan]:
        name, info = str(node["name"]).strip(), node["extra_info"]
        if name == "SEQ_SCAN":
            yield from self._scan(info, above)
        elif name == "CTE":
            yield from self._with(node, info, above)
        elif name == "CTE_SCAN" and self._repeats_shared:
            yield from self._shared.get(str(info.get("CTE Index")), ())
        else:
            for child in node["children"]:
                yield from self.scans(child, _below(name, info, above))

    def _with(self, node: Node, info: Node, above: _Above) -> Iterator[Scan]:
        definition, *uses = node["children"]
        found = tuple(self.scans(definition, _Above(only_passes_on=False)))
        if self._repeats_shared:  # counted where it is used
            self._shared[str(info.get("Table Index"))] = found
        else:
            yield from found
        for use in uses:
            yield from self.scans(use, above)

    def _scan(self, info: Node, above: _Above) -> Iterator[Scan]:
        found = self._tables.get(str(info.get("Table", "")).rpartition(".")[2])
        if found is None:
            return
        scan = _to_scan(found, info, above.filters)
        yield replace(scan, may_stop_early=above.only_passes_on and above.has_limit)


def _below(name: str, info: Node, above: _Above) -> _Above:
    if name == "FILTER":
        return replace(above, filters=(*above.filters, *_lines(info.get("Expression"))))
    return _Above(
        only_passes_on=above.only_passes_on and (name in _PASSES_ROWS_ON or name in _LIMITS),
        has_limit=above.has_limit or name in _LIMITS,
    )


def _to_scan(found: PlanTable, info: Node, filters: Sequence[str]) -> Scan:
    names = found.names
    pushed = parse_conditions(_lines(info.get("Filters")), names)
    # A FILTER right above the scan can leave out partitions, but all that the scan has is read.
    above = [replace(one, predicate=None) for one in parse_conditions(filters, names)]
    used = {*_lines(info.get("Projections")), *(path for c in pushed for path in c.columns)}
    partitioned = {column.name for column in found.table.partition_columns}
    ordered = [(plan, name) for plan, name in names.items() if name not in partitioned]
    paths = {name: _paths(plan, name, used) for plan, name in ordered}
    return Scan(
        table=found.table,
        columns=tuple(name for name, some in paths.items() if some),
        paths=tuple(path for some in paths.values() for path in some),
        conditions=(*pushed, *above),
        filtered=_filtered(pushed, names),
    )


def _filtered(pushed: Sequence[Condition], names: Mapping[str, str]) -> tuple[str, ...]:
    used = {path for condition in pushed for path in condition.columns}
    return tuple(path for plan, name in names.items() for path in _paths(plan, name, used))


def _paths(plan: str, name: str, used: set[str]) -> list[str]:
    """What is read of one column: all of it, or some of its fields."""
    mine = sorted(path for path in used if path.partition(".")[0] == plan)
    outermost = [path for path in mine if not any(path.startswith(f"{other}.") for other in mine)]
    return [name + path.removeprefix(plan) for path in outermost]


def _lines(value: object) -> list[str]:
    """EXPLAIN gives a text for one entry, and a list for more."""
    if isinstance(value, list):
        return [str(line) for line in value]
    return [str(value)] if value else []
