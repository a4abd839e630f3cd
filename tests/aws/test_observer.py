"""What CloudWatch and EMR tell of engines: on moto, and in EMR's words where moto has none."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from moto import mock_aws

from loopback import Answer, emr_error, emr_reply, loopback
from selfserve.aws.session import Clients, make_clients
from selfserve.backends.emr.observer import EmrObserver
from selfserve.core.cluster import Cluster, ClusterState
from selfserve.core.idle import Engine, Session
from selfserve.errors import AwsError

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CLUSTER = Cluster(
    id="j-1",
    raw_name="somebody's",
    state=ClusterState.WAITING,
    reason_code=None,
    reason=None,
    created=NOW,
    ready=NOW,
    ended=None,
    release="emr-spark-8.1.0",
    applications={},
    tags={},
    log_uri=None,
    keep_alive=True,
    termination_protected=False,
    sessions_enabled=True,
)


@pytest.fixture
def clients() -> Iterator[Clients]:
    with mock_aws():
        yield make_clients("eu-west-1")


@pytest.fixture
def asked(clients: Clients) -> list[int]:
    """How many metrics each request to CloudWatch named."""
    counts: list[int] = []
    clients.cloudwatch.meta.events.register(
        "provide-client-params.cloudwatch.GetMetricData",
        lambda params, **_: counts.append(len(params["MetricDataQueries"])),
    )
    return counts


def feed(clients: Clients, cluster_id: str, *, idle_for: timedelta, busy_before: bool) -> None:
    """Samples every five minutes, up to three minutes ago."""
    step = timedelta(minutes=5)
    newest = NOW - timedelta(minutes=3)
    idle = [(newest - step * number, 1.0) for number in range(idle_for // step)]
    busy = [(newest - idle_for, 0.0)] if busy_before else []
    for time, value in [*idle, *busy]:
        clients.cloudwatch.put_metric_data(
            Namespace="AWS/ElasticMapReduce",
            MetricData=[
                {
                    "MetricName": "IsIdle",
                    "Dimensions": [{"Name": "JobFlowId", "Value": cluster_id}],
                    "Timestamp": time,
                    "Value": value,
                }
            ],
        )


def test_yarn_is_told_of_the_clusters_that_have_samples(clients: Clients) -> None:
    feed(clients, "j-idle", idle_for=timedelta(hours=1), busy_before=True)
    feed(clients, "j-busy", idle_for=timedelta(0), busy_before=True)

    seen = EmrObserver(clients, lambda: NOW).yarn(["j-idle", "j-busy", "j-silent"])

    assert set(seen) == {"j-idle", "j-busy"}
    assert seen["j-busy"].idle_since is None
    since = seen["j-idle"].idle_since
    assert since is not None
    assert timedelta(minutes=50) <= NOW - since <= timedelta(hours=1)


def test_no_clusters_cost_no_request(clients: Clients, asked: list[int]) -> None:
    assert EmrObserver(clients, lambda: NOW).yarn([]) == {}
    assert asked == []


def test_five_hundred_clusters_are_one_request(clients: Clients, asked: list[int]) -> None:
    feed(clients, "j-500", idle_for=timedelta(minutes=10), busy_before=True)

    seen = EmrObserver(clients, lambda: NOW).yarn([f"j-{number}" for number in range(510)])

    assert asked == [500, 10]
    assert set(seen) == {"j-500"}


def test_only_a_cluster_idle_for_long_is_looked_at_further_back(
    clients: Clients, asked: list[int]
) -> None:
    feed(clients, "j-long", idle_for=timedelta(hours=10), busy_before=True)
    feed(clients, "j-short", idle_for=timedelta(hours=1), busy_before=True)

    seen = EmrObserver(clients, lambda: NOW).yarn(["j-long", "j-short"])

    assert asked == [2, 1]
    since = seen["j-long"].idle_since
    assert since is not None
    assert timedelta(hours=9, minutes=50) <= NOW - since <= timedelta(hours=10)


def test_whoever_may_not_see_metrics_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = emr_error("AccessDenied", "not authorized to perform: cloudwatch:GetMetricData")
    with loopback(refusal) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)

        with pytest.raises(AwsError, match="cloudwatch:GetMetricData"):
            EmrObserver(make_clients("eu-west-1"), lambda: NOW).yarn(["j-1"])


def sessions(*answers: Answer, cluster: Cluster = CLUSTER) -> tuple[list[Session] | None, int]:
    """What is told of `cluster`'s sessions, and how many requests that took."""
    with loopback(*answers) as server:
        clients = make_clients(
            "us-east-1", endpoint_url=server.url, access_key="key", secret_key="secret"
        )
        return EmrObserver(clients, lambda: NOW).sessions(cluster), len(server.requests)


def test_the_sessions_of_every_page_are_told() -> None:
    busy = {"Id": "1", "ClusterId": "j-1", "Arn": "a", "State": "BUSY"}
    idle = {**busy, "State": "IDLE", "IdleSince": NOW.timestamp()}

    told, _ = sessions(emr_reply(Sessions=[busy], NextToken="n"), emr_reply(Sessions=[idle]))

    assert told == [Session(Engine.SPARK_CONNECT, None), Session(Engine.SPARK_CONNECT, NOW)]


@pytest.mark.parametrize(
    "cluster",
    [
        pytest.param(replace(CLUSTER, release="emr-7.14.0"), id="older-release"),
        pytest.param(replace(CLUSTER, sessions_enabled=False), id="not-enabled"),
        pytest.param(replace(CLUSTER, release=None), id="no-release"),
    ],
)
def test_a_cluster_that_takes_no_sessions_has_none_and_is_not_asked(cluster: Cluster) -> None:
    assert sessions(emr_reply(Sessions=[]), cluster=cluster) == ([], 0)


@pytest.mark.parametrize("code", ["AccessDeniedException", "UnknownOperationException"])
def test_sessions_that_cannot_be_listed_are_unknown(code: str) -> None:
    assert sessions(emr_error(code, "No.")) == (None, 1)


def test_any_other_refusal_is_an_error() -> None:
    with pytest.raises(AwsError, match="Rate exceeded"):
        sessions(emr_error("InvalidRequestException", "Rate exceeded"))
