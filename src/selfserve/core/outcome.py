"""How a run ended, or how far it is; `outcome_decision.py` decides it. Pure.

`runs/<id>/outcome.json` keeps it for good.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from selfserve.core.naming import run_prefix


class RunState(StrEnum):
    """Where a run stands."""

    SUBMITTED = "SUBMITTED"
    """It is written down; EMR is not known to have it."""
    PENDING = "PENDING"
    """EMR has it: its cluster is starting, or it waits for its turn."""
    RUNNING = "RUNNING"
    CANCELLING = "CANCELLING"
    """It has been asked to end, and has not yet."""
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    """The job itself ended with an error, or was killed."""
    CANCELLED = "CANCELLED"
    """Somebody ended it on purpose."""
    LOST = "LOST"
    """Its cluster died, or was ended, while it ran."""
    NEVER_STARTED = "NEVER_STARTED"
    """Its cluster did not come up or ended first, or EMR never got it."""
    UNKNOWN = "UNKNOWN"
    """It left no result, and EMR has forgotten it."""

    @property
    def is_over(self) -> bool:
        """Whether the job will do nothing more."""
        return self not in _GOES_ON

    @property
    def in_words(self) -> str:
        """What is said of such a run, such as "was cancelled"."""
        return _WORDS.get(self, f"is {self}")


_GOES_ON = {RunState.SUBMITTED, RunState.PENDING, RunState.RUNNING, RunState.CANCELLING}
_WORDS = {
    RunState.SUCCEEDED: "succeeded",
    RunState.FAILED: "failed",
    RunState.CANCELLED: "was cancelled",
    RunState.LOST: "was lost",
    RunState.NEVER_STARTED: "never started",
    RunState.UNKNOWN: "has ended, nobody knows how",
}


@dataclass(frozen=True, slots=True)
class RunTimeline:
    """When a run passed its stations, in UTC; None for what did not happen or is not known."""

    submitted: datetime
    accepted: datetime | None = None
    """EMR took the step."""
    step_started: datetime | None = None
    job_started: datetime | None = None
    """The user's own code began; only our runner tells."""
    job_ended: datetime | None = None
    step_ended: datetime | None = None

    @property
    def began(self) -> datetime | None:
        """When the job began, or else its step."""
        return self.job_started or self.step_started

    @property
    def took(self) -> timedelta | None:
        """How long the job ran, or else its step; None if it has not ended."""
        ended = self.job_ended if self.job_started else self.step_ended or self.job_ended
        if self.began is None or ended is None:
            return None
        return max(ended - self.began, timedelta(0))


@dataclass(frozen=True, slots=True)
class RunCost:
    """$ on AWS for the time that the run held its cluster, between two bounds."""

    low: Decimal
    high: Decimal
    is_charged: bool
    """False on this machine, where it is what AWS would have charged."""


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended, or how far it is."""

    run_id: str
    state: RunState
    reason: str
    """Why, as the rest of a sentence; "" where nothing is to be said."""
    exit_code: int | None
    """The job's own."""
    timeline: RunTimeline
    versions: dict[str, str]
    """Of the EMR release, and of what the runner has found there."""
    application_id: str | None
    """Spark's."""
    cost: RunCost | None
    cluster_id: str | None
    step_id: str | None


def outcome_key(run_id: str) -> str:
    """S3 key of a run's outcome; whoever first sees the run over writes it."""
    return f"{run_prefix(run_id)}outcome.json"
