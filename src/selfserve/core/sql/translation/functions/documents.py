"""Functions of JSON, where it is known that DuckDB reads the text as Trino does.

Source: https://trino.io/docs/current/functions/json.html
"""

import re

from selfserve.core.sql.translation.functions.calls import Call, FunctionRule
from selfserve.core.sql.translation.places import unsupported
from selfserve.core.sql.translation.types import VARCHAR
from selfserve.core.sql.translation.values import Value, coerced, text_literal

_PATH = re.compile(r"\$(\.[A-Za-z_][A-Za-z0-9_]*|\[[0-9]{1,6}\])+")
_STEP = re.compile(r"\.[A-Za-z_][A-Za-z0-9_]*|\[[0-9]+\]")
# commas behind the last item, NaN and Infinity: JSON for DuckDB, the end of reading for Trino
_LENIENT = r"(?i),\s*[}\]]|[:,\[]\s*-?(nan|inf)"


def _extract_scalar(call: Call) -> Value:
    text, _ = call.some(2)
    if text.type.base not in {"varchar", "unknown"}:
        raise unsupported(f"{call.name} of {text.type}")
    path = str(call.constant(1, "a path"))
    if not _PATH.fullmatch(path):
        raise unsupported(f"{call.name} with the path {path} (but such as $.a.b or $.a[0])")
    document = coerced(text, VARCHAR).sql
    valid = f"(CASE WHEN json_valid({document}) THEN {document} END)"
    kind, found = (f"{f}({valid}, {text_literal(path)})" for f in ("json_type", _AS_TEXT))
    odd = f"NOT json_valid({document}) OR regexp_matches({document}, {text_literal(_LENIENT)})"
    # Trino gives a number as it is written, DuckDB as it is worth
    number = f"{kind} = 'DOUBLE' OR ({found} = '0' AND contains({document}, '-0'))"
    unsure = " OR ".join((odd, number, *_keys_of_digits(valid, path)))
    failure = call.env.give_up(f"{call.name} of this text or this number")
    return Value(
        f"(CASE WHEN {unsure} THEN {failure} "
        f"WHEN {kind} NOT IN ('OBJECT', 'ARRAY') THEN {found} END)",
        VARCHAR,
    )


_AS_TEXT = "json_extract_string"


def _keys_of_digits(document: str, path: str) -> list[str]:
    """Conditions that [0] is asked of an object: Trino takes it for a key, DuckDB does not."""
    ends = [step.start() for step in _STEP.finditer(path) if step[0].startswith("[")]
    return [f"json_type({document}, {text_literal(path[:end])}) = 'OBJECT'" for end in ends]


DOCUMENTS: dict[str, FunctionRule] = {"json_extract_scalar": _extract_scalar}
