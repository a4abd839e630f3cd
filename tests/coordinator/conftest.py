"""A coordinator for each test, and who asks it."""

from collections.abc import Callable, Iterator

import pytest

from selfserve.coordinator.connection import Coordinator
from selfserve.coordinator.http_session import Patience
from selfserve.core.sql.engines import Engine
from trino_server import TrinoServer, trino_server

PATIENT = Patience(attempts=4, first_wait_s=0.001, longest_wait_s=0.01, starting_s=60, absent_s=60)
Ask = Callable[[TrinoServer], Coordinator]


@pytest.fixture
def server() -> Iterator[TrinoServer]:
    with trino_server(page_rows=100) as server:
        yield server


@pytest.fixture
def presto() -> Iterator[TrinoServer]:
    with trino_server(presto=True, page_rows=100) as server:
        yield server


def coordinator_of(server: TrinoServer, patience: Patience = PATIENT) -> Coordinator:
    """As ada, with little patience."""
    return Coordinator(
        url=server.url,
        user="ada",
        cluster="adhoc-presto",
        engine=Engine.PRESTO if server.presto else Engine.TRINO,
        patience=patience,
    )


@pytest.fixture
def trino(server: TrinoServer) -> Coordinator:
    return coordinator_of(server)
