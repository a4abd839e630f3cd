"""Mathematical functions.

Source: https://trino.io/docs/current/functions/math.html
"""

from selfserve.core.sql.translation.functions.calls import (
    Call,
    FunctionRule,
    by_signatures,
    signature,
)
from selfserve.core.sql.translation.numbers import calculated, is_number, scaled, unscaled
from selfserve.core.sql.translation.places import unsupported
from selfserve.core.sql.translation.types import (
    DOUBLE,
    FLOATS,
    INTEGERS,
    Type,
    decimal,
    duckdb_type,
)
from selfserve.core.sql.translation.values import Value, coerced, exactly


def _number(call: Call, most: int = 1) -> Value:
    value = call.some(1, most)[0]
    if value.type.base == "unknown":
        value = coerced(value, DOUBLE)
    if not is_number(value.type):
        raise call.mismatch([value])
    return exactly(value)


def _abs(call: Call) -> Value:
    value = _number(call)
    return Value(f"abs({value.sql})", value.type)


def _whole(function: str) -> FunctionRule:
    """ceil, floor and truncate: integers stay as they are, decimals lose their fraction."""

    def rule(call: Call) -> Value:
        value = _number(call)
        if value.type.base in INTEGERS:
            return value
        if value.type.base == "decimal":
            carry = 0 if function == "trunc" else min(1, value.type.scale or 0)
            type_ = _integral(value.type, carry)
            return Value(f"CAST({function}({value.sql}) AS {duckdb_type(type_)})", type_)
        return Value(f"{function}({value.sql})", value.type)

    return rule


def _integral(type_: Type, carry: int) -> Type:
    return decimal(max(1, (type_.precision or 0) - (type_.scale or 0) + carry), 0)


def _round(call: Call) -> Value:
    value = _number(call, most=2)
    if value.type.base == "real":
        raise unsupported("round of real")
    if len(call.arguments) == 1:
        if value.type.base == "decimal":
            type_ = _integral(value.type, min(1, value.type.scale or 0))
            return Value(f"CAST(round({value.sql}) AS {duckdb_type(type_)})", type_)
        return value if value.type.base in INTEGERS else Value(f"round({value.sql})", DOUBLE)
    places = call.constant(1, "a number of digits")
    if value.type.base == "decimal":
        type_ = decimal((value.type.precision or 0) + 1, value.type.scale or 0)
        wide = f"CAST({value.sql} AS {duckdb_type(type_)})"
        return Value(f"CAST(round({wide}, {places}) AS {duckdb_type(type_)})", type_)
    if int(places) < 0:
        raise unsupported("round to a negative number of digits")
    if value.type.base in INTEGERS:
        return value
    return Value(f"round({value.sql}, {places})", DOUBLE)


def _truncate(call: Call) -> Value:
    if len(call.arguments) > 1:
        return _truncated(call)
    if _number(call).type.base in INTEGERS:
        return Value(f"CAST({_number(call).sql} AS DOUBLE)", DOUBLE)
    return _whole("trunc")(call)


def _truncated(call: Call) -> Value:
    value = _number(call, most=2)
    digits, scale = call.constant(1, "a number of digits"), value.type.scale or 0
    if value.type.base != "decimal" or not isinstance(digits, int):
        raise unsupported(f"truncate of {value.type} with a number of digits")
    if digits >= scale:
        return value
    unit = f"CAST({10 ** min(38, scale - digits)} AS HUGEINT)"
    return scaled(f"(({unscaled(value)} // {unit}) * {unit})", value.type)


def _sign(call: Call) -> Value:
    value = _number(call)
    if value.type.base in FLOATS:
        number = value.sql
        sql = f"(CASE WHEN isnan({number}) THEN {number} ELSE sign({number}) END)"
        return Value(f"CAST({sql} AS {duckdb_type(value.type)})", value.type)
    type_ = decimal(1, 0) if value.type.base == "decimal" else value.type
    return Value(f"CAST(sign({value.sql}) AS {duckdb_type(type_)})", type_)


def _mod(call: Call) -> Value:
    left, right = call.some(2)
    if not (is_number(left.type) and is_number(right.type)):
        raise call.mismatch([left, right])
    return calculated(call.env, "%", left, right)


def _of_double(sql: str) -> FunctionRule:
    return by_signatures(signature("double", "double", sql))


_NOT_A_NUMBER = "CAST('NaN' AS DOUBLE)"
_MINUS_INFINITY = "CAST('-Infinity' AS DOUBLE)"


def _logarithm(function: str) -> FunctionRule:
    """Of 0 it is -Infinity, of less NaN; both are errors in DuckDB."""
    return _of_double(
        f"(CASE WHEN {{0}} < 0 THEN {_NOT_A_NUMBER} WHEN {{0}} = 0 THEN {_MINUS_INFINITY} "
        f"ELSE {function}({{0}}) END)"
    )


NUMERIC: dict[str, FunctionRule] = {
    "abs": _abs,
    "ceil": _whole("ceil"),
    "ceiling": _whole("ceil"),
    "floor": _whole("floor"),
    "round": _round,
    "truncate": _truncate,
    "sign": _sign,
    "mod": _mod,
    "sqrt": _of_double(f"(CASE WHEN {{0}} < 0 THEN {_NOT_A_NUMBER} ELSE sqrt({{0}}) END)"),
    "cbrt": _of_double("cbrt({0})"),
    "exp": _of_double("exp({0})"),
    "ln": _logarithm("ln"),
    "log10": _logarithm("log10"),
    "log2": _logarithm("log2"),
    "degrees": _of_double("degrees({0})"),
    "radians": _of_double("radians({0})"),
    "pi": by_signatures(signature("", "double", "pi()")),
    "e": by_signatures(signature("", "double", "exp(CAST(1 AS DOUBLE))")),
    "nan": by_signatures(signature("", "double", _NOT_A_NUMBER)),
    "infinity": by_signatures(signature("", "double", "CAST('Infinity' AS DOUBLE)")),
    "is_nan": by_signatures(signature("double", "boolean", "isnan({0})")),
    "is_finite": by_signatures(signature("double", "boolean", "isfinite({0})")),
    "is_infinite": by_signatures(signature("double", "boolean", "isinf({0})")),
    "pow": by_signatures(signature("double double", "double", "pow({0}, {1})")),
    "power": by_signatures(signature("double double", "double", "pow({0}, {1})")),
    **{
        name: by_signatures(signature("bigint bigint", "bigint", sql))
        for name, sql in {
            "bitwise_and": "({0} & {1})",
            "bitwise_or": "({0} | {1})",
            "bitwise_xor": "xor({0}, {1})",
        }.items()
    },
}
