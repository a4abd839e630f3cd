"""Values that Parquet has no type for, kept as text and read again as what they were. Pure.

The embedded engine writes Arrow's own types instead, which `embedded.rows` reads.
"""

import re
from collections.abc import Callable
from datetime import datetime, time
from decimal import Decimal

from selfserve.core.sql.results.sql_types import parse_type
from selfserve.core.sql.results.zones import parse_interval, parse_zone

_ZONED = re.compile(r"timestamp(\(\d+\))? with time zone")


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
    return datetime.fromisoformat(moment).replace(tzinfo=parse_zone(zone))


_FROM_TEXT: dict[str, Callable[[str], object]] = {
    "interval day to second": parse_interval,
    "number": Decimal,
    "time with time zone": time.fromisoformat,
    "timestamp with time zone": _to_timestamp,
}
