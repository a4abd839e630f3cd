"""Wait until a coordinator takes queries: a cluster is up a little before its engine is.

A tunnel takes a connection even if nothing listens at its other end, and ends it then. For a
statement that is a lost answer, after which nobody knows whether it runs. So whoever has
opened a tunnel asks what may be asked as often as one likes.
"""

import time
from dataclasses import replace

import requests

from selfserve.coordinator.connection import Coordinator
from selfserve.coordinator.failures import Asked, cluster_failed
from selfserve.coordinator.http_session import CoordinatorSession
from selfserve.coordinator.pages import innermost

_PASSING = {408, 429}
"""Of the refusals, those that mean "later"."""


def wait_until_ready(coordinator: Coordinator) -> None:
    """Return as soon as the coordinator says that it has started.

    Raises:
        ClusterFailedError: it does not answer, or still starts, after `coordinator.patience`; or
            it refuses to be asked, which no waiting changes.
    """
    patience, asked = coordinator.patience, Asked(coordinator.engine.called, coordinator.cluster)
    where = f"{asked.engine} on {asked.cluster}"
    began, attempt = time.monotonic(), 0
    session = CoordinatorSession(
        coordinator.url,
        presto_headers=coordinator.has_presto_headers,
        patience=replace(patience, attempts=1, starting_s=0),
    )
    with session:
        while (obstacle := _obstacle(session, coordinator)) is not None:
            attempt += 1
            what, within_s = obstacle
            if within_s is None:
                raise cluster_failed(f"{where} refuses to be asked: {what}", asked)
            if time.monotonic() - began > within_s:
                raise cluster_failed(
                    f"{where} takes no queries after {within_s:.0f} s: {what}", asked
                )
            session.cancelled.wait(patience.wait_s(attempt))


def _obstacle(
    session: CoordinatorSession, coordinator: Coordinator
) -> tuple[str, float | None] | None:
    """Why it takes no queries yet, and for how many seconds that is all right; None: not at all."""
    patience = coordinator.patience
    timeouts = (patience.connect_timeout_s, patience.read_timeout_s)
    try:
        answer = session.get(f"{coordinator.url}/v1/info", timeout=timeouts)
        if not answer.ok:
            is_refusal = answer.status_code < 500 and answer.status_code not in _PASSING
            return f"HTTP {answer.status_code}", None if is_refusal else patience.starting_s
        starting = answer.json().get("starting")
    except (requests.RequestException, ValueError, AttributeError) as error:
        return innermost(error), patience.absent_s
    return ("it is starting", patience.starting_s) if starting is True else None
