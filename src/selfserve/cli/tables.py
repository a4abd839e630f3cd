"""Rows as text. Pure, but for asking the terminal's width; `output.py` prints what this returns."""

from collections.abc import Sequence


def plain_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Aligned columns without control characters; easy for cut, grep and awk."""
    lines = [[column.upper() for column in columns], *rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        + "\n"
        for line in lines
    )


def rich_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The same for a terminal: bold heads, cells folded to its width."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.upper(), overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console = Console(force_terminal=True, highlight=False)
    with console.capture() as capture:
        console.print(table)
    return capture.get()
