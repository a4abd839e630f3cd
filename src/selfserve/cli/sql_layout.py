"""Rows of an answer as lines: a table, or a record after the other where it is too wide. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from unicodedata import category, east_asian_width

from selfserve.core.sql.answers import Column, Row
from selfserve.core.sql.results.rendering import NULL, escape_controls, is_number, render_text
from selfserve.core.sql.results.sql_types import SqlType, parse_type

_GAP = "  "
_LONGEST_VALUE = 2_000  # of one record on a terminal; files get all of it
_NO_WIDTH = {"Mn", "Me", "Cf"}


@dataclass(frozen=True, slots=True)
class Style:
    """How heads and NULLs are set off: what comes before and after them."""

    head: tuple[str, str] = ("", "")
    null: tuple[str, str] = ("", "")


PLAIN = Style()
TERMINAL = Style(head=("\x1b[1m", "\x1b[0m"), null=("\x1b[2;3m", "\x1b[0m"))


@dataclass(frozen=True, slots=True)
class Cell:
    """A value as text that cannot steer a terminal."""

    text: str
    is_null: bool
    width: int
    """In places of a terminal, of which 日 takes two."""


def to_cells(columns: Sequence[Column], rows: Iterable[Row]) -> list[list[Cell]]:
    """The rows as text."""
    types = [parse_type(column.type) for column in columns]
    return [list(map(_cell, row, types)) for row in rows]


def widths_of(columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> list[int]:
    """How wide each column has to be for its head and these rows."""
    return [
        max(_width(_head(column)), *(row[index].width for row in rows), 1)
        for index, column in enumerate(columns)
    ]


def total_width(widths: Sequence[int]) -> int:
    """Of a table's lines."""
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def head_line(columns: Sequence[Column], widths: Sequence[int], style: Style = PLAIN) -> str:
    """The names of the columns, those of numbers on the right."""
    before, after = style.head
    heads = [Cell(_head(column), False, _width(_head(column))) for column in columns]  # noqa: FBT003
    return before + _aligned(columns, heads, widths, PLAIN) + after + "\n"


def table_lines(
    columns: Sequence[Column],
    rows: Iterable[Sequence[Cell]],
    widths: Sequence[int],
    style: Style = PLAIN,
) -> Iterator[str]:
    """A line for each row; a value wider than its column pushes the others on."""
    line = partial(_aligned, columns, widths=widths, style=style)
    return (line(row) + "\n" for row in rows)


def record_lines(
    columns: Sequence[Column],
    rows: Iterable[Sequence[Cell]],
    style: Style = PLAIN,
    *,
    first: int = 1,
) -> Iterator[str]:
    """Each row as a block: a line for each column, with its name; numbers count from `first`."""
    heads = [_head(column) for column in columns]
    wide = max(map(_width, heads), default=0)
    before, after = style.head
    for number, row in enumerate(rows, first):
        yield f"-[ RECORD {number} ]-\n"
        for head, cell in zip(heads, row, strict=True):
            padded = head + " " * (wide - _width(head))
            yield f"{before}{padded}{after} | {_styled(_shortened(cell), style)}\n"


def _cell(value: object, sql_type: SqlType) -> Cell:
    text = escape_controls(render_text(value, sql_type))
    return Cell(text, value is None, _width(text))


def _head(column: Column) -> str:
    return escape_controls(column.name)


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(_places(character) for character in text)


def _places(character: str) -> int:
    if category(character) in _NO_WIDTH:
        return 0
    return 2 if east_asian_width(character) in {"W", "F"} else 1


def _aligned(
    columns: Sequence[Column], cells: Sequence[Cell], widths: Sequence[int], style: Style
) -> str:
    pieces = []
    for column, cell, width in zip(columns, cells, widths, strict=True):
        blanks = " " * (width - cell.width)
        text = _styled(cell, style)
        pieces.append(blanks + text if is_number(column.type) else text + blanks)
    return _GAP.join(pieces).rstrip(" ")


def _styled(cell: Cell, style: Style) -> str:
    if not cell.is_null:
        return cell.text
    before, after = style.null
    return before + NULL + after


def _shortened(cell: Cell) -> Cell:
    if len(cell.text) <= _LONGEST_VALUE:
        return cell
    text = f"{cell.text[:_LONGEST_VALUE]}… ({len(cell.text):,} characters)"
    return Cell(text, cell.is_null, _width(text))
