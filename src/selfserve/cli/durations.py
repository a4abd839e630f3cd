"""Durations as people read them."""

from datetime import timedelta


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
