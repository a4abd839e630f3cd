"""What AWS's refusals and network failures mean to a person: one table, one context manager.

Botocore's exceptions end here. Everything else passes through: it is a bug, or
somebody else's error.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from selfserve.aws.skew import measure_skew
from selfserve.core.durations import to_words
from selfserve.errors import AwsError, BadInputError, NoAnswerError, OutcomeUnknownError

_LOG_IN = "Log in again: aws sso login (or aws login), then repeat the command."
_NO_CREDENTIALS = (
    "Set AWS_PROFILE, or log in with: aws sso login. To work without AWS, add: --on local"
)
_NOT_ALLOWED = "Ask your administrator for the permission that the message names."
_SLOW_DOWN = "AWS is rate limiting this account; try again in a minute."
_AWS_TROUBLE = "AWS has trouble; see https://health.aws.amazon.com and try again in a few minutes."
_UNKNOWN_KEY = "The access key is not known to AWS. Check: aws sts get-caller-identity"
_WRONG_KEY = "Check the secret access key, or log in again: aws sso login"
_SET_THE_CLOCK = (
    "Set this machine's clock: sudo timedatectl set-ntp true "
    "(on a Mac: sudo sntp -sS time.apple.com)"
)
_DEBUG = "Run again with --debug to see the request."

_HINTS: dict[str, str] = {
    "ExpiredToken": _LOG_IN,
    "ExpiredTokenException": _LOG_IN,
    "RequestExpired": _LOG_IN,
    "InvalidClientTokenId": _UNKNOWN_KEY,
    "UnrecognizedClientException": _UNKNOWN_KEY,
    "InvalidAccessKeyId": _UNKNOWN_KEY,
    "InvalidSignatureException": _WRONG_KEY,
    "SignatureDoesNotMatch": _WRONG_KEY,
    "OptInRequired": "Activate the account for this service in the AWS console.",
    "AccessDenied": _NOT_ALLOWED,
    "AccessDeniedException": _NOT_ALLOWED,
    "UnauthorizedOperation": _NOT_ALLOWED,
    "403": _NOT_ALLOWED,
    "Throttling": _SLOW_DOWN,
    "ThrottlingException": _SLOW_DOWN,
    "RequestLimitExceeded": _SLOW_DOWN,
    "SlowDown": _SLOW_DOWN,
    "InternalServerError": _AWS_TROUBLE,
    "InternalServerException": _AWS_TROUBLE,
    "InternalFailure": _AWS_TROUBLE,
    "ServiceUnavailable": _AWS_TROUBLE,
    "LocalStoreException": "Free some disk space on this machine, then run the command again.",
    "PermanentRedirect": "The bucket is in another region; use that region, or another bucket.",
}

_CREDENTIALS: dict[type[Exception], str] = {
    boto.NoCredentialsError: _NO_CREDENTIALS,
    boto.PartialCredentialsError: (
        "Set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or neither and AWS_PROFILE."
    ),
    boto.ProfileNotFound: "See the profiles of this machine with: aws configure list-profiles",
    boto.NoRegionError: "Set AWS_REGION, or a region for this profile: aws configure set region",
    boto.InvalidRegionError: "Check the region's spelling; such as eu-west-1.",
    boto.TokenRetrievalError: _LOG_IN,
    boto.SSOError: _LOG_IN,  # expired, missing or unreadable tokens are its subclasses
    boto.LoginError: _LOG_IN,
    boto.NoAuthTokenError: _LOG_IN,
    boto.CredentialRetrievalError: _LOG_IN,
    boto.MetadataRetrievalError: _NO_CREDENTIALS,
    boto.ConfigParseError: "Repair that file, or point AWS_CONFIG_FILE at another.",
    boto.ConfigNotFound: "Repair AWS_CONFIG_FILE, or unset it.",
}

_NETWORK = (
    boto.ConnectionError,
    boto.HTTPClientError,
    boto.IncompleteReadError,
    ResponseParserError,
)
_NEVER_SENT = (
    boto.EndpointConnectionError,  # refused, no route, or no such host
    boto.ConnectTimeoutError,
    boto.ProxyConnectionError,
)

_NO_HTTP_STATUS = 0

# Botocore signs with this machine's time. AWS takes signatures within 5 minutes of its own, S3
# within 15; EMR and STS say so under the code of a wrong secret key.
_TIME_TOO_FAR_OFF = {"RequestTimeTooSkewed", "RequestInTheFuture"}
_SIGNED_TOO_FAR_OFF = re.compile(r"signature (expired|not yet current)", re.IGNORECASE)


@contextmanager
def aws_errors(doing: str, *, once: bool = False) -> Iterator[None]:
    """Turn botocore's exceptions into AwsError; let everything else pass.

    Args:
        doing: what is going on, to stand after "while", such as "listing clusters".
        once: the call must not happen twice. A failure after which it may
            or may not have taken effect becomes OutcomeUnknownError.
    """
    try:
        yield
    except boto.ParamValidationError as error:
        raise BadInputError(
            f"AWS does not take this request while {doing}: {error}",
            hint="Correct the value that the message names.",
        ) from error
    except boto.ClientError as error:
        raise _refused(doing, error, once=once) from error
    except tuple(_CREDENTIALS) as error:
        raise AwsError(f"No AWS session while {doing}: {error}", hint=_login_hint(error)) from error
    except _NETWORK as error:
        raise _unanswered(doing, error, once=once) from error
    except boto.BotoCoreError as error:
        raise AwsError(f"Could not go on while {doing}: {error}", hint=_DEBUG) from error


def error_code(error: boto.ClientError) -> str:
    """The service's own name of the error, such as AccessDeniedException."""
    return str(error.response.get("Error", {}).get("Code", "Unknown"))


def error_message(error: boto.ClientError) -> str:
    """The service's own sentence, or the code when it sent none."""
    return str(error.response.get("Error", {}).get("Message") or error_code(error))


def _refused(doing: str, error: boto.ClientError, *, once: bool) -> AwsError:
    code, message = error_code(error), error_message(error)
    if once and _is_server_fault(error):
        return OutcomeUnknownError(
            f"AWS failed while {doing}, and it may have taken effect all the same: "
            f"{message} ({code})",
            hint="See what is there with: selfserve status",
        )
    if code in _TIME_TOO_FAR_OFF or _SIGNED_TOO_FAR_OFF.search(message):
        return AwsError(
            f"Refused while {doing}: {_clock_is_off(error)} ({code})", hint=_SET_THE_CLOCK
        )
    hint = _HINTS.get(code, _AWS_TROUBLE if _is_server_fault(error) else _DEBUG)
    return AwsError(f"Refused while {doing}: {message} ({code})", hint=hint)


def _clock_is_off(error: boto.ClientError) -> str:
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    skew = measure_skew(headers)
    if not skew:
        return "this machine's clock is off by more than AWS allows"
    direction = "slow" if skew > timedelta(0) else "fast"
    amount = to_words(timedelta(minutes=round(abs(skew) / timedelta(minutes=1))))
    return f"this machine's clock is {amount} {direction}, more than AWS allows"


def _is_server_fault(error: boto.ClientError) -> bool:
    """Whether AWS failed rather than refused. EMR documents its internal errors as HTTP 400."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", _NO_HTTP_STATUS)
    return status >= 500 or error_code(error).startswith(("Internal", "ServiceUnavailable"))


def _login_hint(error: Exception) -> str:
    return next(hint for kind, hint in _CREDENTIALS.items() if isinstance(error, kind))


def _unanswered(doing: str, error: Exception, *, once: bool) -> AwsError:
    if once and not isinstance(error, _NEVER_SENT) and not _is_untrusted(error):
        return OutcomeUnknownError(
            f"The answer was lost while {doing}, so it may or may not have taken effect: {error}",
            hint="See what is there with: selfserve status",
        )
    return NoAnswerError(f"No answer while {doing}: {error}", hint=_network_hint(error))


def _is_untrusted(error: Exception) -> bool:
    """Whether TLS refused the server's certificate: then nothing was sent."""
    return isinstance(error, boto.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error)


def _network_hint(error: Exception) -> str:
    # Any: botocore keeps the format arguments of its message in `kwargs`, of different types.
    details: dict[str, Any] = getattr(error, "kwargs", {})
    host = urlsplit(str(details.get("endpoint_url", ""))).hostname
    if host in {"127.0.0.1", "localhost"}:
        return "Start the endpoint of this machine with: selfserve local start"
    if _is_untrusted(error):
        return "Behind a TLS proxy, set AWS_CA_BUNDLE to your organisation's certificates."
    return "Check the network, the proxy settings (HTTPS_PROXY) and the region's name."
