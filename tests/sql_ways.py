"""A way to an engine that is a list of rows, and what can happen while they are read."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal

from fakes import FakeClock, MemoryStore
from selfserve.core.sql.answers import Column, Figures, Progress, Row
from selfserve.core.sql.engines import Engine
from selfserve.core.sql.estimates.estimate import Estimate
from selfserve.core.sql.requests import SqlRequest
from selfserve.core.sql.results.result_format import ResultFormat
from selfserve.core.sql.tables import TableCatalogue
from selfserve.errors import InterruptedByUserError
from selfserve.usecases.sql.history.book import QueryBook
from selfserve.usecases.sql.output.sink import Sink
from selfserve.usecases.sql.roads.row_export import RowExport
from selfserve.usecases.sql.roads.ways import Facts, Way, Wish
from selfserve.usecases.sql.running import SqlSession
from targets import SMALL

FACTS = Facts(
    engine=Engine.TRINO,
    answered_by="Trino on adhoc-presto",
    cluster="adhoc-presto",
    cluster_id="j-1",
    profile="adhoc-presto",
    hourly_cost=Decimal("7.20"),
)
_BY_HAND = SMALL.replace("max: 10}", "max: 10, by: hand}")
_OLDER = _BY_HAND.replace("spark: 3.5.6", "release: emr-7.10.0")
TRINO = _BY_HAND.replace("spark: 3.5.6", "trino: 479").replace("[Spark]", "[Hadoop, Trino]")
PRESTO = _OLDER.replace("[Spark]", "[Hadoop, Presto]")
NO_ENGINE = _OLDER.replace("[Spark]", "[Hadoop]")
"""Profiles."""

COLUMNS = (Column("n", "bigint"), Column("name", "varchar"))
ROWS: tuple[Row, ...] = ((1, "one"), (2, None), (3, "three"))


class FakeAnswer:
    """Gives its rows one by one; `act` is called before each, and at the end."""

    def __init__(
        self,
        rows: Sequence[Row] = ROWS,
        columns: Sequence[Column] = COLUMNS,
        *,
        act: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.columns = tuple(columns)
        self.is_kept = False
        self.cancelled = 0
        self._rows = rows
        self._act = act
        self._given = 0

    def batches(self) -> Iterator[Sequence[Row]]:
        """See Answer."""
        for row in self._rows:
            self._check()
            self._act(self._given)
            self._given += 1
            yield [row]
        self._check()
        self._act(self._given)

    def progress(self) -> Progress:
        """See Answer."""
        return Progress("RUNNING", rows=self._given)

    def figures(self) -> Figures:
        """See Answer."""
        return Figures(self._given, bytes_read=4096)

    def cancel(self) -> None:
        """See Answer."""
        self.cancelled += 1

    def _check(self) -> None:
        if self.cancelled:
            raise InterruptedByUserError("The query was cancelled.", hint="selfserve sql --again")


@dataclass
class FakeWay:
    """Implements `ways.Way`. Every statement gets `make`'s answer."""

    facts: Facts = FACTS
    make: Callable[[], FakeAnswer] = FakeAnswer
    estimated: Estimate | Exception | None = None
    """What `estimate` returns or raises."""
    asked: list[tuple[SqlRequest, Wish]] = field(default_factory=list)
    answers: list[FakeAnswer] = field(default_factory=list)
    estimates: list[SqlRequest] = field(default_factory=list)
    bounds: list[SqlRequest] = field(default_factory=list)
    is_open: int = 0
    """How many statements hold something."""
    closed: int = 0

    @contextmanager
    def ask(self, request: SqlRequest, wish: Wish) -> Iterator[FakeAnswer]:
        """See Way."""
        yield from self._start(request, wish)

    @contextmanager
    def export(
        self, request: SqlRequest, wish: Wish, result_format: ResultFormat, sink: Sink
    ) -> Iterator[RowExport]:
        """See Way."""
        for answer in self._start(request, wish):
            yield RowExport(answer, result_format, sink)

    def estimate(self, request: SqlRequest) -> Estimate:
        """See Way."""
        self.estimates.append(request)
        if isinstance(self.estimated, Exception):
            raise self.estimated
        return self.estimated or estimate_of(0)

    def most_bytes(self, request: SqlRequest) -> int:
        """See Way."""
        self.bounds.append(request)
        if isinstance(self.estimated, Exception):
            raise self.estimated
        return 2 * self.estimated.bytes if self.estimated else 0

    def chosen_for(self, request: SqlRequest) -> Way:
        """See Road."""
        del request
        return self

    def catalogue(self) -> TableCatalogue:
        """See Road."""
        return NoTables()

    def close(self) -> None:
        """See Road."""
        self.closed += 1

    def _start(self, request: SqlRequest, wish: Wish) -> Iterator[FakeAnswer]:
        self.asked.append((request, wish))
        answer = self.make()
        self.answers.append(answer)
        self.is_open += 1
        try:
            yield answer
        finally:
            self.is_open -= 1


class NoTables:
    """A catalogue whose schemas are empty."""

    def schemas(self) -> Sequence[str]:
        """See TableCatalogue."""
        return ("default", "sales")

    def tables(self, schema: str) -> Sequence[str]:
        """See TableCatalogue."""
        del schema
        return ()

    def find(self, schema: str, name: str) -> None:
        """See TableCatalogue."""
        del schema, name


def estimate_of(amount: int) -> Estimate:
    """An estimate of so many bytes."""
    return Estimate(
        scans=(),
        bytes=amount,
        rows=None,
        seconds_low=10.0,
        seconds_high=20.0,
        cost_low=Decimal("0.02"),
        cost_high=Decimal("0.04"),
        is_free=False,
        notes=(),
    )


def make_session(
    way: FakeWay | None = None,
    *,
    clock: FakeClock | None = None,
    store: MemoryStore | None = None,
    owner: str = "ada",
) -> SqlSession:
    """A session whose book is in memory."""
    book = QueryBook(store or MemoryStore(), "aws")
    return SqlSession(road=way or FakeWay(), book=book, owner=owner, clock=clock or FakeClock())


def facts_of(engine: Engine, *, hourly_cost: Decimal | None = None) -> Facts:
    """Facts of a cluster with this engine."""
    return replace(FACTS, engine=engine, hourly_cost=hourly_cost)


def sleeping(clock: FakeClock, duration: timedelta) -> Callable[[int], None]:
    """For `FakeAnswer.act`: the first row takes so long."""

    def act(given: int) -> None:
        if given == 0:
            clock.sleep(duration)

    return act
