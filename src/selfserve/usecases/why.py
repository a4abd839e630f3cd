"""Say why a run or a cluster failed, or that it did not."""

import re
from dataclasses import dataclass, replace
from datetime import timedelta

from selfserve.core.cluster import Cluster, ClusterState, Step, StepState
from selfserve.core.durations import parse_duration, to_words
from selfserve.core.naming import TAG_MAX_AGE
from selfserve.core.outcome import RunOutcome, RunState
from selfserve.core.run import RunResult, run_id_of_step
from selfserve.core.why.diagnose import diagnose
from selfserve.core.why.rules import load_rules
from selfserve.core.why.verdict import Names, Verdict
from selfserve.usecases.follow import FinishedRun
from selfserve.usecases.progress import Report, Waiting, quiet
from selfserve.usecases.records.evidence import Collected, collect_of_cluster, collect_of_run
from selfserve.usecases.records.outcomes import ask_for_cluster, ask_for_step, fetch_record
from selfserve.usecases.records.runs import Run, complete_run_id
from selfserve.usecases.status import cluster_status
from selfserve.usecases.targets.target import Target

_BEGINS_LIKE_A_RUN = re.compile(r"r-\d{8}")
_OF_AGE = re.compile(r"(?i)\bmaximum age\b")
_IDLE = re.compile(r"(?i)\bidle\b|auto-?terminat")


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What became of something, and why."""

    summary: str
    """One sentence: that it failed, or what it is if it did not."""
    cluster_id: str | None
    run_id: str | None = None
    verdict: Verdict | None = None
    """None when nothing has failed."""
    notes: tuple[str, ...] = ()
    """What could not be looked at."""


def why(target: Target, wanted: str, *, report: Report = quiet) -> Diagnosis:
    """Why the run with this id, or whose id begins so, or the cluster, failed.

    Raises:
        NotFoundError: there is no such run or cluster.
        BadInputError: several ids begin so.
    """
    if _BEGINS_LIKE_A_RUN.match(wanted):
        return why_run(target, complete_run_id(target, wanted), report=report)
    return why_cluster(target, wanted, report=report)


def why_run(target: Target, run_id: str, *, report: Report = quiet) -> Diagnosis:
    """Why a run failed.

    Raises:
        NotFoundError: there is no such run.
    """
    report(Waiting(f"what is known of run {run_id}", since=target.clock.now()))
    record = fetch_record(target, run_id, report=report)
    if record.run is None or record.outcome.state is RunState.SUCCEEDED:
        summary = _summary(record.submission.job, record.outcome)
        return Diagnosis(summary, record.outcome.cluster_id, run_id)
    placement = record.run.placement
    step = ask_for_step(target, placement)
    cluster = ask_for_cluster(target, placement.cluster_id)
    return _judge_run(target, record.run, record.outcome, record.result, step=step, cluster=cluster)


def diagnose_finished(target: Target, finished: FinishedRun) -> Diagnosis:
    """Why a run that was followed to its end failed, from what is there now; waits for nothing."""
    return _judge_run(
        target,
        finished.run,
        finished.outcome,
        finished.result,
        step=finished.step,
        cluster=finished.cluster,
    )


def why_cluster(target: Target, name_or_id: str, *, report: Report = quiet) -> Diagnosis:
    """Why a cluster did not start or died; one that ended as it should is said to have.

    Raises:
        NotFoundError: there is none, or none that is live or of the last days.
    """
    cluster_id = name_or_id
    if not name_or_id.startswith("j-"):
        cluster_id = cluster_status(target, name_or_id).id
    cluster = target.backend.describe(cluster_id)
    report(Waiting(f"what is known of cluster {name_or_id}", since=target.clock.now()))
    failed_run = _newest_failed_run(target, cluster)
    if _has_failed(cluster):
        return _judge_cluster(target, cluster, failed_run)
    summary = f"{_called(cluster)} {_how_it_is(cluster)}"
    if failed_run is not None:
        summary += f" Its run {failed_run} failed; see: selfserve why {failed_run}"
    return Diagnosis(summary, cluster.id, failed_run)


def _judge_run(
    target: Target,
    run: Run,
    outcome: RunOutcome,
    result: RunResult | None,
    *,
    step: Step | None,
    cluster: Cluster | None,
) -> Diagnosis:
    summary = _summary(run.submission.job, outcome)
    if outcome.state is RunState.SUCCEEDED:
        return Diagnosis(summary, run.placement.cluster_id, run.id)
    collected = collect_of_run(target, run, step=step, cluster=cluster, result=result)
    has_failed = outcome.state.is_over and outcome.state is not RunState.CANCELLED
    collected = replace(collected, evidence=replace(collected.evidence, run_state=outcome.state))
    verdict = _diagnose(collected, _names(run, cluster), has_failed=has_failed)
    notes = collected.notes if has_failed else ()
    return Diagnosis(summary, run.placement.cluster_id, run.id, verdict, notes)


def _summary(job: str, outcome: RunOutcome) -> str:
    """What became of a run, in a sentence; why a job failed is the verdict's."""
    run = f"Run {outcome.run_id} ({job})"
    if not outcome.state.is_over:
        return f"{run} has not ended: it is {outcome.state}."
    is_said = outcome.reason and outcome.state is not RunState.FAILED
    reason = f": {outcome.reason.rstrip('.')}" if is_said else ""
    return f"{run} {outcome.state.in_words}{reason}."


def _judge_cluster(target: Target, cluster: Cluster, failed_run: str | None) -> Diagnosis:
    collected = collect_of_cluster(target, cluster)
    verdict = _diagnose(collected, _names_of_cluster(cluster, failed_run))
    summary = f"{_called(cluster)} failed."
    return Diagnosis(summary, cluster.id, failed_run, verdict, collected.notes)


def _diagnose(collected: Collected, names: Names, *, has_failed: bool = True) -> Verdict | None:
    """A verdict; of a run that goes on or was cancelled, only if it is stuck, or was."""
    rules = load_rules()
    if has_failed:
        return diagnose(collected.evidence, rules, names)
    fitting = tuple(rule for rule in rules if rule.even_if_cancelled)
    verdict = diagnose(collected.evidence, fitting, names)
    return verdict if verdict.is_known else None


def _has_failed(cluster: Cluster) -> bool:
    """Whether it is gone, or going, for a reason that nobody has wished for."""
    if cluster.state is ClusterState.TERMINATED_WITH_ERRORS:
        return True
    normal = {None, "USER_REQUEST", "ALL_STEPS_COMPLETED"}
    return cluster.state is ClusterState.TERMINATING and cluster.reason_code not in normal


def _newest_failed_run(target: Target, cluster: Cluster) -> str | None:
    for step in target.backend.list_steps(cluster.id):
        run_id = run_id_of_step(step.name)
        if run_id is not None and step.state is StepState.FAILED:
            return run_id
    return None


def _called(cluster: Cluster) -> str:
    name = cluster.name
    return f"Cluster {name.name} ({cluster.id})" if name else f"Cluster {cluster.id}"


def _how_it_is(cluster: Cluster) -> str:
    said = f" EMR says: {cluster.reason.rstrip('.')}." if cluster.reason else ""
    if cluster.state.is_live:
        return f"is {cluster.state}; nothing is wrong with it.{said}"
    ends = "has ended" if cluster.state.is_gone else "is ending"
    if _IDLE.search(cluster.reason or ""):
        return f"{ends} as it should, because it was idle.{said}"
    if _OF_AGE.search(cluster.reason or ""):
        return f"{ends} as it should, at its maximum age.{said}"
    if cluster.reason_code == "USER_REQUEST":
        return f"{ends} because somebody asked for it{_or_its_age(cluster)}.{said}"
    if cluster.reason_code == "ALL_STEPS_COMPLETED":
        return f"{ends} as it should, after its last step.{said}"
    return f"{ends}.{said}"


def _or_its_age(cluster: Cluster) -> str:
    """The timer on the cluster ends it as a user would: EMR does not tell which it was."""
    limit = _max_age(cluster)
    if limit is None or cluster.ended is None or cluster.ended - cluster.created < limit:
        return ""
    return f", or its own timer did: it had reached its maximum age of {to_words(limit)}"


def _max_age(cluster: Cluster) -> timedelta | None:
    try:
        return parse_duration(cluster.tags.get(TAG_MAX_AGE, ""))
    except ValueError:
        return None  # no tag of ours, or somebody has changed it


def _names(run: Run, cluster: Cluster | None) -> Names:
    submission = run.submission
    of_cluster = cluster.name.profile if cluster and cluster.name else None
    profile = submission.profile or of_cluster or "PROFILE"
    return Names(
        run=run.id,
        cluster=profile if submission.is_transient else submission.cluster,
        profile=profile,
        cluster_id=run.placement.cluster_id,
        path=submission.path,
    )


def _names_of_cluster(cluster: Cluster, failed_run: str | None) -> Names:
    if cluster.name is None:
        return Names(run=failed_run or "RUN", cluster=cluster.id, cluster_id=cluster.id)
    return Names(failed_run or "RUN", cluster.name.name, cluster.name.profile, cluster.id)
