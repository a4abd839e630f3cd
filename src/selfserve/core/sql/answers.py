"""What comes back from an engine: columns, rows, progress, figures.

Values of rows are Python's own: None, bool, int, float, Decimal, str, bytes, date, time,
datetime (aware for TIMESTAMP WITH TIME ZONE), timedelta, list for ARRAY, dict for MAP and
ROW. Types are in Trino's spelling, in lower case, such as `decimal(12,2)`, whichever engine
it was.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a result."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a query is: counts of what was processed so far; None: the engine does not say."""

    state: str
    """The engine's own word, such as QUEUED or RUNNING."""
    splits_done: int | None = None
    splits: int | None = None
    rows: int | None = None
    bytes: int | None = None
    fraction: float | None = None
    """Of the whole, from 0 to 1, for engines that tell no counts."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a query came to."""

    rows: int
    """Of the result."""
    bytes_read: int | None = None
    """From storage; None: the engine does not say."""
    rows_read: int | None = None


class Answer(Protocol):
    """A query that the engine has accepted. One reader; read it to its end, or cancel it.

    Methods raise only `SelfserveError` subclasses.
    """

    @property
    def columns(self) -> Sequence[Column]:
        """Known once this returns; empty for statements without rows. May wait for the engine."""

    def batches(self) -> Iterator[Sequence[Row]]:
        """All rows, in their order, some at a time: never all at once."""

    def progress(self) -> Progress:
        """As last heard of; asks nobody."""

    def figures(self) -> Figures:
        """After the last batch."""

    def cancel(self) -> None:
        """Make the engine stop working on it. Idempotent; may come from another thread."""
