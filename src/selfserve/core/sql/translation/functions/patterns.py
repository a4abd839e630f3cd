r"""Regular expressions: Trino has Java's (Joni), DuckDB RE2's.

Only literal patterns made of what both read alike are translated. Classes such as \w are for
ASCII in RE2, so text beyond ASCII fails with them.

Source: https://trino.io/docs/current/functions/regexp.html
"""

import re

from selfserve.core.sql.translation.functions.calls import Call, FunctionRule
from selfserve.core.sql.translation.places import unsupported
from selfserve.core.sql.translation.types import BOOLEAN, VARCHAR
from selfserve.core.sql.translation.values import Value, coerced, text_literal

_SAFE = re.compile(
    r"""(?:
      [^\\\[\](){}|^$*+?.]                    # a character
    | \\[^A-Za-z0-9]                          # an escaped sign
    | \\[dDwWsStn]                            # a class
    | \[\^?(?:[^\\\[\]&^-]|\\[^A-Za-z0-9]|\\[dws])(?:[^\\\[\]&^]|\\[^A-Za-z0-9]|\\[dws])*\]
    | \((?:\?:)? | \) | \| | \^ | \.
    | (?<!\()[*+?](?![+])\?? | \{\d+(?:,\d*)?\}(?![+])\??
    )*""",
    re.VERBOSE,
)
_PIECES = re.compile(r"\[\^?(?:\\.|[^\]\\])*\]|\\.")
_ASCII_ONLY = re.compile(r"\\[dDwWsS]")


def _pattern(call: Call, *, end: bool) -> str:
    """The pattern, if both engines understand the same by it."""
    text = call.constant(1, "a pattern")
    if not isinstance(text, str):
        raise call.wrong(f"{call.name} needs a pattern")
    body = text.removesuffix("$") if end and not text.endswith("\\$") else text
    if not _SAFE.fullmatch(body) or not _compiles(body):
        raise unsupported(f"{call.name} with the pattern {text!r}")
    ours = _PIECES.sub(_with_vertical_tab, body)
    # Java's $ stands before a last line break, too
    return ours if body == text else f"{ours}\\n?\\z"


def _with_vertical_tab(found: re.Match[str]) -> str:
    """Java counts the vertical tab as a space, RE2 does not."""
    piece = found[0]
    if piece.startswith("["):
        return piece.replace("\\s", "\\s\\x0b")
    return {"\\s": "[\\s\\x0b]", "\\S": "[^\\s\\x0b]"}.get(piece, piece)


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def _subject(call: Call, value: Value, pattern: str) -> str:
    if value.type.base not in {"varchar", "unknown"}:
        raise call.mismatch([value])
    text = coerced(value, VARCHAR).sql
    if not _ASCII_ONLY.search(pattern):
        return text
    failure = call.env.give_up(f"{call.name} with this pattern on letters beyond ASCII")
    return f"(CASE WHEN strlen({text}) <> length({text}) THEN {failure} ELSE {text} END)"


def _like(call: Call) -> Value:
    values = call.some(2)
    if "|" in str(values[1].constant) and str(values[1].constant).endswith("$"):
        raise unsupported(f"regexp_like with the pattern {values[1].constant!r}")
    pattern = _pattern(call, end=True)
    return Value(
        f"regexp_matches({_subject(call, values[0], pattern)}, {text_literal(pattern)})", BOOLEAN
    )


def _extract(call: Call) -> Value:
    values = call.some(2, 3)
    pattern = _pattern(call, end=False)
    group = call.constant(2, "a group") if len(values) > 2 else 0
    groups = re.compile(pattern).groups
    if not isinstance(group, int) or group > groups:
        raise call.wrong(f"the pattern has {groups} groups")
    if group and re.search(r"\)[*?{]|\|", pattern):
        # a group that took no part is NULL in Trino, empty in DuckDB
        raise unsupported(f"regexp_extract of a group that may be absent ({pattern!r})")
    text = _subject(call, values[0], pattern)
    literal = text_literal(pattern)
    sql = f"regexp_extract({text}, {literal}, {group})"
    return Value(f"(CASE WHEN regexp_matches({text}, {literal}) THEN {sql} END)", VARCHAR)


def _replace(call: Call) -> Value:
    values = call.some(2, 3)
    pattern = _pattern(call, end=False)
    if re.compile(pattern).match(""):
        raise unsupported(f"regexp_replace with {pattern!r}, which finds the empty text")
    replacement = call.constant(2, "a replacement") if len(values) > 2 else ""
    if not isinstance(replacement, str) or re.search(r"\\|\$(?!\d)|\$\d\d|\$0", replacement):
        raise unsupported(f"regexp_replace with the replacement {replacement!r}")
    ours = re.sub(r"\$(\d)", r"\\\1", replacement)
    text = _subject(call, values[0], pattern)
    sql = f"regexp_replace({text}, {text_literal(pattern)}, {text_literal(ours)}, 'g')"
    return Value(sql, VARCHAR)


PATTERNS: dict[str, FunctionRule] = {
    "regexp_like": _like,
    "regexp_extract": _extract,
    "regexp_replace": _replace,
}
