"""Time two things in turn, A B A B …, so that a noisy machine disturbs both alike."""

import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pair:
    """Seconds of each counted round."""

    ours_s: tuple[float, ...]
    theirs_s: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """The median of ours / theirs, pair by pair."""
        pairs = zip(self.ours_s, self.theirs_s, strict=True)
        return statistics.median(ours / theirs for ours, theirs in pairs)

    def report(self, ours: str, theirs: str, *, aim: float) -> None:
        """Print both medians, their ratio, and what was aimed for."""
        verdict = "met" if self.ratio <= aim else "MISSED"
        print(f"  {ours:<44} {statistics.median(self.ours_s):8.3f} s")
        print(f"  {theirs:<44} {statistics.median(self.theirs_s):8.3f} s")
        print(f"  ratio {self.ratio:.2f} x   (aim: {aim:.2f} x or less, {verdict})\n")


def compare(
    ours: Callable[[], object], theirs: Callable[[], object], *, rounds: int, warm_up: int = 1
) -> Pair:
    """Run both `warm_up` times uncounted, then `rounds` times in turn."""
    for _ in range(warm_up):
        ours()
        theirs()
    times = [(_seconds(ours), _seconds(theirs)) for _ in range(rounds)]
    return Pair(tuple(a for a, _ in times), tuple(b for _, b in times))


def compare_figures(ours: Callable[[], float], theirs: Callable[[], float], *, rounds: int) -> Pair:
    """The same for what tells its seconds itself."""
    times = [(ours(), theirs()) for _ in range(rounds)]
    return Pair(tuple(a for a, _ in times), tuple(b for _, b in times))


def command(argv: Sequence[str]) -> Callable[[], object]:
    """A whole process, its output thrown away; a failure stops the measurement."""
    return lambda: subprocess.run(argv, check=True, capture_output=True)


def _seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began
