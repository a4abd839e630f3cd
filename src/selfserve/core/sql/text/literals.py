r"""Values as SQL literals, for engines that take no parameters beside the statement.

Pure. A literal is made from a value of a known type, never from what was typed.

Strings of Trino and Presto double the quote, and nothing else is special. Those of Hive and
Spark have backslash escapes, of which both know \', \\ and \uXXXX. More is escaped for them
than the grammar asks for, because others read the text before the parser does:

- `$`: both put variables such as ${env:HOME} in, even inside strings;
- `;`: Hive's command line cuts scripts there;
- line ends: Hive's command line drops lines that start with --;
- what is not ASCII: a step reads its script in the node's own encoding.

https://cwiki.apache.org/confluence/display/Hive/LanguageManual+VariableSubstitution
https://spark.apache.org/docs/latest/sql-ref-literals.html
"""

from datetime import date, datetime
from decimal import Decimal

from selfserve.core.sql.engines import Engine
from selfserve.core.sql.text.parameter_types import BaseType, ParameterType, Scalar, Value, as_items

_READ_BY_OTHERS = frozenset("$;")


def to_literal(value: Value, of_type: ParameterType, engine: Engine) -> str:
    """The value as this engine's SQL; a list's values have commas between them."""
    return ", ".join(_scalar(item, of_type.item, engine) for item in as_items(value))


def _scalar(value: Scalar, of_type: ParameterType, engine: Engine) -> str:
    if isinstance(value, str):
        return _string(value, engine)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return _whole(value)
    if isinstance(value, float):
        return f"CAST('{value!r}' AS double)"
    if isinstance(value, Decimal):
        return f"CAST('{value:f}' AS {of_type})"
    return _time(value)


def _time(value: date) -> str:
    if isinstance(value, datetime):
        return f"TIMESTAMP '{value.isoformat(sep=' ')}'"
    return f"DATE '{value.isoformat()}'"


def _whole(value: int) -> str:
    """In parentheses if negative: after a minus sign, two of them would start a comment."""
    if value >= 0:
        return str(value)
    if value == -(2**63):  # 2**63 itself is no bigint, and its minus sign comes too late for Hive
        return f"CAST('{value}' AS {BaseType.BIGINT})"
    return f"({value})"


def _string(value: str, engine: Engine) -> str:
    if "\0" in value:
        raise ValueError("NUL is refused where values are parsed")
    if engine.has_coordinator:
        return "'" + value.replace("'", "''") + "'"
    return "'" + "".join(map(_escaped, value)) + "'"


def _escaped(character: str) -> str:
    if character in {"'", "\\"}:
        return f"\\{character}"
    if " " <= character <= "~" and character not in _READ_BY_OTHERS:
        return character
    units = character.encode("utf-16-be").hex()  # two \\u for one beyond the first 65,536
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
