"""Answer statements of Trino's and Presto's dialects with DuckDB: the engine to its users."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from selfserve.core.sql.answers import Answer
from selfserve.core.sql.changes.changes import parse_change
from selfserve.core.sql.estimates.estimate import Estimate, to_estimate
from selfserve.core.sql.estimates.pace import Pace
from selfserve.core.sql.metadata import answer_metadata
from selfserve.core.sql.problems import UnsupportedHereError
from selfserve.core.sql.requests import SqlRequest
from selfserve.core.sql.results.result_format import ResultFormat
from selfserve.core.sql.tables import TableCatalogue
from selfserve.core.sql.text.script import StatementKind, split_script
from selfserve.embedded.answer import EmbeddedAnswer, Measure
from selfserve.embedded.change_answer import ChangeAnswer
from selfserve.embedded.changes import Changes
from selfserve.embedded.engine import Engine
from selfserve.embedded.estimation import Estimator
from selfserve.embedded.export import EmbeddedExport
from selfserve.embedded.prepared import Prepared
from selfserve.errors import SelfserveError

_ASKING = frozenset({StatementKind.QUERY, StatementKind.OTHER})
_CHANGING = frozenset({StatementKind.DDL, StatementKind.DML})
_FROM_CATALOGUE = frozenset({StatementKind.SHOW, StatementKind.DESCRIBE})


class EmbeddedSql:
    """Methods may be called from any thread."""

    def __init__(
        self,
        engine: Engine,
        catalogue: TableCatalogue,
        *,
        estimator: Estimator,
        changes: Callable[["EmbeddedSql", Engine], Changes] | None = None,
    ) -> None:
        """`changes` makes what carries out changes; None: it only reads."""
        self._engine = engine
        self._catalogue = catalogue
        self._estimator = estimator
        self._changes = changes(self, engine) if changes else None

    def answer(self, request: SqlRequest, *, keep: Path | None = None) -> Answer:
        """Accept one statement: it is run when its answer is read.

        Whoever gets an `EmbeddedAnswer` closes it.

        Raises:
            SqlError: the statement is wrong, at a place that is marked.
            UnsupportedHereError: the engine that is meant might answer otherwise.
        """
        kind = kind_of(request)
        if kind in _FROM_CATALOGUE:
            return answer_metadata(request.text, self._catalogue, schema=request.schema)
        if kind in _CHANGING and self._changes is not None:
            change = parse_change(request.text, engine=request.engine, schema=request.schema)
            return ChangeAnswer(partial(self._changes.carry_out, change, request))
        if kind not in _ASKING:
            raise _cannot(request, kind)
        query = self.prepare(request)  # which also tells what is wrong with no statement at all
        cursor = self._engine.connect(query.tables)
        return EmbeddedAnswer(cursor, query, keep=keep, measure=self._measure(query))

    def export(
        self, request: SqlRequest, to: Path, result_format: ResultFormat
    ) -> "EmbeddedExport":
        """Accept a query whose rows go to a file, or a pipe, as fast as DuckDB writes.

        Raises: as `answer` does.
        """
        if kind_of(request) is not StatementKind.QUERY:
            raise _cannot(request, kind_of(request))
        query = self.prepare(request)
        cursor = self._engine.connect(query.tables)
        return EmbeddedExport(cursor, query, to, result_format, measure=self._measure(query))

    def estimate(self, request: SqlRequest, pace: Pace) -> Estimate:
        """What a query will read and take at this pace; other statements read nothing.

        Raises: as `answer` does.
        """
        if kind_of(request) not in _ASKING:
            return to_estimate((), pace)
        query = self.prepare(request)
        return self._estimator.estimate(query.sql, query.tables, query.values, pace=pace)

    def prepare(self, request: SqlRequest) -> Prepared:
        """Translate a query. Raises: as `answer` does."""
        from selfserve.core.sql.text.binding import to_named  # noqa: PLC0415  as below
        from selfserve.core.sql.translation import translate  # noqa: PLC0415  sqlglot: 200 ms

        bound = to_named(request.text, request.parameters, engine=request.engine)
        translated = translate(
            bound.text,
            engine=request.engine,
            find=self._catalogue.find,
            default_schema=request.schema,
            known_tables=self._catalogue.tables,
            parameters=bound.types,
        )
        return Prepared(translated.sql, bound.values, translated.tables, translated.columns)

    def _measure(self, query: Prepared) -> Measure:
        """What a query has read, by the footers: DuckDB counts no bytes.

        Within a few percent of what a first reading takes; what its cache still has of an
        earlier one is counted, too.
        """

        def measure() -> int | None:
            pace = Pace(None, None, None)
            try:
                return self._estimator.estimate(
                    query.sql, query.tables, query.values, pace=pace
                ).bytes
            except SelfserveError:  # a figure for the record, not worth failing for
                return None

        return measure if query.tables else lambda: 0

    def close(self) -> None:
        """End the engine."""
        self._engine.close()


def kind_of(request: SqlRequest) -> StatementKind:
    """What the one statement of a request does. Raises SqlError."""
    statements = split_script(request.text, request.engine)
    return statements[0].kind if statements else StatementKind.OTHER


def _cannot(request: SqlRequest, kind: StatementKind) -> UnsupportedHereError:
    word = (request.text.split() or ["nothing"])[0].upper()
    said = (
        "EXPLAIN, whose plan would not be the cluster's" if kind is StatementKind.EXPLAIN else word
    )
    return UnsupportedHereError(
        f"The embedded engine does not do {said}.",
        hint="What a query would read: selfserve sql --explain-cost …; else run it where "
        f"{request.engine.called} is: selfserve sql … --on aws",
    )
