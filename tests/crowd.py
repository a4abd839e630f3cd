"""Many clients at once, in an order that chance decides and a seed repeats.

Each client is a greenlet: one acts at a time, from one question to S3 or EMR to the
next, and then whoever chance names goes on. Time passes when everybody waits.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from greenlet import getcurrent, greenlet

from fakes import NOON, FakeBackend, FakeClock, MemoryStore
from selfserve.core.launch import LaunchSpec, StepSpec

_A_CALL = timedelta(milliseconds=50)


@dataclass
class _Waiting:
    client: greenlet
    until: datetime
    """When it goes on at the earliest."""


class Crowd(FakeClock):
    """Runs clients, and is the clock that all of them read."""

    def __init__(self, seed: int) -> None:
        super().__init__(NOON)
        self._chance = Random(seed)
        self._waiting: list[_Waiting] = []
        self._hub = getcurrent()

    def run(self, *clients: Callable[[], object]) -> list[object]:
        """Let them all act at once; what each has returned, or the exception that ended it."""
        results: list[object] = [None] * len(clients)

        def live(number: int, client: Callable[[], object]) -> None:
            try:
                results[number] = client()
            except Exception as error:  # noqa: BLE001  the test looks at it
                results[number] = error

        for number, client in enumerate(clients):
            started = greenlet(lambda number=number, client=client: live(number, client))
            self._waiting.append(_Waiting(started, self.time))
        while self._waiting:
            self._let_somebody_go_on()
        return results

    def sleep(self, duration: timedelta) -> None:
        """Let others act for so long."""
        self.slept.append(duration)
        if getcurrent() is self._hub:
            self.time += duration
        self._pause(duration)

    def act(self) -> None:
        """Others may act before the caller does; called at each question to S3 or EMR."""
        self._pause(_A_CALL * self._chance.random())

    def _pause(self, duration: timedelta) -> None:
        if getcurrent() is not self._hub:
            self._waiting.append(_Waiting(getcurrent(), self.time + duration))
            self._hub.switch()

    def _let_somebody_go_on(self) -> None:
        soonest = max(self.time, min(one.until for one in self._waiting))
        chosen = self._chance.choice(
            [one for one in self._waiting if one.until <= soonest + _A_CALL]
        )
        self.time = max(self.time, chosen.until)
        self._waiting.remove(chosen)
        chosen.client.switch()


class CrowdedStore(MemoryStore):
    """A bucket at which many ask; each question is answered whole, in the crowd's order."""

    def __init__(self, crowd: Crowd) -> None:
        super().__init__(clock=crowd)
        self._crowd = crowd
        self.on_swap: list[Callable[[str, bytes], None]] = []
        """Hear of each write of a version that took effect."""

    def swap(self, key: str, body: bytes, *, etag: str | None) -> str | None:
        """See ObjectStore."""
        written = super().swap(key, body, etag=etag)
        if written is not None:
            for hear in self.on_swap:
                hear(key, body)
        return written

    def _begin(self, method: str, key: str) -> None:
        self._crowd.act()
        super()._begin(method, key)


class CrowdedBackend(FakeBackend):
    """EMR at which many ask."""

    def __init__(self, crowd: Crowd, **how: Any) -> None:  # Any: what FakeBackend takes
        super().__init__(crowd, **how)
        self._crowd = crowd
        self.on_change: list[Callable[[str], None]] = []
        """Hear of each cluster that has got steps."""

    def launch(self, spec: LaunchSpec) -> str:
        """See Backend. The answer takes a while, in which others see the cluster."""
        cluster_id = super().launch(spec)
        self._crowd.act()
        return cluster_id

    def add_steps(self, cluster_id: str, steps: Sequence[StepSpec]) -> list[str]:
        """See Backend."""
        step_ids = super().add_steps(cluster_id, steps)
        for hear in self.on_change:
            hear(cluster_id)
        self._crowd.act()
        return step_ids

    def _begin(self, method: str) -> None:
        self._crowd.act()
        super()._begin(method)
