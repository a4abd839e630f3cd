"""Cancel a run: end its job, and the cluster if it was made for this run."""

from dataclasses import dataclass
from datetime import timedelta

from selfserve.core.cluster import Step
from selfserve.core.program import JobKind
from selfserve.core.run import Submission, cancel_key, result_key
from selfserve.errors import RefusedByPolicyError
from selfserve.usecases.down import end_clusters
from selfserve.usecases.launches.clusters import find_live
from selfserve.usecases.progress import Note, Report, Waiting, quiet
from selfserve.usecases.records.outcomes import RunRecord, fetch_record
from selfserve.usecases.records.runs import Run
from selfserve.usecases.targets.target import Target

_STEP_ENDS_WITHIN = timedelta(minutes=2)
_RUNNER_ENDS_WITHIN = timedelta(seconds=20)  # it looks for the marker, and gives the job time
_CLUSTER_APPEARS_WITHIN = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What became of the wish to cancel a run."""

    record: RunRecord
    was_over: bool
    """Whether there was nothing left to cancel."""


def cancel_run(
    target: Target, run_id: str, *, everyone: bool = False, report: Report = quiet
) -> Cancelled:
    """Cancel the run with this id and wait until it is over. One that is over is a success.

    Another user's run is only cancelled with `everyone`.

    Raises:
        NotFoundError: there is no such run.
        RefusedByPolicyError: it is another user's, or its own cluster is protected.
    """
    record = fetch_record(target, run_id, report=report)
    if record.outcome.state.is_over:
        return Cancelled(record, was_over=True)
    owner = record.submission.owner
    if owner != target.user and not everyone:
        raise RefusedByPolicyError(
            f"Run {run_id} belongs to {owner}.",
            hint=f"To cancel it all the same: selfserve cancel {run_id} --everyone",
        )
    if record.run is not None:
        cancel(target, record.run, report=report)
    else:
        # Should EMR get it yet, the runner ends its job at once.
        target.store.put(cancel_key(run_id), b"")
        cancel_unplaced(target, record.submission, report=report)
    return Cancelled(fetch_record(target, run_id, report=report), was_over=False)


def cancel(target: Target, run: Run, *, report: Report) -> None:
    """Cancel the run's step and wait until it is over; end a cluster of its own.

    The marker that it leaves tells the runner to end the job, and everybody
    afterwards that the run was cancelled and did not fail.
    """
    what = f"Cancelling run {run.id}"
    # A driver that runs in the cluster does not hear of EMR's cancelling; the runner reads this.
    if run.submission.is_transient:
        report(Note(f"{what} and ending its cluster, {run.placement.cluster_id}."))
        target.store.put(cancel_key(run.id), b"")
        end_clusters(target, [target.backend.describe(run.placement.cluster_id)], report=report)
    else:
        report(Note(f"{what}; cluster {run.submission.cluster} stays."))
        target.store.put(cancel_key(run.id), b"")
        target.backend.cancel_steps(run.placement.cluster_id, [run.placement.step_id])
    _wait_for_step(target, run, report)
    fetch_record(target, run.id, report=report)  # which writes the outcome down


def cancel_unplaced(target: Target, submission: Submission, *, report: Report) -> None:
    """End what may have come of a submission that was interrupted while EMR was asked."""
    if not submission.is_transient:
        report(Note(f"Run {submission.run_id} may have reached EMR; if so, it goes on."))
        return
    started = target.clock.now()
    report(Note(f"Looking whether a cluster for run {submission.run_id} has been asked for."))
    while target.clock.now() - started <= _CLUSTER_APPEARS_WITHIN:
        cluster = find_live(target, submission.cluster, owner=submission.owner)
        if cluster is not None:
            end_clusters(target, [cluster], report=report)
            return
        report(Waiting(f"a sign of run {submission.run_id}", since=started))
        target.clock.sleep(target.pace.quickest)
    report(Note("None has appeared. Should one, it ends with its job."))


def how_to_finish(submission: Submission) -> str:
    """The command that ends by hand what cancelling would have ended."""
    if submission.is_transient:
        return f"selfserve down {submission.cluster} -y"
    return f"selfserve cancel {submission.run_id}"


def _wait_for_step(target: Target, run: Run, report: Report) -> None:
    started = target.clock.now()
    while target.clock.now() - started <= _STEP_ENDS_WITHIN:
        step = target.backend.describe_step(run.placement.cluster_id, run.placement.step_id)
        if step.state.is_over:
            _wait_for_runner(target, run, step, report)
            return
        report(Waiting(f"{run.submission.job} to end ({step.state})", since=started))
        target.clock.sleep(target.pace.quickest)
    report(Note(f"{run.submission.job} has not ended yet; EMR goes on cancelling it."))


def _wait_for_runner(target: Target, run: Run, step: Step, report: Report) -> None:
    """A driver that runs in a cluster that stays outlives its step until it sees the marker."""
    ends_with_step = target.is_local or run.submission.is_transient
    is_python = run.submission.program.kind is JobKind.PYTHON
    if ends_with_step or not is_python or step.started is None:
        return
    started = target.clock.now()
    while target.clock.now() - started <= _RUNNER_ENDS_WITHIN:
        if target.store.exists(result_key(run.id)):
            return
        report(Waiting(f"the driver of {run.submission.job} to end", since=started))
        target.clock.sleep(target.pace.quickest)
