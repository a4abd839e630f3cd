"""Zones and intervals, as engines write them."""

from datetime import UTC, datetime, timedelta

import pytest

from selfserve.core.sql.results.zones import parse_interval, parse_zone
from selfserve.errors import BadInputError

SUMMER = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("UTC", "12:00"),
        ("Z", "12:00"),
        ("Europe/Berlin", "14:00"),
        ("GMT+01:00", "13:00"),
        ("-0530", "06:30"),
        ("+2", "14:00"),
    ],
)
def test_names_of_zones_are_understood(name: str, shown: str) -> None:
    assert SUMMER.astimezone(parse_zone(name)).strftime("%H:%M") == shown


def test_a_zone_that_this_machine_lacks_is_named() -> None:
    with pytest.raises(BadInputError, match="time zone Mars/Olympus"):
        parse_zone("Mars/Olympus")


@pytest.mark.parametrize("name", ["/etc/passwd", "America", "", "a" * 300])
def test_what_is_no_name_of_a_zone_is_not_known_either(name: str) -> None:
    with pytest.raises(BadInputError, match="does not know the time zone"):
        parse_zone(name)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0 00:00:00.000", timedelta(0)),
        ("-2 03:04:05.678", -timedelta(days=2, hours=3, minutes=4, seconds=5, milliseconds=678)),
        ("1 00:00:00.000020", timedelta(days=1, microseconds=20)),
    ],
)
def test_intervals_are_read_to_the_microsecond(text: str, value: timedelta) -> None:
    assert parse_interval(text) == value


def test_what_is_no_interval_is_said_to_be_none() -> None:
    with pytest.raises(ValueError, match="'2 days' is no interval"):
        parse_interval("2 days")
