"""An answer that is known before it is asked for, such as a list of tables. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from selfserve.core.sql.answers import Column, Figures, Progress, Row


@dataclass(frozen=True, slots=True)
class FixedAnswer:
    """Implements `core.sql.answers.Answer` with rows that are there."""

    columns: tuple[Column, ...] = ()
    rows: tuple[Row, ...] = ()

    def batches(self) -> Iterator[Sequence[Row]]:
        """All of them at once: there are few."""
        if self.rows:
            yield self.rows

    def progress(self) -> Progress:
        """It is finished."""
        return Progress("FINISHED")

    def figures(self) -> Figures:
        """Nothing was read from storage."""
        return Figures(len(self.rows), bytes_read=0, rows_read=0)

    def cancel(self) -> None:
        """Nothing is at work."""
