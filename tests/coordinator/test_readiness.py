"""Waiting for a coordinator to take queries."""

from dataclasses import replace

import pytest

from coordinator.conftest import PATIENT, coordinator_of
from selfserve.coordinator.readiness import wait_until_ready
from selfserve.errors import ClusterFailedError
from trino_server import Refusal, TrinoServer

HASTY = replace(PATIENT, starting_s=0.02, absent_s=0.02)


@pytest.mark.parametrize("fixture", ["server", "presto"])
def test_a_coordinator_that_is_not_there_yet_is_waited_for(
    fixture: str, request: pytest.FixtureRequest
) -> None:
    server: TrinoServer = request.getfixturevalue(fixture)
    server.refusals["GET"] = [Refusal(503), Refusal(502)]
    server.lose["GET"] = 3  # two of them are those
    server.starting_infos = 4  # one of them is lost

    wait_until_ready(coordinator_of(server))

    assert server.asked("GET") == ["/v1/info"] * 7
    assert server.queries == {}


def test_a_coordinator_that_does_not_come_is_given_up(server: TrinoServer) -> None:
    server.die()

    with pytest.raises(ClusterFailedError, match="refused") as raised:
        wait_until_ready(coordinator_of(server, HASTY))

    assert "selfserve status adhoc-presto" in raised.value.hint


def test_a_coordinator_that_does_not_get_ready_is_given_up(server: TrinoServer) -> None:
    server.starting_infos = 100_000

    with pytest.raises(ClusterFailedError, match="it is starting"):
        wait_until_ready(coordinator_of(server, HASTY))


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_what_refuses_to_be_asked_is_given_up_at_once(server: TrinoServer, status: int) -> None:
    server.refusals["GET"] = [Refusal(status)] * 10

    with pytest.raises(ClusterFailedError, match=f"refuses to be asked: HTTP {status}"):
        wait_until_ready(coordinator_of(server))

    assert server.asked("GET") == ["/v1/info"]


def test_what_asks_too_often_waits(server: TrinoServer) -> None:
    server.refusals["GET"] = [Refusal(429)] * 3

    wait_until_ready(coordinator_of(server))

    assert server.asked("GET") == ["/v1/info"] * 4
