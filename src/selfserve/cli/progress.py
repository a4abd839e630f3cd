"""How waiting looks: one live line on a terminal, a plain line now and then elsewhere."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from selfserve.cli.hints import with_target
from selfserve.cli.output import clear_live_line, draw_live_line, say_line, talks_to_terminal
from selfserve.core.durations import to_words
from selfserve.usecases.progress import Note, Progress, Waiting

_PATIENCE_S = 2.0  # nothing is said about a shorter wait
_PLAIN_EVERY_S = 15.0


class ProgressLine:
    """A `Report` that prints: notes at once, waits once they have lasted two seconds."""

    def __init__(
        self,
        *,
        quiet: bool = False,
        verbose: bool = False,
        on: str | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._quiet = quiet
        self._on = on
        self._plain_every_s = 2.0 if verbose else _PLAIN_EVERY_S
        self._monotonic = monotonic
        self._waiting_since: float | None = None
        self._last_said: tuple[str, float] | None = None
        self._is_drawn = False

    def __call__(self, progress: Progress) -> None:
        """Take a report from a use case."""
        if self._quiet:
            return
        if isinstance(progress, Note):
            self.close()
            say_line(with_target(progress.text, self._on))
        else:
            self._wait(progress)

    def close(self) -> None:
        """Leave the terminal's line clean for what is printed next."""
        self._waiting_since = None
        self._last_said = None
        if self._is_drawn:
            clear_live_line()
            self._is_drawn = False

    def _wait(self, waiting: Waiting) -> None:
        now = self._monotonic()
        if self._waiting_since is None:
            self._waiting_since = now
        if now - self._waiting_since < _PATIENCE_S:
            return
        if talks_to_terminal():
            draw_live_line(_describe(waiting))
            self._is_drawn = True
        elif self._is_due(waiting, now):
            say_line(_describe(waiting))
            self._last_said = (waiting.what, now)

    def _is_due(self, waiting: Waiting, now: float) -> bool:
        if self._last_said is None:
            return True
        what, at = self._last_said
        return what != waiting.what or now - at >= self._plain_every_s


def _describe(waiting: Waiting) -> str:
    now, none = datetime.now(UTC), timedelta(0)
    if waiting.until is not None:
        return f"waiting for {waiting.what} ({to_words(max(waiting.until - now, none))} left)"
    elapsed = max(now - waiting.since, none)
    usually = f"; usually {waiting.usually}" if waiting.usually else ""
    return f"waiting for {waiting.what} ({to_words(elapsed)}{usually})"
