"""Durations as people write them: `90s`, `30m`, `8h`, `2d`. Pure."""

import re
from datetime import timedelta

_UNITS = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}
_DURATION = re.compile(r"(\d{1,7})([smhd])")


def parse_duration(text: str) -> timedelta:
    """Read `30m`.

    Raises:
        ValueError: `text` is not a whole number followed by s, m, h or d.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration; write 90s, 30m, 8h or 2d")
    return int(match[1]) * _UNITS[match[2]]


def format_duration(duration: timedelta) -> str:
    """Write `30m`, in the largest unit that leaves no rest; rounds down to whole seconds."""
    for letter, unit in _UNITS.items():
        if duration >= unit and not duration % unit:
            return f"{duration // unit}{letter}"
    return f"{duration // _UNITS['s']}s"


def to_words(duration: timedelta) -> str:
    """Two units at most: `45s`, `3m 20s`, `1h 5m`, `2d 3h`. Rounds down."""
    seconds = max(int(duration.total_seconds()), 0)
    for size, unit, smaller_size, smaller_unit in (
        (86_400, "d", 3_600, "h"),
        (3_600, "h", 60, "m"),
        (60, "m", 1, "s"),
    ):
        if seconds >= size:
            rest = seconds % size // smaller_size
            return f"{seconds // size}{unit}" + (f" {rest}{smaller_unit}" if rest else "")
    return f"{seconds}s"
