"""Submit a run again, exactly as it was: its record says which archives, flags and arguments.

Nothing of the job need be on this machine.
"""

from dataclasses import replace

from selfserve.core.naming import S3_PREFIX
from selfserve.core.program import Program
from selfserve.core.python_target import in_words
from selfserve.core.run import Submission
from selfserve.errors import BadInputError, NotFoundError
from selfserve.usecases.placement.destination import Destination, Joining, LoadProfile
from selfserve.usecases.placement.placing import OnPrepared, Placing, Prepared
from selfserve.usecases.progress import Report, quiet
from selfserve.usecases.records.runs import Run, complete_run_id, read_submission
from selfserve.usecases.submit import DEFAULT_PROFILES, draft
from selfserve.usecases.targets.target import Target


def submit_again(
    target: Target,
    run_id: str,
    *,
    args: tuple[str, ...] | None = None,
    cluster: str | None = None,
    joining: Joining = Joining.IF_POSSIBLE,
    load_profile: LoadProfile,
    on_prepared: OnPrepared = lambda _: None,
    report: Report = quiet,
) -> Run:
    """Hand the program of an earlier run to a cluster once more, and return at once.

    With other `args` if given, and on `cluster` if given; else where it was before,
    which for a run that asked for a profile is a cluster of that profile; see `submit`.

    Raises:
        NotFoundError: there is no such run, or what it shipped is no longer in S3.
        BadInputError: its packages were made for another Python than the cluster's.
    """
    run_id = complete_run_id(target, run_id)
    before = read_submission(target, run_id)
    _require_shipped(target, before)

    def prepare(destination: Destination, new_id: str) -> Prepared:
        _require_same_python(before.program, destination)
        run_args = before.args if args is None else args
        again = draft(
            target,
            before.program,
            destination,
            run_id=new_id,
            created=target.clock.now(),
            args=run_args,
            flags=before.flags,
            secret_refs=before.secrets,
        )
        return replace(again, origin=before.origin, repeats=run_id), ()

    placing = Placing(
        target=target,
        wanted=cluster or _former_cluster(before),
        prepare=prepare,
        load_profile=load_profile,
        joining=joining,
        on_prepared=on_prepared,
        report=report,
    )
    return placing.place()


def _former_cluster(before: Submission) -> str:
    if not (before.is_transient or before.joined):
        return before.cluster
    return before.profile or DEFAULT_PROFILES[before.program.kind]


def _require_shipped(target: Target, before: Submission) -> None:
    program, prefix = before.program, f"s3://{target.bucket}/{S3_PREFIX}"
    shipped = [program.main_uri, *(it.uri for it in (program.code, program.dependencies) if it)]
    for flag in before.flags:  # files of --jars and its like, in lists, some with an alias
        shipped += [part.partition("#")[0] for part in flag.split(",")]
    for uri in shipped:
        key = uri.removeprefix(f"s3://{target.bucket}/")
        if uri.startswith(prefix) and not target.store.exists(key):
            raise NotFoundError(
                f"Run {before.run_id} cannot be repeated: {uri} is no longer there.",
                hint=f"Submit it from its files: selfserve submit {before.job}",
            )


def _require_same_python(program: Program, destination: Destination) -> None:
    """Wheels fit one Python and one CPU only; plain code fits all."""
    if program.dependencies is None or program.python is None or destination.python is None:
        return
    if destination.python != program.python:
        raise BadInputError(
            f"Its packages were built for {in_words(program.python)}; "
            f"the cluster has {in_words(destination.python)}.",
            hint=f"Submit it from its files: selfserve submit {program.name}",
        )
