"""Statements one after the other on one way to an engine: for the command and the prompt."""

import signal
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from selfserve.cli.invocation import Invocation
from selfserve.cli.output import shows_data_on_terminal
from selfserve.cli.sql_progress import describe_figures, progress_of
from selfserve.cli.sql_table import (
    Stdout,
    cancelled_on_failure,
    refuse_parquet_on_terminal,
    show_answer,
    write_answer,
)
from selfserve.core.did_you_mean import did_you_mean
from selfserve.core.quantities import format_seconds
from selfserve.core.sql.answers import Figures
from selfserve.core.sql.requests import DEFAULT_SCHEMA, SqlRequest
from selfserve.core.sql.results.result_format import ResultFormat, format_of_name
from selfserve.core.sql.text.script import Statement, StatementKind
from selfserve.errors import BadInputError
from selfserve.usecases.sql.opening import Where, open_session
from selfserve.usecases.sql.orders import Ready, Script, make_ready
from selfserve.usecases.sql.roads.ways import Asked, Export
from selfserve.usecases.sql.running import Order, SqlSession, export_query, show_query

if TYPE_CHECKING:
    from selfserve.core.sql.records import QueryRecord
    from selfserve.core.sql.tables import TableCatalogue
    from selfserve.usecases.sql.output.sink import Sink


@dataclass(frozen=True, slots=True)
class Outlet:
    """Where rows go: to a file or stdout in a format, or as a table to be looked at."""

    format: ResultFormat | None
    """None: a table."""
    out: str | None = None
    force: bool = False

    @classmethod
    def of(cls, wanted: str | None, *, out: str | None, force: bool) -> "Outlet":
        """From the options. A file's format is what its name says, if nothing else does.

        Raises:
            BadInputError: nothing says the format of a file, or a table is to be a file.
        """
        if out in {None, "-"}:  # - is standard output, as everywhere
            return cls(None if wanted in {None, "table"} else ResultFormat(wanted))
        by_name = format_of_name(str(out))
        if wanted == "table" or (wanted is None and by_name is None):
            raise BadInputError(
                f"In which format is {out} to be written?",
                hint=f"Say it: --out {out} -o csv (or json, parquet), or by the name's ending.",
            )
        return cls(ResultFormat(wanted) if wanted else by_name, out, force)


class Console:
    """Runs statements, and shows or writes what comes back."""

    def __init__(
        self,
        this: Invocation,
        session: SqlSession,
        outlet: Outlet,
        *,
        schema: str | None = None,
        max_bytes: int | None = None,
        limit: int = 40,
        vertical: bool | None = None,
    ) -> None:
        self.this = this
        self.session = session
        self.outlet = outlet
        self.schema = schema or DEFAULT_SCHEMA
        self.vertical = vertical
        self._max_bytes = max_bytes
        self._limit = limit

    def run(self, script: Script, given: list[str]) -> None:
        """Run the statements of a script; the first error ends it."""
        ready = make_ready(script, given, self.session.road.facts.engine)
        self._refuse_several(ready)
        for statement in ready.statements:
            if statement.kind is StatementKind.USE:
                self._use(statement)
            else:
                self._run_one(script, ready, statement)

    def explain_cost(self, script: Script, given: list[str]) -> None:
        """Say what the statements would read, take and cost."""
        from selfserve.cli.sql_estimate import show_estimate
        from selfserve.usecases.sql.estimates.looking_ahead import reading_part

        ready = make_ready(script, given, self.session.road.facts.engine)
        for statement in ready.statements:
            if statement.kind is StatementKind.USE:
                self._use(statement)
                continue
            request = self._request(ready, statement)
            part = reading_part(request)
            if part is None:
                self.this.output.say(f"{_begin_of(statement)} reads no table.")
            else:
                estimate = self.session.road.estimate(part)
                as_json = self.outlet.format is ResultFormat.JSON
                show_estimate(self.this.output, estimate, as_json=as_json)

    def catalogue(self) -> "TableCatalogue":
        """The tables that statements see."""
        return self.session.road.catalogue()

    def _run_one(self, script: Script, ready: Ready, statement: Statement) -> None:
        request = self._request(ready, statement)
        if statement.kind in _READING:
            self._look_ahead(request)
        order = Order(
            request=request, saved=script.saved, repeats=script.repeats, out=self.outlet.out
        )
        if self.outlet.format is None:
            self._show(order)
        elif statement.kind is StatementKind.QUERY:
            self._export(order, self.outlet.format)
        elif statement.kind in _WITH_ROWS:
            self._write(order, self.outlet.format)
        else:
            self._do(replace(order, out=None))

    def _show(self, order: Order) -> None:
        started = time.monotonic()

        def show(asked: Asked) -> None:
            show_answer(
                asked,
                self.this.output,
                started=started,
                limit=self._limit,
                vertical=self.vertical,
                quiet=self.this.quiet,
            )

        most = self._limit if shows_data_on_terminal() else None
        show_query(self.session, replace(order, most=most), show)

    def _write(self, order: Order, result_format: ResultFormat) -> None:
        """Few rows, such as those of SHOW, in the format that was asked for."""
        started = time.monotonic()

        def write(asked: Asked) -> None:
            with self._sink(result_format) as sink:
                write_answer(asked, result_format, sink, started=started, quiet=self.this.quiet)

        record = show_query(self.session, order, write)
        self._say_what_it_came_to(record, started)

    def _do(self, order: Order) -> None:
        """A statement that is no query, amid rows for programs: they get none of it."""
        started = time.monotonic()

        def read(asked: Asked) -> None:
            with progress_of(asked, started=started, quiet=self.this.quiet):
                for _ in asked.batches():
                    pass

        show_query(self.session, order, read)
        self.this.output.say(f"Done, {format_seconds(time.monotonic() - started)}")

    def _export(self, order: Order, result_format: ResultFormat) -> None:
        started = time.monotonic()

        def run(export: Export) -> int:
            with cancelled_on_failure(export.answer):
                if self.outlet.out is None and shows_data_on_terminal():
                    return export.run()
                with progress_of(export.answer, started=started, quiet=self.this.quiet):
                    return export.run()

        record = export_query(
            self.session, order, result_format, self._sink(result_format), run=run
        )
        self._say_what_it_came_to(record, started)

    def _say_what_it_came_to(self, record: "QueryRecord", started: float) -> None:
        figures = Figures(record.rows or 0, bytes_read=record.bytes_read)
        where = f" in {self.outlet.out}" if self.outlet.out else ""
        self.this.output.say(f"{describe_figures(figures, time.monotonic() - started)}{where}")

    def _sink(self, result_format: ResultFormat) -> "AbstractContextManager[Sink]":
        out = self.outlet.out
        if out is None:
            refuse_parquet_on_terminal(result_format)
            return nullcontext(Stdout())
        from selfserve.usecases.sql.output.sinks import open_sink

        return open_sink(self.this.targets, self.this.on, out, force=self.outlet.force)

    def _request(self, ready: Ready, statement: Statement) -> SqlRequest:
        engine = self.session.road.facts.engine
        return SqlRequest(
            text=statement.text,
            engine=engine,
            schema=self.schema,
            parameters=ready.parameters_of(statement, engine),
        )

    def _look_ahead(self, request: SqlRequest) -> None:
        """Refuse a query that reads too much; say what a large one costs before it does."""
        road = self.session.road
        if self._max_bytes is None and road.facts.hourly_cost == 0:
            return  # without loading what the shortest statement need not wait for
        from selfserve.usecases.sql.estimates.looking_ahead import look_ahead

        said = look_ahead(road, request, most_bytes=self._max_bytes)
        if said is not None:
            self.this.output.say(said)

    def _use(self, statement: Statement) -> None:
        from selfserve.core.sql.text.use import parse_use

        schema = parse_use(statement.text, self.session.road.facts.engine)
        if self.session.road.facts.cluster is None:  # a cluster's engine says so by itself
            self._refuse_unknown(schema)
        self.schema = schema
        self.this.output.say(f"Tables are now looked for in schema {self.schema}.")

    def _refuse_unknown(self, schema: str) -> None:
        known = self.catalogue().schemas()
        if schema not in known:
            raise BadInputError(
                f"There is no schema {schema}{did_you_mean(schema, known)}",
                hint='See what there is: selfserve sql "show schemas"',
            )

    def _refuse_several(self, ready: Ready) -> None:
        queries = [one for one in ready.statements if one.kind in _WITH_ROWS]
        if self.outlet.out is not None and len(queries) != 1:
            raise BadInputError(
                f"--out takes the rows of one query, and here are {len(queries)}.",
                hint="Run them one by one, each with its own --out.",
            )


_WITH_ROWS = frozenset(
    {StatementKind.QUERY, StatementKind.SHOW, StatementKind.DESCRIBE, StatementKind.EXPLAIN}
)
_READING = frozenset({StatementKind.QUERY, StatementKind.DDL, StatementKind.DML})


def _begin_of(statement: Statement) -> str:
    return " ".join(statement.text.split()[:2]).upper()


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """Let SIGTERM do what Ctrl-C does: the query is cancelled, and its record says so."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def run_once(this: Invocation, script: Script) -> None:
    """Run a script where the configuration says, and show the answers."""
    with terminated_as_interrupted(), this.progress() as report:
        session = open_session(this.targets, Where(on=this.on), report=report)
        report.close()
        try:
            Console(this, session, Outlet(None)).run(script, [])
        finally:
            session.road.close()
