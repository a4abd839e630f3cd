"""`selfserve submit`: run a job on a cluster."""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selfserve.cli.options import Invocation, has_separator, invocation
from selfserve.cli.output import pass_through
from selfserve.cli.profile_options import profile_book
from selfserve.cli.run_view import run_in_words, run_to_json
from selfserve.errors import BadInputError

if TYPE_CHECKING:
    from selfserve.core.run import StreamName
    from selfserve.usecases.progress import Report
    from selfserve.usecases.submit import Job


JobFile = Annotated[Path, typer.Argument(metavar="JOB", help="A .py or .sql file.")]
JobArguments = Annotated[
    list[str] | None, typer.Argument(metavar="-- ARGS", help="The job's own arguments.")
]
ClusterOrProfile = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        "-c",
        metavar="NAME",
        show_default="spark-ml; hive-batch for .sql",
        help="A running cluster, or a profile for a cluster that lives for this job only.",
    ),
]
Conf = Annotated[
    list[str] | None, typer.Option(metavar="KEY=VALUE", help="A Spark property; repeatable.")
]
DriverMemory = Annotated[str | None, typer.Option(metavar="4g", help="As spark-submit.")]
ExecutorMemory = Annotated[str | None, typer.Option(metavar="8g", help="As spark-submit.")]
Count = Annotated[str | None, typer.Option(metavar="N", help="As spark-submit.")]
MavenPackages = Annotated[
    str | None, typer.Option(metavar="G:A:V,…", help="Maven packages, as spark-submit.")
]
Detach = Annotated[
    bool, typer.Option("--detach", "-d", help="Return once EMR has the job; never cancels it.")
]


def submit(
    ctx: typer.Context,
    job: JobFile,
    args: JobArguments = None,
    *,
    cluster: ClusterOrProfile = None,
    conf: Conf = None,
    driver_memory: DriverMemory = None,
    driver_cores: Count = None,
    executor_memory: ExecutorMemory = None,
    executor_cores: Count = None,
    num_executors: Count = None,
    packages: MavenPackages = None,
    detach: Detach = False,
) -> None:
    """Run JOB on a cluster, show its output as it comes, and exit as it did.

    Example: selfserve submit train.py -c spark-ml -- --rank 10

    Example: selfserve submit report.sql -c hive-batch -d -- -d DAY=2026-11-21
    """
    from selfserve.usecases.submit import Job

    flags = {
        "--driver-memory": driver_memory,
        "--driver-cores": driver_cores,
        "--executor-memory": executor_memory,
        "--executor-cores": executor_cores,
        "--num-executors": num_executors,
        "--packages": packages,
    }
    if args and not has_separator(ctx):
        # Hive's -d and our --detach are one letter: what is meant for whom must be clear.
        raise BadInputError(
            f"{args[0]!r} is neither an option nor behind the -- that the job's arguments follow.",
            hint=f"Write: selfserve submit {job} -- {shlex.join(args)}",
        )
    wanted = Job(job, tuple(args or ()), tuple(_spark_flags(conf or [], flags)))
    this = invocation(ctx)
    if detach:
        with this.progress() as report:
            _submit_only(this, wanted, cluster, report)
    else:
        _submit_and_follow(this, wanted, cluster)


def _spark_flags(conf: list[str], flags: dict[str, str | None]) -> Iterator[str]:
    for setting in conf:
        if "=" not in setting:
            raise typer.BadParameter(f"{setting!r} is not KEY=VALUE", param_hint="--conf")
        yield from ("--conf", setting)
    for name, value in flags.items():
        if value is not None:
            yield from (name, value)


def _submit_only(this: Invocation, job: "Job", cluster: str | None, report: "Report") -> None:
    from selfserve.usecases.submit import submit as use_case

    target = this.open_target()
    run = use_case(target, job, cluster=cluster, load_profile=profile_book().resolve, report=report)
    if this.output.as_json:
        this.output.json(run_to_json(run, None, on=target.label))
    else:
        this.output.line(run.id)
        this.output.say(f"Watch it with: selfserve logs {run.id} -f")


def _submit_and_follow(this: Invocation, job: "Job", cluster: str | None) -> None:
    from selfserve.usecases.follow import raise_for_failure
    from selfserve.usecases.submit_and_follow import submit_and_follow

    with this.progress() as line:

        def emit(stream: "StreamName", chunk: bytes) -> None:
            line.close()
            # With -o json, stdout is the document's.
            pass_through(chunk, to_stderr=this.output.as_json or stream == "stderr")

        target = this.open_target()
        outcome = submit_and_follow(
            target,
            job,
            cluster=cluster,
            load_profile=profile_book().resolve,
            emit=emit,
            report=line,
        )
    if this.output.as_json:
        this.output.json(run_to_json(outcome.run, outcome.result, on=target.label))
    raise_for_failure(outcome)
    if outcome.result is not None:
        this.output.say(run_in_words(outcome.run, outcome.result))
    else:
        this.output.say(f"Run {outcome.run.id} succeeded.")
