"""boto3 clients of the endpoint on this machine."""

from typing import TYPE_CHECKING

from selfserve.local.endpoint import REGION, LocalEndpoint

if TYPE_CHECKING:  # boto3 is loaded when a client is made
    from selfserve.aws.session import Clients


def local_clients(endpoint: LocalEndpoint) -> "Clients":
    """Clients of the endpoint on this machine."""
    from selfserve.aws.session import make_clients

    return make_clients(
        REGION,
        endpoint_url=endpoint.url,
        access_key=endpoint.access_key,
        secret_key=endpoint.secret_key,
    )
