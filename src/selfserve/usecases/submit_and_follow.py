"""Submit a job and stay with it to its end; when the user leaves early, leave nothing behind."""

from collections.abc import Callable

from selfserve.core.run import Submission
from selfserve.errors import InterruptedByUserError
from selfserve.usecases.cancel import cancel, cancel_unplaced, how_to_finish
from selfserve.usecases.follow import Emit, FinishedRun, follow
from selfserve.usecases.launches.attempts import Attempts
from selfserve.usecases.placement.elsewhere import place_elsewhere
from selfserve.usecases.placement.placing import OnPrepared
from selfserve.usecases.progress import Report, quiet
from selfserve.usecases.records.runs import Run
from selfserve.usecases.targets.target import Target

Start = Callable[[OnPrepared, Report], Run]


def submit_and_follow(
    target: Target, start: Start, *, what: str, emit: Emit, report: Report = quiet
) -> FinishedRun:
    """Run a job and pass its output to `emit` until it is over; see `submit` and `follow`.

    `start` hands the job over; `what` is what stands after `selfserve submit` to do so again.
    A run whose own cluster EC2 had no capacity for is placed on another, as a run of its own.
    Ctrl-C cancels the run, waits for that, and ends a cluster that was made for it; a
    second Ctrl-C leaves at once.

    Raises:
        InterruptedByUserError: after Ctrl-C; the hint says what is left to do, if anything.
    """
    prepared: list[Submission] = []
    run: Run | None = None
    attempts = Attempts()
    try:
        run = start(prepared.append, report)
        while True:
            finished = follow(target, run, emit=emit, report=report)
            run = None  # it is over; another may come to be
            run = place_elsewhere(target, finished, attempts, prepared.append, report)
            if run is None:
                return finished
    except KeyboardInterrupt as interrupt:
        if not prepared:
            raise InterruptedByUserError(
                "Interrupted before anything was submitted.",
                hint=f"Submit it again: selfserve submit {what}",
            ) from interrupt
        _clean_up(target, prepared[-1], run, report)
        raise InterruptedByUserError(
            f"Interrupted; run {prepared[-1].run_id} is cancelled.",
            hint=f"Read what it wrote: selfserve logs {prepared[-1].run_id}",
        ) from interrupt


def _clean_up(target: Target, submission: Submission, run: Run | None, report: Report) -> None:
    try:
        if run is None:
            cancel_unplaced(target, submission, report=report)
        else:
            cancel(target, run, report=report)
    except KeyboardInterrupt as interrupt:
        raise InterruptedByUserError(
            "Interrupted again; left at once.",
            hint=f"Finish with: {how_to_finish(submission)}",
        ) from interrupt
