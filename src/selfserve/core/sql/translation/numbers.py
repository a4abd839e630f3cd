"""Arithmetic with Trino's types of results, and its errors.

Sources: https://trino.io/docs/current/functions/decimal.html and …/functions/math.html
"""

from collections.abc import Callable

from sqlglot import exp

from selfserve.core.sql.translation.env import Env, translates
from selfserve.core.sql.translation.moments import moved, multiplied
from selfserve.core.sql.translation.places import unsupported
from selfserve.core.sql.translation.types import (
    FLOATS,
    INTEGERS,
    UNKNOWN,
    Type,
    as_decimal,
    common_type,
    decimal,
    duckdb_type,
)
from selfserve.core.sql.translation.values import Value, coerced, exactly

_HUGEINT = Type("hugeint")
_SIGNS = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%"}
_INTERVALS = {"interval day to second", "interval year to month"}


def is_number(type_: Type) -> bool:
    """Whether one can calculate with it; NULL counts."""
    return type_.base in {*INTEGERS, *FLOATS, "decimal", "unknown"}


@translates(exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, parts=("this", "expression", "typed"))
def _binary(env: Env, node: exp.Binary) -> Value:
    left, right = env.value(node.this), env.value(node.expression)
    sign = _SIGNS[type(node)]
    if sign in "+-" and {left.type.base, right.type.base} & _INTERVALS:
        return moved(env, node, (left, right))
    if sign in "*/" and {left.type.base, right.type.base} & _INTERVALS:
        return multiplied(env, node, (left, right))
    if not (is_number(left.type) and is_number(right.type)):
        refuse_operator(env, node, sign, (left, right))
    return calculated(env, sign, left, right)


def refuse_operator(env: Env, node: exp.Expr, sign: str, sides: tuple[Value, Value]) -> None:
    """Say that the operator does not take such values."""
    moments = {"date", "timestamp", "timestamp with time zone"}
    if sign == "-" and {side.type.base for side in sides} <= moments:
        raise unsupported("a date minus a date (use date_diff)")
    shown = ", ".join(str(side.type) for side in sides)
    hint = "Trino does not convert by itself; write CAST(… AS …)."
    raise env.wrong(f"{sign!r} cannot be applied to {shown}", node, hint=hint)


def calculated(env: Env, sign: str, left: Value, right: Value) -> Value:
    """`left sign right` for numbers."""
    common = common_type(left.type, right.type) or UNKNOWN
    if common == UNKNOWN:
        return Value("NULL", UNKNOWN)
    if common.base == "decimal":
        return _of_decimals(env, sign, as_operand(left, common), as_operand(right, common))
    left, right = coerced(left, common), coerced(right, common)
    if common.base in FLOATS:
        # DuckDB's % has the sign of the dividend, as Java's; its fmod that of the divisor
        return Value(f"({left.sql} {sign} {right.sql})", common)
    if sign in "/%":
        divisor = _not_zero(env, right)
        return Value(f"({left.sql} {'//' if sign == '/' else '%'} {divisor})", common)
    return Value(f"({left.sql} {sign} {right.sql})", common, exact=True)


def as_operand(value: Value, common: Type) -> Value:
    """A number as the decimal that holds it; a decimal as it is."""
    return coerced(value, as_decimal(value.type) or common) if value.exact else value


def _not_zero(env: Env, divisor: Value) -> str:
    """The divisor, and an error if it is 0, which DuckDB takes for NULL."""
    if divisor.constant not in {None, 0}:
        return divisor.sql
    failure = env.fail("Division by zero", divisor.type)
    return f"(CASE WHEN {divisor.sql} = 0 THEN {failure} ELSE {divisor.sql} END)"


def _of_decimals(env: Env, sign: str, left: Value, right: Value) -> Value:
    type_ = _TYPES[sign](_places(left.type), _places(right.type))
    if (type_.scale or 0) > 38:
        raise unsupported(f"a product with {type_.scale} digits after the point")
    if env.in_try:
        left, right = _wide(left, type_), _wide(right, type_)
    if sign in "+-*":
        # DuckDB's own type may be narrower (and fails if a result does not fit), never rounded
        return Value(f"({left.sql} {sign} {right.sql})", type_, exact=False)
    if sign == "/":
        shift = (type_.scale or 0) + (right.type.scale or 0) - (left.type.scale or 0)
        numerator = unscaled(left, extra=shift)
        divisor = unscaled(right)
        return divided(numerator, divisor, _not_zero(env, Value(divisor, _HUGEINT)), type_)
    scale = type_.scale or 0
    sides = [unscaled(side, extra=scale - (side.type.scale or 0)) for side in (left, right)]
    return scaled(f"({sides[0]} % {_not_zero(env, Value(sides[1], _HUGEINT))})", type_)


def _wide(value: Value, result: Type) -> Value:
    """With room for all digits, since TRY would turn DuckDB's own overflow into a NULL."""
    if (value.type.precision or 0) + (result.scale or 0) + (value.type.scale or 0) > 36:
        raise unsupported(f"decimals as wide as {value.type} inside TRY")
    scale = value.type.scale or 0
    return Value(f"CAST({value.sql} AS DECIMAL(38,{scale}))", value.type)


def _places(type_: Type) -> tuple[int, int]:
    return type_.precision or 0, type_.scale or 0


Places = tuple[int, int]


def _sum(a: Places, b: Places) -> Type:
    scale = max(a[1], b[1])
    return decimal(1 + scale + max(a[0] - a[1], b[0] - b[1]), scale)


def _product(a: Places, b: Places) -> Type:
    return decimal(a[0] + b[0], a[1] + b[1])


def _quotient(a: Places, b: Places) -> Type:
    return decimal(a[0] + b[1] + max(0, b[1] - a[1]), max(a[1], b[1]))


def _remainder(a: Places, b: Places) -> Type:
    scale = max(a[1], b[1])
    return decimal(min(a[0] - a[1], b[0] - b[1]) + scale, scale)


_TYPES: dict[str, Callable[[Places, Places], Type]] = {
    "+": _sum,
    "-": _sum,
    "*": _product,
    "/": _quotient,
    "%": _remainder,
}


def unscaled(value: Value, *, extra: int = 0) -> str:
    """A decimal as the whole number of its last digit, times 10 ** extra, as a HUGEINT."""
    scale = value.type.scale or 0
    sql = value.sql
    if scale:
        sql = f"CAST({sql} AS DECIMAL(38,{scale})) * {10**scale}"
    number = f"CAST({sql} AS HUGEINT)"
    return f"({number} * {_power(extra)})" if extra else number


def scaled(sql: str, type_: Type) -> Value:
    """The decimal of this type whose last digit is `sql`, a HUGEINT."""
    scale = type_.scale or 0
    digits = f"CAST({sql} AS DECIMAL(38,0))"
    if not scale:
        return Value(digits, type_, exact=False)
    # times 0.0…1 is exact; a division would make it a double
    unit = f"CAST(0.{'0' * (scale - 1)}1 AS DECIMAL({scale},{scale}))"
    narrow = f"CAST({sql} AS DECIMAL({38 - scale},0))" if scale < 38 else digits
    return Value(f"CAST({narrow} * {unit} AS {duckdb_type(type_)})", type_)


def _power(exponent: int) -> str:
    return f"CAST({10**exponent} AS HUGEINT)"


def divided(numerator: str, divisor: str, checked: str, type_: Type) -> Value:
    """Two whole numbers divided, rounded half away from zero: the last digit of a `type_`.

    `checked` is the divisor again, failing if it is 0.
    """
    rounded = f"{numerator} * 2 + sign({numerator}) * abs({divisor})"
    return scaled(f"(({rounded}) // ({checked} * 2))", type_)


@translates(exp.Neg)
def _negative(env: Env, node: exp.Neg) -> Value:
    literal = node.this
    if isinstance(literal, exp.Literal) and literal.this == str(2**63):
        return Value(f"(-{2**63})", Type("bigint"), constant=-(2**63))
    value = env.value(literal)
    if not (is_number(value.type) or value.type.base in _INTERVALS):
        raise env.wrong(f"'-' cannot be applied to {value.type}", node)
    constant = value.constant
    if isinstance(constant, str):
        constant = constant.removeprefix("-") if constant.startswith("-") else f"-{constant}"
    elif constant is not None:
        constant = -constant
    value = exactly(value)
    return Value(f"(-{value.sql})", value.type, constant=constant)
