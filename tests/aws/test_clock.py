"""Time is AWS's: its answers say how far this machine's clock is off."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from loopback import Answer, Loopback, emr_error, emr_reply, loopback
from selfserve.aws.session import make_clients
from selfserve.aws.skew import Skew, measure_skew
from selfserve.backends.emr.backend import EmrBackend
from selfserve.errors import AwsError
from selfserve.usecases.targets.clock import CorrectedClock
from selfserve.usecases.targets.connecting import connect_aws
from targets import make_target

HOUR = timedelta(hours=1)
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
NO_CLUSTERS = emr_reply(Clusters=[])
WITHIN = timedelta(seconds=3)


@contextmanager
def aws(answer: Answer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    """A server that the AWS clients of this process take for EMR and S3."""
    with loopback(answer) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        yield server


@pytest.mark.parametrize(
    "ahead", [pytest.param(HOUR, id="slow-laptop"), pytest.param(-HOUR, id="fast-laptop")]
)
def test_a_laptop_an_hour_off_has_the_right_time_from_the_first_answer(
    ahead: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    with aws(replace(NO_CLUSTERS, ahead=ahead), monkeypatch):
        target = connect_aws(make_target(kind="aws"))

        target.backend.list_clusters()

    assert abs(target.clock.now() - (datetime.now(UTC) + ahead)) < WITHIN


def test_the_time_is_learned_from_refusals_too(monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = replace(emr_error("AccessDeniedException", "No."), ahead=HOUR)
    with aws(refusal, monkeypatch):
        target = connect_aws(make_target(kind="aws"))

        with pytest.raises(AwsError):
            target.backend.list_clusters()

    assert abs(target.clock.now() - (datetime.now(UTC) + HOUR)) < WITHIN


def test_the_time_is_learned_from_s3_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with aws(Answer(body=b"", ahead=HOUR), monkeypatch):
        target = connect_aws(make_target(kind="aws"))

        target.store.put("key", b"")

    assert abs(target.clock.now() - (datetime.now(UTC) + HOUR)) < WITHIN


def test_an_endpoint_in_aws_place_has_this_machines_time() -> None:
    with loopback(replace(NO_CLUSTERS, ahead=HOUR)) as server:
        clients = make_clients("us-east-1", endpoint_url=server.url, access_key="k", secret_key="s")

        EmrBackend(clients).list_clusters()

    assert clients.skew() == timedelta(0)


def test_before_the_first_answer_the_time_is_the_machines() -> None:
    clock = CorrectedClock(make_clients("us-east-1").skew)

    assert abs(clock.now() - datetime.now(UTC)) < WITHIN


@pytest.mark.parametrize(
    ("date", "skew"),
    [
        pytest.param("Sat, 21 Nov 2026 12:00:00 GMT", timedelta(0), id="the-same-second"),
        pytest.param("Sat, 21 Nov 2026 11:59:57 GMT", timedelta(0), id="a-slow-answer"),
        pytest.param("Sat, 21 Nov 2026 12:00:02 GMT", timedelta(0), id="two-seconds-are-nothing"),
        pytest.param("Sat, 21 Nov 2026 13:00:00 GMT", HOUR + timedelta(seconds=0.5), id="slow"),
        pytest.param("Sat, 21 Nov 2026 11:00:00 GMT", timedelta(seconds=0.5) - HOUR, id="fast"),
        pytest.param("", None, id="no-date"),
        pytest.param("noon", None, id="not-a-date"),
        pytest.param("Sat, 99 Nov 2026 12:00:00 GMT", None, id="no-such-day"),
    ],
)
def test_the_date_of_an_answer_tells_the_skew(date: str, skew: timedelta | None) -> None:
    assert measure_skew({"date": date}, now=NOON) == skew


def test_the_newest_answer_counts_and_one_without_a_date_changes_nothing() -> None:
    skew = Skew(lambda: NOON)

    for date in ("Sat, 21 Nov 2026 13:00:00 GMT", "Sat, 21 Nov 2026 14:00:00 GMT", ""):
        skew.learn(http_response=_Answer({"Date": date}))

    assert skew() == 2 * HOUR + timedelta(seconds=0.5)


class _Answer:
    def __init__(self, headers: dict[str, str]) -> None:
        self.headers = headers


EXPIRED = "Signature expired: 20261121T110000Z is now earlier than 20261121T115500Z (… - 5 min.)"
NOT_YET = "Signature not yet current: 20261121T130000Z is still later than 20261121T120500Z"


@pytest.mark.parametrize(
    ("code", "message", "ahead", "said"),
    [
        pytest.param("InvalidSignatureException", EXPIRED, HOUR, "is 1h slow", id="slow"),
        pytest.param("InvalidSignatureException", NOT_YET, -HOUR, "is 1h fast", id="fast"),
        pytest.param("SignatureDoesNotMatch", EXPIRED, HOUR, "is 1h slow", id="sts"),
        pytest.param("RequestTimeTooSkewed", "Too large.", HOUR, "is 1h slow", id="s3"),
        pytest.param(
            "RequestTimeTooSkewed", "Too large.", timedelta(0), "off by more", id="not-measurable"
        ),
    ],
)
def test_a_signature_of_another_hour_is_the_clocks_fault_and_says_how_to_set_it(
    code: str, message: str, ahead: timedelta, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with aws(replace(emr_error(code, message), ahead=ahead), monkeypatch):
        target = connect_aws(make_target(kind="aws"))

        with pytest.raises(AwsError, match=said) as raised:
            target.backend.list_clusters()

    assert "sudo timedatectl set-ntp true" in raised.value.hint


def test_a_wrong_secret_key_is_not_the_clocks_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = emr_error("InvalidSignatureException", "The request signature does not match.")
    with aws(wrong, monkeypatch):
        target = connect_aws(make_target(kind="aws"))

        with pytest.raises(AwsError) as raised:
            target.backend.list_clusters()

    assert "secret access key" in raised.value.hint
