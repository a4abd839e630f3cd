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
