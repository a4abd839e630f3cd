"""Write the rows of an answer to a sink, as they come: none is kept."""

from collections.abc import Iterable, Iterator, Sequence

from selfserve.core.sql.answers import Column, Row
from selfserve.core.sql.results.csv_text import csv_text
from selfserve.core.sql.results.json_text import json_text
from selfserve.core.sql.results.result_format import ResultFormat
from selfserve.usecases.sql.output.sink import Sink


def write_rows(
    columns: Sequence[Column],
    batches: Iterable[Sequence[Row]],
    result_format: ResultFormat,
    sink: Sink,
) -> int:
    """Write all rows in this format; how many there were.

    Raises:
        BadInputError: Parquet is asked for and there are no columns.
    """
    counter = _Counter()
    if result_format is ResultFormat.PARQUET:
        from selfserve.usecases.sql.output.parquet import write_parquet

        write_parquet(columns, counter.passing(batches), sink)
    else:
        to_text = csv_text if result_format is ResultFormat.CSV else json_text
        for piece in to_text(columns, counter.passing(batches)):
            sink.write(piece.encode())
    sink.flush()
    return counter.rows


class _Counter:
    def __init__(self) -> None:
        self.rows = 0

    def passing(self, batches: Iterable[Sequence[Row]]) -> Iterator[Sequence[Row]]:
        for batch in batches:
            self.rows += len(batch)
            yield batch
