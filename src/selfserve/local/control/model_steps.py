"""How the steps of a local cluster change.

Pure. Each function takes the steps of a cluster and returns them changed; what
that means for the cluster is `model.py`'s business.
"""

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime
from signal import Signals

from selfserve.core.cluster import StepState
from selfserve.local.control.records import StepRecord

Steps = tuple[StepRecord, ...]

ACTIVE = frozenset({StepState.RUNNING, StepState.CANCEL_PENDING})
"""States of a step that has a process."""


def active_count(steps: Steps) -> int:
    """How many steps have a process; one that is being cancelled still holds its place.

    Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-cancel-steps.html
    """
    return sum(step.state in ACTIVE for step in steps)


def start_pending(steps: Steps, concurrency: int, now: datetime) -> tuple[Steps, tuple[str, ...]]:
    """Mark as many pending steps RUNNING, in order, as may run; return their ids as well."""
    free = max(0, concurrency - active_count(steps))
    pending = [step.id for step in steps if step.state is StepState.PENDING]
    starting = tuple(pending[:free])

    def start(step: StepRecord) -> StepRecord:
        return replace(step, state=StepState.RUNNING, started=max(now, step.created))

    return _change(steps, starting, start), starting


def finish(
    step: StepRecord, exit_code: int | None, message: str | None, now: datetime
) -> StepRecord:
    """The step after its process has gone, on a cluster that is up."""
    if step.state is StepState.CANCEL_PENDING:
        return _end(
            step, StepState.CANCELLED, "Cancelled by user request.", now, exit_code=exit_code
        )
    if exit_code == 0:
        return _end(step, StepState.COMPLETED, None, now, exit_code=exit_code)
    return _end(step, StepState.FAILED, message or _failure(exit_code), now, exit_code=exit_code)


def interrupt(step: StepRecord, exit_code: int | None, now: datetime) -> StepRecord:
    """The step after its process has gone, on a cluster that is terminating.

    Whatever its exit code: a job that answers SIGTERM with exit code 0 has not
    done its work.
    """
    if step.state is StepState.CANCEL_PENDING:
        return _end(
            step, StepState.CANCELLED, "Cancelled by user request.", now, exit_code=exit_code
        )
    why = "The cluster was terminated while the step ran."
    return _end(step, StepState.INTERRUPTED, why, now, exit_code=exit_code)


def interrupt_active(steps: Steps, now: datetime) -> Steps:
    """End every step whose process cannot be there any more."""
    active = {step.id for step in steps if step.state in ACTIVE}
    return _change(steps, active, lambda step: interrupt(step, None, now))


def cancel_pending(
    steps: Steps, why: str, now: datetime, only: Collection[str] | None = None
) -> Steps:
    """Cancel the steps that have not started: all, or those in `only`."""
    pending = {step.id for step in steps if step.state is StepState.PENDING}
    chosen = pending if only is None else pending & set(only)
    return _change(steps, chosen, lambda step: _end(step, StepState.CANCELLED, why, now))


def request_cancel(steps: Steps, step_ids: Collection[str]) -> Steps:
    """Mark running steps as being cancelled; they end when their processes do."""
    running = {step.id for step in steps if step.state is StepState.RUNNING} & set(step_ids)
    return _change(steps, running, lambda step: replace(step, state=StepState.CANCEL_PENDING))


def put(steps: Steps, changed: StepRecord) -> Steps:
    """The steps with `changed` in the place of its former self."""
    return _change(steps, {changed.id}, lambda _: changed)


def _change(
    steps: Steps, chosen: Collection[str], change: Callable[[StepRecord], StepRecord]
) -> Steps:
    return tuple(change(step) if step.id in chosen else step for step in steps)


def _end(
    step: StepRecord,
    state: StepState,
    why: str | None,
    now: datetime,
    *,
    exit_code: int | None = None,
) -> StepRecord:
    ended = max(now, step.started or step.created)
    return replace(step, state=state, ended=ended, message=why, exit_code=exit_code)


def _failure(exit_code: int | None) -> str:
    if exit_code is None:
        return "The step's process is gone and its exit code is unknown."
    if exit_code < 0:
        return f"The step was killed by {_signal_name(-exit_code)}."
    return f"The step ended with exit code {exit_code}."


def _signal_name(number: int) -> str:
    try:
        return Signals(number).name
    except ValueError:
        return f"signal {number}"
