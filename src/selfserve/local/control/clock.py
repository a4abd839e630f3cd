"""The time, as the local target's records have it."""

from collections.abc import Callable
from datetime import UTC, datetime

Now = Callable[[], datetime]
"""Reads the time, in UTC. Tests pass their own."""


def system_now() -> datetime:
    """The machine's time, in UTC."""
    return datetime.now(UTC)
