"""Only requests that were signed just now, with our key, for the loopback, get in."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from selfserve.local.api.errors import ApiError
from selfserve.local.api.sigv4 import SignedRequest, is_loopback_host, service_of, verify

KEYS = {"AKLOCAL": "the secret"}
SIGNER = Credentials("AKLOCAL", "the secret")
BODY = b'{"ClusterId":"j-1"}'


def signed(
    headers: Mapping[str, str] | None = None,
    *,
    signer: Credentials = SIGNER,
    service: str = "elasticmapreduce",
) -> SignedRequest:
    """A request signed now by botocore."""
    sent = {"Host": "127.0.0.1:4566", "X-Amz-Target": "ElasticMapReduce.DescribeCluster"}
    request = AWSRequest(
        "POST", "http://127.0.0.1:4566/", data=BODY, headers={**sent, **(headers or {})}
    )
    SigV4Auth(signer, service, "us-east-1").add_auth(request)
    names = {name.lower(): value for name, value in request.headers.items()}
    return SignedRequest("POST", "/", "", names, BODY)


def with_headers(request: SignedRequest, **changes: str | None) -> SignedRequest:
    """Change, add or (None) remove headers after signing."""
    named = {name.replace("_", "-"): value for name, value in changes.items()}
    headers = {**request.headers, **named}
    kept = {name: value for name, value in headers.items() if value is not None}
    return replace(request, headers=kept)


def refusal(request: SignedRequest, now: datetime | None = None) -> str:
    with pytest.raises(ApiError) as refused:
        verify(request, KEYS, now or datetime.now(UTC))
    return f"{refused.value.code}: {refused.value.message}"


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="as-boto3"),
        pytest.param({"User-Agent": "aws-sdk-java"}, id="with-headers-that-are-not-signed"),
        pytest.param({"X-Amz-Security-Token": "t"}, id="with-a-session-token"),
        pytest.param({"X-Custom": "a   b "}, id="with-white-space"),
    ],
)
def test_a_request_signed_with_our_key_is_let_in(headers: dict[str, str]) -> None:
    verify(signed(headers), KEYS, datetime.now(UTC))


def test_awss_own_example_verifies() -> None:
    """`get-vanilla` of AWS's Signature Version 4 test suite."""
    signature = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    authorization = (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders=host;x-amz-date, Signature={signature}"
    )
    headers = {
        "host": "example.amazonaws.com",
        "x-amz-date": "20150830T123600Z",
        "authorization": authorization,
    }
    keys = {"AKIDEXAMPLE": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
    now = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)

    verify(SignedRequest("GET", "/", "", headers, b""), keys, now)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"body": b'{"ClusterId":"j-2"}'}, id="another-body"),
        pytest.param({"body": b""}, id="no-body"),
        pytest.param({"method": "GET"}, id="another-method"),
        pytest.param({"path": "/other"}, id="another-path"),
        pytest.param({"query": "a=b"}, id="another-query"),
    ],
)
def test_what_was_changed_after_signing_is_refused(changes: dict[str, Any]) -> None:
    assert "InvalidSignatureException" in refusal(replace(signed(), **changes))


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"host": "localhost:1"}, id="another-host"),
        pytest.param({"x_amz_target": "ElasticMapReduce.RunJobFlow"}, id="another-operation"),
        pytest.param({"x_amz_target": None}, id="a-signed-header-is-gone"),
        pytest.param({"x_amz_new": "1"}, id="an-amz-header-that-is-not-signed"),
        pytest.param({"x_amz_date": None}, id="no-date"),
        pytest.param({"x_amz_date": "yesterday"}, id="a-date-of-no-form"),
        pytest.param({"x_amz_date": "20200101T000000Z"}, id="a-date-of-another-day"),
        pytest.param({"x_amz_content_sha256": "0" * 64}, id="the-hash-of-another-body"),
    ],
)
def test_headers_that_were_changed_after_signing_are_refused(headers: dict[str, Any]) -> None:
    assert "InvalidSignatureException" in refusal(with_headers(signed(), **headers))


def test_a_signed_hash_must_be_the_bodys() -> None:
    request = signed({"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"})

    assert "not the hash of the body" in refusal(request)


def test_another_secret_is_refused() -> None:
    assert "does not match the signature" in refusal(signed(signer=Credentials("AKLOCAL", "guess")))


def test_an_unknown_key_is_refused() -> None:
    assert "UnrecognizedClientException" in refusal(
        signed(signer=Credentials("AKOTHER", "the secret"))
    )


@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param("Basic dXNlcjpwYXNz", id="basic"),
        pytest.param("AWS4-HMAC-SHA256 Credential=a/b", id="cut-off"),
        pytest.param("AWS AKLOCAL:signature", id="version-2"),
        pytest.param("", id="empty"),
    ],
)
def test_another_scheme_is_refused(authorization: str) -> None:
    request = with_headers(signed(), authorization=authorization)

    assert "IncompleteSignatureException" in refusal(request)


@pytest.mark.parametrize(
    ("minutes", "allowed"), [(-16, False), (-14, True), (0, True), (14, True), (16, False)]
)
def test_clocks_may_differ_by_a_quarter_of_an_hour(minutes: int, *, allowed: bool) -> None:
    request, now = signed(), datetime.now(UTC) + timedelta(minutes=minutes)

    if allowed:
        verify(request, KEYS, now)
    else:
        assert "Signature expired" in refusal(request, now)


@pytest.mark.parametrize("service", ["s3", "elasticmapreduce", "sts"])
def test_the_service_is_read_from_the_header(service: str) -> None:
    request = signed(service=service)

    assert service_of(request.headers["authorization"], "") == service


def test_the_service_is_read_from_a_presigned_url() -> None:
    request = AWSRequest("GET", "http://127.0.0.1/bucket/key")
    SigV4QueryAuth(SIGNER, "s3", "us-east-1").add_auth(request)

    assert service_of("", urlsplit(str(request.url)).query) == "s3"


@pytest.mark.parametrize("query", ["", "X-Amz-Credential=a", "X-Amz-Credential=a/s3/aws4_request"])
def test_without_a_credential_scope_there_is_no_service(query: str) -> None:
    assert service_of("", query) is None


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:4566", "localhost:80", "LOCALHOST", "[::1]:4566"]
)
def test_the_loopback_is_welcome(host: str) -> None:
    assert is_loopback_host(host)


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "10.0.0.1", "127.0.0.1:4:5"],
)
def test_another_host_is_not(host: str) -> None:
    assert not is_loopback_host(host)
