"""Show an answer to people, or write it out for programs; cancel it if that fails.

On a terminal the first rows are shown, and then how many there are: for that, the others
are read and let go. Elsewhere all rows are written as they come.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING

from selfserve.cli.output import (
    Output,
    may_style_data,
    pass_through,
    shows_data_on_terminal,
    terminal_width,
)
from selfserve.cli.sql_layout import (
    PLAIN,
    TERMINAL,
    head_line,
    record_lines,
    table_lines,
    to_cells,
    total_width,
    widths_of,
)
from selfserve.cli.sql_progress import QueryProgress, describe_figures, progress_of
from selfserve.core.sql.answers import Answer, Column, Figures, Row
from selfserve.errors import BadInputError

if TYPE_CHECKING:
    from selfserve.core.sql.results.result_format import ResultFormat
    from selfserve.usecases.sql.output.sink import Sink

ROWS_SHOWN = 40
_ROWS_THAT_SET_WIDTHS = 1_000


def show_answer(
    answer: Answer,
    output: Output,
    *,
    started: float,
    limit: int = ROWS_SHOWN,
    vertical: bool | None = None,
    quiet: bool = False,
) -> Figures:
    """Show it as a table, and say what it came to.

    Args:
        answer: It is read to its end, or cancelled if that fails or is interrupted.
        output: Where to.
        started: When the user asked, as time.monotonic() has it.
        limit: Of rows, on a terminal.
        vertical: Whether each row is a block of lines; None: if a table is too wide.
        quiet: Without progress; what it came to is `output`'s to say or not.
    """
    with cancelled_on_failure(answer):
        view = _View(answer, output, progress_of(answer, started=started, quiet=quiet), vertical)
        shown = None
        if shows_data_on_terminal():
            shown = view.show_first(limit)
        else:
            view.show_all()
    figures = answer.figures()
    output.say(summary(answer.columns, figures, time.monotonic() - started, shown=shown))
    return figures


def write_answer(
    answer: Answer,
    result_format: "ResultFormat",
    sink: "Sink | None",
    *,
    started: float,
    quiet: bool = False,
) -> Figures:
    """Write all of it to `sink`, or with None to stdout; what it came to.

    Raises:
        BadInputError: Parquet for a terminal, or of a statement without a result.
    """
    from selfserve.usecases.sql.output.writing import write_rows

    with cancelled_on_failure(answer):
        if sink is None:
            refuse_parquet_on_terminal(result_format)
        waits = progress_of(answer, started=started, quiet=quiet)
        with waits:
            columns = answer.columns
        if sink is None and shows_data_on_terminal():
            write_rows(columns, answer.batches(), result_format, Stdout())
        else:
            with waits:
                write_rows(columns, answer.batches(), result_format, sink or Stdout())
    return answer.figures()


def refuse_parquet_on_terminal(result_format: "ResultFormat") -> None:
    """Raises BadInputError for what no person can read."""
    if result_format.value == "parquet" and shows_data_on_terminal():
        raise BadInputError(
            "Parquet is not for a terminal.", hint="Name a file for it: --out result.parquet"
        )


def summary(
    columns: Sequence[Column], figures: Figures, seconds: float, *, shown: int | None = None
) -> str:
    """One line of talk: how many rows, how much was read, how long it took."""
    text = describe_figures(figures, seconds, shown=shown)
    return text if columns else text.replace("0 rows", "Done", 1)


@contextmanager
def cancelled_on_failure(answer: Answer) -> Iterator[None]:
    """Let the engine stop if the block fails, is interrupted, or its reader has gone."""
    try:
        yield
    except BaseException:
        answer.cancel()
        raise


class Stdout:
    """Standard output as a `Sink`."""

    closed = False

    def write(self, data: bytes, /) -> int:
        """Pass it on at once: whoever reads a pipe waits for it."""
        pass_through(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is kept back."""


class _View:
    """An answer on its way to a person."""

    def __init__(
        self, answer: Answer, output: Output, waits: QueryProgress, vertical: bool | None
    ) -> None:
        self._answer = answer
        self._output = output
        self._waits = waits
        self._vertical = vertical
        with waits:
            self._columns = answer.columns
        self._batches = iter(answer.batches())

    def show_first(self, limit: int) -> int:
        """Show some rows, and read the others; how many were shown."""
        rows = self._take(limit)
        if self._columns:
            self._output.text("".join(self._on_terminal(rows[:limit])))
        with self._waits:
            for _ in self._batches:
                pass
        return min(len(rows), limit)

    def show_all(self) -> None:
        """Show all rows as they come."""
        rows = self._take(_ROWS_THAT_SET_WIDTHS)
        if not self._columns:
            return
        cells = to_cells(self._columns, rows)
        if self._vertical:
            self._show_records(rows)
            return
        widths = widths_of(self._columns, cells)
        lines = table_lines(self._columns, cells, widths)
        self._output.text("".join(chain([head_line(self._columns, widths)], lines)))
        for batch in self._batches:
            lines = table_lines(self._columns, to_cells(self._columns, batch), widths)
            self._output.text("".join(lines))

    def _show_records(self, rows: Sequence[Row]) -> None:
        first = 1
        for batch in chain([rows], self._batches):
            cells = to_cells(self._columns, batch)
            self._output.text("".join(record_lines(self._columns, cells, first=first)))
            first += len(batch)

    def _take(self, least: int) -> list[Row]:
        """The rows of the first batches, until there are `least` or no more."""
        rows: list[Row] = []
        with self._waits:
            while len(rows) < least and (batch := next(self._batches, None)) is not None:
                rows.extend(batch)
        return rows

    def _on_terminal(self, rows: Sequence[Row]) -> Iterator[str]:
        style = TERMINAL if may_style_data() else PLAIN
        cells = to_cells(self._columns, rows)
        widths = widths_of(self._columns, cells)
        if self._vertical or (self._vertical is None and total_width(widths) > terminal_width()):
            return record_lines(self._columns, cells, style)
        lines = table_lines(self._columns, cells, widths, style)
        return chain([head_line(self._columns, widths, style)], lines)
