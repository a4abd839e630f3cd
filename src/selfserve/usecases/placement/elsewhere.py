"""Place a run on another cluster, when EC2 had no capacity for the one that was to be its own.

That makes a run of its own, which repeats the first: others may have seen that one fail
already, and have written so down.
"""

import secrets
from dataclasses import replace

from selfserve.core.naming import run_prefix
from selfserve.core.run import Submission, make_run_id
from selfserve.core.step import to_step
from selfserve.usecases.follow import FinishedRun
from selfserve.usecases.launches.attempts import Attempts
from selfserve.usecases.placement.leased_step import find_own_step
from selfserve.usecases.placement.placing import OnPrepared, write_down_place
from selfserve.usecases.progress import Note, Report
from selfserve.usecases.records.runs import Run, save_submission
from selfserve.usecases.targets.target import Target


def place_elsewhere(
    target: Target,
    finished: FinishedRun,
    attempts: Attempts,
    on_prepared: OnPrepared,
    report: Report,
) -> Run | None:
    """The same run on a cluster that asks for other capacity; None if that is not what it lacked.

    `attempts` are those so far. `on_prepared` hears of the run before EMR does.

    Raises:
        OutcomeUnknownError: EMR's answer was lost and no such cluster has appeared.
        AwsError: EMR does not list the run's step.
    """
    before, cluster = finished.run.submission, finished.cluster
    has_begun = finished.result is not None or finished.step.started is not None
    if has_begun or not before.is_transient or cluster.name is None:
        return None
    from selfserve.usecases.launches.launching import launch_again, read_intent

    spec = read_intent(target, cluster.name.launch_id)
    attempt = attempts.after(target, spec, cluster, report=report)
    if attempt is None:
        return None
    again = _repeat(target, before)
    save_submission(target.store, again)
    on_prepared(again)
    name = replace(attempt.spec.name, name=again.cluster)
    step = to_step(again, attempt.spec.applications)
    launched = launch_again(target, replace(attempt.spec, name=name, steps=(step,)), report=report)
    report(
        Note(
            f"Run {again.run_id} repeats {before.run_id} on another cluster, "
            f"{launched.cluster_id}, which ends with it."
        )
    )
    run = Run(again, find_own_step(target, launched.cluster_id, again.run_id, report))
    write_down_place(target, run, report)
    return run


def _repeat(target: Target, before: Submission) -> Submission:
    now = target.clock.now()
    run_id = make_run_id(now, secrets.token_hex(3))
    return replace(
        before,
        run_id=run_id,
        run_uri=f"s3://{target.bucket}/{run_prefix(run_id)}",
        cluster=run_id,
        created=now,
        repeats=before.run_id,
    )
