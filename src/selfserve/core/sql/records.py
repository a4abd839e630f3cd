"""The record of a query in S3: what was asked, of whom, and what came of it. Pure."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from selfserve.core.naming import S3_PREFIX
from selfserve.core.sql.answers import Column
from selfserve.core.sql.engines import Engine

QUERIES = f"{S3_PREFIX}queries/"
_QUERY_ID = re.compile(r"q-\d{8}-\d{6}-[0-9a-f]{6}")
MOST_KEPT_BYTES = 64 * 2**20
"""A larger result is not kept with its record; who wants it again writes it with --out."""
_FORMAT = 1


class QueryState(StrEnum):
    """How far a query is; all but the first are final."""

    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    LOST = "LOST"
    """The process that asked has ended, and told nothing of the query's end."""


@dataclass(frozen=True, slots=True)
class Client:
    """The process that asks."""

    host: str
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryRecord:
    """One statement that was run. Money in $, times aware and UTC."""

    query_id: str
    text: str
    """As written, with its `:name` places."""
    parameters: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Name -> type and value, as they would be typed."""
    engine: Engine
    """Whose dialect it is in."""
    answered_by: str
    """Who did the work, such as `Trino 479` or `the embedded engine`."""
    schema: str = "default"
    cluster: str | None = None
    """By name; None for the embedded engine."""
    cluster_id: str | None = None
    profile: str | None = None
    owner: str
    client: Client | None = None
    created: datetime
    ended: datetime | None = None
    state: QueryState = QueryState.RUNNING
    rows: int | None = None
    bytes_read: int | None = None
    cost: Decimal | None = None
    """The cluster's price while the query ran; 0 on this machine; None: not known."""
    error: str | None = None
    columns: tuple[Column, ...] = ()
    is_kept: bool = False
    """Whether its rows are at `rows_key`."""
    out: str | None = None
    """Where `--out` has put the rows."""
    saved: str | None = None
    """The saved query that it came from."""
    repeats: str | None = None
    """The query that `--again` named."""


def make_query_id(now: datetime, random_part: str) -> str:
    """`q-YYYYMMDD-hhmmss-xxxxxx`: sorts by time; `random_part` is six hexadecimal digits."""
    query_id = f"q-{now:%Y%m%d-%H%M%S}-{random_part}"
    if not is_query_id(query_id):
        raise ValueError(f"{random_part!r} is not six hexadecimal digits")
    return query_id


def is_query_id(text: str) -> bool:
    """Whether `text` looks like a query's id."""
    return _QUERY_ID.fullmatch(text) is not None


def query_prefix(query_id: str) -> str:
    """S3 prefix of everything that belongs to one query; ends with a slash."""
    return f"{QUERIES}{query_id}/"


def record_key(query_id: str) -> str:
    """S3 key of the record."""
    return f"{query_prefix(query_id)}query.json"


def rows_key(query_id: str) -> str:
    """S3 key of the rows, as Parquet with columns c0, c1 …; the record has their names."""
    return f"{query_prefix(query_id)}rows.parquet"


def to_json(record: QueryRecord) -> bytes:
    """The record as a JSON document; times with their zone, money as text."""
    return json.dumps(to_plain(record), indent=2).encode()


def to_plain(record: QueryRecord) -> dict[str, object]:
    """The record as what JSON knows."""
    facts = {"format": _FORMAT, **asdict(record)}
    plain: dict[str, object] = json.loads(json.dumps(facts, default=_plain))
    return plain


def from_json(body: bytes) -> QueryRecord:
    """Read what `to_json` has written.

    Raises:
        ValueError: it is something else, or of a later version.
    """
    try:
        facts = dict(json.loads(body))
        if facts.pop("format") != _FORMAT:
            raise ValueError("the record is of another version of selfserve")
        return QueryRecord(
            **{
                **facts,
                "engine": Engine(facts["engine"]),
                "state": QueryState(facts["state"]),
                "created": datetime.fromisoformat(facts["created"]),
                "ended": datetime.fromisoformat(facts["ended"]) if facts["ended"] else None,
                "cost": Decimal(facts["cost"]) if facts["cost"] is not None else None,
                "client": Client(**facts["client"]) if facts["client"] else None,
                "columns": tuple(Column(**column) for column in facts["columns"]),
                "parameters": {name: tuple(pair) for name, pair in facts["parameters"].items()},
            }
        )
    except (AttributeError, TypeError, KeyError, ArithmeticError) as error:
        raise ValueError(f"this is not the record of a query: {error!r}") from error


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot stand in a query's record")
