"""Every way in which AWS can fail us is a sentence, a hint and exit code 3."""

from ssl import SSLError

import pytest
from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from selfserve.aws.errors import aws_errors
from selfserve.errors import AwsError, BadInputError, OutcomeUnknownError

UNTRUSTED = SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate in chain")
URL = "https://elasticmapreduce.eu-west-1.amazonaws.com"


def refusal(code: str, *, status: int = 400, message: str = "No.") -> boto.ClientError:
    error = {"Code": code, "Message": message}
    return boto.ClientError(
        {"Error": error, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        "RunJobFlow",
    )


@pytest.mark.parametrize(
    ("error", "says"),
    [
        pytest.param(boto.NoCredentialsError(), "AWS_PROFILE", id="no-credentials"),
        pytest.param(
            boto.PartialCredentialsError(provider="env", cred_var="aws_secret_access_key"),
            "AWS_SECRET_ACCESS_KEY",
            id="half-the-credentials",
        ),
        pytest.param(boto.ProfileNotFound(profile="x"), "list-profiles", id="no-such-profile"),
        pytest.param(boto.NoRegionError(), "AWS_REGION", id="no-region"),
        pytest.param(
            boto.UnauthorizedSSOTokenError(), "aws sso login", id="single-sign-on-expired"
        ),
        pytest.param(
            boto.TokenRetrievalError(provider="sso", error_msg="expired"),
            "aws sso login",
            id="token-cannot-be-renewed",
        ),
        pytest.param(boto.LoginRefreshRequired(), "aws login", id="login-expired"),
        pytest.param(
            boto.CredentialRetrievalError(provider="process", error_msg="exit 1"),
            "Log in again",
            id="credential-process-failed",
        ),
        pytest.param(boto.ConfigParseError(path="~/.aws/config"), "Repair", id="broken-config"),
        pytest.param(refusal("ExpiredTokenException"), "aws sso login", id="expired-session"),
        pytest.param(refusal("ExpiredToken"), "aws sso login", id="expired-session-s3"),
        pytest.param(refusal("AccessDeniedException"), "administrator", id="not-allowed"),
        pytest.param(refusal("UnrecognizedClientException"), "get-caller", id="unknown-key"),
        pytest.param(refusal("InvalidSignatureException"), "secret access key", id="wrong-secret"),
        pytest.param(refusal("ThrottlingException"), "rate limiting", id="throttled"),
        pytest.param(refusal("Whatever", status=503), "health.aws", id="aws-is-down"),
        pytest.param(refusal("ValidationException"), "--debug", id="anything-else"),
        pytest.param(
            boto.EndpointConnectionError(endpoint_url=URL), "Check the network", id="unreachable"
        ),
        pytest.param(
            boto.EndpointConnectionError(endpoint_url="http://127.0.0.1:4566"),
            "selfserve local start",
            id="local-endpoint-is-down",
        ),
        pytest.param(
            boto.ConnectTimeoutError(endpoint_url=URL), "Check the network", id="connect-timeout"
        ),
        pytest.param(boto.ReadTimeoutError(endpoint_url=URL), "network", id="read-timeout"),
        pytest.param(boto.ConnectionClosedError(endpoint_url=URL), "network", id="closed"),
        pytest.param(
            boto.SSLError(endpoint_url=URL, error=UNTRUSTED),
            "AWS_CA_BUNDLE",
            id="tls-proxy",
        ),
        pytest.param(ResponseParserError("not JSON"), "network", id="garbled-answer"),
        pytest.param(boto.UnknownServiceError(service_name="x", known_service_names=""), "--debug"),
    ],
)
def test_a_failure_of_aws_says_what_to_do(error: Exception, says: str) -> None:
    with pytest.raises(AwsError) as raised, aws_errors("listing clusters"):
        raise error

    assert says in raised.value.hint
    assert "while listing clusters" in str(raised.value)
    assert raised.value.exit_code == 3
    assert raised.value.__cause__ is error
    assert not isinstance(raised.value, OutcomeUnknownError)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(boto.ReadTimeoutError(endpoint_url=URL), id="no-answer-in-time"),
        pytest.param(boto.ConnectionClosedError(endpoint_url=URL), id="connection-closed"),
        pytest.param(boto.HTTPClientError(error="reset"), id="connection-reset"),
        pytest.param(boto.SSLError(endpoint_url=URL, error=SSLError("EOF")), id="tls-cut-off"),
        pytest.param(ResponseParserError("not JSON"), id="garbled-answer"),
        pytest.param(refusal("InternalFailure", status=500), id="server-error"),
        pytest.param(refusal("502", status=502), id="gateway-error"),
        pytest.param(refusal("InternalServerException", status=400), id="emr-documents-400"),
    ],
)
def test_a_call_that_must_not_happen_twice_may_have_happened(error: Exception) -> None:
    with pytest.raises(OutcomeUnknownError), aws_errors("launching", once=True):
        raise error


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(boto.EndpointConnectionError(endpoint_url=URL), id="refused-or-no-such-host"),
        pytest.param(boto.ConnectTimeoutError(endpoint_url=URL), id="connect-timeout"),
        pytest.param(boto.ProxyConnectionError(proxy_url="http://proxy"), id="proxy-is-down"),
        pytest.param(
            boto.SSLError(endpoint_url=URL, error=UNTRUSTED),
            id="certificate-not-trusted",
        ),
        pytest.param(boto.NoCredentialsError(), id="no-credentials"),
        pytest.param(refusal("ThrottlingException"), id="throttled"),
        pytest.param(refusal("ValidationException"), id="refused"),
    ],
)
def test_a_call_that_must_not_happen_twice_has_not_happened(error: Exception) -> None:
    with pytest.raises(AwsError) as raised, aws_errors("launching", once=True):
        raise error

    assert not isinstance(raised.value, OutcomeUnknownError)


def test_a_value_that_botocore_refuses_to_send_is_bad_input() -> None:
    with pytest.raises(BadInputError, match="Invalid bucket name"), aws_errors("writing"):
        raise boto.ParamValidationError(report='Invalid bucket name "a b"')


def test_what_is_not_botocores_passes_through() -> None:
    with pytest.raises(KeyError), aws_errors("writing"):
        raise KeyError("a bug")
