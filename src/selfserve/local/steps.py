"""Translate an EMR step into a command for this machine. Pure: nothing is read or started."""

from selfserve.local.records import ClusterRecord, StepRecord
from selfserve.local.step_command import StepCommand, StepContext

__all__ = ["StepCommand", "StepContext", "needs_catalogue", "plan_step"]


def needs_catalogue(cluster: ClusterRecord, step: StepRecord) -> bool:
    """Whether the step must find the shared table catalogue running when it starts."""
    raise NotImplementedError


def plan_step(step: StepRecord, context: StepContext) -> StepCommand:
    """Return the command that runs `step` here.

    Raises:
        BadInputError: the local target cannot run such a step; the message says what it can.
    """
    raise NotImplementedError
