"""Where the running local endpoint is, and the keys that open it.

Pure data; `daemon_client.py` finds or starts the daemon and returns one of these.
"""

from dataclasses import dataclass
from pathlib import Path

REGION = "us-east-1"
ACCOUNT = "000000000000"
BUCKET = "selfserve-local"
ACCESS_KEY_PREFIX = "AKLOCAL"
"""Access keys that only a local endpoint knows begin with it."""
OWN_SERVICE = "selfserve"
"""What requests are signed for that neither EMR nor S3 has."""
CATALOGUE_PATH = "/selfserve/catalogue"
"""A POST here starts the table catalogue, and is answered with its URI."""


@dataclass(frozen=True, slots=True)
class LocalEndpoint:
    """One URL serves EMR and S3; requests are told apart by the service they are signed for."""

    url: str
    access_key: str
    secret_key: str
    pid: int
    home: Path

    def environment(self) -> dict[str, str]:
        """The variables that point any AWS client at this endpoint."""
        return {
            "AWS_ENDPOINT_URL_EMR": self.url,
            "AWS_ENDPOINT_URL_S3": self.url,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }
