"""How much work a query is, by the tables of a target and their files; for `selfserve which`."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from decimal import Decimal

from selfserve.core.sql.advice.size import QuerySize, size_of
from selfserve.core.sql.engines import Engine
from selfserve.core.sql.estimates.estimate import Estimate
from selfserve.core.sql.requests import SqlRequest
from selfserve.core.sql.text.saved import SavedQuery
from selfserve.core.sql.text.script import StatementKind
from selfserve.errors import SelfserveError
from selfserve.usecases.sql.orders import Script, make_ready
from selfserve.usecases.sql.roads.ways import Facts
from selfserve.usecases.targets.target import Targets

Sizes = Callable[[SavedQuery, Engine], QuerySize]


def sizes_on(targets: Targets, on: str | None, given: Sequence[str]) -> Sizes:
    """Measures queries by what the target's catalogue and files say; runs nothing.

    `given` are values of their parameters. What cannot be measured is not known: a query
    without its values, over tables that are not there, in a dialect of Hive or Spark.
    """

    def measure(query: SavedQuery, engine: Engine) -> QuerySize:
        if not engine.has_coordinator:
            return QuerySize()
        try:
            return _measure(targets, on, _requests(query, engine, given))
        except SelfserveError:
            return QuerySize()

    return measure


def _requests(query: SavedQuery, engine: Engine, given: Sequence[str]) -> list[SqlRequest]:
    ready = make_ready(Script(text=query.text, declared=query.parameters), given, engine)
    return [
        SqlRequest(
            text=statement.text,
            engine=engine,
            parameters=ready.parameters_of(statement, engine),
        )
        for statement in ready.statements
        if statement.kind is StatementKind.QUERY
    ]


def _measure(targets: Targets, on: str | None, requests: Sequence[SqlRequest]) -> QuerySize:
    """The size of the largest."""
    with ExitStack() as stack:
        estimate = _open(targets, on, stack)
        estimates = [estimate(request) for request in requests]
    largest = max(estimates, key=lambda one: one.bytes, default=None)
    return size_of(largest) if largest is not None else QuerySize()


def _open(targets: Targets, on: str | None, stack: ExitStack) -> Callable[[SqlRequest], Estimate]:
    place = targets.place(on)
    facts = Facts(engine=Engine.TRINO, answered_by="nobody", hourly_cost=Decimal(0))
    if place.is_local:
        from selfserve.usecases.sql.roads.local_way import LocalWay

        way = LocalWay(facts, place.bucket)
        stack.callback(way.close)
        return way.estimate
    from selfserve.usecases.sql.roads.laptop import open_laptop

    laptop = open_laptop(targets.open(on), facts)
    stack.callback(laptop.close)
    return laptop.estimate
