"""What a query would read, asked before it runs: to refuse it, or to say what it costs."""

from selfserve.core.sql.estimates.estimate import Estimate
from selfserve.core.sql.estimates.limit import check_max_bytes
from selfserve.core.sql.estimates.view import to_total
from selfserve.core.sql.requests import SqlRequest
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
        estimate = road.estimate(request)
        check_max_bytes(estimate, most_bytes)
        return _said(road, estimate)
    try:
        if road.most_bytes(request) <= LARGE_BYTES:
            return None  # as nearly always: then no file is looked into
        return _said(road, road.estimate(request))
    except InterruptedByUserError:
        raise
    except SelfserveError:
        return None


def _said(road: Road, estimate: Estimate) -> str | None:
    costs = road.facts.hourly_cost != 0
    return to_total(estimate) if costs and estimate.bytes > LARGE_BYTES else None
