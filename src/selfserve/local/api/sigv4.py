"""Verify the AWS Signature Version 4 of requests to the local endpoint.

The endpoint runs commands on this machine, so a signature is no formality: it is
what keeps web pages in the user's browser, and other users of the machine, from
doing so. The secret is in a file that only the user can read. A Host header that
is not the loopback is refused as well, or a page could reach the endpoint under
a name of its own (DNS rebinding) and read the answers.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPMessage
from urllib.parse import parse_qs

from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from selfserve.local.api.errors import ApiError

CLOCK_SKEW = timedelta(minutes=15)

_LOOPBACK_HOST = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?", re.IGNORECASE)
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/,\s]+)/(?P<date>\d{8})/(?P<region>[^/,\s]+)"
    r"/(?P<service>[^/,\s]+)/aws4_request,\s*SignedHeaders=(?P<headers>[a-z0-9;_-]+),"
    r"\s*Signature=(?P<signature>[0-9a-f]{64})"
)
_SCOPED_SERVICE = re.compile(r"Credential=[^,\s]+/([^/,\s]+)/aws4_request")


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """The parts of an HTTP request that a signature covers. Header names are lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


def is_loopback_host(host: str) -> bool:
    """Whether a Host header names this machine's loopback."""
    return _LOOPBACK_HOST.fullmatch(host) is not None


def service_of(authorization: str, query: str) -> str | None:
    """The service in the credential scope, of a header or of a presigned URL; None without one.

    Nothing is verified here: it only says who must.
    """
    if match := _SCOPED_SERVICE.search(authorization):
        return match[1]
    scope = parse_qs(query).get("X-Amz-Credential", [""])[0].split("/")
    return scope[-2] if len(scope) >= 5 and scope[-1] == "aws4_request" else None


def verify(request: SignedRequest, keys: Mapping[str, str], now: datetime) -> None:
    """Return if the request was signed, just now, with one of `keys` (access key to secret).

    Raises:
        ApiError: it was not; the codes are AWS's.
    """
    match = _AUTHORIZATION.fullmatch(request.headers.get("authorization", "").strip())
    if match is None:
        raise ApiError(
            "IncompleteSignatureException",
            "The Authorization header is not of AWS Signature Version 4.",
        )
    secret = keys.get(match["key"])
    if secret is None:
        raise ApiError(
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        )
    timestamp = request.headers.get("x-amz-date", "")
    _check_time(timestamp, match["date"], now)
    signed = _signed_headers(match["headers"].split(";"), request.headers)
    _check_body_hash(request)
    expected = _signature(request, signed, Credentials(match["key"], secret), match)
    if not hmac.compare_digest(expected, match["signature"]):
        raise _invalid(
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method."
        )


def _check_time(timestamp: str, scope_date: str, now: datetime) -> None:
    try:
        signed_at = datetime.strptime(timestamp, SIGV4_TIMESTAMP).replace(tzinfo=UTC)
    except ValueError as error:
        raise _invalid(
            f"X-Amz-Date {timestamp!r} is not a time such as 20300102T030405Z"
        ) from error
    if not timestamp.startswith(scope_date):
        raise _invalid("Date in Credential scope does not match the date of X-Amz-Date")
    if abs(now - signed_at) > CLOCK_SKEW:
        raise _invalid(f"Signature expired: {timestamp} is more than 15 minutes from now")


def _signed_headers(names: Iterable[str], headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that were signed: all that AWS wants signed, and all present."""
    names = set(names)
    wanted = {"host"} | {name for name in headers if name.startswith("x-amz-")}
    if missing := (wanted - names) | (names - headers.keys()):
        raise _invalid(f"These headers must be sent and signed: {', '.join(sorted(missing))}")
    return {name: headers[name] for name in names}


def _check_body_hash(request: SignedRequest) -> None:
    """A client may send the hash of the body as a header; then that is what is signed."""
    claimed = request.headers.get("x-amz-content-sha256")
    if claimed is not None and claimed != hashlib.sha256(request.body).hexdigest():
        raise _invalid("X-Amz-Content-SHA256 is not the hash of the body that was sent")


class _Verifier(SigV4Auth):
    """Signs exactly the headers that it is given; botocore leaves some out, other clients not."""

    def headers_to_sign(self, request: AWSRequest) -> HTTPMessage:
        return request.headers


def _signature(
    request: SignedRequest,
    headers: Mapping[str, str],
    credentials: Credentials,
    scope: re.Match[str],
) -> str:
    query = f"?{request.query}" if request.query else ""
    aws_request = AWSRequest(
        method=request.method,
        url=f"http://{request.headers['host']}{request.path}{query}",
        headers=dict(headers),
        data=request.body,
    )
    aws_request.context["timestamp"] = request.headers["x-amz-date"]
    signer = _Verifier(credentials, scope["service"], scope["region"])
    text = signer.string_to_sign(aws_request, signer.canonical_request(aws_request))
    return str(signer.signature(text, aws_request))


def _invalid(message: str) -> ApiError:
    return ApiError("InvalidSignatureException", message)
