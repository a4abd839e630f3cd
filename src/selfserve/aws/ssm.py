"""Sessions of AWS Systems Manager that forward a port of an instance. No open port is needed.

The session is opened here; who speaks its protocol is `coordinator.session_manager`. The
instance asks nothing of the network but the way out: its agent keeps a connection to AWS.
https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-sessions-start.html
"""

from dataclasses import dataclass, field

from botocore.exceptions import ClientError

from selfserve.aws.errors import aws_errors, error_code, error_message
from selfserve.aws.session import Clients
from selfserve.aws.ssm_client import StartSession
from selfserve.errors import AwsError

DOCUMENT = "AWS-StartPortForwardingSession"
"""AWS's own document that says what such a session may do."""

_NOT_CONNECTED = {"TargetNotConnected", "InvalidInstanceId", "InvalidTarget"}
_FORBIDDEN = {"AccessDeniedException", "AccessDenied"}


@dataclass(frozen=True, slots=True)
class ForwardingSession:
    """An open session, and all that its plugin is told."""

    request: StartSession
    region: str
    endpoint_url: str
    """Systems Manager's own."""
    profile: str
    """AWS_PROFILE, or nothing."""
    id: str
    token: str = field(repr=False)
    """A secret: whoever has it is in the session."""
    stream_url: str


def to_start_session(instance_id: str, *, port: int, local_port: int) -> StartSession:
    """The request that forwards `local_port` of this machine to `port` of the instance."""
    return {
        "Target": instance_id,
        "DocumentName": DOCUMENT,
        "Parameters": {"portNumber": [str(port)], "localPortNumber": [str(local_port)]},
    }


def start_forwarding(
    clients: Clients, instance_id: str, *, port: int, local_port: int
) -> ForwardingSession:
    """Open a session. It ends with `end_forwarding`, or after 20 idle minutes by itself.

    Raises:
        AwsError: the instance cannot be reached that way, or the caller may not.
    """
    request = to_start_session(instance_id, port=port, local_port=local_port)
    with aws_errors(f"opening a session to {instance_id}"):
        try:
            answer = clients.ssm.start_session(**request)
        except ClientError as error:
            explained = _explained(error, instance_id)
            if explained is None:
                raise
            raise explained from error
    return ForwardingSession(
        request=request,
        region=clients.region,
        endpoint_url=clients.ssm.meta.endpoint_url,
        profile=clients.session.profile or "",
        id=answer["SessionId"],
        token=answer["TokenValue"],
        stream_url=answer["StreamUrl"],
    )


def end_forwarding(clients: Clients, session: ForwardingSession) -> None:
    """End a session. Idempotent.

    Raises:
        AwsError: AWS refused; the session ends after 20 idle minutes by itself.
    """
    with aws_errors("ending the session"):
        clients.ssm.terminate_session(SessionId=session.id)


def _explained(error: ClientError, instance_id: str) -> AwsError | None:
    """The refusals that have a cure of their own."""
    code, message = error_code(error), error_message(error)
    if code in _NOT_CONNECTED:
        return AwsError(
            f"Session Manager does not reach {instance_id}: {message} ({code})",
            hint="The instance profile of the cluster needs the policy "
            "AmazonSSMManagedInstanceCore, and its subnet a way to Systems Manager. See: "
            f"aws ssm describe-instance-information --filters Key=InstanceIds,Values={instance_id}",
        )
    if code in _FORBIDDEN:
        return AwsError(
            f"You may not open a session to {instance_id}: {message} ({code})",
            hint=f"Ask your administrator for ssm:StartSession on the instance and on the document "
            f"{DOCUMENT}, and ssm:TerminateSession; or name an ssh_key in the profile.",
        )
    return None
