"""COALESCE, NULLIF, TRY, GREATEST, LEAST, typeof.

Sources: https://trino.io/docs/current/functions/conditional.html and …/functions/comparison.html
"""

from sqlglot import exp

from selfserve.core.sql.translation.casts import attempted, type_of
from selfserve.core.sql.translation.comparisons import comparable, compared
from selfserve.core.sql.translation.functions.calls import Call, FunctionRule
from selfserve.core.sql.translation.literals import common_of
from selfserve.core.sql.translation.places import unsupported
from selfserve.core.sql.translation.types import FLOATS, UNKNOWN, Type
from selfserve.core.sql.translation.values import Value, coerced, exactly, text_literal


def _coalesce(call: Call) -> Value:
    values = call.some(2, 1000)
    type_ = common_of(call.env, values, call.node)
    if type_ == UNKNOWN:
        return Value("NULL", UNKNOWN)
    return Value(f"coalesce({', '.join(coerced(value, type_).sql for value in values)})", type_)


def _nullif(call: Call) -> Value:
    first, second = call.some(2)
    same = compared(call.env, call.node, "=", (first, second))
    first = exactly(first)
    return Value(f"(CASE WHEN {same.sql} THEN NULL ELSE {first.sql} END)", first.type)


def _try(call: Call) -> Value:
    if len(call.arguments) != 1:
        raise call.wrong("try takes one argument")
    inner = call.arguments[0]
    if isinstance(inner, exp.Cast):
        return attempted(call.env, call.env.value(inner.this), type_of(inner.args["to"]))
    if inner.find(exp.Query):
        raise unsupported("try() of a query")
    value = exactly(call.env.trying().value(inner))
    return Value(f"TRY({value.sql})", value.type)


def _extreme(function: str) -> FunctionRule:
    def rule(call: Call) -> Value:
        values = call.some(1, 127)
        type_ = common_of(call.env, values, call.node)
        comparable(call.env, call.node, call.name, (values[0], values[-1]))
        if type_ == UNKNOWN:
            return Value("NULL", UNKNOWN)
        items = [coerced(value, type_) for value in values]
        nulls = " OR ".join(f"{item.sql} IS NULL" for item in items if item.constant is None)
        result = f"{function}({', '.join(without_nan(call, item).sql for item in items)})"
        if not nulls:
            return Value(result, type_)
        return Value(f"(CASE WHEN {nulls} THEN NULL ELSE {result} END)", type_)

    return rule


def without_nan(call: Call, value: Value) -> Value:
    """The value; a NaN, which engines order differently, is an error."""
    if value.type.base not in FLOATS or value.constant is not None:
        return value
    failure = call.env.give_up(f"{call.name} of NaN")
    sql = f"(CASE WHEN isnan({value.sql}) THEN {failure} ELSE {value.sql} END)"
    return Value(sql, value.type)


def _typeof(call: Call) -> Value:
    (value,) = call.some(1)
    text = str(value.type)
    if value.type.base == "other":
        raise unsupported("typeof of this")
    return Value(text_literal(text), Type("varchar", len(text)), constant=text)


CONDITIONAL: dict[str, FunctionRule] = {
    "coalesce": _coalesce,
    "nullif": _nullif,
    "try": _try,
    "greatest": _extreme("greatest"),
    "least": _extreme("least"),
    "typeof": _typeof,
}
