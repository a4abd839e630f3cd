"""The answer of Hive: rows in files or in what the step has printed, errors in its logs."""

from collections.abc import Iterator, Sequence
from itertools import islice

from selfserve.core.outcome import RunState
from selfserve.core.run import StreamName
from selfserve.core.sql.answers import Column, Row
from selfserve.core.sql.steps.errors import data_error, hive_complaint, to_error
from selfserve.core.sql.steps.hive_script import HiveScript, Output
from selfserve.core.sql.steps.order import rows_prefix
from selfserve.errors import SelfserveError
from selfserve.usecases.follow import FinishedRun
from selfserve.usecases.progress import Report
from selfserve.usecases.records.runs import Run
from selfserve.usecases.records.step_output import wait_for_step_output
from selfserve.usecases.sql.steps.answer import Settled, StepAnswer
from selfserve.usecases.sql.steps.rows import StoredRows
from selfserve.usecases.targets.target import Target

_LINES = 1000
_TIME_ZONE = "UTC"


class HiveAnswer(StepAnswer):
    """Known when the step has ended; on AWS, what it printed comes minutes later."""

    def __init__(
        self,
        target: Target,
        run: Run,
        text: str,
        script: HiveScript,
        *,
        query_id: str,
        report: Report,
    ) -> None:
        super().__init__(target, run, text, report=report)
        self._script = script
        self._query_id = query_id

    def _conclude(self, finished: FinishedRun) -> Settled:
        failure = self._failure(finished)
        if failure is not None:
            if finished.outcome.state is RunState.FAILED:
                raise self._explain() or failure
            raise failure
        if self._script.output is Output.NONE:
            return Settled((), iter(()))
        if self._script.output is Output.PRINTED:
            return _printed(self._read(StreamName.STDOUT))
        return self._stored()

    def _stored(self) -> Settled:
        stored = StoredRows(self._target, rows_prefix(self._query_id))
        names = self._script.names
        if not stored.has_files:  # Hive writes none for no rows
            return Settled(tuple(Column(name, "unknown") for name in names or ()), iter(()))
        columns = stored.columns(names)
        return Settled(columns, stored.batches(columns, _TIME_ZONE), count=stored.count())

    def _explain(self) -> SelfserveError | None:
        """What Hive itself says was wrong."""
        log = self._read(StreamName.STDERR)
        complaint = hive_complaint(log)
        found = data_error([log])
        if found is not None or complaint is None:
            return found
        return to_error(complaint, self._text, self._script.place)

    def _read(self, stream: StreamName) -> str:
        output = wait_for_step_output(self._target, self.run.placement, report=self._report)
        return output.get(stream, b"").decode(errors="replace")


def _printed(text: str) -> Settled:
    """A line is a row, and a tab ends a column; Hive fills some columns up with spaces."""
    lines = [[cell.rstrip(" ") for cell in line.split("\t")] for line in text.splitlines()]
    width = max(map(len, lines), default=1)
    columns = tuple(Column(f"_c{index}", "varchar") for index in range(width))
    return Settled(columns, _batches(lines, width), count=len(lines))


def _batches(lines: Sequence[list[str]], width: int) -> Iterator[Sequence[Row]]:
    rows = (tuple(line + [""] * (width - len(line))) for line in lines)
    while batch := list(islice(rows, _LINES)):
        yield batch
