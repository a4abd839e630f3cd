"""The proxy does what a fault says: so often the server is asked, and so the client is answered."""

import http.client
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from faults.faults import FOREVER, Bucket, Call, Fault, What
from faults.proxy import FaultProxy, fault_proxy
from loopback import Answer, Loopback, loopback

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
BODY = b"x" * 1000
PATIENCE_S = 1.0
BROKEN = (ConnectionError, http.client.HTTPException)


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback(Answer(200, b"a whole answer")) as server:
        yield server


@pytest.fixture
def proxy(server: Loopback) -> Iterator[FaultProxy]:
    port = int(server.url.rpartition(":")[2])
    with fault_proxy(emr_port=port, other_port=port, now=lambda: NOON) as proxy:
        yield proxy


def ask(proxy: FaultProxy) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=PATIENCE_S)
    try:
        connection.request("PUT", "/bucket/some/key", BODY)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("what", "passed_on"),
    [
        (What.RESET_BEFORE, 0),
        (What.RESET_AFTER, 1),
        (What.HALF_ANSWER, 1),
        (What.HALF_REQUEST, 0),
        (What.SILENT_BEFORE, 0),
        (What.SILENT_AFTER, 1),
    ],
)
def test_an_answer_is_lost(what: What, passed_on: int, proxy: FaultProxy, server: Loopback) -> None:
    proxy.arm(Fault(at="PUT some/*", what=what))

    with pytest.raises((*BROKEN, TimeoutError)):
        ask(proxy)

    assert len(server.requests) == passed_on
    assert ask(proxy) == (200, b"a whole answer")


@pytest.mark.parametrize(
    ("what", "passed_on", "status"),
    [
        (What.LATE, 1, 200),
        (What.DRIPPING, 1, 200),
        (What.TWICE, 2, 200),
        (What.REFUSED_BEFORE, 0, 500),
        (What.REFUSED_AFTER, 1, 500),
    ],
)
def test_an_answer_comes(
    what: What, passed_on: int, status: int, proxy: FaultProxy, server: Loopback
) -> None:
    proxy.arm(Fault(at="PUT some/*", what=what))

    assert ask(proxy)[0] == status

    assert [request.body for request in server.requests] == [BODY] * passed_on


def test_a_fault_strikes_from_its_first_call_to_its_last(proxy: FaultProxy) -> None:
    proxy.arm(Fault(at="PUT *", what=What.REFUSED_BEFORE, nth=2, times=2))

    assert [ask(proxy)[0] for _ in range(4)] == [200, 500, 500, 200]


def test_a_fault_that_spreads_strikes_all_that_follows(proxy: FaultProxy) -> None:
    at, what = "PUT *", What.REFUSED_BEFORE
    proxy.arm(Fault(at=at, what=what, nth=2, times=FOREVER, spreads=True))

    assert [ask(proxy)[0] for _ in range(3)] == [200, 500, 500]


@pytest.mark.parametrize(
    ("call", "changes"),
    [
        (Call("elasticmapreduce", "RunJobFlow"), True),
        (Call("elasticmapreduce", "PutManagedScalingPolicy"), True),
        (Call("elasticmapreduce", "ListClusters"), False),
        (Call("monitoring", "GetMetricData"), False),
        (Call("s3", "PUT some/key"), True),
        (Call("s3", "DELETE some/key"), True),
        (Call("s3", "HEAD some/key"), False),
        (Call("s3", "GET "), False),
    ],
)
def test_what_changes_state(call: Call, changes: bool) -> None:  # noqa: FBT001  pytest's
    assert call.changes_state == changes


def test_a_bucket_has_so_many_tokens_and_then_so_many_a_second() -> None:
    bucket = Bucket(burst=2, refill=0.5)

    at_once = [bucket.take(NOON) for _ in range(3)]
    later = [bucket.take(NOON + timedelta(seconds=2)) for _ in range(2)]

    assert at_once == [True, True, False]
    assert later == [True, False]
