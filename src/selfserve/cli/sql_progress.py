"""How far a query is: one live line on a terminal, a plain line now and then elsewhere.

A thread draws, because whoever waits for rows is held up in the engine's client.
"""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from selfserve.cli.output import clear_live_line, draw_live_line, say_line, talks_to_terminal
from selfserve.core.quantities import format_rough_count, format_seconds, format_size
from selfserve.core.sql.answers import Answer, Figures, Progress

_PATIENCE_S = 2.0  # nothing is said about a shorter wait
_DRAWN_EVERY_S = 0.25
_SAID_EVERY_S = 15.0


class QueryProgress:
    """Shows how far a query is while the block runs; print nothing to the terminal in it."""

    def __init__(
        self,
        progress: Callable[[], Progress],
        *,
        started: float,
        quiet: bool = False,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        self._progress = progress
        self._started = started
        self._quiet = quiet
        self._patience_s = patience_s
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        if not self._quiet:
            self._over.clear()
            self._thread = threading.Thread(target=self._show, name="progress", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _show(self) -> None:
        passed = time.monotonic() - self._started
        if self._over.wait(max(self._patience_s - passed, 0)):
            return
        if not talks_to_terminal():
            self._say_now_and_then()
            return
        while not self._over.wait(_DRAWN_EVERY_S):
            draw_live_line(self._line())
        clear_live_line()

    def _say_now_and_then(self) -> None:
        say_line(self._line())
        while not self._over.wait(_SAID_EVERY_S):
            say_line(self._line())

    def _line(self) -> str:
        return describe_progress(self._progress(), time.monotonic() - self._started)


def progress_of(answer: Answer, *, started: float, quiet: bool = False) -> QueryProgress:
    """The progress of an answer; `started` is a reading of time.monotonic()."""
    return QueryProgress(answer.progress, started=started, quiet=quiet)


def describe_progress(progress: Progress, seconds: float) -> str:
    """Such as `RUNNING 12 of 40 splits, 3.1 M rows, 220 MB, 4.0 s`."""
    pieces = []
    if progress.splits:
        pieces.append(f"{progress.splits_done or 0:,} of {progress.splits:,} splits")
    elif progress.fraction is not None:
        pieces.append(f"{progress.fraction:.0%}")
    if progress.rows is not None:
        pieces.append(f"{format_rough_count(progress.rows)} rows")
    if progress.bytes is not None:
        pieces.append(format_size(progress.bytes))
    pieces.append(format_seconds(seconds))
    return f"{progress.state} " + ", ".join(pieces)


def describe_figures(figures: Figures, seconds: float, *, shown: int | None = None) -> str:
    """Such as `40 of 1,204,331 rows, 3.2 GB read, 4.1 s`; `shown`: if not all of them were."""
    rows = "1 row" if figures.rows == 1 else f"{figures.rows:,} rows"
    pieces = [rows if shown is None or shown >= figures.rows else f"{shown:,} of {rows}"]
    if figures.bytes_read is not None:
        pieces.append(f"{format_size(figures.bytes_read)} read")
    pieces.append(format_seconds(seconds))
    return ", ".join(pieces)
