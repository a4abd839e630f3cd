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

    Empty if there is no such place, or nothing on the line. Tabs stay tabs, so that the carets
    stand where they should.
    """
    lines = text.split("\n")  # splitlines() ends lines where no engine does, as at a form feed
    if not 1 <= line <= len(lines) or column < 1 or not lines[line - 1].strip():
        return ""
    shown = "".join(_visible(character) for character in lines[line - 1].removesuffix("\r"))
    before = "".join("\t" if character == "\t" else " " for character in shown[: column - 1])
    carets = "^" * max(1, min(length, len(shown) - column + 1))
    return f"  {shown}\n  {before}{carets}"


def _visible(character: str) -> str:
    return character if character == "\t" or character.isprintable() else " "


def sql_error(
    what: str, text: str, *, line: int, column: int, length: int = 1, hint: str
) -> SqlError:
    """`what` is wrong in `text` at this place; lines and columns count from 1."""
    place = mark(text, line=line, column=column, length=length)
    return SqlError(
        f"Line {line}, column {column}: {what}" + (f"\n{place}" if place else ""), hint=hint
    )
