"""How a statement with parameters is sent: prepared in a header, then executed. Pure.

A header works with every version of Trino and Presto, takes no request of its own, and the
engine counts lines and columns as the user does. Coordinators take 8 KB of headers, though;
longer statements go into EXECUTE IMMEDIATE, which Trino has from 418 (EMR 6.13) and
Presto has not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote_plus

from selfserve.coordinator.literals import to_literal
from selfserve.core.sql.engines import Engine
from selfserve.errors import BadInputError

_NAME = "selfserve"
_HEADER_BYTES = 6_000  # of 8,192; the rest is for the other headers
# The line end keeps the statement in columns of its own: Trino adds the literal's column to
# those of syntax errors, and in every line, if the literal stands in the first.
_IMMEDIATE = "EXECUTE IMMEDIATE\n"


@dataclass(frozen=True, slots=True)
class Prepared:
    """What to send."""

    text: str
    statements: Mapping[str, str] = field(default_factory=dict)
    """Prepared statements by name, for the header."""
    lines_before: int = 0
    """How many lines of the text come before the statement."""


def prepare(statement: str, parameters: Sequence[object], *, engine: Engine) -> Prepared:
    """What to send for this statement and the values of its `?`.

    Raises:
        BadInputError: a value has no literal, or Presto cannot take so long a statement.
    """
    if not parameters:
        return Prepared(statement)
    values = ", ".join(map(to_literal, parameters))
    if len(quote_plus(statement)) <= _HEADER_BYTES:
        return Prepared(f"EXECUTE {_NAME} USING {values}", {_NAME: statement})
    if engine is Engine.PRESTO:
        raise BadInputError(
            "Presto cannot take a statement that is so long and has parameters.",
            hint="Shorten the statement, or write the values into it.",
        )
    quoted = statement.replace("'", "''")
    return Prepared(f"{_IMMEDIATE}'{quoted}' USING {values}", lines_before=1)
