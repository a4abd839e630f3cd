"""DuckDB's reader of S3, with the credentials that are in use."""

from collections.abc import Iterator
from importlib.resources import files as package_files
from threading import Lock
from typing import TYPE_CHECKING

from selfserve.aws.session import Clients
from selfserve.embedded.types import text_literal

if TYPE_CHECKING:
    import duckdb


class S3Reader:
    """Temporary credentials end after an hour or so, and a prompt stays open for a day."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._given: dict[str, str] = {}
        self._lock = Lock()

    def load_into(self, connection: "duckdb.DuckDBPyConnection") -> None:
        """Load the reader, which comes with a package; `connection` stays its user's to close."""
        import duckdb

        folder = package_files("duckdb_extension_httpfs")
        extension = folder / "extensions" / f"v{duckdb.__version__}" / "httpfs.duckdb_extension"
        # Only what is said here: not the secrets that this user keeps for other programs.
        connection.execute("SET allow_persistent_secrets = false")
        connection.execute(f"LOAD {text_literal(str(extension))}")
        self._connection = connection
        self.renew()

    def renew(self) -> None:
        """Give it the credentials of this moment, if they are others than before.

        For each statement; one seldom takes longer than its credentials last.
        """
        if self._connection is None:
            return
        with self._lock:
            settings = dict(_settings(self._clients))
            if settings == self._given:
                return
            written = ", ".join(f"{name} {text_literal(value)}" for name, value in settings.items())
            with self._connection.cursor() as cursor:
                cursor.execute(f"CREATE OR REPLACE SECRET aws (TYPE s3, {written})")
            self._given = settings


def _settings(clients: Clients) -> Iterator[tuple[str, str]]:
    yield "REGION", clients.region
    found = clients.session.get_credentials()
    if found is not None:
        keys = found.get_frozen_credentials()
        yield "KEY_ID", keys.access_key or ""
        yield "SECRET", keys.secret_key or ""
        if keys.token:
            yield "SESSION_TOKEN", keys.token
    if clients.endpoint_url:
        scheme, _, host = clients.endpoint_url.partition("://")
        yield "ENDPOINT", host
        yield "URL_STYLE", "path"
        yield "USE_SSL", "true" if scheme == "https" else "false"
