"""Run one statement along a way: its record, its end, Ctrl-C."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from secrets import token_hex
from typing import TYPE_CHECKING, TypeVar

from selfserve.core.sql.answers import Answer
from selfserve.core.sql.records import QueryRecord, QueryState, make_query_id
from selfserve.core.sql.requests import SqlRequest
from selfserve.core.sql.results.result_format import ResultFormat
from selfserve.errors import InterruptedByUserError, SelfserveError
from selfserve.usecases.sql.history.book import QueryBook
from selfserve.usecases.sql.history.clients import this_client
from selfserve.usecases.sql.output.sink import Sink
from selfserve.usecases.sql.roads.ways import Asked, Export, Facts, Road, Wish
from selfserve.usecases.targets.clock import Clock

if TYPE_CHECKING:
    from selfserve.core.sql.text.parameters import Parameter

_T = TypeVar("_T", Asked, Export)
_HOUR_S = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlSession:
    """Where statements go, and where they are written down."""

    road: Road
    book: QueryBook
    owner: str
    clock: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One statement to run."""

    request: SqlRequest
    most: int | None = None
    saved: str | None = None
    repeats: str | None = None
    out: str | None = None
    """Where the rows go, for the record."""


def show_query(session: SqlSession, order: Order, show: Callable[[Asked], None]) -> QueryRecord:
    """Run it, and let `show` read its answer to the end.

    Raises:
        InterruptedByUserError: Ctrl-C; the engine has been told to stop.
    """
    way = session.road.chosen_for(order.request)
    record = _begin(session, order, way.facts)

    def work(asked: Asked) -> QueryRecord:
        show(asked)
        figures = asked.figures()
        return replace(
            record,
            columns=tuple(asked.columns),  # which may wait: `show` tells how far it is
            rows=figures.rows,
            bytes_read=figures.bytes_read,
            is_kept=asked.is_kept,
        )

    wish = Wish(query_id=record.query_id, most=order.most)
    asking = way.ask(order.request, wish)
    return _run(session, _Begun(record, way.facts), asking, work, answer_of=lambda asked: asked)


def export_query(
    session: SqlSession,
    order: Order,
    result_format: ResultFormat,
    sink: AbstractContextManager[Sink],
    *,
    run: Callable[[Export], int] = lambda export: export.run(),
) -> QueryRecord:
    """Run a query, and write its rows to `sink`. With `run`, something is done around that.

    The query has succeeded when the sink, too, is closed.

    Raises: as `show_query` does.
    """
    way = session.road.chosen_for(order.request)
    record = _begin(session, order, way.facts)

    def work(export: Export) -> QueryRecord:
        rows = run(export)
        return replace(record, rows=rows, bytes_read=export.answer.figures().bytes_read)

    @contextmanager
    def exporting() -> Iterator[Export]:
        wish = Wish(query_id=record.query_id)
        with sink as opened, way.export(order.request, wish, result_format, opened) as export:
            yield export

    begun = _Begun(record, way.facts)
    return _run(session, begun, exporting(), work, answer_of=lambda export: export.answer)


@dataclass(frozen=True, slots=True)
class _Begun:
    """A query that is written down, and who answers it."""

    record: QueryRecord
    facts: Facts


def _run(
    session: SqlSession,
    begun: _Begun,
    way: AbstractContextManager[_T],
    work: Callable[[_T], QueryRecord],
    *,
    answer_of: Callable[[_T], Answer],
) -> QueryRecord:
    try:
        with way as started:
            try:
                done = work(started)
            except (KeyboardInterrupt, BrokenPipeError):  # or whoever read the rows has left
                _cancel(answer_of(started))
                raise
    except KeyboardInterrupt as interrupt:
        error = _interrupted(begun.record)
        _end_badly(session, begun, error)
        raise error from interrupt
    except BaseException as error:
        _end_badly(session, begun, error)
        raise
    return _end(session, begun.facts, replace(done, state=QueryState.FINISHED))


def _cancel(answer: Answer) -> None:
    """Tell the engine, and wait until it has stopped; a second Ctrl-C leaves at once."""
    answer.cancel()
    with suppress(SelfserveError):  # that it was cancelled
        for _ in answer.batches():
            pass


def _interrupted(record: QueryRecord) -> InterruptedByUserError:
    return InterruptedByUserError(
        f"Query {record.query_id} was cancelled.",
        hint=f"Run it again with: selfserve sql --again {record.query_id}",
    )


def _begin(session: SqlSession, order: Order, facts: Facts) -> QueryRecord:
    request = order.request
    now = session.clock.now()
    record = QueryRecord(
        query_id=make_query_id(now, token_hex(3)),
        text=request.text,
        parameters=_shown(request.parameters),
        engine=request.engine,
        answered_by=facts.answered_by,
        schema=request.schema,
        cluster=facts.cluster,
        cluster_id=facts.cluster_id,
        profile=facts.profile,
        owner=session.owner,
        client=this_client(),
        created=now,
        out=order.out,
        saved=order.saved,
        repeats=order.repeats,
    )
    session.book.save(record)
    return record


def _shown(parameters: "Mapping[str, Parameter]") -> dict[str, tuple[str, str]]:
    if not parameters:
        return {}
    from selfserve.core.sql.text.parameters import to_typed

    return {name: to_typed(parameter) for name, parameter in parameters.items()}


def _failed(record: QueryRecord, error: BaseException) -> QueryRecord:
    is_stopped = isinstance(error, InterruptedByUserError | BrokenPipeError)
    state = QueryState.CANCELLED if is_stopped else QueryState.FAILED
    said = str(error) or type(error).__name__
    return replace(record, state=state, error=said)


def _end_badly(session: SqlSession, begun: _Begun, error: BaseException) -> None:
    with suppress(SelfserveError):  # what went wrong before is what the user has to hear of
        _end(session, begun.facts, _failed(begun.record, error))


def _end(session: SqlSession, facts: Facts, record: QueryRecord) -> QueryRecord:
    ended = session.clock.now()
    cost = _cost(facts.hourly_cost, record.created, ended)
    done = replace(record, ended=ended, cost=cost)
    session.book.save(done)
    return done


def _cost(hourly: Decimal | None, begun: datetime, ended: datetime) -> Decimal | None:
    if hourly is None:
        return None
    seconds = Decimal(max((ended - begun).total_seconds(), 0))
    return (hourly * seconds / _HOUR_S).quantize(Decimal("0.0001"))
