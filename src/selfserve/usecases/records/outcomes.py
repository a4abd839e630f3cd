"""Find out how a run ended, and write that down for good once it is certain.

The record in S3 comes first: EMR is only asked about a run whose outcome nobody
has seen yet. The first to see it over writes `outcome.json`, so that nobody
need ask again, also after EMR has forgotten the cluster.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from selfserve.backends.base import ObjectStore
from selfserve.core.cluster import Cluster, ClusterSummary, Step, StepState
from selfserve.core.outcome import RunOutcome, RunState, outcome_key
from selfserve.core.outcome_decision import RunFacts, decide_outcome
from selfserve.core.run import (
    Placement,
    RunResult,
    Submission,
    cancel_key,
    placement_key,
    result_key,
    submission_key,
)
from selfserve.core.run_json import to_json
from selfserve.errors import (
    AwsError,
    ClusterFailedError,
    JobFailedError,
    NotFoundError,
    SelfserveError,
)
from selfserve.usecases.launches.waiting import cluster_failed
from selfserve.usecases.progress import Note, Report, quiet
from selfserve.usecases.records.runs import (
    Run,
    find_placement,
    load,
    no_run,
    read_result,
    save_placement,
)
from selfserve.usecases.targets.target import Target

_REACHES_EMR_WITHIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class StoredRun:
    """What stands in S3 about a run; None for what does not, or was not asked for."""

    submission: Submission
    placement: Placement | None = None
    result: RunResult | None = None
    outcome: RunOutcome | None = None
    is_cancel_wanted: bool = False


@dataclass(frozen=True, slots=True)
class RunRecord:
    """Everything about a run."""

    submission: Submission
    placement: Placement | None
    result: RunResult | None
    outcome: RunOutcome
    """How it ended, or how far it is."""

    @property
    def id(self) -> str:
        """The run's id."""
        return self.submission.run_id

    @property
    def run(self) -> Run | None:
        """The run, if EMR has it."""
        return Run(self.submission, self.placement) if self.placement else None


def read_stored(
    store: ObjectStore,
    run_id: str,
    *,
    whole: bool = True,
    only_if: Callable[[Submission], bool] = lambda _: True,
) -> StoredRun | None:
    """What stands in S3 about a run; None if there is none, or none of which `only_if` is true.

    Unless `whole`, only the submission and the outcome of a run that has one.

    Raises:
        BadInputError: this version of selfserve cannot read it.
    """
    submission = load(store, Submission, submission_key(run_id))
    if submission is None or not only_if(submission):
        return None
    outcome = load(store, RunOutcome, outcome_key(run_id))
    if outcome is not None and not whole:
        return StoredRun(submission, outcome=outcome)
    return StoredRun(
        submission,
        placement=load(store, Placement, placement_key(run_id)),
        result=load(store, RunResult, result_key(run_id)),
        outcome=outcome,
        is_cancel_wanted=outcome is None and store.exists(cancel_key(run_id)),
    )


def fetch_record(target: Target, run_id: str, *, report: Report = quiet) -> RunRecord:
    """Everything about a run, with EMR's word if the outcome is not written down yet.

    Raises:
        NotFoundError: there is no such run.
    """
    stored = read_stored(target.store, run_id)
    if stored is None:
        raise no_run(target, run_id)
    if stored.outcome is not None:
        return RunRecord(stored.submission, stored.placement, stored.result, stored.outcome)
    stored = place(target, stored, report=report)
    step, cluster = _ask_emr(target, stored)
    return conclude(target, stored, step, cluster, report=report)


def place(target: Target, stored: StoredRun, *, report: Report = quiet) -> StoredRun:
    """Search EMR for a run whose submitter could not write down where it had gone."""
    if stored.placement is not None:
        return stored
    placement = find_placement(target, stored.submission)
    if placement is not None:
        run = Run(stored.submission, placement)
        _write_down(lambda: save_placement(target.store, run), f"the place of run {run.id}", report)
    return replace(stored, placement=placement)


def is_overdue(target: Target, submission: Submission) -> bool:
    """Whether EMR would have the run by now, had it ever been handed over."""
    return target.clock.now() - submission.created > _REACHES_EMR_WITHIN


def needs_cluster(submission: Submission, step: Step | None) -> bool:
    """Whether the cluster can tell anything of the run's end that the step does not."""
    if step is None or not step.state.is_over:
        return False
    return submission.is_transient or step.state is not StepState.COMPLETED


def conclude(
    target: Target,
    stored: StoredRun,
    step: Step | None,
    cluster: ClusterSummary | None,
    *,
    report: Report = quiet,
) -> RunRecord:
    """Decide how the run ended, from what EMR has said; write it down if that is final.

    `step` is None if EMR does not know it, or knows it no more.
    """
    result = stored.result
    if result is None and (step is None or step.state.is_over):
        # The job may have ended after its record was looked for and before EMR was asked.
        result = read_result(target.store, stored.submission.run_id)
    facts = RunFacts(
        submission=stored.submission,
        placement=stored.placement,
        step=step,
        cluster=cluster,
        result=result,
        is_cancel_wanted=stored.is_cancel_wanted,
        never_reached_emr=stored.placement is None and is_overdue(target, stored.submission),
        is_charged=not target.is_local,
    )
    outcome = decide_outcome(facts)
    if outcome.state.is_over and facts.are_final:
        _save(target, outcome, report)
    return RunRecord(stored.submission, stored.placement, result, outcome)


def failure_of(
    submission: Submission, outcome: RunOutcome, cluster: ClusterSummary | None = None
) -> SelfserveError | None:
    """The error that a run's outcome is; None for a success, and while it goes on.

    With its `cluster`, the error knows more of a cluster that failed.
    """
    job, run_id, reason = submission.job, outcome.run_id, outcome.reason
    if outcome.state is RunState.FAILED:
        return JobFailedError(
            f"{job} failed: {reason}",
            hint=f"Read its output again: selfserve logs {run_id} --stderr",
            job_exit_code=outcome.exit_code,
        )
    if outcome.state is RunState.CANCELLED:
        why = f": {reason}" if reason != "it was cancelled" else ""
        return JobFailedError(
            f"{job} was cancelled{why}",
            hint=f"See what it did: selfserve logs {run_id}",
            job_exit_code=outcome.exit_code,
        )
    if outcome.state in {RunState.LOST, RunState.NEVER_STARTED}:
        if cluster is not None and not cluster.state.is_live:
            return cluster_failed(cluster)
        return ClusterFailedError(
            f"{job} {outcome.state.in_words}: {reason}",
            hint=f"Submit it again: selfserve submit --again {run_id}",
        )
    if outcome.state is RunState.UNKNOWN:
        return NotFoundError(
            f"Nobody knows how {job} ended: {reason}",
            hint=f"Read its output: selfserve logs {run_id}",
        )
    return None


def ask_for_step(target: Target, placement: Placement) -> Step | None:
    """The run's step; None if EMR has forgotten it, two months after its cluster's end."""
    try:
        return target.backend.describe_step(placement.cluster_id, placement.step_id)
    except NotFoundError:
        return None


def ask_for_cluster(target: Target, cluster_id: str) -> Cluster | None:
    """The cluster; None if EMR has forgotten it."""
    try:
        return target.backend.describe(cluster_id)
    except NotFoundError:
        return None


def _ask_emr(target: Target, stored: StoredRun) -> tuple[Step | None, ClusterSummary | None]:
    if stored.placement is None:
        return None, None
    step = ask_for_step(target, stored.placement)
    if not needs_cluster(stored.submission, step):
        return step, None
    return step, ask_for_cluster(target, stored.placement.cluster_id)


def _save(target: Target, outcome: RunOutcome, report: Report) -> None:
    key, body = outcome_key(outcome.run_id), to_json(outcome)
    what = f"the outcome of run {outcome.run_id}"
    _write_down(lambda: target.store.put(key, body, only_if_absent=True), what, report)


def _write_down(write: Callable[[], object], what: str, report: Report) -> None:
    """Spare others the question; who may only read can still be told."""
    try:
        write()
    except AwsError as error:
        report(Note(f"For the next time, {what} could not be written down: {error}"))
