"""CAST and TRY_CAST: what Trino accepts as text, how it rounds, how it writes numbers.

Source: https://trino.io/docs/current/functions/conversion.html
"""

import re
from collections.abc import Callable, Mapping

from sqlglot import exp

from selfserve.core.sql.translation.env import Env, translates
from selfserve.core.sql.translation.literals import decimal_literal
from selfserve.core.sql.translation.moments import localized
from selfserve.core.sql.translation.places import unsupported
from selfserve.core.sql.translation.types import (
    FLOATS,
    INTEGERS,
    UNKNOWN,
    VARCHAR,
    Type,
    duckdb_type,
    parse_type,
)
from selfserve.core.sql.translation.values import Value, coerced, exactly, text_literal

_WHOLE = "[+-]?[0-9]+"
_NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_DATE = "[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
_CLOCK = r"[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,DIGITS})?)?"
_ZONE = "(UTC|Z|[+-]00:00)"  # Trino keeps the zone, DuckDB the instant alone: so no other zone
# text that Trino reads as this type, and DuckDB the same
_READABLE = {
    **dict.fromkeys(INTEGERS, _WHOLE),
    **dict.fromkeys(FLOATS, f"{_NUMBER}|NaN|[+-]?Infinity"),
    "decimal": _NUMBER,
    "boolean": "(?i)t|true|1|f|false|0",
    "date": _DATE,
    "timestamp": f"{_DAY}( {_CLOCK})?",
    "timestamp with time zone": f"{_DAY} {_CLOCK} ?{_ZONE}",
    "time": _CLOCK,
}
_SPACED = r"(?s)[\x00-\x20].*|.*[\x00-\x20]"
_WITH_DIGIT = "(?s).*[0-9].*"
_DATED = r"(?s)\s*[0-9]{4,5}-[0-9]{1,2}-[0-9]{1,2}.*"
# other text that some release of Trino reads: it fails here even in TRY_CAST; the rest is NULL
_DOUBTFUL = {
    **dict.fromkeys((*INTEGERS, "decimal"), _SPACED),
    **dict.fromkeys(FLOATS, rf"{_SPACED}|.*[0-9.][dDfF]|[+-]?0[xX].*"),
    "date": _WITH_DIGIT,
    "timestamp": _WITH_DIGIT,
    "timestamp with time zone": _WITH_DIGIT,
    "time": _WITH_DIGIT,
}
# the same for CAST, where Trino's error is no answer either: what looks right, but for its form
_ODD = {
    **dict.fromkeys((*INTEGERS, *FLOATS, "decimal"), _SPACED),
    "date": _DATED,
    "timestamp": _DATED,
    "timestamp with time zone": _DATED,
    "time": r"(?s)\s*[0-9]{1,2}:[0-9]{1,2}.*",
}
_STRFTIME = {0: "", 3: ".%g", 6: ".%f"}


@translates(exp.Cast, parts=("this", "to"))
def _cast(env: Env, node: exp.Cast) -> Value:
    target = type_of(node.args["to"])
    value = env.value(node.this)
    if node.meta.get("start") is None:
        return _typed_literal(env, node, target)
    return cast(env, value, target)


@translates(exp.TryCast, parts=("this", "to", "safe"))
def _try_cast(env: Env, node: exp.TryCast) -> Value:
    return attempted(env, env.value(node.this), type_of(node.args["to"]))


def attempted(env: Env, value: Value, target: Type) -> Value:
    """TRY_CAST."""
    if value.type.base == "varchar" and target.base in _READABLE:
        return _attempt_to_read(env, value, target)
    result = exactly(cast(env.trying(), value, target))
    return Value(f"TRY({result.sql})", result.type)


def _attempt_to_read(env: Env, value: Value, target: Type) -> Value:
    read = f"TRY_CAST({value.sql} AS {duckdb_type(target)})"
    branches = f"WHEN {_looks(value, _READABLE, target)} THEN {read}"
    if target.base in _DOUBTFUL:
        failure = env.give_up(f"TRY_CAST of this text to {target}")
        branches += f" WHEN {_looks(value, _DOUBTFUL, target)} THEN {failure}"
    return Value(f"(CASE {branches} END)", target)


def _looks(value: Value, patterns: Mapping[str, str], target: Type) -> str:
    pattern = patterns[target.base].replace("DIGITS", str(target.precision or 1))
    return f"regexp_full_match({value.sql}, {text_literal(pattern)})"


def type_of(node: exp.DataType) -> Type:
    """The type as written in a statement."""
    type_ = parse_type(node.sql("trino"))
    if duckdb_type(type_) is None and type_.base != "row":
        shown = node.sql("trino").lower() if type_.base == "other" else str(type_)
        raise unsupported(f"the type {shown}")
    return type_


def _typed_literal(env: Env, node: exp.Cast, target: Type) -> Value:
    """Such as DATE '2026-01-01'."""
    value = env.value(node.this)
    text = str(value.constant)
    if target.base == "decimal":
        if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)", text):
            raise env.wrong(f"{text!r} is no decimal", node.this)
        return decimal_literal(text)
    if target.base == "timestamp with time zone" and not _reads(text, target):
        raise unsupported(
            f"TIMESTAMP '{text}' (with another zone than UTC; "
            "TIMESTAMP '…' AT TIME ZONE '…' moves one from UTC)"
        )
    return cast(env, value, target)


def _reads(text: str, target: Type) -> bool:
    """Whether Trino and DuckDB both take the text for the same value."""
    pattern = _READABLE[target.base].replace("DIGITS", str(target.precision or 1))
    return re.fullmatch(pattern, text) is not None


def cast(env: Env, value: Value, target: Type) -> Value:
    """`value` as CAST(… AS target) gives it.

    Raises:
        UnsupportedHereError: It is not known to be equal.
    """
    source = value.type
    if source == UNKNOWN or (source == target and source.base != "row"):
        return coerced(value, target)
    rule = _RULES.get((_kind(source), _kind(target)))
    if rule is None or (source.zone and target.base == source.base):
        moved = f" in {source.zone}" if source.zone else ""
        raise unsupported(f"CAST of {source}{moved} to {target}")
    return rule(env, exactly(localized(value)), target)


def _kind(type_: Type) -> str:
    if type_.base in INTEGERS:
        return "integer"
    return "float" if type_.base in FLOATS else type_.base


def _plain(_env: Env, value: Value, target: Type) -> Value:
    return Value(f"CAST({value.sql} AS {duckdb_type(target)})", target)


def _rounded(_env: Env, value: Value, target: Type) -> Value:
    return Value(f"CAST(round({value.sql}) AS {duckdb_type(target)})", target)


def _by_text(_env: Env, value: Value, target: Type) -> Value:
    """From the shortest text of a float, as Java's BigDecimal.valueOf does."""
    return Value(f"CAST(CAST({value.sql} AS VARCHAR) AS {duckdb_type(target)})", target)


def _read(env: Env, value: Value, target: Type) -> Value:
    result = f"CAST({value.sql} AS {duckdb_type(target)})"
    if isinstance(value.constant, str) and _reads(value.constant, target):
        return Value(result, target)
    if env.in_try and target.base in _DOUBTFUL:
        raise unsupported("a CAST of text inside of another expression in TRY (use TRY_CAST)")
    failure = env.fail(f"Cannot cast this text to {target}", target)
    branches = f"WHEN {_looks(value, _READABLE, target)} THEN {result}"
    if target.base in _ODD and not env.in_try:
        unsure = env.give_up(f"CAST of this text to {target}")
        branches += f" WHEN {_looks(value, _ODD, target)} THEN {unsure}"
    null = f"WHEN {value.sql} IS NOT NULL THEN {failure}"
    return Value(f"(CASE {branches} {null} END)", target)


def _written(env: Env, value: Value, target: Type) -> Value:
    return _fitting(env, Value(f"CAST({value.sql} AS VARCHAR)", VARCHAR), target)


def _fitting(env: Env, text: Value, target: Type) -> Value:
    if target.precision is None:
        return Value(text.sql, target)
    failure = env.fail(f"Value cannot be cast to {target}", VARCHAR)
    check = f"length({text.sql}) > {target.precision}"
    return Value(f"(CASE WHEN {check} THEN {failure} ELSE {text.sql} END)", target)


def _float_written(_env: Env, value: Value, target: Type) -> Value:
    # 8.0E0 in newer releases of Trino, 8.0 in older ones and in Presto
    raise unsupported(
        f"CAST of {value.type} to {target} (engines write 8.0E0 or 8.0; CAST it to a decimal first)"
    )


def _shortened(_env: Env, value: Value, target: Type) -> Value:
    length, known = target.precision, value.type.precision
    if length is None or (known is not None and known <= length):
        return Value(value.sql, target)
    return Value(f"substr({value.sql}, 1, {length})", target)


def _moment_written(env: Env, value: Value, target: Type) -> Value:
    fraction = _STRFTIME.get(value.type.precision or 0)
    if fraction is None:
        raise unsupported(f"CAST of {value.type} to varchar")
    return _fitting(
        env, Value(f"strftime({value.sql}, '%Y-%m-%d %H:%M:%S{fraction}')", VARCHAR), target
    )


def _to_moment(_env: Env, value: Value, target: Type) -> Value:
    if (value.type.precision or 0) > (target.precision or 0):
        raise unsupported(f"CAST of {value.type} to {target}")
    return _plain(_env, value, target)


def _array(env: Env, value: Value, target: Type) -> Value:
    item = cast(env, Value("x", value.type.items[0]), target.items[0])
    return Value(f"list_transform({value.sql}, lambda x: {exactly(item).sql})", target)


_Rule = Callable[[Env, Value, Type], Value]
_RULES: dict[tuple[str, str], _Rule] = {
    **dict.fromkeys(
        [
            (a, b)
            for a in ("integer", "boolean")
            for b in ("integer", "float", "decimal", "boolean")
        ],
        _plain,
    ),
    ("decimal", "decimal"): _plain,
    ("decimal", "integer"): _plain,
    ("decimal", "float"): _plain,
    ("float", "float"): _plain,
    ("float", "integer"): _rounded,
    ("float", "decimal"): _by_text,
    **dict.fromkeys(
        [
            ("varchar", kind)
            for kind in (
                "integer",
                "float",
                "decimal",
                "boolean",
                "date",
                "timestamp",
                "timestamp with time zone",
                "time",
            )
        ],
        _read,
    ),
    **dict.fromkeys(
        [(kind, "varchar") for kind in ("integer", "boolean", "decimal", "date")], _written
    ),
    ("float", "varchar"): _float_written,
    ("varchar", "varchar"): _shortened,
    ("timestamp", "varchar"): _moment_written,
    ("date", "timestamp"): _to_moment,
    ("date", "timestamp with time zone"): _to_moment,
    ("timestamp", "timestamp"): _to_moment,
    ("timestamp", "timestamp with time zone"): _to_moment,
    ("timestamp with time zone", "timestamp"): _to_moment,
    ("timestamp with time zone", "timestamp with time zone"): _to_moment,
    ("timestamp", "date"): _plain,
    ("timestamp with time zone", "date"): _plain,
    ("array", "array"): _array,
}
