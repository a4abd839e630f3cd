"""The EMR step that a submission becomes, argument by argument. Pure."""

import re
from collections.abc import Collection

from selfserve.core.launch import ActionOnFailure, StepSpec
from selfserve.core.program import JobKind, Program
from selfserve.core.run import Submission
from selfserve.core.spark_flags import with_archives
from selfserve.errors import BadInputError

CODE_FOLDER = "selfserve_code"
DEPENDENCIES_FOLDER = "selfserve_deps"
"""What the archives are unpacked as, beside the driver and every executor."""


def to_step(submission: Submission, applications: Collection[str]) -> StepSpec:
    """Return the EMR step that runs `submission` on a cluster with these applications.

    Raises:
        BadInputError: the cluster has nothing that runs this kind of job.
    """
    present = {application.lower() for application in applications}
    make_args = {
        JobKind.PYTHON: _python_args,
        JobKind.JAR: _jar_args,
        JobKind.SQL: _sql_args,
    }[submission.program.kind]
    ends_cluster = submission.is_transient
    return StepSpec(
        name=_step_name(submission),
        args=make_args(submission, present),
        on_failure=ActionOnFailure.TERMINATE_CLUSTER if ends_cluster else ActionOnFailure.CONTINUE,
    )


def _python_args(submission: Submission, applications: Collection[str]) -> tuple[str, ...]:
    """The job's own arguments are not here: the runner reads them from the run's record.

    On their way through EMR, YARN and its shell, some characters would be lost.
    """
    if "spark" not in applications:
        raise _not_runnable(submission, "Spark")
    return (
        "spark-submit",
        # The driver runs on a core node: primaries are small, and shared by all jobs.
        *("--deploy-mode", "cluster"),
        *("--name", submission.job),
        # YARN would otherwise run a job that has failed a second time, unasked.
        *("--conf", "spark.yarn.maxAppAttempts=1"),
        # After ours, so that the user's own choice wins.
        *with_archives(submission.flags, _folders(submission.program)),
        submission.program.main_uri,
        *("--run", submission.run_uri),
    )


def _folders(program: Program) -> dict[str, str]:
    """Folder beside the executors to the URI of the archive that it is made of."""
    folders = {CODE_FOLDER: program.code, DEPENDENCIES_FOLDER: program.dependencies}
    return {name: archive.uri for name, archive in folders.items() if archive is not None}


def _jar_args(submission: Submission, applications: Collection[str]) -> tuple[str, ...]:
    if "spark" not in applications:
        raise _not_runnable(submission, "Spark")
    return (
        "spark-submit",
        # In client mode what it prints is in the step's own log; no runner brings it to S3.
        *("--deploy-mode", "client"),
        *("--name", submission.job),
        *submission.flags,
        submission.program.main_uri,
        *submission.args,
    )


def _sql_args(submission: Submission, applications: Collection[str]) -> tuple[str, ...]:
    script = ("-f", submission.program.main_uri, *submission.args)
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
