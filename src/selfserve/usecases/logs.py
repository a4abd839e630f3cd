"""Read what a run has written, during and after its cluster's life."""

from selfserve.core.cluster import Step
from selfserve.core.run import RunResult, StreamName, is_run_id
from selfserve.errors import NotFoundError
from selfserve.usecases.follow import Emit, follow
from selfserve.usecases.progress import Report, quiet
from selfserve.usecases.runs import OutputTail, Run, find_run, newest_run_on, read_result
from selfserve.usecases.status import cluster_status
from selfserve.usecases.step_output import read_step_output
from selfserve.usecases.target import Target


def find_logged_run(target: Target, wanted: str) -> Run:
    """The run with this id, or the newest one on the cluster with this name or id.

    Raises:
        NotFoundError: there is none.
    """
    if is_run_id(wanted):
        return find_run(target, wanted)
    cluster = cluster_status(target, wanted)
    run_id = newest_run_on(target, cluster.id)
    if run_id is None:
        raise NotFoundError(
            f"Cluster {wanted} has run no job of selfserve's yet.",
            hint=f"Submit one: selfserve submit JOB -c {wanted}",
        )
    return find_run(target, run_id)


def show_output(
    target: Target,
    run: Run,
    *,
    stream: StreamName,
    emit: Emit,
    last_lines: int | None = None,
    keep_following: bool = False,
    report: Report = quiet,
) -> RunResult | None:
    """Pass on one stream of the run: all of it or the last lines; then what is added to it.

    Returns:
        How the job ended; None while it runs, and for a job without our runner.
    """
    tail = OutputTail(target.store, run.id, stream)
    result = read_result(target.store, run.id)  # before the output, so that that is complete
    written = b"".join(tail.read_new())
    if not written and result is None and not keep_following:
        written = _read_from_step(target, run, stream)
    if written:
        emit(stream, _last(written, last_lines))
    if keep_following and result is None:

        def emit_wanted(name: StreamName, chunk: bytes) -> None:
            if name is stream:
                emit(name, chunk)

        return follow(target, run, emit=emit_wanted, report=report, tails=[tail]).result
    return result


def fetch_step(target: Target, run: Run) -> Step:
    """What EMR says of the run's step. Raises NotFoundError."""
    return target.backend.describe_step(run.placement.cluster_id, run.placement.step_id)


def _read_from_step(target: Target, run: Run, stream: StreamName) -> bytes:
    cluster = target.backend.describe(run.placement.cluster_id)
    return read_step_output(target, cluster, run.placement.step_id).get(stream, b"")


def _last(output: bytes, lines: int | None) -> bytes:
    every = output.splitlines(keepends=True)
    return output if lines is None else b"".join(every[max(len(every) - lines, 0) :])
