"""Where the local target keeps its things: one folder, private to the user.

`daemon.json` says where the running daemon is; `keys.json` holds the access keys,
which stay the same from one start to the next so that exported variables stay true.
"""

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from selfserve.errors import BadInputError, ClusterFailedError
from selfserve.local.endpoint import ACCESS_KEY_PREFIX, LocalEndpoint

_KEY_BYTES = 10


@dataclass(frozen=True, slots=True)
class Keys:
    """The access key pair that every client of the endpoint signs with."""

    access_key: str
    secret_key: str


@dataclass(frozen=True, slots=True)
class DaemonFile:
    """What the running daemon says of itself."""

    port: int
    pid: int
    version: str


@dataclass(frozen=True, slots=True)
class Home:
    """The folder and the names in it."""

    root: Path

    @property
    def lake(self) -> Path:
        """Buckets are folders here."""
        return self.root / "lake"

    @property
    def state(self) -> Path:
        """The store of clusters and steps."""
        return self.root / "state.db"

    @property
    def lock(self) -> Path:
        """Held by the running daemon."""
        return self.root / "daemon.lock"

    @property
    def daemon(self) -> Path:
        """Where the running daemon is."""
        return self.root / "daemon.json"

    @property
    def log(self) -> Path:
        """The daemon's own log."""
        return self.root / "daemon.log"

    @property
    def failure(self) -> Path:
        """Why the last daemon could not start."""
        return self.root / "daemon-failure.json"

    @property
    def sql_worker(self) -> Path:
        """Where the running SQL worker is."""
        return self.root / "sql.json"

    @property
    def sql_temp(self) -> Path:
        """What a statement leaves for a while: what does not fit into memory, pipes for rows."""
        return self.root / "sql-temp"

    def make(self) -> None:
        """Create the folder, readable by its user only.

        Raises:
            ClusterFailedError: it cannot be written.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.lake.mkdir(exist_ok=True)
        except OSError as error:
            raise cannot_write(self.root, error) from error

    def keys(self) -> Keys:
        """The access keys; made on first use."""
        path = self.root / "keys.json"
        try:
            return Keys(**json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            keys = Keys(_new_access_key(), _new_secret())
            write_private(path, json.dumps(asdict(keys)))
            return keys
        except (ValueError, TypeError) as error:
            raise BadInputError(
                f"{path} is damaged.", hint="Start afresh with: selfserve local reset"
            ) from error

    def last_port(self) -> int:
        """The port of the last daemon, which the next one tries first; 0 for any."""
        try:
            return int((self.root / "port").read_text(encoding="ascii"))
        except (OSError, ValueError):
            return 0

    def announce(self, daemon: DaemonFile) -> None:
        """Say where the daemon is, for clients of now and for the next daemon."""
        write_private(self.root / "port", str(daemon.port))
        write_private(self.daemon, json.dumps(asdict(daemon)))

    def endpoint(self, daemon: DaemonFile) -> LocalEndpoint:
        """The endpoint that this daemon serves, with the keys that open it."""
        keys = self.keys()
        return LocalEndpoint(
            url=f"http://127.0.0.1:{daemon.port}",
            access_key=keys.access_key,
            secret_key=keys.secret_key,
            pid=daemon.pid,
            home=self.root,
        )

    def read_daemon(self) -> DaemonFile | None:
        """Where the daemon said it is; None when it said nothing readable."""
        try:
            return DaemonFile(**json.loads(self.daemon.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None


def local_home() -> Home:
    """The folder in use: SELFSERVE_LOCAL_HOME, or the user's data folder."""
    chosen = os.environ.get("SELFSERVE_LOCAL_HOME")
    if chosen:
        return Home(Path(chosen).expanduser().resolve())
    import platformdirs  # noqa: PLC0415  not needed where the variable is set

    return Home(Path(platformdirs.user_data_dir("selfserve")) / "local")


def _new_access_key() -> str:
    return f"{ACCESS_KEY_PREFIX}{secrets.token_hex(_KEY_BYTES // 2).upper()}"


def _new_secret() -> str:
    return secrets.token_urlsafe(30)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its user may read, whole or not at all.

    Raises:
        ClusterFailedError: the disk is full or the folder cannot be written.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: OSError) -> ClusterFailedError:
    """The error for a full disk or a folder that refuses."""
    return ClusterFailedError(
        f"Cannot write {path}: {error.strerror}.",
        hint="Free some space, or choose another folder: export SELFSERVE_LOCAL_HOME=/path",
    )
