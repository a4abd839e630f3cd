"""The endpoint's own operation: it starts the table catalogue for who asks with a signature."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection
from pathlib import Path

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.engine_bench import eventually
from local.fake_engine import FakeEngine
from local.served_api import no_s3, served
from selfserve.errors import ClusterFailedError
from selfserve.local.api.app import make_app
from selfserve.local.control.controller import Controller
from selfserve.local.control.store import Store
from selfserve.local.endpoint import CATALOGUE_PATH, LocalEndpoint
from selfserve.local.sql.catalogue_client import ask_for_catalogue, has_catalogue

URI = "thrift://127.0.0.1:9083"
KEY, SECRET = "AKLOCAL", "the secret"


@dataclass
class Starting:
    """A start of the catalogue that ends when the test says so."""

    asked: int = 0
    future: "Future[str]" = field(default_factory=Future)

    def begin(self) -> "Future[str]":
        self.asked += 1
        return self.future


@contextmanager
def serving(tmp_path: Path, begin: Callable[[], "Future[str]"] | None) -> Iterator[LocalEndpoint]:
    store = Store(tmp_path / "state.db")
    controller = Controller(store)
    controller.attach(FakeEngine(controller.notify))
    app = make_app(controller, keys={KEY: SECRET}, s3=no_s3, catalogue=begin)
    try:
        with served(app) as port:
            yield LocalEndpoint(f"http://127.0.0.1:{port}", KEY, SECRET, 1, tmp_path)
    finally:
        controller.close()
        store.close()


def post(endpoint: LocalEndpoint, path: str, *, method: str = "POST", service: str) -> int:
    request = AWSRequest(method, f"{endpoint.url}{path}", data=b"")
    SigV4Auth(Credentials(KEY, SECRET), service, "us-east-1").add_auth(request)
    return send(endpoint, method, path, dict(request.headers.items()))[0]


def send(
    endpoint: LocalEndpoint, method: str, path: str, headers: dict[str, str]
) -> tuple[int, dict[str, str]]:
    connection = HTTPConnection(endpoint.url.removeprefix("http://"), timeout=60)
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    status, body = response.status, json.loads(response.read())
    connection.close()
    return status, body


def test_who_asks_is_told_where_the_catalogue_is(tmp_path: Path) -> None:
    starting = Starting()
    starting.future.set_result(URI)

    with serving(tmp_path, starting.begin) as endpoint:
        assert ask_for_catalogue(endpoint) == URI


def test_more_ask_than_there_are_threads_and_emr_is_still_answered(tmp_path: Path) -> None:
    starting = Starting()
    clients = 60

    with serving(tmp_path, starting.begin) as endpoint, ThreadPoolExecutor(clients) as pool:
        asking = [pool.submit(ask_for_catalogue, endpoint) for _ in range(clients)]
        eventually(lambda: starting.asked == clients, "all have asked")
        emr = post(endpoint, "/", service="elasticmapreduce")
        starting.future.set_result(URI)

        assert emr == 400  # an answer: it names no operation
        assert {future.result() for future in asking} == {URI}


def test_one_who_goes_away_does_not_end_the_start_for_others(tmp_path: Path) -> None:
    starting = Starting()

    with serving(tmp_path, starting.begin) as endpoint, ThreadPoolExecutor(1) as pool:
        with pytest.raises(ClusterFailedError, match="timed out"):
            ask_for_catalogue(endpoint, timeout_s=0.05)
        asking = pool.submit(ask_for_catalogue, endpoint)
        eventually(lambda: starting.asked == 2, "the second has asked")
        starting.future.set_result(URI)

        assert asking.result() == URI


def test_a_failure_comes_with_its_hint(tmp_path: Path) -> None:
    starting = Starting()
    starting.future.set_exception(ClusterFailedError("No network.", hint="Plug it in."))

    with (
        serving(tmp_path, starting.begin) as endpoint,
        pytest.raises(ClusterFailedError, match=r"^No network\.$") as failure,
    ):
        ask_for_catalogue(endpoint)

    assert failure.value.hint == "Plug it in."


def test_a_bug_is_told_too(tmp_path: Path) -> None:
    starting = Starting()
    starting.future.set_exception(KeyError("a bug"))

    with (
        serving(tmp_path, starting.begin) as endpoint,
        pytest.raises(ClusterFailedError, match="A bug in the local endpoint") as failure,
    ):
        ask_for_catalogue(endpoint)

    assert str(tmp_path / "daemon.log") in failure.value.hint


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"access_key": "AKOTHER"}, "security token"),
        ({"secret_key": "guess"}, "signature we calculated does not match"),
    ],
)
def test_who_signs_wrongly_is_refused(tmp_path: Path, keys: dict[str, str], said: str) -> None:
    starting = Starting()

    with (
        serving(tmp_path, starting.begin) as endpoint,
        pytest.raises(ClusterFailedError, match=said),
    ):
        ask_for_catalogue(replace(endpoint, **keys))  # type: ignore[arg-type]

    assert starting.asked == 0


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "PUT"])
def test_who_does_not_sign_is_refused(tmp_path: Path, method: str) -> None:
    starting = Starting()

    with serving(tmp_path, starting.begin) as endpoint:
        status, body = send(endpoint, method, CATALOGUE_PATH, {"Origin": "http://evil.example"})

    assert (status, body["__type"]) == (403, "MissingAuthenticationTokenException")
    assert starting.asked == 0


@pytest.mark.parametrize(
    ("method", "path", "service"),
    [
        ("GET", CATALOGUE_PATH, "selfserve"),
        ("POST", "/selfserve/other", "selfserve"),
        ("POST", CATALOGUE_PATH, "elasticmapreduce"),
    ],
)
def test_only_a_post_signed_for_it_starts_it(
    tmp_path: Path, method: str, path: str, service: str
) -> None:
    starting = Starting()

    with serving(tmp_path, starting.begin) as endpoint:
        assert post(endpoint, path, method=method, service=service) == 400

    assert starting.asked == 0


def test_an_endpoint_without_a_catalogue_says_so(tmp_path: Path) -> None:
    with serving(tmp_path, None) as endpoint, pytest.raises(ClusterFailedError, match="no POST"):
        ask_for_catalogue(endpoint)


def test_an_endpoint_that_is_gone_is_told(tmp_path: Path) -> None:
    with serving(tmp_path, Starting().begin) as endpoint:
        pass

    with pytest.raises(ClusterFailedError, match="does not answer") as failure:
        ask_for_catalogue(endpoint)

    assert failure.value.hint == "Start it with: selfserve local start"


def test_there_may_be_tables_once_there_was_a_catalogue(tmp_path: Path) -> None:
    assert not has_catalogue(tmp_path)

    (tmp_path / "metastore" / "derby-10.14.2.0").mkdir(parents=True)

    assert has_catalogue(tmp_path)
