"""A run: one job submitted once. What was asked for, where it went, how it ended.

Pure. `core.step` makes the EMR step of it, `core.run_json` what stands in S3.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Self

from selfserve.core.naming import run_prefix
from selfserve.core.program import Program, SecretRef

_ERRORS_FROM_ELSEWHERE = ("PythonException", "Py4JJavaError")
_WORKER_ERROR = "org.apache.spark.api.python.PythonException: "
"""What follows is the error that a task's own Python code has raised."""
_RUN_ID = re.compile(r"r-\d{8}-\d{6}-[0-9a-f]{6}")


class StreamName(StrEnum):
    """The job's two output streams."""

    STDOUT = "stdout"
    STDERR = "stderr"


@dataclass(frozen=True, slots=True)
class Origin:
    """The state of the source repository that a job was submitted from."""

    commit: str
    is_dirty: bool
    """Whether files differed from the commit, or were not in it."""


@dataclass(frozen=True, slots=True)
class HourlyCost:
    """What the cluster costs an hour on AWS, in $; see `core.price`."""

    low: Decimal
    high: Decimal

    @classmethod
    def of_text(cls, low: str, high: str) -> Self:
        """Read the figures from text."""
        return cls(Decimal(low), Decimal(high))


@dataclass(frozen=True, slots=True)
class Submission:
    """Everything about a run that is known before it is handed to EMR."""

    run_id: str
    program: Program
    args: tuple[str, ...]
    """The job's own arguments."""
    flags: tuple[str, ...]
    """Flags of spark-submit, as they stand on its command line; local files already by URI."""
    run_uri: str
    """The run's prefix in S3, with a slash at its end."""
    cluster: str
    """The name of the cluster; of a transient one it is the run's id."""
    is_transient: bool
    """Whether the cluster was made for this run, and ends with it."""
    profile: str | None
    owner: str
    created: datetime
    path: str | None = None
    """The job as it was typed, for commands to paste; None for a run that repeats another."""
    secrets: tuple[SecretRef, ...] = ()
    release: str | None = None
    """The cluster's EMR release label."""
    origin: Origin | None = None
    hourly_cost: HourlyCost | None = None
    repeats: str | None = None
    """The run that `--again` named."""
    joined: bool = False
    """Whether it asked for a profile, and was let onto a shared cluster."""
    selfserve: str = ""
    """The version of selfserve that submitted it."""

    @property
    def job(self) -> str:
        """The job as people know it."""
        return self.program.name


@dataclass(frozen=True, slots=True)
class Placement:
    """Where EMR runs it."""

    cluster_id: str
    step_id: str


@dataclass(frozen=True, slots=True)
class JobException:
    """The Python exception that ended a job."""

    type: str
    message: str
    traceback: str

    def in_brief(self, java_exception: str | None) -> str:
        """Type and first line; those of the Java cause, if this only says that there is one."""
        if java_exception and self.type.endswith(_ERRORS_FROM_ELSEWHERE):
            return java_exception.removeprefix(_WORKER_ERROR)
        first_line = self.message.strip().partition("\n")[0]
        return f"{self.type}: {first_line}".rstrip(": ")


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a job ended, as the runner has recorded it on the cluster (result.json)."""

    exit_code: int
    started: datetime
    ended: datetime
    job_started: datetime | None = None
    """When the user's own code began; None if it never did."""
    signal: str | None = None
    """Name of the signal that killed the job, such as SIGKILL."""
    cancelled: bool = False
    exception: JobException | None = None
    java_exception: str | None = None
    """Class and first line of the innermost Java exception behind it."""
    application_id: str | None = None
    max_rss_bytes: int | None = None
    """The most memory that the job's own process has held."""
    versions: dict[str, str] | None = None
    output_lost: bool = False

    @property
    def failure(self) -> str | None:
        """Why it failed, in one sentence; None for a success."""
        if self.exit_code == 0:
            return None
        if self.cancelled:
            return "it was cancelled"
        if self.signal:
            memory = "; most often it ran out of memory" if self.signal == "SIGKILL" else ""
            return f"it was killed by {self.signal}{memory}"
        if self.exception and self.exception.type != "SystemExit":
            return self.exception.in_brief(self.java_exception)
        return f"it exited with code {self.exit_code}"


def make_run_id(now: datetime, random_part: str) -> str:
    """`r-YYYYMMDD-hhmmss-xxxxxx`: sorts by time; `random_part` is six hexadecimal digits."""
    run_id = f"r-{now:%Y%m%d-%H%M%S}-{random_part}"
    if not is_run_id(run_id):
        raise ValueError(f"{random_part!r} is not six hexadecimal digits")
    return run_id


def is_run_id(text: str) -> bool:
    """Whether `text` looks like a run's id."""
    return _RUN_ID.fullmatch(text) is not None


def run_id_of_step(step_name: str) -> str | None:
    """The run that a step of ours belongs to; None for other people's steps."""
    match = _RUN_ID.match(step_name)
    return match.group() if match else None


def submission_key(run_id: str) -> str:
    """S3 key of a run's submission."""
    return f"{run_prefix(run_id)}submission.json"


def placement_key(run_id: str) -> str:
    """S3 key of where a run was placed."""
    return f"{run_prefix(run_id)}placement.json"


def result_key(run_id: str) -> str:
    """S3 key of a run's result; the runner writes it last."""
    return f"{run_prefix(run_id)}result.json"


def cancel_key(run_id: str) -> str:
    """S3 key that makes the runner end its job."""
    return f"{run_prefix(run_id)}cancel"


def output_prefix(run_id: str, stream: StreamName) -> str:
    """S3 prefix of a stream's numbered objects."""
    return f"{run_prefix(run_id)}{stream}/"
