"""Cancel a run: end its job, and the cluster if it was made for this run."""

from datetime import timedelta

from selfserve.core.run import Submission, cancel_key
from selfserve.usecases.clusters import find_live
from selfserve.usecases.down import end_clusters
from selfserve.usecases.progress import Note, Report, Waiting
from selfserve.usecases.runs import Run
from selfserve.usecases.target import Target

_STEP_ENDS_WITHIN = timedelta(minutes=2)
_CLUSTER_APPEARS_WITHIN = timedelta(seconds=30)


def cancel(target: Target, run: Run, *, report: Report) -> None:
    """Cancel the run's step and wait until it is over; end a cluster of its own."""
    what = f"Cancelling run {run.id}"
    if run.submission.is_transient:
        report(Note(f"{what} and ending its cluster, {run.placement.cluster_id}."))
        end_clusters(target, [target.backend.describe(run.placement.cluster_id)], report=report)
        return
    report(Note(f"{what}; cluster {run.submission.cluster} stays."))
    # A driver that runs in the cluster does not hear of EMR's cancelling; the runner reads this.
    target.store.put(cancel_key(run.id), b"")
    target.backend.cancel_steps(run.placement.cluster_id, [run.placement.step_id])
    _wait_for_step(target, run, report)


def cancel_unplaced(target: Target, submission: Submission, *, report: Report) -> None:
    """End what may have come of a submission that was interrupted while EMR was asked."""
    if not submission.is_transient:
        report(Note(f"Run {submission.run_id} may have reached EMR; if so, it goes on."))
        return
    started = target.clock.now()
    report(Note(f"Looking whether a cluster for run {submission.run_id} has been asked for."))
    while target.clock.now() - started <= _CLUSTER_APPEARS_WITHIN:
        cluster = find_live(target, submission.cluster)
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
    return f"selfserve logs {submission.run_id} -f"


def _wait_for_step(target: Target, run: Run, report: Report) -> None:
    started = target.clock.now()
    while target.clock.now() - started <= _STEP_ENDS_WITHIN:
        step = target.backend.describe_step(run.placement.cluster_id, run.placement.step_id)
        if step.state.is_over:
            return
        cluster = target.backend.describe(run.placement.cluster_id)
        if cluster.state.is_gone:
            return
        report(Waiting(f"{run.submission.job} to end ({step.state})", since=started))
        target.clock.sleep(target.pace.quickest)
    report(Note(f"{run.submission.job} has not ended yet; EMR goes on cancelling it."))
