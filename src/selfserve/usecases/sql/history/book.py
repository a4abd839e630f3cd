"""The book of queries: a record in S3 of each, and the rows of those that are not too large."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Protocol

from selfserve.core.sql.records import (
    QUERIES,
    QueryRecord,
    from_json,
    is_query_id,
    record_key,
    to_json,
)
from selfserve.errors import BadInputError, NotFoundError
from selfserve.usecases.sql.history.clients import as_seen_from_here

_BEFORE_ALL = datetime(2020, 1, 1, tzinfo=UTC)


class RecordStore(Protocol):
    """Where records are kept: a bucket, or its folder on this machine."""

    @property
    def bucket(self) -> str:
        """The bucket's name."""

    def put(self, key: str, body: bytes) -> object:
        """Store an object."""

    def put_file(self, key: str, path: Path) -> None:
        """Store a file's content."""

    def get(self, key: str) -> bytes | None:
        """The object's content, or None when there is none."""

    def list_folders(self, prefix: str, *, after: str = "") -> list[str]:
        """Folders right below `prefix`, in lexical order, after `after`; with their slash."""


class QueryBook:
    """All queries of one bucket."""

    def __init__(self, store: RecordStore, label: str) -> None:
        self.store = store
        self._label = label

    def save(self, record: QueryRecord) -> None:
        """Write a record, over an older one of the query."""
        self.store.put(record_key(record.query_id), to_json(record))

    def read(self, query_id: str) -> QueryRecord:
        """The record with this id, or the only one that begins so.

        Raises:
            NotFoundError: there is none.
            BadInputError: there are several, or another version wrote it.
        """
        whole = query_id if is_query_id(query_id) else self._complete(query_id)
        record = self._load(whole)
        if record is None:
            raise self._no_query(query_id)
        return record

    def newest(self, *, owner: str) -> QueryRecord:
        """The last query of this user. Raises NotFoundError."""
        for record in self.list(since=datetime.max.replace(tzinfo=UTC) - _BEFORE_ALL, now=None):
            if record.owner == owner:
                return record
        raise NotFoundError(
            f"You have run no query on {self._label} yet.", hint='Run one: selfserve sql "select 1"'
        )

    def list(self, *, since: timedelta, now: datetime | None) -> Iterator[QueryRecord]:
        """Records that are younger than `since`, newest first; of other versions none."""
        earliest = _BEFORE_ALL if now is None else now - min(since, now - _BEFORE_ALL)
        folders = self.store.list_folders(QUERIES, after=f"{QUERIES}q-{earliest:%Y%m%d-%H%M%S}")
        for _, same in groupby(sorted(_ids(folders), reverse=True), key=_second_of):
            yield from sorted(self._readable(same), key=lambda found: found.created, reverse=True)

    def _readable(self, query_ids: Iterable[str]) -> Iterator[QueryRecord]:
        for query_id in query_ids:
            try:
                record = self._load(query_id)
            except BadInputError:  # one of a later version must not hide all others
                continue
            if record is not None:
                yield record

    def _complete(self, beginning: str) -> str:
        if not beginning.startswith("q-"):
            raise self._no_query(beginning)
        folders = self.store.list_folders(QUERIES)
        found = [query_id for query_id in _ids(folders) if query_id.startswith(beginning)]
        if not found:
            raise self._no_query(beginning)
        if len(found) > 1:
            raise BadInputError(
                f"{len(found)} queries begin with {beginning}.", hint="Write more of the id."
            )
        return found[0]

    def _load(self, query_id: str) -> QueryRecord | None:
        body = self.store.get(record_key(query_id))
        if body is None:
            return None
        try:
            return as_seen_from_here(from_json(body))
        except ValueError as error:
            raise BadInputError(
                f"The record of query {query_id} cannot be read: {error}",
                hint="Most likely a newer selfserve wrote it; update this one.",
            ) from error

    def _no_query(self, wanted: str) -> NotFoundError:
        return NotFoundError(
            f"There is no query {wanted} on {self._label}.",
            hint="See what has run: selfserve queries; or is it another target's? Try --on.",
        )


def _ids(folders: Sequence[str]) -> list[str]:
    names = (folder.rstrip("/").rpartition("/")[2] for folder in folders)
    return [name for name in names if is_query_id(name)]


def _second_of(query_id: str) -> str:
    """When it began, as far as the id says; what follows is random."""
    return query_id.rpartition("-")[0]
