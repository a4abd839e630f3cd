"""Counts and sizes as people read them: `3.1 M`, `220 MB`. Pure.

Sizes are in powers of 1000, as disks, S3 prices and `--max-bytes 50GB` count.
"""

_COUNTS = ("", " k", " M", " G", " T")
_SIZES = (" B", " kB", " MB", " GB", " TB", " PB")


def format_count(count: int) -> str:
    """All digits, in groups: `1,204,331`."""
    return f"{count:,}"


def format_rough_count(count: int) -> str:
    """Few digits: `940`, `12.4 k`, `3.1 M`."""
    return _scale(count, _COUNTS)


def format_size(size: int) -> str:
    """Few digits: `512 B`, `12.4 kB`, `220 MB`, `3.2 GB`."""
    return _scale(size, _SIZES)


def format_seconds(seconds: float) -> str:
    """`0.31 s`, `4.1 s`, `48 s`, then in two units as durations are: `3m 20s`."""
    from datetime import timedelta  # noqa: PLC0415  only when a query was long

    from selfserve.core.durations import to_words  # noqa: PLC0415  likewise

    if seconds < 0.995:
        return f"{seconds:.2f} s"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 99.5 else to_words(timedelta(seconds=seconds))


def _scale(number: int, units: tuple[str, ...]) -> str:
    value, index = float(number), 0
    while value >= 999.5 and index < len(units) - 1:
        value, index = value / 1000, index + 1
    digits = 1 if index and value < 99.95 else 0
    return f"{value:.{digits}f}{units[index]}"
