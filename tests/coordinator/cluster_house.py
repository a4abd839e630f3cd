"""A cluster with Trino or Presto, whose tunnel leads to a test coordinator."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

from coordinator.conftest import PATIENT
from fakes import NOON, FakeBackend
from selfserve.coordinator.connection import Coordinator
from selfserve.coordinator.http_session import Patience
from selfserve.core import lease as leases
from selfserve.core.cluster import Cluster
from selfserve.core.sql.answers import Row
from selfserve.core.sql.engines import Engine
from selfserve.core.sql.records import QueryState
from selfserve.core.sql.requests import SqlRequest
from selfserve.core.sql.results.result_format import ResultFormat
from selfserve.core.sql.text.parameters import parse_parameters
from selfserve.usecases.placement.leases import read_lease
from selfserve.usecases.sql.history.book import QueryBook
from selfserve.usecases.sql.roads.cluster_way import CoordinatorWay, coordinator_at
from selfserve.usecases.sql.roads.live_cluster import LiveCluster
from selfserve.usecases.sql.roads.ways import Asked
from selfserve.usecases.sql.running import Order, SqlSession, export_query, show_query
from selfserve.usecases.up import up
from sql_ways import TRINO
from targets import make_target, write_profiles
from trino_server import TrinoServer


@dataclass
class House:
    """A cluster of ada's, whose tunnel leads to a test server."""

    folder: Path
    servers: list[TrinoServer]
    """One for each tunnel that is opened; the last one again and again."""
    applications: Sequence[str] = ("Hadoop", "Trino")
    tunnels: int = 0
    """How many are open."""
    opened: int = 0
    patience: Patience = field(default_factory=lambda: replace(PATIENT, absent_s=0.0))

    def __post_init__(self) -> None:
        self.target = make_target(kind="aws", backend=FakeBackend())
        resolved = write_profiles(self.folder, trino=TRINO).resolve("trino")
        self.cluster: Cluster = up(self.target, resolved, name="trino").cluster
        engine = Engine.PRESTO if "Presto" in self.applications else Engine.TRINO
        versions = dict.fromkeys(self.applications, "")
        seen = replace(self.cluster, applications=versions)
        self.live = LiveCluster(seen, "trino", engine, Decimal("3.60"))
        self.way = CoordinatorWay(self.target, self.live, self.tunnel)
        self.session = SqlSession(
            road=self.way,
            book=QueryBook(self.target.store, "aws"),
            owner="ada",
            clock=self.target.clock,
        )

    @contextmanager
    def tunnel(self) -> Iterator[Coordinator]:
        server = self.servers[min(self.opened, len(self.servers) - 1)]
        self.opened += 1
        self.tunnels += 1
        try:
            found = coordinator_at(server.url, self.target, self.live)
            yield replace(found, patience=self.patience)
        finally:
            self.tunnels -= 1

    def rows(self, text: str, *given: str, schema: str = "default") -> list[Row]:
        """The rows of a statement, which runs to its end."""
        rows: list[Row] = []
        self.ask(text, *given, schema=schema, into=rows)
        return rows

    def ask(self, text: str, *given: str, schema: str = "default", into: list[Row]) -> None:
        def show(asked: Asked) -> None:
            assert self.holders() != []
            for batch in asked.batches():
                into.extend(batch)

        show_query(self.session, self.order(text, *given, schema=schema), show)

    def order(self, text: str, *given: str, schema: str = "default") -> Order:
        used = [option.partition("=")[0].partition(":")[0] for option in given]
        parameters = parse_parameters(given, {}, used=used)
        request = SqlRequest(
            text=text, engine=self.live.engine, schema=schema, parameters=parameters
        )
        return Order(request=request)

    def exported(self, text: str, result_format: ResultFormat) -> bytes:
        sink = io.BytesIO()
        export_query(self.session, self.order(text), result_format, nullcontext(OpenSink(sink)))
        return sink.getvalue()

    def holders(self) -> list[str]:
        """Who holds the cluster's lease."""
        lease = read_lease(self.target, self.cluster.id).lease
        return [hold.run_id for hold in leases.live_holds(lease, self.target.clock.now())]

    def states(self) -> list[QueryState]:
        """Of all queries, newest last."""
        found = self.session.book.list(since=NOON - NOON, now=None)
        return [record.state for record in found][::-1]


class OpenSink:
    """A sink that stays open when a Parquet file is whole."""

    closed = False

    def __init__(self, into: io.BytesIO) -> None:
        self._into = into

    def write(self, data: bytes, /) -> int:
        return self._into.write(data)

    def flush(self) -> None:
        pass
