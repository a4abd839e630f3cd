"""The only maker of AWS clients: credentials, timeouts, retries and the user agent.

They are botocore's, which boto3's are too; boto3 itself takes as long to load again
and is only needed for large uploads (`s3.py`).

Amazon EMR has no idempotency token for RunJobFlow and AddJobFlowSteps, so a
retry by the SDK could start a second cluster. Those two go through `emr_once`,
which repeats only what EMR has certainly refused; everything else through clients
that retry.
"""

import os
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, cast

from botocore.client import BaseClient
from botocore.config import Config
from botocore.session import Session

from selfserve import __version__
from selfserve.aws.errors import aws_errors
from selfserve.aws.skew import Skew
from selfserve.errors import AwsError

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_emr import EMRClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sts import STSClient

    from selfserve.aws.ssm_client import SsmClient

_CONNECT_TIMEOUT_S = 5
_READ_TIMEOUT_S = 60  # RunJobFlow with many steps takes EMR several seconds
_ATTEMPTS = 5  # EMR's rates are tiny (one call in two seconds), so throttling is ordinary
_THROTTLED = frozenset({"Throttling", "ThrottlingException"})
_WAITS_WHEN_THROTTLED = 4
_ATTEMPTS_AT_ENDPOINT = 3  # nothing throttles there; if it is gone, say so in two seconds


@dataclass(frozen=True)
class Clients:
    """Clients of one region, or of one endpoint in AWS's place; each is made on first use."""

    session: Session
    region: str
    endpoint_url: str | None = None
    skew: Skew = field(default_factory=Skew)
    """AWS's time minus this machine's; an endpoint on this machine has the same clock."""

    @cached_property
    def emr(self) -> "EMRClient":
        """EMR for everything that may be repeated: throttling and lost answers are retried."""
        config = self._config(mode="adaptive")
        return cast("EMRClient", self._make("emr", config, self.endpoint_url))

    @cached_property
    def emr_once(self) -> "EMRClient":
        """EMR for RunJobFlow and AddJobFlowSteps: asked again only after it was throttled.

        EMR then has certainly not begun; after any other trouble it may have.
        """
        config = self._config(attempts=1)
        client = cast("EMRClient", self._make("emr", config, self.endpoint_url))
        # The stubs say that no handler answers anything; those of needs-retry answer seconds.
        client.meta.events.register("needs-retry.emr", _wait_if_throttled)  # type: ignore[arg-type]
        return client

    @cached_property
    def s3(self) -> "S3Client":
        """S3; an endpoint on this machine has no host name per bucket, hence path style there."""
        style = Config(s3={"addressing_style": "path"}) if self.endpoint_url else Config()
        config = self._config().merge(style)
        return cast("S3Client", self._make("s3", config, self.endpoint_url))

    @cached_property
    def cloudwatch(self) -> "CloudWatchClient":
        """CloudWatch, for EMR's metrics. The local endpoint has none; do not ask there."""
        return cast("CloudWatchClient", self._make("cloudwatch", self._config()))

    @cached_property
    def sts(self) -> "STSClient":
        """STS, for the account's id. It is always AWS's own: the local endpoint has none."""
        return cast("STSClient", self._make("sts", self._config()))

    @cached_property
    def glue(self) -> BaseClient:
        """Glue, for its catalogue of tables. The local endpoint has none; do not ask there."""
        return self._make("glue", self._config())

    @cached_property
    def ssm(self) -> "SsmClient":
        """Systems Manager, for sessions to nodes. Always AWS's own, as `sts` is."""
        return cast("SsmClient", self._make("ssm", self._config()))

    def _make(self, service: str, config: Config, endpoint_url: str | None = None) -> BaseClient:
        with _client_errors(service.upper()):
            client: BaseClient = self.session.create_client(
                service, endpoint_url=endpoint_url, config=config
            )
        if self.endpoint_url is None:
            client.meta.events.register("after-call", self.skew.learn)
        return client

    def _config(
        self, *, mode: Literal["standard", "adaptive"] = "standard", attempts: int | None = None
    ) -> Config:
        if attempts is None:
            attempts = _ATTEMPTS_AT_ENDPOINT if self.endpoint_url else _ATTEMPTS
        config = Config(
            region_name=self.region,
            connect_timeout=_CONNECT_TIMEOUT_S,
            read_timeout=_READ_TIMEOUT_S,
            retries={"mode": mode, "total_max_attempts": attempts},
            user_agent_extra=f"selfserve/{__version__}",
        )
        if self.endpoint_url is None:
            return config
        return config.merge(Config(proxies={}))  # a proxy cannot reach this machine's loopback


def make_clients(
    region: str,
    *,
    endpoint_url: str | None = None,
    access_key: str | None = None,
    secret_key: str | None = None,
) -> Clients:
    """Return clients that take credentials the AWS way, unless keys are given.

    With keys, the user's AWS configuration is not read at all: a broken or
    missing profile must not stop work on this machine.

    Raises:
        AwsError: AWS_PROFILE names no profile, or the AWS configuration cannot be read.
    """
    with aws_errors("reading the AWS configuration"):
        if access_key is None or secret_key is None:
            return Clients(_session_of_user(), region, endpoint_url)
        session = _session_without_configuration()
        session.set_credentials(access_key, secret_key)
        return Clients(session, region, endpoint_url)


def configured_region() -> str | None:
    """The region that AWS's own tools would use: of the environment or of AWS_PROFILE.

    Raises:
        AwsError: AWS_PROFILE names no profile, or the AWS configuration cannot be read.
    """
    with aws_errors("reading the AWS configuration"):
        region: str | None = _session_of_user().get_config_variable("region")
        return region


def _wait_if_throttled(
    response: tuple[object, Mapping[str, Any]] | None,  # Any: an answer as botocore parses it
    attempts: int,
    **_: object,
) -> float | None:
    """Seconds until a refused request is sent again; None to leave it at that.

    About half a minute in all: a lease is held meanwhile (`core.lease.ACT_WITHIN`).
    """
    code = response[1].get("Error", {}).get("Code") if response else None
    if code not in _THROTTLED or attempts > _WAITS_WHEN_THROTTLED:
        return None
    return float(2**attempts) * random.uniform(0.5, 1)  # noqa: S311  spreads load; hides nothing


@contextmanager
def _client_errors(service: str) -> Iterator[None]:
    """Botocore tells an unusable region or AWS_ENDPOINT_URL_… by a plain ValueError."""
    with aws_errors(f"preparing to talk to {service}"):
        try:
            yield
        except ValueError as error:
            raise AwsError(
                f"Cannot talk to {service}: {error}",
                hint="Check AWS_REGION (such as eu-west-1) and the AWS_ENDPOINT_URL variables.",
            ) from error


def _session_of_user() -> Session:
    session = Session()
    session.get_scoped_config()  # now, rather than at the first request, a bad AWS_PROFILE raises
    return session


def _session_without_configuration() -> Session:
    """A botocore session that sees neither AWS_PROFILE nor the files in ~/.aws."""
    return Session(
        session_vars={
            "profile": (None, None, None, None),
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
        }
    )
