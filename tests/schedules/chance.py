"""All that is left to chance in a schedule, so that it can be replayed and made simpler.

Every actor has a stream of its own, so that one draw less of one actor changes nothing
for the others. A draw of zero is always the kindest: no delay, no loss, no death. To
shrink a schedule, draws are made kind, as many as it can do without (`simplest`).
"""

from collections.abc import Callable, Collection
from random import Random

Draw = tuple[str, int]
"""The stream's name, and which of its draws."""


class Stream:
    """The draws of one actor: floats from 0 to below 1, three at a time."""

    def __init__(self, seed: int, name: str, kind: Collection[int]) -> None:
        self.name = name
        self.drawn = 0
        self._random = Random(f"{seed}/{name}").random
        self._kind = kind

    def draw(self) -> tuple[float, float, float]:
        """The next three numbers."""
        numbers = (self._random(), self._random(), self._random())
        self.drawn += 1
        return (0.0, 0.0, 0.0) if self.drawn in self._kind else numbers


class Chance:
    """The streams of one schedule. `kind` are the draws that come out as zero."""

    def __init__(self, seed: int, kind: Collection[Draw] = ()) -> None:
        self._seed = seed
        self._kind: dict[str, set[int]] = {}
        for name, number in kind:
            self._kind.setdefault(name, set()).add(number)
        self._streams: dict[str, Stream] = {}

    def stream(self, name: str) -> Stream:
        """The stream of this name."""
        if name not in self._streams:
            self._streams[name] = Stream(self._seed, name, self._kind.get(name, ()))
        return self._streams[name]

    def draws(self) -> list[Draw]:
        """All that has been drawn."""
        return [
            (stream.name, number)
            for stream in self._streams.values()
            for number in range(1, stream.drawn + 1)
        ]


def simplest(draws: list[Draw], fails: Callable[[frozenset[Draw]], bool]) -> frozenset[Draw]:
    """Nearly all of the draws that can be kind while the schedule still fails.

    Tries ever smaller pieces, like delta debugging; `fails` runs the schedule.
    """
    kind: frozenset[Draw] = frozenset()
    piece = len(draws)
    while piece:
        for start in range(0, len(draws), piece):
            more = kind.union(draws[start : start + piece])
            if more != kind and fails(more):
                kind = more
        piece //= 2
    return kind


def spread(number: float, shortest: float, longest: float) -> float:
    """A duration between the two, short ones as often as long ones, however far apart."""
    return float(shortest * (longest / shortest) ** number)
