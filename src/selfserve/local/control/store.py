"""Keep the clusters of the local target on disk, so that a killed daemon forgets nothing.

SQLite, one row a cluster, the whole record as JSON. One caller at a time: the
controller's lock sees to that.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from selfserve.errors import AwsError
from selfserve.local.control.records import ClusterRecord

SCHEMA_VERSION = 1

_RECORD = TypeAdapter(ClusterRecord)
_RESET = "Start over with: selfserve local reset"


class StoreError(AwsError):
    """The state of the local target cannot be read or written."""


class Store:
    """The clusters in the SQLite file `path`.

    A `save` that has returned survives kill -9. (After a power cut the last of
    them may be missing; so are then all processes.)
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._errors("open"):
            self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            with self._errors("open"):
                self._prepare()
        except StoreError:
            self._database.close()
            raise

    def save(self, record: ClusterRecord) -> None:
        """Keep `record` in place of the former one of its id. Raises StoreError."""
        ended = record.ended.timestamp() if record.ended else None
        row = (record.id, record.state.value, ended, to_json(record))
        with self._errors("write"):
            self._database.execute(
                "INSERT INTO clusters (id, state, ended, record) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET"
                " state = excluded.state, ended = excluded.ended, record = excluded.record",
                row,
            )

    def load_all(self) -> list[ClusterRecord]:
        """Every cluster, in the order in which they were first saved. Raises StoreError."""
        with self._errors("read"):
            rows = self._database.execute("SELECT record FROM clusters ORDER BY rowid").fetchall()
        with self._errors("read"):
            return [from_json(text) for (text,) in rows]

    def delete_ended_before(self, moment: datetime) -> int:
        """Forget clusters that ended before `moment`; return how many. Raises StoreError."""
        with self._errors("write"):
            cursor = self._database.execute(
                "DELETE FROM clusters WHERE ended < ?", (moment.timestamp(),)
            )
            return cursor.rowcount

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _prepare(self) -> None:
        # WAL with NORMAL: no fsync at each change, yet nothing is lost with the process alone.
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"{self._path} was written by a newer selfserve (version {version}, "
                f"this one knows {SCHEMA_VERSION}).",
                hint=f"Upgrade selfserve. Or lose all local clusters: {_RESET.lower()}",
            )
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS clusters"
            " (id TEXT PRIMARY KEY, state TEXT NOT NULL, ended REAL, record TEXT NOT NULL)"
        )
        self._database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    @contextmanager
    def _errors(self, doing: str) -> Iterator[None]:
        """Turn what SQLite and damaged records raise into StoreError."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise StoreError(f"Cannot {doing} {self._path}: {error}.", hint=_hint(error)) from error
        except (ValidationError, json.JSONDecodeError) as error:
            raise StoreError(f"{self._path} holds a damaged record.", hint=_RESET) from error


def _hint(error: sqlite3.DatabaseError) -> str:
    # A full disk is SQLITE_FULL, or one of the kinds of SQLITE_IOERR when a file cannot grow.
    kind = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if kind in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}:
        return f"Free some disk space, then try again. Or: {_RESET.lower()}"
    return _RESET


def to_json(record: ClusterRecord) -> str:
    """The record as JSON, in ASCII: a request may carry what UTF-8 cannot encode.

    By `json`, as pydantic's own JSON mode replaces lone surrogates in keys.
    """
    fields = _RECORD.dump_python(record)
    return json.dumps(fields, default=datetime.isoformat, separators=(",", ":"))


def from_json(text: str) -> ClusterRecord:
    """The record that `to_json` wrote. Raises pydantic's ValidationError."""
    return _RECORD.validate_python(json.loads(text))
