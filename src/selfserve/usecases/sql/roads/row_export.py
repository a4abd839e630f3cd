"""Rows of any answer on their way to a sink, written by ourselves."""

from dataclasses import dataclass

from selfserve.core.sql.answers import Answer
from selfserve.core.sql.results.result_format import ResultFormat
from selfserve.usecases.sql.output.sink import Sink


@dataclass(frozen=True, slots=True)
class RowExport:
    """Implements `ways.Export`."""

    answer: Answer
    result_format: ResultFormat
    sink: Sink

    def run(self) -> int:
        """Write all rows; their number."""
        from selfserve.usecases.sql.output.writing import write_rows

        return write_rows(self.answer.columns, self.answer.batches(), self.result_format, self.sink)
