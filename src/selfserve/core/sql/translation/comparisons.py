"""Comparisons, LIKE, IN, BETWEEN, AND, OR, NOT, IS.

Floats: Trino compares NaN as IEEE 754 does, DuckDB takes it for the largest number. Where a NaN
would change an answer, a test that costs next to nothing is added.

Sources: https://trino.io/docs/current/functions/comparison.html and …/functions/logical.html
"""

from dataclasses import replace

from sqlglot import exp

from selfserve.core.sql.translation.env import Env, translates
from selfserve.core.sql.translation.literals import common_of
from selfserve.core.sql.translation.places import unsupported
from selfserve.core.sql.translation.types import (
    BOOLEAN,
    FLOATS,
    UNKNOWN,
    Type,
    common_type,
)
from selfserve.core.sql.translation.values import Value, coerced

_SIGNS = {exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">="}
_NESTED = {"array", "map", "row", "json", "time with time zone"}
_CAST_HINT = "Trino does not convert by itself; write CAST(… AS …)."


@translates(exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE)
def _compare(env: Env, node: exp.Binary) -> Value:
    sign = _SIGNS[type(node)]
    if isinstance(node.expression, (exp.All, exp.Any)):
        raise unsupported(f"{sign} {type(node.expression).__name__.upper()} (subquery)")
    left, right = env.value(node.this), env.value(node.expression)
    return compared(env, node, sign, (left, right))


def compared(env: Env, node: exp.Expr, sign: str, sides: tuple[Value, Value]) -> Value:
    """Two values compared with an operator."""
    common = comparable(env, node, sign, sides)
    if common.base == "decimal" and all(side.type.base == "decimal" for side in sides):
        left, right = _decimals(sides, common)
    else:
        left, right = (coerced(side, common) for side in sides)
    sql = f"({left.sql} {sign} {right.sql})"
    if common.base in FLOATS:
        sql = _ieee(sign, left, right)
    return Value(sql, BOOLEAN)


def _decimals(sides: tuple[Value, Value], common: Type) -> tuple[Value, Value]:
    """Literals in the type of the other side, so that files can be skipped by their statistics."""
    left, right = sides
    return (
        coerced(left, common) if left.constant is not None else left,
        coerced(right, common) if right.constant is not None else right,
    )


def _ieee(sign: str, left: Value, right: Value) -> str:
    plain = f"{left.sql} {sign} {right.sql}"
    if sign == "<>":
        if left.constant is not None or right.constant is not None:
            return f"({plain})"
        return f"({plain} OR (isnan({left.sql}) AND isnan({right.sql})))"
    larger, other = (right, left) if sign in {"<", "<="} else (left, right)
    if larger.constant is not None or (sign == "=" and other.constant is not None):
        return f"({plain})"
    number = f"{larger.sql} <= CAST('infinity' AS DOUBLE)"
    if other.constant is None:
        number = f"({number} OR {other.sql} IS NULL)"
    return f"({plain} AND {number})"


def comparable(env: Env, node: exp.Expr, sign: str, sides: tuple[Value, Value]) -> Type:
    """The type that both sides of a comparison are coerced to.

    Raises:
        SqlError: Trino does not compare them.
    """
    # instants are compared, whatever the zones they are shown in
    common = common_type(*(replace(side.type, zone=None) for side in sides))
    if common is None:
        shown = ", ".join(str(side.type) for side in sides)
        raise env.wrong(f"{sign!r} cannot be applied to {shown}", node, hint=_CAST_HINT)
    if common.base in _NESTED:
        raise unsupported(f"{sign} between values of type {common}")
    return common


def boolean(env: Env, node: exp.Expr, where: str) -> Value:
    """A condition.

    Raises:
        SqlError: It is not one.
    """
    value = env.value(node)
    if value.type not in {BOOLEAN, UNKNOWN}:
        raise env.wrong(f"{where} needs a boolean, not {value.type}", node)
    return coerced(value, BOOLEAN)


@translates(exp.And, exp.Or)
def _connector(env: Env, node: exp.Connector) -> Value:
    word = "AND" if isinstance(node, exp.And) else "OR"
    parts = [boolean(env, part, word).sql for part in node.flatten()]
    return Value(f"({f' {word} '.join(parts)})", BOOLEAN)


@translates(exp.Not)
def _not(env: Env, node: exp.Not) -> Value:
    return Value(f"(NOT {boolean(env, node.this, 'NOT').sql})", BOOLEAN)


@translates(exp.Is, parts=("this", "expression", "negate"))
def _is(env: Env, node: exp.Is) -> Value:
    if not isinstance(node.expression, exp.Null):
        raise unsupported(f"IS {node.expression.sql('trino')}")
    word = "IS NOT NULL" if node.args.get("negate") else "IS NULL"
    return Value(f"({env.value(node.this).sql} {word})", BOOLEAN)


@translates(exp.NullSafeEQ, exp.NullSafeNEQ)
def _distinct_from(env: Env, node: exp.Binary) -> Value:
    words = "IS DISTINCT FROM" if isinstance(node, exp.NullSafeNEQ) else "IS NOT DISTINCT FROM"
    sides = (env.value(node.this), env.value(node.expression))
    common = comparable(env, node, words, sides)
    left, right = (coerced(side, common) for side in sides)
    return Value(f"({left.sql} {words} {right.sql})", BOOLEAN)


@translates(exp.Between, parts=("this", "low", "high"))
def _between(env: Env, node: exp.Between) -> Value:
    value, low, high = (env.value(node.args[key]) for key in ("this", "low", "high"))
    lower = compared(env, node, ">=", (value, low))
    upper = compared(env, node, "<=", (value, high))
    return Value(f"({lower.sql} AND {upper.sql})", BOOLEAN)


def in_list(env: Env, node: exp.In) -> Value:
    """`x IN (1, 2)`."""
    value = env.value(node.this)
    items = [env.value(item) for item in node.expressions]
    common = common_of(env, [value, *items], node)
    if common.base in _NESTED:
        raise unsupported(f"IN with values of type {common}")
    if common.base in FLOATS and any(item.constant is None for item in items):
        raise unsupported(f"IN with values of type {common} that are not literals")
    listed = ", ".join(coerced(item, common).sql for item in items)
    return Value(f"({coerced(value, common).sql} IN ({listed}))", BOOLEAN)


@translates(exp.Like, parts=("this", "expression", "negate"))
def _like(env: Env, node: exp.Like) -> Value:
    return _liked(env, node, None)


@translates(exp.ILike, parts=("this", "expression", "negate"))
def _ilike(env: Env, node: exp.ILike) -> Value:
    hint = "Write lower(…) LIKE '…' with the pattern in lower case."
    raise env.wrong("Trino has no ILIKE", node, hint=hint)


@translates(exp.Escape)
def _escape(env: Env, node: exp.Escape) -> Value:
    if not isinstance(node.this, exp.Like):
        raise unsupported("ESCAPE here")
    escape = env.value(node.expression).constant
    pattern = env.value(node.this.expression).constant
    if not isinstance(escape, str) or not isinstance(pattern, str):
        raise unsupported("LIKE … ESCAPE with anything but literals")
    if len(escape) != 1:
        raise env.wrong("an escape is one character", node.expression)
    _check_escapes(env, node, pattern, escape)
    return _liked(env, node.this, escape)


def _check_escapes(env: Env, node: exp.Expr, pattern: str, escape: str) -> None:
    at = 0
    while at < len(pattern):
        if pattern[at] == escape:
            at += 1
            if pattern[at : at + 1] not in {"%", "_", escape}:
                what = f"{escape} escapes only itself, % and _"
                raise env.wrong(what, node)
        at += 1


def _liked(env: Env, node: exp.Like, escape: str | None) -> Value:
    value, pattern = env.value(node.this), env.value(node.expression)
    for side in (value, pattern):
        if side.type.base not in {"varchar", "unknown"}:
            raise env.wrong(f"LIKE needs text, not {side.type}", node)
    end = f" ESCAPE '{escape.replace(chr(39), chr(39) * 2)}'" if escape else ""
    left, right = coerced(value, Type("varchar")), coerced(pattern, Type("varchar"))
    word = "NOT LIKE" if node.args.get("negate") else "LIKE"
    return Value(f"({left.sql} {word} {right.sql}{end})", BOOLEAN)
