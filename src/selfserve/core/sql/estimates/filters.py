"""The filters of a scan, from the text that DuckDB's EXPLAIN gives, as predicates.

Pure. What is not understood becomes a condition without a predicate, which leaves nothing
out; the columns that it names are still known, since they are read.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from selfserve.core.sql.estimates.pruning import AllOf, AnyOf, Comparison, NullTest, Predicate

if TYPE_CHECKING:
    from sqlglot import exp

_OPTIONAL = re.compile(r"(^|(?<= AND ))(optional: )+")
_AT_RUN_TIME = "Dynamic Filter ("
_MIRRORED = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_WIDER = frozenset({"BIGINT", "INT128", "DECIMAL", "DOUBLE", "TIMESTAMP", "TIMESTAMPNTZ"})


@dataclass(frozen=True, slots=True)
class Condition:
    """One part of a scan's filter; all of them hold for the rows that it gives."""

    text: str
    """As SQL of DuckDB, with the plan's own names of columns."""
    columns: frozenset[str]
    """Paths of what it names, in the plan's names."""
    predicate: Predicate | None
    """None: not understood, or not for the scan to see to."""
    skips_groups: bool = False
    """The engine compares it with a row group's minima and maxima, and may leave it out whole.
    By other filters it reads their columns first, and the rest only if a row is left."""


def parse_conditions(lines: Sequence[str], names: Mapping[str, str]) -> tuple[Condition, ...]:
    """The conditions in an EXPLAIN's list of filters; `names`: the plan's column -> the table's."""
    return tuple(
        condition
        for text in _whole(lines)
        if not text.startswith(_AT_RUN_TIME)
        for condition in _conditions(text, names)
    )


def _whole(lines: Sequence[str]) -> Iterator[str]:
    """Put together what was cut at a line break inside a string."""
    waiting = ""
    for line in lines:
        waiting += line
        if waiting.count("'") % 2 == 0:
            yield _OPTIONAL.sub("", waiting)
            waiting = ""
        else:
            waiting += "\n"
    if waiting:
        yield waiting


def _conditions(text: str, names: Mapping[str, str]) -> Iterator[Condition]:
    import sqlglot  # noqa: PLC0415  200 ms; not on the way of other commands
    from sqlglot import exp  # noqa: PLC0415
    from sqlglot.errors import SqlglotError  # noqa: PLC0415

    reader = _Reader(names)
    try:
        parsed = sqlglot.parse_one(text, dialect="duckdb")
    except SqlglotError:
        yield Condition(text, frozenset(reader.named_in(text)), None)
        return
    inner = parsed.unnest()
    parts = list(inner.flatten(unnest=False)) if isinstance(inner, exp.And) else [parsed]
    for part in parts:
        predicate = reader.predicate(part)
        yield Condition(
            text if len(parts) == 1 else part.sql(dialect="duckdb"),
            frozenset(reader.paths(part)) or frozenset(reader.named_in(text)),
            predicate,
            # DuckDB writes parentheses around what it evaluates as an expression.
            skips_groups=isinstance(predicate, NullTest)
            or (predicate is not None and not isinstance(part, exp.Paren)),
        )


class _Reader:
    """Turns sqlglot's trees into predicates on the table's own columns.

    EXPLAIN mostly uses the plan's names, but inside functions the table's own.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._plan_names = {name.lower(): plan for plan, name in names.items()}
        self._plan_names.update((plan, plan) for plan in names)

    def named_in(self, text: str) -> Iterator[str]:
        """The columns, in the plan's names, whose name stands anywhere in `text`."""
        for name, plan in self._plan_names.items():
            if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE):
                yield plan

    def paths(self, tree: "exp.Expr") -> Iterator[str]:
        """Every column or field that is named, in the plan's names."""
        path = self._resolve(tree)
        if path is not None:
            yield path
            return
        for child in tree.iter_expressions():
            yield from self.paths(child)

    def _resolve(self, tree: "exp.Expr") -> str | None:
        """A column or a field of one, in the plan's names."""
        path = _path(tree)
        if path is None:
            return None
        if path.lower() in self._plan_names:  # a name that has a dot in it, maybe
            return self._plan_names[path.lower()]
        first, dot, rest = path.partition(".")
        plan = self._plan_names.get(first.lower())
        return None if plan is None else plan + dot + rest

    def predicate(self, tree: "exp.Expr") -> Predicate | None:
        """None: not understood."""
        from sqlglot import exp  # noqa: PLC0415

        tree = tree.unnest()
        if isinstance(tree, exp.And):
            parts = [self.predicate(part) for part in tree.flatten()]
            return AllOf(tuple(part for part in parts if part is not None))
        if isinstance(tree, exp.Or):
            return _any_of([self.predicate(part) for part in tree.flatten()])
        if isinstance(tree, exp.In):
            return _any_of([self._comparison("=", tree.this, one) for one in tree.expressions])
        return self._simple(tree)

    def _simple(self, tree: "exp.Expr") -> Predicate | None:
        from sqlglot import exp  # noqa: PLC0415

        operators: dict[type, str] = {
            exp.EQ: "=",
            exp.NEQ: "!=",
            exp.LT: "<",
            exp.LTE: "<=",
            exp.GT: ">",
            exp.GTE: ">=",
        }
        operator = operators.get(type(tree))
        if operator is not None and isinstance(tree, exp.Binary):
            return self._comparison(operator, tree.left, tree.right) or self._comparison(
                _MIRRORED[operator], tree.right, tree.left
            )
        negated = isinstance(tree, exp.Not)
        inner = tree.this.unnest() if negated else tree
        if isinstance(inner, exp.Is) and isinstance(inner.expression, exp.Null):
            column, _ = self._column(inner.this)
            return None if column is None else NullTest(column, is_null=not negated)
        return None

    def _comparison(self, operator: str, left: "exp.Expr", right: "exp.Expr") -> Comparison | None:
        column, is_cast = self._column(left)
        value = _value(right)
        if column is None or value is None:
            return None
        return Comparison(column, operator, value, is_cast)

    def _column(self, tree: "exp.Expr") -> tuple[str | None, bool]:
        """The path in the table's names, and whether a cast that keeps the order is around it."""
        from sqlglot import exp  # noqa: PLC0415

        tree = tree.unnest()
        is_cast = isinstance(tree, exp.Cast) and tree.to.this.value in _WIDER
        path = self._resolve(tree.this.unnest() if is_cast else tree)
        if path is None:
            return None, False
        plan, dot, rest = path.partition(".")
        return self._names[plan] + dot + rest, is_cast


def _any_of(parts: Sequence[Predicate | None]) -> Predicate | None:
    known = tuple(part for part in parts if part is not None)
    return AnyOf(known) if known and len(known) == len(parts) else None


def _path(tree: "exp.Expr") -> str | None:
    """`c3.info.mode` for a column or a field of one, however it is written."""
    from sqlglot import exp  # noqa: PLC0415

    if isinstance(tree, exp.Column):
        return ".".join(part.name for part in tree.parts)
    if isinstance(tree, exp.StructExtract) and isinstance(tree.expression, exp.Literal):
        inner = _path(tree.this.unnest())
        return f"{inner}.{tree.expression.name}" if inner else None
    return None


def _value(tree: "exp.Expr") -> object:
    """A literal's value in Python; None: it is no literal that we can compare."""
    from sqlglot import exp  # noqa: PLC0415

    tree = tree.unnest()
    if isinstance(tree, exp.Boolean):
        return bool(tree.this)
    if isinstance(tree, exp.Neg):
        number = _value(tree.this)
        return -number if isinstance(number, int | Decimal) else None
    if isinstance(tree, exp.Literal):
        return tree.name if tree.is_string else _number(tree.name)
    if isinstance(tree, exp.Cast) and isinstance(tree.this, exp.Literal) and tree.this.is_string:
        return _moment(tree.this.name, tree.to.this.value)
    return None


def _number(text: str) -> int | Decimal:
    return int(text) if text.isdecimal() else Decimal(text)


def _moment(text: str, kind: str) -> date | None:
    try:
        if kind == "DATE":
            return date.fromisoformat(text)
        if kind.startswith("TIMESTAMP"):
            return datetime.fromisoformat(text)
    except ValueError:  # before the year 1, or infinity
        return None
    return None
