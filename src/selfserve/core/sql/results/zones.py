"""Time zones and intervals of days as engines write them. Pure."""

import re
from datetime import UTC, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from selfserve.errors import BadInputError

_UTC_NAMES = {"UTC", "Etc/UTC", "GMT", "Etc/GMT", "Z", "Zulu", "UCT"}
_OFFSET = re.compile(r"(?:UTC|GMT|UT)?([+-])(\d{1,2})(?::?(\d\d))?(?::?\d\d)?")
_DAYS = re.compile(r"(-?)(\d+) (\d+):(\d+):(\d+)\.(\d{1,6})")


@lru_cache(maxsize=64)
def parse_zone(name: str) -> tzinfo:
    """The zone of this name: a region's, or an offset such as `+01:00`, `GMT+01:00` or `-5`.

    Raises:
        BadInputError: this machine does not know it.
    """
    if name in _UTC_NAMES:
        return UTC
    if found := _OFFSET.fullmatch(name):
        sign, hours, minutes = found.groups()
        offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
        return timezone(-offset if sign == "-" else offset)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadInputError(
            f"This machine does not know the time zone {name}, which the result has times in.",
            hint="Get the time zones of the world: pip install tzdata",
        ) from error


def parse_interval(text: str) -> timedelta:
    """An interval of days to seconds, such as `-2 03:04:05.678`.

    Raises:
        ValueError: it is no such text.
    """
    found = _DAYS.fullmatch(text)
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
