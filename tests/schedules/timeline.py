"""Virtual time, in seconds since `NOON`, and the processes that live in it.

A process is ordinary synchronous code in a greenlet. It runs without interruption until
it waits; everything that it does to the world outside is such a wait (`process.py`). So
the order of events, and with it the whole schedule, follows from how long the waits are.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count

from greenlet import GreenletExit, getcurrent, greenlet

from fakes import NOON


def at(seconds: float) -> datetime:
    """The moment that many seconds after NOON."""
    return NOON + timedelta(seconds=seconds)


class Timeline:
    """What happens when, in order."""

    def __init__(self) -> None:
        self.now = 0.0
        self._coming: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = count()
        self._hub = getcurrent()
        self._processes: list[greenlet] = []
        self.is_over = False

    def at(self, time: float, act: Callable[[], object]) -> None:
        """Let `act` happen at `time`; what is asked for first happens first."""
        heappush(self._coming, (time, next(self._numbers), act))

    def start(self, time: float, run: Callable[[], None]) -> None:
        """Begin a process at `time`."""
        process = greenlet(run)
        self._processes.append(process)
        self.at(time, process.switch)

    def wait_until(self, time: float) -> None:
        """Let the process that calls wait."""
        self.at(time, getcurrent().switch)
        self._hub.switch()

    def die(self) -> None:
        """End the process that calls as `kill -9` does: none of its code runs any more."""
        self._hub.switch()
        raise GreenletExit

    def run(self, until: float) -> None:
        """Let time pass."""
        while self._coming and self._coming[0][0] <= until:
            self.now, _, act = heappop(self._coming)
            act()
        self.now = until

    def end(self) -> None:
        """Throw away the processes that still wait; they do nothing more (see `process.py`)."""
        self.is_over = True
        for process in self._processes:
            if not process.dead:
                process.throw(GreenletExit)
