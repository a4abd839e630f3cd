"""Aggregate functions, with DISTINCT, ORDER BY, FILTER, and over windows.

Source: https://trino.io/docs/current/functions/aggregate.html
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from selfserve.core.sql.translation.comparisons import comparable
from selfserve.core.sql.translation.functions.calls import Call
from selfserve.core.sql.translation.functions.conditional import without_nan
from selfserve.core.sql.translation.numbers import divided, is_number, unscaled
from selfserve.core.sql.translation.places import unsupported
from selfserve.core.sql.translation.types import (
    BIGINT,
    BOOLEAN,
    DOUBLE,
    INTEGERS,
    array,
    decimal,
    duckdb_type,
)
from selfserve.core.sql.translation.values import Value, coerced, exactly, is_coercible


@dataclass(frozen=True, slots=True)
class Aggregation:
    """What stands around the call; `apply` puts it where DuckDB wants it."""

    distinct: bool = False
    order: str = ""
    tail: str = ""
    """FILTER and OVER."""
    is_window: bool = field(default=False)

    def apply(self, function: str, *arguments: str, order: bool = False) -> str:
        """One call of a DuckDB aggregate."""
        inside = ", ".join(arguments)
        words = f"{'DISTINCT ' if self.distinct else ''}{inside}{self.order if order else ''}"
        return f"{function}({words}){self.tail}"


AggregateRule = Callable[[Call, Aggregation], Value]


def _count(call: Call, around: Aggregation) -> Value:
    if not call.arguments:
        return Value(around.apply("count", "*"), BIGINT)
    (value,) = call.some(1)
    return Value(around.apply("count", value.sql), BIGINT)


def _count_if(call: Call, around: Aggregation) -> Value:
    (value,) = call.some(1)
    if not is_coercible(value.type, BOOLEAN):
        raise call.mismatch([value])
    sql = f"CASE WHEN {coerced(value, BOOLEAN).sql} THEN TRUE END"
    return Value(around.apply("count", sql), BIGINT)


def _number(call: Call) -> Value:
    (value,) = call.some(1)
    if not is_number(value.type):
        raise call.mismatch([value])
    return coerced(value, BIGINT) if value.type.base == "unknown" else value


def _sum(call: Call, around: Aggregation) -> Value:
    value = _number(call)
    sql = around.apply("sum", value.sql)
    if value.type.base == "decimal":
        return Value(sql, decimal(38, value.type.scale or 0))
    if value.type.base in INTEGERS:
        return Value(f"CAST({sql} AS BIGINT)", BIGINT)
    return Value(f"CAST({sql} AS {duckdb_type(value.type)})", value.type)


def _avg(call: Call, around: Aggregation) -> Value:
    value = _number(call)
    if value.type.base != "decimal":
        number = coerced(value, DOUBLE)
        type_ = value.type if value.type.base == "real" else DOUBLE
        return Value(f"CAST({around.apply('avg', number.sql)} AS {duckdb_type(type_)})", type_)
    total = Value(around.apply("sum", value.sql), decimal(38, value.type.scale or 0))
    count = f"CAST({around.apply('count', value.sql)} AS HUGEINT)"
    return divided(unscaled(total), count, count, value.type)


def _extreme(function: str) -> AggregateRule:
    def rule(call: Call, around: Aggregation) -> Value:
        if len(call.arguments) != 1:
            raise unsupported(f"{call.name} with a number of values")
        (value,) = call.some(1)
        comparable(call.env, call.node, call.name, (value, value))
        sql = around.apply(function, without_nan(call, value).sql)
        return Value(sql, value.type, exact=value.exact)

    return rule


def _extreme_by(function: str) -> AggregateRule:
    def rule(call: Call, around: Aggregation) -> Value:
        if len(call.arguments) != 2:
            raise unsupported(f"{call.name} with a number of values")
        value, by = call.some(2)
        comparable(call.env, call.node, call.name, (by, by))
        sql = around.apply(function, value.sql, without_nan(call, by).sql)
        return Value(sql, value.type, exact=value.exact)

    return rule


def _boolean(function: str) -> AggregateRule:
    def rule(call: Call, around: Aggregation) -> Value:
        (value,) = call.some(1)
        if not is_coercible(value.type, BOOLEAN):
            raise call.mismatch([value])
        return Value(around.apply(function, coerced(value, BOOLEAN).sql), BOOLEAN)

    return rule


def _any(call: Call, around: Aggregation) -> Value:
    (value,) = call.some(1)
    return Value(around.apply("any_value", value.sql), value.type, exact=value.exact)


def _array_agg(call: Call, around: Aggregation) -> Value:
    (value,) = call.some(1)
    value = exactly(value)
    return Value(around.apply("array_agg", value.sql, order=True), array(value.type))


def _statistic(function: str, arity: int = 1) -> AggregateRule:
    def rule(call: Call, around: Aggregation) -> Value:
        values = call.some(arity)
        if any(not is_number(value.type) or value.type.base == "real" for value in values):
            raise call.mismatch(values)
        numbers = [coerced(value, DOUBLE).sql for value in values]
        sql = around.apply(function, *numbers)
        if function == "corr":
            sql = f"(CASE WHEN isfinite({sql}) THEN {sql} END)"
        return Value(sql, DOUBLE)

    return rule


AGGREGATES: dict[str, AggregateRule] = {
    "count": _count,
    "count_if": _count_if,
    "sum": _sum,
    "avg": _avg,
    "min": _extreme("min"),
    "max": _extreme("max"),
    "min_by": _extreme_by("arg_min_null"),
    "max_by": _extreme_by("arg_max_null"),
    "bool_and": _boolean("bool_and"),
    "bool_or": _boolean("bool_or"),
    "every": _boolean("bool_and"),
    "arbitrary": _any,
    "any_value": _any,
    "array_agg": _array_agg,
    "stddev": _statistic("stddev_samp"),
    "stddev_samp": _statistic("stddev_samp"),
    "stddev_pop": _statistic("stddev_pop"),
    "variance": _statistic("var_samp"),
    "var_samp": _statistic("var_samp"),
    "var_pop": _statistic("var_pop"),
    "covar_pop": _statistic("covar_pop", 2),
    "covar_samp": _statistic("covar_samp", 2),
    "corr": _statistic("corr", 2),
}
