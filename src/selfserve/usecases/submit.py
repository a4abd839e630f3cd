"""Submit a job: what the user's files and flags come to, as a run on its way to EMR.

`placing.py` hands it over, `follow.py` watches it from then on.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from selfserve import __version__
from selfserve.core.naming import run_prefix
from selfserve.core.program import JobKind, Program, SecretRef
from selfserve.core.run import Submission
from selfserve.core.secret_refs import check_secrets
from selfserve.core.spark_flags import check_flags
from selfserve.packing.sources import JobSource, find_job
from selfserve.usecases.packages.flag_files import ship_flags
from selfserve.usecases.packages.origin import find_origin
from selfserve.usecases.packages.packaging import Bench, Wish, make_package
from selfserve.usecases.placement.destination import Destination, Joining, LoadProfile
from selfserve.usecases.placement.placing import OnPrepared, Placing, Prepared
from selfserve.usecases.progress import Report, quiet
from selfserve.usecases.records.runs import Run
from selfserve.usecases.targets.target import Place, Target

DEFAULT_PROFILES = {
    JobKind.PYTHON: "spark-ml",
    JobKind.JAR: "spark-ml",
    JobKind.SQL: "hive-batch",
}


@dataclass(frozen=True, slots=True)
class Job:
    """What the user wants to run."""

    path: Path
    args: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    """Flags of spark-submit, as they stand on its command line."""
    secrets: tuple[SecretRef, ...] = ()
    wish: Wish = field(default_factory=Wish)


def submit(
    target: Target,
    job: Job,
    *,
    cluster: str | None = None,
    joining: Joining = Joining.IF_POSSIBLE,
    load_profile: LoadProfile,
    on_prepared: OnPrepared = lambda _: None,
    report: Report = quiet,
) -> Run:
    """Hand `job` to a cluster and return at once; it may have to wait for its turn there.

    `cluster` is the name or id of a live cluster, or else of a profile; without it, the
    usual profile of such a job. For a profile, the run joins a shared cluster if it can,
    and else gets one that is launched for it only; `joining` can say otherwise.
    `on_prepared` hears of the run before EMR does, in case the rest is interrupted.

    Raises:
        BadInputError: the job, its profile or its cluster cannot be used.
        NotFoundError: there is neither such a cluster nor such a profile.
        OutcomeUnknownError: EMR's answer was lost, and the run has not appeared.
    """
    source = find_own_job(job)
    wanted = cluster or DEFAULT_PROFILES[source.kind]

    def prepare(destination: Destination, run_id: str) -> Prepared:
        return _prepare(target, job, source, destination, run_id=run_id, report=report)

    placing = Placing(
        target=target,
        wanted=wanted,
        prepare=prepare,
        load_profile=load_profile,
        joining=joining,
        on_prepared=on_prepared,
        report=report,
    )
    return placing.place()


def find_own_job(job: Job) -> JobSource:
    """What `job` is on this machine; its flags and secrets mean something to such a job.

    Raises:
        BadInputError: they do not, or there is nothing to submit.
    """
    source = find_job(job.path)
    check_flags(job.flags, source.kind, source.name)
    check_secrets(job.secrets, source.kind, source.name)
    return source


def _prepare(
    target: Target,
    job: Job,
    source: JobSource,
    destination: Destination,
    *,
    run_id: str,
    report: Report,
) -> Prepared:
    flags, files = ship_flags(job.flags, bucket=target.bucket)
    with ThreadPoolExecutor(1) as elsewhere:
        origin = elsewhere.submit(find_origin, source.path)
        bench = Bench(target.bucket, target.cache, report)
        package = make_package(source, job.wish, destination, bench)
    submission = draft(
        target,
        package.program,
        destination,
        run_id=run_id,
        created=target.clock.now(),
        args=job.args,
        flags=flags,
        secret_refs=job.secrets,
    )
    submission = replace(submission, path=str(job.path), origin=origin.result())
    return submission, (*package.uploads, *files)


def draft(
    place: Place,
    program: Program,
    destination: Destination,
    *,
    run_id: str,
    created: datetime,
    args: tuple[str, ...],
    flags: tuple[str, ...],
    secret_refs: tuple[SecretRef, ...],
) -> Submission:
    """A new run of `program` at `destination`."""
    return Submission(
        run_id=run_id,
        program=program,
        args=args,
        flags=flags,
        run_uri=f"s3://{place.bucket}/{run_prefix(run_id)}",
        cluster=destination.name or run_id,
        is_transient=destination.cluster_id is None,
        joined=destination.joined,
        profile=destination.profile,
        owner=place.user,
        created=created,
        secrets=secret_refs,
        release=destination.release,
        hourly_cost=destination.hourly_cost,
        selfserve=__version__,
    )
