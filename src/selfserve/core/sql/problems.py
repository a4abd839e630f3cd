"""What is wrong with a statement, with the place marked in it."""

from typing import ClassVar

from selfserve.errors import BadInputError


class SqlError(BadInputError):
    """The statement cannot be used. The message ends with the line, and the place marked."""


class UnsupportedHereError(BadInputError):
    """The embedded engine has nothing that gives the same answer as the engine meant."""

    exit_code: ClassVar[int] = 2


def mark(text: str, *, line: int, column: int, length: int = 1) -> str:
    """The line of `text`, and one below it with carets; line and column count from 1.

    Empty if there is no such place. Tabs stay tabs, so that the carets stand where they should.
    """
    lines = text.splitlines()
    if not 1 <= line <= len(lines) or column < 1:
        return ""
    shown = lines[line - 1]
    before = "".join("\t" if character == "\t" else " " for character in shown[: column - 1])
    carets = "^" * max(1, min(length, len(shown) - column + 1))
    return f"  {shown}\n  {before}{carets}"


def sql_error(
    what: str, text: str, *, line: int, column: int, length: int = 1, hint: str
) -> SqlError:
    """`what` is wrong in `text` at this place; lines and columns count from 1."""
    place = mark(text, line=line, column=column, length=length)
    return SqlError(
        f"Line {line}, column {column}: {what}" + (f"\n{place}" if place else ""), hint=hint
    )
