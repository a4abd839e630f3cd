"""The embedded engine over the tables of AWS: Glue says what they are, S3 has their files.

For small queries that need no cluster, and for saying what a query would read.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from selfserve.aws.s3_files import list_objects, read_range
from selfserve.aws.session import Clients, make_clients
from selfserve.core.sql.answers import Answer
from selfserve.core.sql.estimates.estimate import Estimate
from selfserve.core.sql.estimates.pace import Pace
from selfserve.core.sql.problems import UnsupportedHereError
from selfserve.core.sql.requests import SqlRequest
from selfserve.core.sql.results.result_format import ResultFormat
from selfserve.core.sql.tables import TableCatalogue
from selfserve.embedded.answer import EmbeddedAnswer
from selfserve.embedded.engine import Engine
from selfserve.embedded.estimation import Estimator
from selfserve.embedded.files import DataFile, is_hidden
from selfserve.embedded.footers import Footers
from selfserve.embedded.sql import EmbeddedSql
from selfserve.usecases.sql.output.sink import Sink
from selfserve.usecases.sql.roads.row_export import RowExport
from selfserve.usecases.sql.roads.s3_reader import S3Reader
from selfserve.usecases.sql.roads.teeing import KeepingAnswer, keeping
from selfserve.usecases.sql.roads.ways import Facts, Wish
from selfserve.usecases.targets.target import Target

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class S3Files:
    """Implements `embedded.files.FileSource` with S3."""

    def __init__(self, client: "S3Client") -> None:
        self._client = client

    def list_files(self, location: str) -> Sequence[DataFile]:
        """See `FileSource.list_files`."""
        return [
            DataFile(_readable(uri), size, etag)
            for uri, size, etag in list_objects(self._client, location)
            if not is_hidden(uri.rpartition("/")[2])
        ]


def _readable(uri: str) -> str:
    """DuckDB takes what follows a question mark for settings of its own."""
    if "?" in uri:
        raise UnsupportedHereError(
            f"The embedded engine cannot read {uri}, which has a question mark in its name.",
            hint="Run it on a cluster: selfserve sql … --on aws",
        )
    return uri


class LaptopWay:
    """Implements `Way`: the embedded engine in this process."""

    def __init__(
        self, target: Target, facts: Facts, catalogue: TableCatalogue, clients: Clients
    ) -> None:
        self.facts = facts
        self._target = target
        self._catalogue = catalogue
        self._temp = TemporaryDirectory(prefix="selfserve-sql-")
        self._reader = S3Reader(clients)
        source = S3Files(clients.s3)
        self._estimator = Estimator(source, Footers(partial(read_range, clients.s3)))
        self._sql = EmbeddedSql(
            Engine(
                source,
                temp_folder=Path(self._temp.name),
                prepare=self._reader.load_into,
            ),
            catalogue,
            estimator=self._estimator,
        )

    @contextmanager
    def ask(self, request: SqlRequest, wish: Wish) -> Iterator[KeepingAnswer]:
        """See `Way.ask`."""
        with (
            self._answer(request) as answer,
            keeping(answer, self._target.store, wish.query_id) as kept,
        ):
            yield kept

    @contextmanager
    def export(
        self, request: SqlRequest, wish: Wish, result_format: ResultFormat, sink: Sink
    ) -> Iterator[RowExport]:
        """See `Way.export`."""
        del wish
        with self._answer(request) as answer:
            yield RowExport(answer, result_format, sink)

    def estimate(self, request: SqlRequest) -> Estimate:
        """See `Way.estimate`."""
        return self._sql.estimate(request, _pace())

    def estimate_at(self, request: SqlRequest, pace: Pace) -> Estimate:
        """What it would take elsewhere."""
        return self._sql.estimate(request, pace)

    def most_bytes(self, request: SqlRequest) -> int:
        """See `Way.most_bytes`."""
        return self._estimator.bytes_of(self._sql.prepare(request).tables)

    def chosen_for(self, request: SqlRequest) -> "LaptopWay":
        """See `Road.chosen_for`."""
        del request
        return self

    def catalogue(self) -> TableCatalogue:
        """See `Way.catalogue`."""
        return self._catalogue

    def close(self) -> None:
        """See `Way.close`."""
        self._sql.close()
        self._temp.cleanup()

    @contextmanager
    def _answer(self, request: SqlRequest) -> Iterator[Answer]:
        self._reader.renew()
        answer = self._sql.answer(request)
        try:
            yield answer
        finally:
            if isinstance(answer, EmbeddedAnswer):
                answer.close()


def _pace() -> Pace:
    return Pace.of_this_machine(os.cpu_count() or 1, from_s3=True)


def open_laptop(target: Target, facts: Facts) -> LaptopWay:
    """The embedded engine over the tables of an AWS target."""
    from selfserve.aws.glue import GlueTables

    clients = make_clients(target.region)
    return LaptopWay(target, facts, GlueTables(clients.glue), clients)
