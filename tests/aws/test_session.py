"""Clients find credentials the AWS way, and retry all but what must not happen twice."""

from collections.abc import Callable
from pathlib import Path

import pytest

from loopback import Answer, closed_port, emr_error, emr_reply, loopback
from selfserve import __version__
from selfserve.aws import session
from selfserve.aws.session import Clients, configured_region, make_clients
from selfserve.backends.emr.backend import EmrBackend
from selfserve.errors import AwsError, OutcomeUnknownError
from specs import SPEC, step

LOST = Answer(lost=True)
THROTTLED = emr_error("ThrottlingException", "Rate exceeded")
SERVER_ERROR = emr_error("InternalFailure", "", status=500)

ONCE = [
    pytest.param(lambda backend: backend.launch(SPEC), id="launch"),
    pytest.param(lambda backend: backend.add_steps("j-1", [step()]), id="add_steps"),
]
Use = Callable[[EmrBackend], object]


def clients_of(url: str) -> Clients:
    return make_clients("us-east-1", endpoint_url=url, access_key="key", secret_key="secret")


@pytest.mark.parametrize("use", ONCE)
@pytest.mark.parametrize(
    "answer", [pytest.param(LOST, id="lost"), pytest.param(SERVER_ERROR, id="server-error")]
)
def test_a_call_without_idempotency_is_sent_once_and_its_outcome_is_unknown(
    use: Use, answer: Answer
) -> None:
    with loopback(answer) as server:
        backend = EmrBackend(clients_of(server.url))

        with pytest.raises(OutcomeUnknownError):
            use(backend)

        assert len(server.requests) == 1


@pytest.mark.parametrize("use", ONCE)
def test_a_silent_server_leaves_the_outcome_unknown_after_one_request(
    use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_READ_TIMEOUT_S", 0.2)
    with loopback(Answer(never=True)) as server:
        backend = EmrBackend(clients_of(server.url))

        with pytest.raises(OutcomeUnknownError):
            use(backend)

        assert len(server.requests) == 1


@pytest.mark.parametrize("use", ONCE)
def test_an_answer_without_ids_leaves_the_outcome_unknown(use: Use) -> None:
    with loopback(emr_reply()) as server:
        backend = EmrBackend(clients_of(server.url))

        with pytest.raises(OutcomeUnknownError):
            use(backend)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long botocore would have waited before it asked again, in seconds."""
    waited: list[float] = []
    monkeypatch.setattr("botocore.endpoint.time.sleep", waited.append)
    return waited


@pytest.mark.parametrize("use", ONCE)
def test_a_call_that_emr_throttles_has_no_effect_and_is_sent_again(
    use: Use, waits: list[float]
) -> None:
    done = emr_reply(JobFlowId="j-1", StepIds=["s-1"])
    with loopback(THROTTLED, THROTTLED, done) as server:
        use(EmrBackend(clients_of(server.url)))

        assert len(server.requests) == 3
    assert len(waits) == 2


@pytest.mark.parametrize("use", ONCE)
def test_a_call_that_emr_throttles_on_and_on_is_refused_within_half_a_minute(
    use: Use, waits: list[float]
) -> None:
    with loopback(*[THROTTLED] * 6) as server:
        backend = EmrBackend(clients_of(server.url))

        with pytest.raises(AwsError) as raised:
            use(backend)

        assert not isinstance(raised.value, OutcomeUnknownError)
        assert len(server.requests) == 5
    assert sum(waits) <= 30


@pytest.mark.parametrize("use", ONCE)
def test_an_answer_that_is_lost_after_a_throttling_leaves_the_outcome_unknown(
    use: Use, waits: list[float]
) -> None:
    with loopback(THROTTLED, LOST) as server:
        backend = EmrBackend(clients_of(server.url))

        with pytest.raises(OutcomeUnknownError):
            use(backend)

        assert len(server.requests) == 2
    assert len(waits) == 1


@pytest.mark.parametrize("use", ONCE)
def test_an_endpoint_that_nobody_serves_was_asked_nothing(use: Use) -> None:
    backend = EmrBackend(clients_of(f"http://127.0.0.1:{closed_port()}"))

    with pytest.raises(AwsError) as raised:
        use(backend)

    assert not isinstance(raised.value, OutcomeUnknownError)
    assert "selfserve local start" in raised.value.hint


def test_reading_survives_a_lost_answer_and_a_server_error() -> None:
    with loopback(LOST, SERVER_ERROR, emr_reply(Clusters=[])) as server:
        backend = EmrBackend(clients_of(server.url))

        assert backend.list_clusters() == []
        assert [request.operation for request in server.requests] == ["ListClusters"] * 3


def test_expired_credentials_say_how_to_log_in() -> None:
    expired = emr_error("ExpiredTokenException", "The security token has expired")
    with loopback(expired) as server:
        backend = EmrBackend(clients_of(server.url))

        with pytest.raises(AwsError, match="has expired") as raised:
            backend.launch(SPEC)

    assert "aws sso login" in raised.value.hint


def test_missing_credentials_say_how_to_get_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    backend = EmrBackend(make_clients("us-east-1"))

    with pytest.raises(AwsError, match="credentials") as raised:
        backend.list_clusters()

    assert "AWS_PROFILE" in raised.value.hint


def test_an_unknown_aws_profile_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")

    with pytest.raises(AwsError, match="nobody"):
        make_clients("us-east-1")
    with pytest.raises(AwsError, match="nobody"):
        configured_region()


@pytest.mark.parametrize("region", ["", "eu west 1", "nowhere/1"])
def test_an_unusable_region_is_said_before_anything_is_sent(region: str) -> None:
    with pytest.raises(AwsError) as raised:
        EmrBackend(make_clients(region)).list_clusters()

    assert "eu-west-1" in raised.value.hint


def test_an_unusable_endpoint_is_said_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_EMR", "localhost 80")

    with pytest.raises(AwsError, match="localhost 80"):
        EmrBackend(make_clients("us-east-1")).list_clusters()


def test_the_region_is_the_one_aws_tools_would_use(monkeypatch: pytest.MonkeyPatch) -> None:
    assert configured_region() is None

    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")

    assert configured_region() == "eu-central-1"


def test_with_keys_nothing_of_the_users_aws_configuration_matters(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "config"
    broken.write_text("[profile\nnonsense")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(broken))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(broken))
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")

    with loopback(emr_reply(Clusters=[])) as server:
        assert EmrBackend(clients_of(server.url)).list_clusters() == []

        assert "Credential=key/" in server.requests[0].headers["authorization"]


def test_aws_is_told_who_asks() -> None:
    with loopback(emr_reply(Clusters=[])) as server:
        EmrBackend(clients_of(server.url)).list_clusters()

        assert f"selfserve/{__version__}" in server.requests[0].headers["user-agent"]


def test_an_endpoint_gets_its_buckets_in_the_path() -> None:
    with loopback(Answer(body=b"")) as server:
        clients_of(server.url).s3.put_object(Bucket="a-bucket", Key="a/key", Body=b"x")

        assert server.requests[0].path == "/a-bucket/a/key"


def test_a_client_is_made_when_it_is_used_and_only_once() -> None:
    clients = make_clients("us-east-1")

    assert "emr" not in vars(clients)
    assert clients.emr is clients.emr
    assert "s3" not in vars(clients)
