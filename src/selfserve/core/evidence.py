"""What is known about something that failed: the input of `core.why`.

Pure. `usecases.why` collects it from the run's record, from EMR and from the
logs in S3; tests read it from `tests/fixtures/failures`.
"""

from dataclasses import dataclass
from enum import StrEnum


class LogSource(StrEnum):
    """Who has written a log."""

    JOB_STDOUT = "the job's stdout"
    JOB_STDERR = "the job's stderr"
    STEP_STDERR = "the driver's log"
    """spark-submit's, and so the driver's, in client mode and on the local target."""
    STEP_CONTROLLER = "EMR's step log"
    CONTAINER_STDERR = "an executor's log"
    CONTAINER_STDOUT = "an executor's stdout"
    BOOTSTRAP = "a bootstrap action's log"


@dataclass(frozen=True, slots=True)
class Log:
    """The text of one log, or its interesting end."""

    source: LogSource
    name: str
    """Its place in S3 below the cluster's logs or the run's prefix."""
    text: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that may tell why a run or a cluster failed; None and "" for what is unknown."""

    job: str = ""
    exit_code: int | None = None
    """The job's own, from the runner's result.json."""
    signal: str | None = None
    exception_type: str | None = None
    exception_message: str = ""
    traceback: str = ""
    """The user's own frames."""
    step_state: str | None = None
    step_reason: str = ""
    """EMR's FailureDetails and StateChangeReason of the step."""
    run_state: str | None = None
    """What selfserve makes of the run; LOST is one that died of its cluster's end."""
    cluster_state: str | None = None
    cluster_reason_code: str | None = None
    """EMR's ClusterStateChangeReasonCode, such as BOOTSTRAP_FAILURE."""
    cluster_reason: str = ""
    logs: tuple[Log, ...] = ()
