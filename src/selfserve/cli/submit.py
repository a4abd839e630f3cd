"""`selfserve submit`: run a job on a cluster."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selfserve.cli.joining_options import Fresh, Join, Where, to_where
from selfserve.cli.options import Invocation, invocation
from selfserve.cli.output import pass_through
from selfserve.cli.profile_options import resolve_profile
from selfserve.cli.run_view import run_in_words, run_to_json
from selfserve.cli.shipment import show_dry_run
from selfserve.cli.spark_options import SubmitCommand, given_flags, job_args
from selfserve.cli.why import show_verdict, verdict_to_json
from selfserve.core.program import SecretRef
from selfserve.core.run import StreamName
from selfserve.core.why.verdict import Verdict
from selfserve.errors import BadInputError, SelfserveError

if TYPE_CHECKING:
    from selfserve.usecases.follow import FinishedRun
    from selfserve.usecases.placement.placing import OnPrepared
    from selfserve.usecases.progress import Report
    from selfserve.usecases.records.runs import Run
    from selfserve.usecases.submit import Job
    from selfserve.usecases.targets.target import Target

    Start = Callable[[Target, OnPrepared, Report], Run]


JobFile = Annotated[
    str | None,
    typer.Argument(
        metavar="JOB",
        help="A .py file, a folder with __main__.py, a project with pyproject.toml, "
        "a .sql file or a .jar.",
    ),
]
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
        help="A running cluster by its name; or a profile, for a shared cluster of that kind "
        "with room for the job, else one that lives for this job only.",
    ),
]
Requirements = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        show_default="what is found in and beside JOB",
        help="Its Python packages: a requirements.txt, pyproject.toml or uv.lock.",
    ),
]
Upgrade = Annotated[bool, typer.Option("--upgrade", help="Choose the packages' versions anew.")]
Secrets = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=REFERENCE",
        help="A variable for the job, by ARN or s3:// URI; repeatable.",
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="List all that would be shipped; start nothing.")
]
Again = Annotated[
    str | None,
    typer.Option(metavar="RUN", help="Repeat this run, exactly as it was, instead of JOB."),
]
Detach = Annotated[
    bool, typer.Option("--detach", "-d", help="Return once EMR has the job; never cancels it.")
]


submit_app = typer.Typer(add_completion=False, rich_markup_mode=None)


@dataclass(frozen=True, slots=True)
class _Order:
    """What to submit."""

    what: str
    """As it stands after `selfserve submit`."""
    start: "Start"


@submit_app.command("submit", cls=SubmitCommand)
def submit(
    ctx: typer.Context,
    job: JobFile = None,
    args: JobArguments = None,
    *,
    cluster: ClusterOrProfile = None,
    requirements: Requirements = None,
    upgrade: Upgrade = False,
    secret: Secrets = None,
    fresh: Fresh = False,
    join: Join = False,
    dry_run: DryRun = False,
    again: Again = None,
    detach: Detach = False,
) -> None:
    """Run JOB on a cluster, show its output as it comes, and exit as it did.

    Example: selfserve submit train.py -c spark-ml -- --rank 10

    Example: selfserve submit report.sql -c hive-batch -d -- -d DAY=2026-11-21

    Example: selfserve submit train.py -c spark-ml --join

    Example: selfserve submit etl/ --requirements etl/requirements.txt --dry-run
    """
    from selfserve.core.secret_refs import parse_secrets
    from selfserve.usecases.packages.flag_files import read_flags

    _refuse_mixed_up(job, args, cluster)
    where = to_where(cluster, fresh=fresh, join=join)
    this = invocation(ctx)
    if again is not None:
        given = {
            "JOB": job,
            "--requirements": requirements,
            "--upgrade": upgrade,
            "--secret": secret,
            "--dry-run": dry_run,
            **dict(given_flags(ctx)),
        }
        _refuse_beside_again(again, [name for name, value in given.items() if value])
        _carry_out(this, _again(again, job_args(ctx), where), detach=detach)
        return
    wanted = _to_job(
        job,
        args=job_args(ctx) or (),
        flags=read_flags(given_flags(ctx)),
        secrets=parse_secrets(secret or []),
        wish=(requirements, upgrade),
    )
    if dry_run:
        show_dry_run(this, wanted, where)
    else:
        _carry_out(this, _new(wanted, where), detach=detach)


def _refuse_mixed_up(job: str | None, args: list[str] | None, cluster: str | None) -> None:
    if args:
        # Hive's -d and our --detach are one letter: what is meant for whom must be clear.
        raise BadInputError(
            f"{args[0]!r} is neither an option nor behind the -- that the job's arguments follow.",
            hint=f"Write: selfserve submit {shlex.join([job or 'JOB', '--', *args])}",
        )
    if cluster is not None and cluster.startswith("spark.") and "=" in cluster:
        raise BadInputError(
            "-c is short for --cluster; settings of Spark have no short form.",
            hint=f"Write: --conf {shlex.quote(cluster)}",
        )


def _refuse_beside_again(again: str, given: list[str]) -> None:
    if given:
        raise BadInputError(
            f"--again repeats a run exactly as it was, and takes no {' or '.join(given)}.",
            hint="Only its cluster and its arguments can be others: "
            f"selfserve submit --again {again} --cluster NAME -- ARGS",
        )


def _to_job(
    path: str | None,
    *,
    args: tuple[str, ...],
    flags: tuple[str, ...],
    secrets: tuple[SecretRef, ...],
    wish: tuple[Path | None, bool],
) -> "Job":
    from selfserve.usecases.packages.packaging import Wish
    from selfserve.usecases.submit import Job

    if not path:
        raise BadInputError(
            "No job is named.",
            hint="Name a file or a folder: selfserve submit job.py; see: selfserve submit --help",
        )
    return Job(Path(path), args, flags, secrets, Wish(*wish))


def _new(job: "Job", where: Where) -> _Order:
    from selfserve.usecases.submit import submit as use_case

    def start(target: "Target", on_prepared: "OnPrepared", report: "Report") -> "Run":
        return use_case(
            target,
            job,
            cluster=where.cluster,
            joining=where.joining,
            load_profile=resolve_profile,
            on_prepared=on_prepared,
            report=report,
        )

    return _Order(shlex.quote(str(job.path)), start)


def _again(run_id: str, args: tuple[str, ...] | None, where: Where) -> _Order:
    from selfserve.usecases.again import submit_again

    def start(target: "Target", on_prepared: "OnPrepared", report: "Report") -> "Run":
        return submit_again(
            target,
            run_id,
            args=args,
            cluster=where.cluster,
            joining=where.joining,
            load_profile=resolve_profile,
            on_prepared=on_prepared,
            report=report,
        )

    return _Order(f"--again {run_id}", start)


def _carry_out(this: Invocation, order: _Order, *, detach: bool) -> None:
    if detach:
        with this.progress() as report:
            _submit_only(this, order, report)
    else:
        _submit_and_follow(this, order)


def _submit_only(this: Invocation, order: _Order, report: "Report") -> None:
    target = this.open_target()
    run = order.start(target, lambda _: None, report)
    if this.output.as_json:
        this.output.json(run_to_json(run, None, on=target.label))
    else:
        this.output.line(run.id)
        this.output.say(f"Watch it with: selfserve logs {run.id} -f")


def _submit_and_follow(this: Invocation, order: _Order) -> None:
    from selfserve.usecases.records.outcomes import failure_of
    from selfserve.usecases.submit_and_follow import submit_and_follow

    with this.progress() as line:

        def emit(stream: StreamName, chunk: bytes) -> None:
            line.close()
            # With -o json, stdout is the document's.
            pass_through(chunk, to_stderr=this.output.as_json or stream == "stderr")

        target = this.open_target()
        finished = submit_and_follow(
            target,
            lambda on_prepared, report: order.start(target, on_prepared, report),
            what=order.what,
            emit=emit,
            report=line,
        )
    failure = failure_of(finished.run.submission, finished.outcome, finished.cluster)
    verdict = _verdict(this, target, finished) if failure else None
    if this.output.as_json:
        document = run_to_json(finished.run, finished.result, on=target.label)
        shown = verdict_to_json(verdict) if verdict else None
        this.output.json({**document, "verdict": shown})
    elif verdict is not None:
        show_verdict(this.output, verdict, as_talk=True)
    if failure is not None:
        raise failure
    if finished.result is not None:
        this.output.say(run_in_words(finished.run, finished.result))
    else:
        this.output.say(f"Run {finished.run.id} succeeded.")


def _verdict(this: Invocation, target: "Target", finished: "FinishedRun") -> Verdict | None:
    """Why the job failed; its own failure is worth more than one to find that out."""
    from selfserve.usecases.why import diagnose_finished

    try:
        return diagnose_finished(target, finished).verdict
    except SelfserveError as error:
        this.output.say(f"Why it failed could not be looked up: {error}")
        return None
