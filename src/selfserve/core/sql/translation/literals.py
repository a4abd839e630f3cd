"""Numbers, strings, NULL, intervals, parameters, arrays and rows as they are written.

Source: https://trino.io/docs/current/language/types.html
"""

import re
from decimal import Decimal

from sqlglot import exp

from selfserve.core.did_you_mean import did_you_mean
from selfserve.core.sql.translation.env import Env, translates
from selfserve.core.sql.translation.places import unsupported
from selfserve.core.sql.translation.types import (
    BIGINT,
    BOOLEAN,
    DAYS,
    DOUBLE,
    INTEGER,
    MONTHS,
    UNKNOWN,
    Type,
    array,
    common_type,
    decimal,
    duckdb_type,
    parse_type,
)
from selfserve.core.sql.translation.values import Value, coerced, text_literal

_DIGITS_OF_DECIMALS = 38
_MONTHS = {"YEAR": 12, "MONTH": 1}
_MILLISECONDS = {"DAY": 86_400_000, "HOUR": 3_600_000, "MINUTE": 60_000, "SECOND": 1000}


@translates(exp.Literal, parts=("this", "is_string"))
def _literal(env: Env, node: exp.Literal) -> Value:
    text = str(node.this)
    if node.is_string:
        return Value(text_literal(text), Type("varchar", len(text)), constant=text)
    if "e" in text.lower():
        return Value(f"CAST({text} AS DOUBLE)", DOUBLE, constant=float(text))
    if "." in text:
        if len(text.lstrip("0").replace(".", "")) > _DIGITS_OF_DECIMALS:
            raise env.wrong(f"{text} has more digits than a decimal can have", node)
        return decimal_literal(text)
    number = int(text.lstrip("0")[:20] or "0")  # int() itself takes no more than 4300 digits
    if number >= 2**63:
        raise env.wrong(f"{text} is too large for a bigint", node)
    return Value(text, INTEGER if number < 2**31 else BIGINT, constant=number)


def decimal_literal(text: str) -> Value:
    """A decimal as wide as its digits, without leading zeros."""
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text.removeprefix("+"))
    whole, _, fraction = digits.partition(".")
    whole = whole.lstrip("0")
    type_ = decimal(max(1, len(whole) + len(fraction)), len(fraction))
    shown = f"{sign}{whole or '0'}{'.' if fraction else ''}{fraction}"
    return Value(f"CAST({shown} AS {duckdb_type(type_)})", type_, constant=shown)


@translates(exp.Null)
def _null(_env: Env, _node: exp.Null) -> Value:
    return Value("NULL", UNKNOWN)


@translates(exp.Boolean)
def _boolean(_env: Env, node: exp.Boolean) -> Value:
    return Value("TRUE" if node.this else "FALSE", BOOLEAN)


@translates(exp.Paren)
def _paren(env: Env, node: exp.Paren) -> Value:
    return env.value(node.this)


@translates(exp.Placeholder, parts=("this",))
def _parameter(env: Env, node: exp.Placeholder) -> Value:
    name = node.name
    known = env.statement.parameters
    if name in {"", "?"}:
        raise unsupported("? as a parameter; write :name and give --param name=value")
    if name not in known:
        what = f"the parameter :{name} has no value{did_you_mean(name, known)}"
        raise env.wrong_text(what, f":{name}", hint=f"Give it one: --param {name}=VALUE")
    type_ = parse_type(known[name])
    return Value(f"CAST(${name} AS {duckdb_type(type_)})", type_)


@translates(exp.Interval, parts=("this", "unit"))
def _interval(env: Env, node: exp.Interval) -> Value:
    unit = str(node.args["unit"] or "").upper().strip("'")
    amount = node.this
    text = str(amount.this) if isinstance(amount, exp.Literal) and amount.is_string else ""
    if not re.fullmatch(r"[+-]?\d+(\.\d+)?", text):
        raise unsupported(f"an interval such as {node.sql('trino')}")
    if unit in _MONTHS and "." not in text:
        months = int(text) * _MONTHS[unit]
        return Value(f"to_months({months})", MONTHS, constant=months)
    if unit not in _MILLISECONDS:
        raise env.wrong(f"an interval is not given in {unit.lower() or 'this unit'}", amount)
    milliseconds = int(Decimal(text) * _MILLISECONDS[unit])
    days, rest = divmod(milliseconds, _MILLISECONDS["DAY"])
    sql = f"to_days({days})" if not rest else f"to_milliseconds({milliseconds})"
    return Value(sql, DAYS, constant=milliseconds)


@translates(exp.Array)
def _array(env: Env, node: exp.Array) -> Value:
    items = [env.value(item) for item in node.expressions]
    type_ = common_of(env, items, node)
    if type_ == UNKNOWN:
        return Value("[]" if not items else f"[{', '.join('NULL' for _ in items)}]", array(UNKNOWN))
    return Value(f"[{', '.join(coerced(item, type_).sql for item in items)}]", array(type_))


def common_of(env: Env, values: list[Value], node: exp.Expr) -> Type:
    """The type that all are coerced to.

    Raises:
        SqlError: There is none.
    """
    found = UNKNOWN
    for value in values:
        common = common_type(found, value.type)
        if common is None:
            raise env.wrong(f"{found} and {value.type} do not go together here", node)
        found = common
    return found
