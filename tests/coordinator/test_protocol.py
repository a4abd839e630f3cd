"""The test coordinator is true to the protocol, whoever asks it.

That is: raw requests, the package's own cursor, and the probe on EMR's primary nodes.
"""

import importlib.util
import json
from argparse import Namespace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import requests
from trino.dbapi import connect

from coordinator.conftest import coordinator_of
from selfserve.coordinator.client import open_answer
from trino_server import TrinoServer

ROOT = Path(__file__).parents[2]
ENDLESS = (
    "SELECT count(*) FROM UNNEST(sequence(1, 1000000)) AS a(x) "
    "CROSS JOIN UNNEST(sequence(1, 1000000)) AS b(y) WHERE x * y % 7 = 3"
)


def get(page: dict[str, Any]) -> requests.Response:
    return requests.get(page["nextUri"], headers={"X-Trino-User": "ada"}, timeout=10)


def post(server: TrinoServer, statement: str) -> dict[str, Any]:
    page: dict[str, Any] = requests.post(
        f"{server.url}/v1/statement", statement, headers={"X-Trino-User": "ada"}, timeout=10
    ).json()
    return page


def test_queries_are_queued_then_executed_then_over(server: TrinoServer) -> None:
    page = post(server, "SELECT x FROM UNNEST(sequence(1, 150)) AS t(x)")
    assert page["stats"]["state"] == "QUEUED"

    pages = [page]
    while "nextUri" in pages[-1]:
        pages.append(get(pages[-1]).json())

    assert [name for page in pages for name in page.get("nextUri", "").split("/")[5:6]] == (
        ["queued"] * 2 + ["executing"] * (len(pages) - 3)
    )
    assert [len(page["data"]) for page in pages if "data" in page] == [100, 50]
    assert "columns" in pages[-1]
    assert pages[-1]["stats"]["state"] == "FINISHED"


def test_the_last_page_can_be_had_again_and_older_ones_are_gone(server: TrinoServer) -> None:
    first = post(server, "SELECT 1")
    second = get(first).json()
    assert get(first).json() == second

    third = get(second).json()
    assert get(second).json() == third

    assert get(first).status_code == 410


def test_each_engine_wants_its_own_headers(server: TrinoServer, presto: TrinoServer) -> None:
    for asked, headers in ((server, {"X-Presto-User": "a"}), (presto, {"X-Trino-User": "a"})):
        answer = requests.post(f"{asked.url}/v1/statement", "SELECT 1", headers=headers, timeout=10)

        assert answer.status_code in {400, 401}


@pytest.mark.parametrize("legacy", [True, False])
def test_the_packages_own_cursor_is_served(server: TrinoServer, *, legacy: bool) -> None:
    connection = connect(  # type: ignore[no-untyped-call]  # the package has types in part
        host="127.0.0.1", port=server.port, user="ada", timezone="UTC",
        legacy_prepared_statements=legacy, encoding=None,
    )  # fmt: skip
    cursor = connection.cursor()

    cursor.execute("SELECT x FROM UNNEST(sequence(1, 250)) AS t(x) WHERE x > ?", (100,))
    rows = cursor.fetchall()
    cursor.execute("SET SESSION query_max_run_time = '1h'")
    cursor.fetchall()

    assert rows == [[number] for number in range(101, 251)]
    assert connection._client_session.properties == {"query_max_run_time": "1h"}
    connection.close()


def load_probe() -> ModuleType:
    """A script for nodes, which is no module of ours."""
    spec = importlib.util.spec_from_file_location("busy_probe", ROOT / "bootstrap/busy-probe.py")
    assert spec is not None
    assert spec.loader is not None
    probe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(probe)
    return probe


@pytest.mark.parametrize("fixture", ["server", "presto"])
def test_the_probe_on_the_node_sees_our_query_while_it_runs(
    fixture: str, request: pytest.FixtureRequest
) -> None:
    server: TrinoServer = request.getfixturevalue(fixture)
    probe = load_probe()
    options = Namespace(timeout=10, query_port=server.port)
    ask = probe.make_ask(options)
    assert probe.read_queries(ask, options).at_work == 0

    answer = open_answer(coordinator_of(server), ENDLESS)
    assert probe.read_queries(ask, options).at_work == 1

    answer.cancel()
    assert probe.read_queries(ask, options).at_work == 0


def test_the_listing_says_whose_query_it_is(server: TrinoServer) -> None:
    answer = open_answer(coordinator_of(server), "SELECT 1")
    listing = requests.get(f"{server.url}/v1/query", headers={"X-Trino-User": "x"}, timeout=10)

    assert json.loads(listing.text) == [
        {
            "queryId": answer.query_id,
            "state": "QUEUED",
            "query": "SELECT 1",
            "session": {"user": "ada", "source": "selfserve"},
        }
    ]
    answer.cancel()
