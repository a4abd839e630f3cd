"""Sweep again and again, for as long as nobody interrupts it."""

from collections.abc import Callable
from datetime import timedelta

from selfserve.core.sweep_report import SweepReport
from selfserve.core.sweeping import SweepPolicy
from selfserve.errors import AwsError
from selfserve.usecases.progress import Note, Report, Waiting
from selfserve.usecases.sweep import sweep
from selfserve.usecases.targets.target import Target

_LOOKS_UP = timedelta(seconds=15)
"""How often it says what it waits for."""


def watch(
    target: Target,
    policy: SweepPolicy,
    report: Report,
    *,
    swept: Callable[[SweepReport], None],
    times: int | None = None,
) -> None:
    """Sweep every `policy.period`, `times` times or without end; each report goes to `swept`.

    What AWS refuses ends one sweep, and not the watch.
    """
    done = 0
    while True:
        started = target.clock.now()
        try:
            swept(sweep(target, policy, report))
        except AwsError as error:
            report(Note(f"This sweep has failed: {error}"))
        done += 1
        if times is not None and done >= times:
            return
        due = started + policy.period
        while (now := target.clock.now()) < due:
            what = f"the next sweep at {due.astimezone():%H:%M}"
            report(Waiting(what, since=started, until=due))
            target.clock.sleep(min(_LOOKS_UP, due - now))
