"""STS's GetCallerIdentity for the local account, because many AWS tools ask it first.

The query protocol of AWS: a form in, XML out.
"""

from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from selfserve.local.api.errors import ApiError
from selfserve.local.endpoint import ACCOUNT

_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"


def answer_sts(body: bytes, request_id: str) -> str:
    """Return the XML that answers the form `body`.

    Raises:
        ApiError: it asks for something else than GetCallerIdentity.
    """
    action = parse_qs(body.decode("utf-8", "replace")).get("Action", [""])[0]
    if action != "GetCallerIdentity":
        raise ApiError(
            "InvalidAction", f"The local endpoint's STS serves GetCallerIdentity, not {action!r}."
        )
    return (
        f'<GetCallerIdentityResponse xmlns="{_NAMESPACE}"><GetCallerIdentityResult>'
        f"<Arn>arn:aws:iam::{ACCOUNT}:user/selfserve-local</Arn>"
        f"<UserId>AIDASELFSERVELOCAL</UserId><Account>{ACCOUNT}</Account>"
        f"</GetCallerIdentityResult>{_metadata(request_id)}</GetCallerIdentityResponse>"
    )


def to_error_xml(error: ApiError, request_id: str) -> str:
    """An error in the query protocol."""
    return (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{escape(error.code)}</Code>"
        f"<Message>{escape(error.message)}</Message></Error>"
        f"<RequestId>{request_id}</RequestId></ErrorResponse>"
    )


def _metadata(request_id: str) -> str:
    return f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
