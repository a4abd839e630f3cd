"""What a query would read, asked before it runs: to refuse it, or to say what it costs."""

from dataclasses import replace

from selfserve.core.sql.estimates.estimate import Estimate
from selfserve.core.sql.estimates.limit import check_max_bytes
from selfserve.core.sql.estimates.view import to_total
from selfserve.core.sql.requests import SqlRequest
from selfserve.core.sql.text.script import StatementKind, split_script
from selfserve.errors import InterruptedByUserError, SelfserveError
from selfserve.usecases.sql.roads.ways import Road

LARGE_BYTES = 100_000_000_000
"""Nobody needs to be told what less than this costs."""


def look_ahead(road: Road, request: SqlRequest, *, most_bytes: int | None) -> str | None:
    """One line about a query that reads a lot where that costs; None if there is none to say.

    With `most_bytes`, a query that reads more is refused. Without, what cannot be estimated
    is the engine's to judge.

    Raises:
        RefusedByPolicyError: it would read more.
        InterruptedByUserError: the user does not want to wait for it.
        SelfserveError: it cannot be told whether it would.
    """
    if most_bytes is not None:
        part = reading_part(request)
        if part is None:
            return None
        estimate = road.estimate(part)
        check_max_bytes(estimate, most_bytes)
        return _said(road, estimate)
    try:
        part = reading_part(request)
        if part is None or road.most_bytes(part) <= LARGE_BYTES:
            return None  # as nearly always: then no file is looked into
        return _said(road, road.estimate(part))
    except InterruptedByUserError:
        raise
    except SelfserveError:
        return None


def reading_part(request: SqlRequest) -> SqlRequest | None:
    """What of a statement reads tables: a query, or that of CREATE TABLE AS or INSERT.

    None: nothing of it does, such as SHOW and DROP.

    Raises:
        SqlError: the statement is wrong.
        UnsupportedHereError: what it does is not known here.
    """
    kinds = {one.kind for one in split_script(request.text, request.engine)}
    if kinds & {StatementKind.DDL, StatementKind.DML}:
        from selfserve.core.sql.changes.changes import CreateTable, Insert, parse_change

        change = parse_change(request.text, engine=request.engine, schema=request.schema)
        text = change.query if isinstance(change, CreateTable | Insert) else None
        return replace(request, text=text) if text is not None else None
    return request if kinds & {StatementKind.QUERY, StatementKind.OTHER} else None


def _said(road: Road, estimate: Estimate) -> str | None:
    costs = road.facts.hourly_cost != 0
    return to_total(estimate) if costs and estimate.bytes > LARGE_BYTES else None
