"""How much work a query is, and where small ends and large begins. Pure."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class QuerySize:
    """How much work a query is; None: not known."""

    bytes_read: int | None = None
    """Of the selected columns, as they are stored."""
    tables: int | None = None
    largest_join_bytes: int | None = None
    """Of the smaller side of the largest join, as it is stored."""
    duration: timedelta | None = None
    """On the cluster, at the most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Where small ends, and where large and long begin."""

    laptop_bytes: int = 1_000_000_000
    """Up to here this machine answers."""
    large_write_bytes: int = 100_000_000_000
    long_duration: timedelta = timedelta(hours=1)
    join_memory_bytes: int = 120_000_000_000
    """For one query on the cluster: query.max-memory of the profile adhoc-presto."""
