"""Whom to ask, as whom, and how the `trino` package is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from trino.client import ClientSession, TrinoRequest

from selfserve.coordinator.http_session import CoordinatorSession, Patience
from selfserve.coordinator.preparing import Prepared
from selfserve.core.sql.engines import Engine

SOURCE = "selfserve"
"""What a coordinator's resource groups and its list of queries call us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coordinator:
    """Whom to ask, and as whom."""

    url: str
    """This end of the tunnel, such as http://127.0.0.1:40123."""
    user: str
    cluster: str
    """The cluster's name, for messages."""
    engine: Engine = Engine.TRINO
    catalog: str = "hive"
    schema: str = "default"
    time_zone: str = "UTC"
    """Of timestamps without one, and of current_date."""
    properties: Mapping[str, str] = field(default_factory=dict)
    """Session properties, such as query_max_execution_time: 10m."""
    presto_headers: bool = False
    """For PrestoSQL (EMR 6.1 to 6.3), whose dialect is Trino's; PrestoDB always has them."""
    patience: Patience = field(default_factory=Patience)

    @property
    def has_presto_headers(self) -> bool:
        """Whether its headers begin with X-Presto, not X-Trino."""
        return self.presto_headers or self.engine is Engine.PRESTO


def to_session(coordinator: Coordinator, prepared: Prepared) -> ClientSession:
    """What goes into the headers; the `trino` package keeps in it what statements change."""
    session = ClientSession(
        user=coordinator.user,
        catalog=coordinator.catalog,
        schema=coordinator.schema,
        source=SOURCE,
        properties=dict(coordinator.properties),
        timezone=coordinator.time_zone,
    )
    session.prepared_statements = dict(prepared.statements)
    return session


def to_request(
    session: ClientSession, http: CoordinatorSession, patience: Patience
) -> TrinoRequest:
    """What the `trino` package needs to ask."""
    return TrinoRequest(
        host=http.at.hostname or "127.0.0.1",
        port=http.at.port or 80,
        client_session=session,
        http_session=http,
        http_scheme=http.at.scheme,
        max_attempts=1,  # `http` repeats what may be repeated
        request_timeout=(patience.connect_timeout_s, patience.read_timeout_s),
    )
