"""The answer of a statement that changes something: it is carried out when it is read."""

from collections.abc import Callable, Iterator, Sequence

from selfserve.core.sql.answers import Column, Figures, Progress, Row
from selfserve.core.sql.results.fixed_answer import FixedAnswer
from selfserve.embedded.run import Run


class ChangeAnswer:
    """Implements `core.sql.answers.Answer`. Once cancelled, it leaves nothing behind.

    What is done is done, though: who cancels after the last step comes too late.
    """

    def __init__(self, carry_out: Callable[[Run], FixedAnswer]) -> None:
        self._carry_out = carry_out
        self._run = Run()
        self._done: FixedAnswer | None = None

    @property
    def columns(self) -> Sequence[Column]:
        """Carries the statement out."""
        return self._answer().columns

    def batches(self) -> Iterator[Sequence[Row]]:
        """Trino's: how many rows were written, or that it is done."""
        yield from self._answer().batches()

    def progress(self) -> Progress:
        """As DuckDB says."""
        return self._run.progress()

    def figures(self) -> Figures:
        """After the last batch."""
        return self._answer().figures()

    def cancel(self) -> None:
        """Interrupt it, now or when it begins."""
        self._run.cancel()

    def _answer(self) -> FixedAnswer:
        if self._done is None:
            self._run.check()
            self._done = self._carry_out(self._run)
        return self._done
