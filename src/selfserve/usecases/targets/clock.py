"""Time as use cases see it, so that tests can let hours pass in no time."""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Reads the time and waits."""

    def now(self) -> datetime:
        """The time, in UTC."""

    def sleep(self, duration: timedelta) -> None:
        """Wait about this long; real clocks add jitter so that many clients spread out."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The time, in UTC."""
        return datetime.now(UTC)

    def sleep(self, duration: timedelta) -> None:
        """Wait for `duration`, give or take a fifth."""
        jitter = random.uniform(0.8, 1.2)  # noqa: S311  spreads load; hides nothing
        time.sleep(duration.total_seconds() * jitter)


class CorrectedClock(SystemClock):
    """The clock of the far side, where what is waited for happens: the machine's, put right."""

    def __init__(self, skew: Callable[[], timedelta]) -> None:
        self._skew = skew

    def now(self) -> datetime:
        """The far side's time, in UTC, as well as it is known by now."""
        return super().now() + self._skew()
