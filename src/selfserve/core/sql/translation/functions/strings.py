"""String functions; positions count code points from 1 in both engines.

Source: https://trino.io/docs/current/functions/string.html
"""

from sqlglot import exp

from selfserve.core.sql.translation.env import Env, translates
from selfserve.core.sql.translation.functions.calls import (
    Call,
    FunctionRule,
    by_signatures,
    signature,
)
from selfserve.core.sql.translation.functions.sequences import concatenated
from selfserve.core.sql.translation.places import unsupported
from selfserve.core.sql.translation.types import BIGINT, VARCHAR, Type, array
from selfserve.core.sql.translation.values import Value, coerced, text_literal

# What Java's Character.isWhitespace says, which Trino's trim goes by.
_SPACE_CODES = [
    *range(0x09, 0x0E), *range(0x1C, 0x21), 0x1680, *range(0x2000, 0x2007),
    *range(0x2008, 0x200B), 0x2028, 0x2029, 0x205F, 0x3000,
]  # fmt: skip
_SPACES = "'" + "".join(map(chr, _SPACE_CODES)) + "'"


@translates(exp.DPipe)
def _concatenation(env: Env, node: exp.DPipe) -> Value:
    sides = [env.value(node.this), env.value(node.expression)]
    call = Call(env, "||", node, [node.this, node.expression])
    return concatenated(call, sides)


def _text(call: Call, value: Value) -> Value:
    if value.type.base not in {"varchar", "unknown"}:
        raise call.mismatch([value])
    return coerced(value, value.type if value.type.base == "varchar" else VARCHAR)


def _lower(call: Call) -> Value:
    value = _text(call, call.some(1)[0])
    return Value(f"lower({value.sql})", value.type)


def _upper(call: Call) -> Value:
    """Each letter by itself, as Java does; DuckDB makes another letter of ß, and only of ß."""
    value = _text(call, call.some(1)[0])
    sql = f"upper({value.sql})"
    if value.constant is not None and "ß" not in str(value.constant):
        return Value(sql, value.type)
    pieces = f"list_transform(string_split({value.sql}, 'ß'), lambda piece: upper(piece))"
    rest = f"array_to_string({pieces}, 'ß')"
    return Value(f"(CASE WHEN contains({value.sql}, 'ß') THEN {rest} ELSE {sql} END)", value.type)


def substring(call: Call, value: Value, start: Value, length: Value | None) -> Value:
    """From the end if `start` is negative; empty for 0 and beyond the text."""
    text = _text(call, value)
    numbers = [number for number in (start, length) if number is not None]
    if any(
        number.type.base not in {"integer", "bigint", "smallint", "tinyint", "unknown"}
        for number in numbers
    ):
        raise call.mismatch([value, *numbers])
    arguments = ", ".join([text.sql, *(coerced(number, BIGINT).sql for number in numbers)])
    sql = f"substr({arguments})"
    if all(isinstance(n.constant, int) and n.constant > 0 for n in numbers):
        return Value(sql, text.type)
    empty = f"{start.sql} = 0 OR {start.sql} < -length({text.sql})"
    if length is not None:
        empty += f" OR {length.sql} <= 0"
    return Value(
        f"(CASE WHEN {text.sql} IS NULL THEN NULL WHEN {empty} THEN '' ELSE {sql} END)", text.type
    )


def _substr(call: Call) -> Value:
    values = call.some(2, 3)
    return substring(call, values[0], values[1], values[2] if len(values) > 2 else None)


@translates(exp.Substring, parts=("this", "start", "length"))
def _substring(env: Env, node: exp.Substring) -> Value:
    arguments = [node.args[key] for key in ("this", "start", "length") if node.args.get(key)]
    return _substr(Call(env, "substring", node, arguments))


@translates(exp.StrPosition, parts=("this", "substr"))
def _position(env: Env, node: exp.StrPosition) -> Value:
    return _strpos(Call(env, "position", node, [node.this, node.args["substr"]]))


_strpos = by_signatures(signature("varchar varchar", "bigint", "strpos({0}, {1})"))


@translates(exp.Trim, parts=("this", "expression", "position"))
def _trim_words(env: Env, node: exp.Trim) -> Value:
    function = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(
        str(node.args.get("position") or ""), "trim"
    )
    arguments = [node.this, *([node.expression] if node.args.get("expression") else [])]
    return _trimmed(function)(Call(env, "trim", node, arguments))


def _trimmed(function: str) -> FunctionRule:
    def rule(call: Call) -> Value:
        values = [_text(call, value) for value in call.some(1, 2)]
        characters = values[1].sql if len(values) > 1 else _SPACES
        return Value(f"{function}({values[0].sql}, {characters})", values[0].type)

    return rule


def _replace(call: Call) -> Value:
    values = [_text(call, value) for value in call.some(2, 3)]
    if values[1].constant in {None, ""}:
        raise unsupported("replace of something that is no literal, or is empty")
    with_ = values[2].sql if len(values) > 2 else "''"
    return Value(f"replace({values[0].sql}, {values[1].sql}, {with_})", VARCHAR)


def _split(call: Call) -> Value:
    value, delimiter = (_text(call, v) for v in call.some(2))
    if delimiter.constant in {None, ""}:
        raise unsupported("split by something that is no literal, or is empty")
    return Value(f"string_split({value.sql}, {delimiter.sql})", array(VARCHAR))


def _split_part(call: Call) -> Value:
    values = call.some(3)
    index = call.constant(2, "an index")
    if not isinstance(index, int) or index < 1:
        raise call.wrong("split_part counts from 1")
    delimiter = call.constant(1, "a delimiter")
    if delimiter == "":
        raise unsupported("split_part by nothing")
    sql = f"string_split({_text(call, values[0]).sql}, {values[1].sql})[{index}]"
    return Value(sql, VARCHAR)


def _padded(call: Call) -> Value:
    values = call.some(3)
    size, pad = call.constant(1, "a size"), call.constant(2, "a padding")
    if not isinstance(size, int) or size < 0 or not pad:
        raise call.wrong(f"{call.name} needs a size of 0 or more, and a padding")
    sql = f"{call.name}({_text(call, values[0]).sql}, {size}, {text_literal(str(pad))})"
    return Value(sql, VARCHAR)


def _concat_ws(call: Call) -> Value:
    values = [_text(call, value) for value in call.some(2, 127)]
    return Value(f"concat_ws({', '.join(value.sql for value in values)})", VARCHAR)


def _codepoint(call: Call) -> Value:
    (value,) = call.some(1)
    if value.constant is None or len(str(value.constant)) != 1:
        raise unsupported("codepoint of anything but one character")
    return Value(f"unicode({value.sql})", Type("integer"))


STRINGS: dict[str, FunctionRule] = {
    "upper": _upper,
    "lower": _lower,
    "length": by_signatures(signature("varchar", "bigint", "length({0})")),
    "substr": _substr,
    "substring": _substr,
    "strpos": _strpos,
    "starts_with": by_signatures(signature("varchar varchar", "boolean", "starts_with({0}, {1})")),
    "trim": _trimmed("trim"),
    "ltrim": _trimmed("ltrim"),
    "rtrim": _trimmed("rtrim"),
    "replace": _replace,
    "split": _split,
    "split_part": _split_part,
    "lpad": _padded,
    "rpad": _padded,
    "concat_ws": _concat_ws,
    "codepoint": _codepoint,
    "chr": by_signatures(signature("bigint", "varchar(1)", "chr(CAST({0} AS INTEGER))")),
}
