"""List all that a submission would ship and ask for. Nothing is uploaded or started.

Archives are made, in this machine's cache, since only so are their contents known
for certain; S3 is asked whether it has them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from selfserve.core.launch import StepSpec
from selfserve.core.package import Upload
from selfserve.core.program import JobKind, Program
from selfserve.core.run import Submission
from selfserve.core.spark_flags import pairs
from selfserve.core.step import to_step
from selfserve.packing.caches import cache_folder
from selfserve.packing.files import LeftOut, SourceFile
from selfserve.packing.sources import JobSource
from selfserve.usecases.packages.flag_files import ship_flags
from selfserve.usecases.packages.packaging import Bench, Wish, make_package
from selfserve.usecases.placement.destination import Destination, Joining, LoadProfile
from selfserve.usecases.placement.destination_facts import of_profile
from selfserve.usecases.placement.find_destination import Search
from selfserve.usecases.placement.placing import look_for
from selfserve.usecases.progress import Report, quiet
from selfserve.usecases.submit import DEFAULT_PROFILES, Job, draft, find_own_job
from selfserve.usecases.targets.clock import SystemClock
from selfserve.usecases.targets.target import Place, Target

NO_RUN = "RUN"
"""Stands in for the id, which only a run has."""


@dataclass(frozen=True, slots=True)
class Shipped:
    """One object that the run would need in S3."""

    what: str
    """Such as "code", or the flag that names it."""
    uri: str
    size: int
    """Bytes."""
    is_there: bool | None
    """Whether S3 has it already; None if it cannot be asked."""


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a submission would be."""

    place: Place
    destination: Destination
    joining: Joining
    submission: Submission
    step: StepSpec
    files: tuple[SourceFile, ...]
    """The job's own, before they are packed."""
    left_out: tuple[LeftOut, ...]
    packages_from: str | None
    """Where the job's packages are named; None if nowhere."""
    objects: tuple[Shipped, ...]

    @property
    def program(self) -> Program:
        """What would run."""
        return self.submission.program


def dry_run(
    place: Place,
    peeked: Target | None,
    job: Job,
    *,
    cluster: str | None = None,
    joining: Joining = Joining.IF_POSSIBLE,
    load_profile: LoadProfile,
    report: Report = quiet,
) -> DryRun:
    """Say what `submit` would do with `job`, and refuse what it would refuse.

    `peeked` is the target if it can be looked at without starting anything.

    Raises:
        BadInputError: the job, its profile or its cluster cannot be used.
        NotFoundError: there is neither such a cluster nor such a profile.
    """
    source = find_own_job(job)
    wanted = cluster or DEFAULT_PROFILES[source.kind]
    if peeked is not None:
        search = Search(
            target=peeked,
            wanted=wanted,
            load_profile=load_profile,
            joining=joining,
            report=report,
        )
        destination = search.look()
    else:  # without a daemon there are no clusters on this machine
        destination = of_profile(place, load_profile(wanted))
    bench = Bench(place.bucket, peeked.cache if peeked else cache_folder(), report)
    flags, flag_files = ship_flags(job.flags, bucket=place.bucket)
    package = make_package(source, job.wish, destination, bench)
    submission = draft(
        place,
        package.program,
        destination,
        run_id=NO_RUN,
        created=SystemClock().now(),
        args=job.args,
        flags=flags,
        secret_refs=job.secrets,
    )
    submission = replace(submission, cluster=destination.name or destination.profile or NO_RUN)
    files, left_out = _list_files(source, bench)
    return DryRun(
        place=place,
        destination=destination,
        joining=joining,
        submission=submission,
        step=to_step(submission, destination.applications),
        files=files,
        left_out=left_out,
        packages_from=_name_requirements(source, job.wish),
        objects=tuple(_look(peeked, place, submission, (*package.uploads, *flag_files))),
    )


def _list_files(
    source: JobSource, bench: Bench
) -> tuple[tuple[SourceFile, ...], tuple[LeftOut, ...]]:
    if source.kind is not JobKind.PYTHON:
        return source.files, source.left_out
    from selfserve.packing.listing import list_shipment

    shipment = list_shipment(source, cache=bench.cache)
    return shipment.files, shipment.left_out


def _name_requirements(source: JobSource, wish: Wish) -> str | None:
    if source.kind is not JobKind.PYTHON:
        return None
    from selfserve.packing.requirements import find_requirements

    found = find_requirements(source.path, explicit=wish.requirements, project=source.project)
    return str(found) if found else None


def _look(
    peeked: Target | None, place: Place, submission: Submission, uploads: Sequence[Upload]
) -> Iterator[Shipped]:
    unknown: list[tuple[Upload, bool | None]] = [(upload, None) for upload in uploads]
    for upload, is_there in look_for(peeked.store, uploads) if peeked else unknown:
        for part in (upload, *upload.companions):
            uri = part.uri(place.bucket)
            yield Shipped(_what(uri, submission), uri, part.size, is_there)


def _what(uri: str, submission: Submission) -> str:
    program = submission.program
    archives = {"code": program.code, "dependencies": program.dependencies}
    for what, archive in archives.items():
        if archive is not None and archive.uri == uri:
            return what
    if uri == program.lock_uri:
        return "lock"
    if uri == program.main_uri:
        return "runner" if program.kind is JobKind.PYTHON else "job"
    return next(name for name, value in pairs(submission.flags) if uri in value)
