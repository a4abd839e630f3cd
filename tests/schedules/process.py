"""A process on some machine: its clock, and its requests, which take time and go wrong.

The bounds, which the product relies on (seconds):

- A request takes effect within `SIGNED_FOR` of being signed: AWS refuses older signatures.
- ListClusters shows nothing older than `Weather.listing_lag` (120 at most), DescribeCluster
  no state older than 5, ListSteps nothing older than `Weather.step_lag` (45 at most). AWS
  promises none of this. What leases can bear of ListSteps is, for sweeps, LEASE_TIME -
  ACT_WITHIN - SIGNED_FOR, so just under 3 minutes; for those who join, who may use a
  listing for ACT_WITHIN, just under 1.
- S3 is strongly consistent. A clock is right to `CLOCK_ERROR`, or in some weather an hour
  off until the process has its first answer.

A process may be killed at any request, before it, while it is on its way or after it, and
may be suspended there for up to two hours, on either side of it; but see `Weather.stalls`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from greenlet import GreenletExit

from schedules.chance import Stream, spread
from schedules.timeline import Timeline, at
from selfserve.core.cluster import (
    ClusterSummary,
    Step,
)
from selfserve.errors import AwsError, NoAnswerError, OutcomeUnknownError, SelfserveError

_Value = TypeVar("_Value")

SIGNED_FOR = 297.0  # 300, less what the clocks may be off
READ_TIMEOUT = 60.0
LEASED = ("add_steps", "terminate")
"""The requests that are made under a lease."""
CLOCK_ERROR = 3.0
LONGEST_PAUSE = 7200.0
PERIOD = 600.0
"""Seconds from one sweep to the next; see `SweepPolicy.period`."""

TROUBLES = (
    "slow",
    "slow answer",
    "stall",
    "pause",
    "die",
    "die sent",
    "die done",
    "lost",
    "refused",
)
"""What can befall a request. A stall suspends the process right before it is signed, a pause
right after it was answered."""


@dataclass(frozen=True, slots=True)
class Weather:
    """How bad things are for the processes of a schedule."""

    trouble: float = 0.0
    """The share of requests that something befalls."""
    troubles: tuple[str, ...] = TROUBLES
    listing_lag: float = 0.0
    step_lag: float = 0.0
    stalls: bool = False
    """Whether requests under a lease, too, stall between their last check and their signature."""
    only: str = ""
    """What befalls requests befalls only those that begin so."""
    hour_off: bool = False
    """Whether clocks are an hour off until the first answer."""


@dataclass(slots=True, kw_only=True)
class Process:
    """One run of a command on one machine."""

    name: str
    timeline: Timeline
    stream: Stream
    weather: Weather
    clock_error: float = 0.0
    is_dead: bool = False
    is_done: bool = False
    began: float = 0.0
    ended: float | None = None
    suspended: float = 0.0
    """Seconds that its monotonic clock has stood still."""
    has_heard: bool = False
    log: list[str] | None = None

    def call(
        self,
        what: str,
        effect: Callable[[], _Value],
        *,
        again: Callable[[_Value], _Value] | None = None,
        once: bool = False,
    ) -> _Value:
        """Do `effect` at some moment between now and the return.

        A request that may be repeated is, after a lost answer: `again` makes the second
        answer of the first. With `once` the loss is told instead.
        """
        if self.is_dead or self.timeline.is_over:
            raise GreenletExit
        chance, which, how = self.stream.draw()
        timeline = self.timeline
        weather = self.weather
        if chance < 1.0 - weather.trouble or not what.startswith(weather.only):
            timeline.wait_until(timeline.now + 0.02 + 0.6 * how)
            value = self._do(what, effect)
        else:
            trouble = weather.troubles[int(which * len(weather.troubles))]
            value = self._in_trouble(trouble, how, what, effect, again=again, once=once)
        self.has_heard = True
        return value

    def _in_trouble(
        self,
        trouble: str,
        how: float,
        what: str,
        effect: Callable[[], _Value],
        *,
        again: Callable[[_Value], _Value] | None,
        once: bool,
    ) -> _Value:
        self.note(f"{what}: {trouble}")
        if trouble == "refused":
            self._wait(0.02 + 0.6 * how)
            raise (AwsError if once else NoAnswerError)("Slow down.", hint="Wait.")
        if trouble.startswith("die"):
            self._die(trouble, spread(how, 0.02, SIGNED_FOR), what, effect)
        if trouble == "lost" and once:
            return self._lose(how, what, effect)
        self._be_late(trouble, how, is_leased=what.startswith(LEASED))
        value = self._do(what, effect)
        if trouble == "slow answer":
            self._wait(spread(how, 1.0, READ_TIMEOUT))
        elif trouble in {"pause", "doze"}:
            self._be_suspended(how, doze=trouble == "doze")
        elif trouble == "lost" and again is not None:
            self._wait(spread(how, 1.0, 2 * READ_TIMEOUT))
            return again(value)
        return value

    def _be_late(self, trouble: str, how: float, *, is_leased: bool) -> None:
        """Wait for the request to take effect."""
        if trouble == "slow" or (trouble == "stall" and is_leased and not self.weather.stalls):
            self._wait(spread(how, 1.0, SIGNED_FOR))
            return
        if trouble == "stall":
            self._be_suspended(how, doze=False)
        self._wait(0.02 + 0.6 * how)

    def _wait(self, seconds: float) -> None:
        self.timeline.wait_until(self.timeline.now + seconds)

    def _be_suspended(self, how: float, *, doze: bool) -> None:
        """Half of them wake up while sweeps are under way. One monotonic clock in two notices.

        With `doze` all do, and by then no lease of theirs counts any more.
        """
        now = self.timeline.now
        if doze:
            wakes = (now // PERIOD + 2) * PERIOD + 3.5 * how
        elif how < 0.5:
            wakes = now + spread(2 * how, 1.0, LONGEST_PAUSE)
        else:
            periods, rest = divmod(8 * how - 4, 1)
            wakes = (now // PERIOD + 1 + periods) * PERIOD + 5 * rest
        self.timeline.wait_until(wakes)
        if self.clock_error > 0:
            self.suspended += wakes - now

    def _die(self, trouble: str, delay: float, what: str, effect: Callable[[], object]) -> None:
        if trouble == "die sent":
            self.timeline.at(self.timeline.now + delay, lambda: self.do_alone(what, effect))
        elif trouble == "die done":
            self.timeline.wait_until(self.timeline.now + delay)
            self.do_alone(what, effect)
        self.is_dead = True
        self.ended = self.timeline.now
        self.note("is dead")
        self.timeline.die()

    def _lose(self, how: float, what: str, effect: Callable[[], _Value]) -> _Value:
        """The effect comes now, never, or long after the process has given up."""
        now = self.timeline.now
        case, rest = int(how * 3), how * 3 % 1
        if case == 0:
            self.do_alone(what, effect)
        elif case == 1:
            late = now + spread(rest, 1.0, SIGNED_FOR)
            self.timeline.at(late, lambda: self.do_alone(what, effect))
        self.timeline.wait_until(now + spread(rest, 1.0, READ_TIMEOUT))
        raise OutcomeUnknownError("The answer was lost.", hint="Look before asking again.")

    def _do(self, what: str, effect: Callable[[], _Value]) -> _Value:
        if self.log is None:
            return effect()
        try:
            value = effect()
        except SelfserveError as error:
            self.note(f"{what} -> {type(error).__name__}: {error}")
            raise
        self.note(f"{what} -> {_brief(value)}")
        return value

    def do_alone(self, what: str, effect: Callable[[], object]) -> None:
        """Do it with nobody there to hear of it."""
        try:
            self._do(what, effect)
        except SelfserveError:
            return

    def note(self, what: str) -> None:
        """Write a line of the trace, if one is kept."""
        if self.log is not None:
            self.log.append(f"{self.timeline.now:10.2f}  {self.name:<14} {what}")


class ProcessClock:
    """A Clock as good as a machine's that hears the time from AWS."""

    def __init__(self, process: Process, hour_off: float) -> None:
        self._process = process
        self._hour_off = hour_off

    def now(self) -> datetime:
        """The time, nearly."""
        process = self._process
        error = process.clock_error if process.has_heard else self._hour_off
        return at(process.timeline.now + error)

    def sleep(self, duration: timedelta) -> None:
        """Wait, give or take a fifth."""
        process = self._process
        if process.is_dead or process.timeline.is_over:
            raise GreenletExit
        jitter = 0.8 + 0.4 * process.stream.draw()[0]
        process.timeline.wait_until(process.timeline.now + duration.total_seconds() * jitter)


def _brief(value: object) -> str:
    if isinstance(value, list):
        value = ", ".join(
            f"{one.id}:{one.state}" if isinstance(one, ClusterSummary | Step) else str(one)
            for one in value
        )
    return str(value)[:300]
