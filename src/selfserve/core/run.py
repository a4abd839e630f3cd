"""A run: one job submitted once. What was asked for, where it went, how it ended.

Pure. Also the EMR step that a submission becomes, argument by argument.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import TypeAdapter

from selfserve.core.launch import ActionOnFailure, StepSpec
from selfserve.core.naming import run_prefix
from selfserve.errors import BadInputError

_RUN_ID = re.compile(r"r-\d{8}-\d{6}-[0-9a-f]{6}")


class JobKind(StrEnum):
    """What a job is written in."""

    PYTHON = "py"
    SQL = "sql"


class StreamName(StrEnum):
    """The job's two output streams."""

    STDOUT = "stdout"
    STDERR = "stderr"


@dataclass(frozen=True, slots=True)
class Submission:
    """Everything about a run that is known before it is handed to EMR."""

    run_id: str
    job: str
    """File name of the job, as the user calls it."""
    kind: JobKind
    args: tuple[str, ...]
    """The job's own arguments."""
    flags: tuple[str, ...]
    """Flags of spark-submit, as they stand on its command line."""
    job_uri: str
    runner_uri: str | None
    run_uri: str
    """The run's prefix in S3, with a slash at its end."""
    cluster: str
    """The name of the cluster; of a transient one it is the run's id."""
    is_transient: bool
    """Whether the cluster was made for this run, and ends with it."""
    profile: str | None
    owner: str
    created: datetime


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


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a job ended, as the runner has recorded it on the cluster (result.json)."""

    exit_code: int
    started: datetime
    ended: datetime
    signal: str | None = None
    """Name of the signal that killed the job, such as SIGKILL."""
    exception: JobException | None = None
    application_id: str | None = None
    versions: dict[str, str] | None = None
    output_lost: bool = False

    @property
    def failure(self) -> str | None:
        """Why it failed, in one sentence; None for a success."""
        if self.exit_code == 0:
            return None
        if self.signal:
            memory = "; most often it ran out of memory" if self.signal == "SIGKILL" else ""
            return f"it was killed by {self.signal}{memory}"
        if self.exception and self.exception.type != "SystemExit":
            first_line = self.exception.message.strip().partition("\n")[0]
            return f"{self.exception.type}: {first_line}".rstrip(": ")
        return f"it exited with code {self.exit_code}"


SUBMISSION_JSON = TypeAdapter(Submission)
PLACEMENT_JSON = TypeAdapter(Placement)
RESULT_JSON = TypeAdapter(RunResult)


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


def job_kind(file_name: str) -> JobKind | None:
    """What kind of job a file is, by its suffix; None if it cannot be submitted."""
    suffix = file_name.rpartition(".")[2].lower()
    return next((kind for kind in JobKind if kind.value == suffix), None)


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


def to_step(submission: Submission, applications: Collection[str]) -> StepSpec:
    """Return the EMR step that runs `submission` on a cluster with these applications.

    Raises:
        BadInputError: the cluster has nothing that runs this kind of job.
    """
    present = {application.lower() for application in applications}
    if submission.kind is JobKind.PYTHON:
        args = _python_args(submission, present)
    else:
        args = _sql_args(submission, present)
    ends_cluster = submission.is_transient
    return StepSpec(
        name=_step_name(submission),
        args=args,
        on_failure=ActionOnFailure.TERMINATE_CLUSTER if ends_cluster else ActionOnFailure.CONTINUE,
    )


def _python_args(submission: Submission, applications: Collection[str]) -> tuple[str, ...]:
    if "spark" not in applications or submission.runner_uri is None:
        raise _not_runnable(submission, "Spark")
    return (
        "spark-submit",
        # The driver runs on a core node: primaries are small, and shared by all jobs.
        *("--deploy-mode", "cluster"),
        *("--name", submission.job),
        # YARN would otherwise run a job that has failed a second time, unasked.
        *("--conf", "spark.yarn.maxAppAttempts=1"),
        *submission.flags,  # after ours, so that the user's own choice wins
        submission.runner_uri,
        *("--run", submission.run_uri),
        *("--job", submission.job_uri),
        "--",
        *submission.args,
    )


def _sql_args(submission: Submission, applications: Collection[str]) -> tuple[str, ...]:
    script = ("-f", submission.job_uri, *submission.args)
    if "hive" in applications:
        if submission.flags:
            raise BadInputError(
                f"{submission.job} runs in Hive, which takes no flags of spark-submit.",
                hint=f"Pass Hive's own: selfserve submit {submission.job} -- "
                "--hiveconf hive.exec.parallel=true -d NAME=VALUE",
            )
        return ("hive-script", "--run-hive-script", "--args", *script)
    if "spark" in applications:
        return ("spark-sql", *submission.flags, *script)
    raise _not_runnable(submission, "Hive or Spark")


def _not_runnable(submission: Submission, needed: str) -> BadInputError:
    return BadInputError(
        f"{submission.job} needs {needed}, which cluster {submission.cluster} does not have.",
        hint="Choose a profile that has it; see them with: selfserve profiles",
    )


def _step_name(submission: Submission) -> str:
    """The run's id first, so that the step can be found again; then what people look for."""
    job = re.sub(r"[^A-Za-z0-9._-]+", "-", submission.job)
    return f"{submission.run_id} {job}"[:200]
