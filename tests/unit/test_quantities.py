"""Counts and sizes read well."""

import pytest

from selfserve.core.quantities import (
    format_count,
    format_rough_count,
    format_seconds,
    format_size,
)


@pytest.mark.parametrize(
    ("count", "text", "rough"),
    [
        (0, "0", "0"),
        (999, "999", "999"),
        (1000, "1,000", "1.0 k"),
        (999_499, "999,499", "999 k"),
        (999_500, "999,500", "1.0 M"),
        (3_140_000, "3,140,000", "3.1 M"),
        (220_000_000, "220,000,000", "220 M"),
    ],
)
def test_a_count_is_exact_or_short(count: int, text: str, rough: str) -> None:
    assert (format_count(count), format_rough_count(count)) == (text, rough)


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (512, "512 B"), (12_400, "12.4 kB"), (220_000_000, "220 MB"),
     (3_200_000_000, "3.2 GB"), (10**15, "1.0 PB"), (5 * 10**18, "5000 PB")],
)  # fmt: skip
def test_a_size_is_in_powers_of_1000(size: int, text: str) -> None:
    assert format_size(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0.00 s"), (0.314, "0.31 s"), (0.999, "1.0 s"), (4.12, "4.1 s"), (9.96, "10 s"),
     (48.4, "48 s"), (99.6, "1m 39s"), (200.0, "3m 20s")],
)  # fmt: skip
def test_seconds_have_as_many_digits_as_matter(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text
