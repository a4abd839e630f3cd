"""Values that Parquet has no type for, kept as text and read again as what they were. Pure.

The embedded engine writes Arrow's own types instead, which `embedded.rows` reads.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo

from selfserve.core.sql.results.sql_types import parse_type

_ZONED = re.compile(r"timestamp(\(\d+\))? with time zone")
_INTERVAL = re.compile(r"(-?)(\d+) (\d+):(\d+):(\d+)\.(\d+)")


def to_kept_type(of_type: str) -> str:
    """The type that a column of this type is kept in.

    Parquet's timestamps with a zone are instants: they would come back in UTC. A type that
    `parquet` does not know is kept as text, to the digits in parentheses.
    """
    return _ZONED.sub(r"zoned\1", of_type)


def from_text(of_type: str) -> Callable[[str], object] | None:
    """What makes a value of this type of its text; None: it is text, or never kept so."""
    return _FROM_TEXT.get(parse_type(of_type).name)


def _to_timestamp(text: str) -> datetime:
    moment, _, zone = text.rpartition(" ")
    if zone[0] in "+-":
        return datetime.fromisoformat(f"{moment}{zone}")
    return datetime.fromisoformat(moment).replace(tzinfo=_zone(zone))


def _zone(name: str) -> tzinfo:
    return UTC if name == "UTC" else ZoneInfo(name)


def _to_interval(text: str) -> timedelta:
    found = _INTERVAL.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no interval")
    sign, days, hours, minutes, seconds, digits = found.groups()
    size = timedelta(
        days=int(days),
        hours=int(hours),
        minutes=int(minutes),
        seconds=int(seconds),
        microseconds=int(digits.ljust(6, "0")),
    )
    return -size if sign else size


_FROM_TEXT: dict[str, Callable[[str], object]] = {
    "interval day to second": _to_interval,
    "number": Decimal,
    "time with time zone": time.fromisoformat,
    "timestamp with time zone": _to_timestamp,
}
