"""How much work a query is, and where small ends and large begins. Pure."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # an estimate brings prices and instances with it
    from selfserve.core.sql.estimates.estimate import Estimate


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


def size_of(estimate: "Estimate") -> QuerySize:
    """The size of a statement, from its estimate.

    The smaller side of a join is not in the estimate; no side that matters is larger than the
    second-largest reading of a table.
    """
    readings = sorted((scan.bytes for scan in estimate.scans), reverse=True)
    longest = estimate.seconds_high
    return QuerySize(
        bytes_read=estimate.bytes,
        tables=len({scan.scan.table.full_name for scan in estimate.scans}),
        largest_join_bytes=readings[1] if len(readings) > 1 else None,
        duration=timedelta(seconds=longest) if longest is not None else None,
    )
