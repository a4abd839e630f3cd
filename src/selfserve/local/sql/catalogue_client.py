"""Ask the local endpoint for the table catalogue, which it starts if need be.

An operation of our own beside EMR's and S3's, signed like them, for the service `selfserve`.
"""

import http.client
import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from selfserve.errors import ClusterFailedError
from selfserve.local.endpoint import CATALOGUE_PATH, OWN_SERVICE, REGION, LocalEndpoint

_TIMEOUT_S = 1800.0  # the first time, a Spark is installed


def has_catalogue(home: Path) -> bool:
    """Whether there may be tables; if not, there is only the schema `default`, and it is empty.

    Looks at files only.
    """
    return any((home / "metastore").glob("derby-*"))


def ask_for_catalogue(endpoint: LocalEndpoint, *, timeout_s: float = _TIMEOUT_S) -> str:
    """The URI of the metastore, such as thrift://127.0.0.1:9083; it answers there.

    Takes some seconds if it does not run, and minutes if no Spark is installed yet.

    Raises:
        ClusterFailedError: it does not start, or the endpoint is gone.
    """
    host = urlsplit(endpoint.url)
    connection = http.client.HTTPConnection(
        host.hostname or "127.0.0.1", host.port, timeout=timeout_s
    )
    try:
        connection.request("POST", CATALOGUE_PATH, headers=_signed(endpoint))
        response = connection.getresponse()
        status, body = response.status, response.read()
    except (OSError, http.client.HTTPException) as error:
        raise ClusterFailedError(
            f"The local endpoint does not answer: {error or type(error).__name__}.",
            hint="Start it with: selfserve local start",
        ) from error
    finally:
        connection.close()
    return _uri(status, body, endpoint)


def _signed(endpoint: LocalEndpoint) -> dict[str, str]:
    from botocore.auth import SigV4Auth  # noqa: PLC0415  slow to load
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415
    from botocore.credentials import Credentials  # noqa: PLC0415

    request = AWSRequest("POST", f"{endpoint.url}{CATALOGUE_PATH}", data=b"")
    keys = Credentials(endpoint.access_key, endpoint.secret_key)
    SigV4Auth(keys, OWN_SERVICE, REGION).add_auth(request)
    return {**dict(request.headers.items()), "Content-Length": "0"}


def _uri(status: int, body: bytes, endpoint: LocalEndpoint) -> str:
    log_hint = f"See its log: tail {endpoint.home / 'daemon.log'}"
    try:
        answer: Mapping[str, str] = json.loads(body)
        if status == http.client.OK:
            return answer["uri"]
        message, hint = answer["message"], answer.get("hint", log_hint)
    except (ValueError, KeyError, TypeError) as error:
        raise ClusterFailedError(
            f"The local endpoint gave an answer that makes no sense (HTTP {status}).",
            hint=log_hint,
        ) from error
    raise ClusterFailedError(message, hint=hint)
