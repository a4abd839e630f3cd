"""Decide how a run ended, from what the runner, EMR and the run's record say.

Pure. Each of them may be silent: a job that is killed with its machine leaves no
result, EMR forgets a cluster two months after its end, and a step without our
runner says nothing of itself.
"""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from selfserve.core.cluster import ClusterState, ClusterSummary, Step, StepState
from selfserve.core.outcome import RunCost, RunOutcome, RunState, RunTimeline
from selfserve.core.run import Placement, RunResult, Submission


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What is known of a run; None for what nobody could tell."""

    submission: Submission
    placement: Placement | None = None
    step: Step | None = None
    cluster: ClusterSummary | None = None
    result: RunResult | None = None
    is_cancel_wanted: bool = False
    """Whether the run's cancel marker is there."""
    never_reached_emr: bool = False
    """EMR was searched for it, long after it should have been there."""
    is_charged: bool = True
    """Whether its cluster costs money; not on this machine."""

    @property
    def are_final(self) -> bool:
        """Whether a later look could tell nothing else."""
        return self.step is None or self.step.state.is_over


def decide_outcome(facts: RunFacts) -> RunOutcome:
    """How the run ended, or how far it is.

    The runner's word counts before EMR's: it has seen the job end, and a step may
    still fail afterwards. Without it, the step's state tells.
    """
    state, reason = _by_result(facts) or _by_step(facts)
    result, placement = facts.result, facts.placement
    if result is not None:
        exit_code: int | None = result.exit_code
    else:
        exit_code = 0 if state is RunState.SUCCEEDED else None
    return RunOutcome(
        run_id=facts.submission.run_id,
        state=state,
        reason=reason,
        exit_code=exit_code,
        timeline=_timeline(facts),
        versions=_versions(facts),
        application_id=result.application_id if result else None,
        cost=_cost(facts),
        cluster_id=placement.cluster_id if placement else None,
        step_id=placement.step_id if placement else None,
    )


_Verdict = tuple[RunState, str]

_KILLED = {"SIGTERM", "SIGKILL"}
_DIED_OF_ITSELF = {  # of EMR's ClusterStateChangeReasonCode: the step was not at fault
    "INTERNAL_ERROR",
    "VALIDATION_ERROR",
    "INSTANCE_FAILURE",
    "INSTANCE_FLEET_TIMEOUT",
    "BOOTSTRAP_FAILURE",
}
_CLUSTER_TAKES_DOWN_WITHIN = timedelta(minutes=15)
"""A cluster that ended longer after its step had nothing to do with the step's end."""


def _by_result(facts: RunFacts) -> _Verdict | None:
    result, step = facts.result, facts.step
    if result is None:
        return None
    if result.exit_code == 0:
        is_odd = step is not None and step.state in {StepState.FAILED, StepState.INTERRUPTED}
        why = f"the job succeeded; afterwards its step ended as {step.state}" if step else ""
        return RunState.SUCCEEDED, why if is_odd else ""
    was_killed = result.signal in _KILLED
    step_cancelled = step is not None and step.state is StepState.CANCELLED
    if result.cancelled or (facts.is_cancel_wanted and (was_killed or step_cancelled)):
        return RunState.CANCELLED, "it was cancelled"
    if (was_killed or step_cancelled) and _died_with_its_cluster(facts):
        return RunState.LOST, _end_of_cluster(facts)
    if step_cancelled:
        return RunState.CANCELLED, _cancelled_by_somebody(facts)
    return RunState.FAILED, result.failure or ""


def _by_step(facts: RunFacts) -> _Verdict:
    step = facts.step
    if step is None:
        return _without_step(facts)
    if not step.state.is_over or step.state is StepState.COMPLETED:
        return _as_step(facts, step), ""
    if facts.is_cancel_wanted:
        return RunState.CANCELLED, "it was cancelled"
    if step.state is StepState.INTERRUPTED or _died_with_its_cluster(facts):
        state = RunState.NEVER_STARTED if step.started is None else RunState.LOST
        return state, _end_of_cluster(facts)
    if step.state is StepState.CANCELLED:
        return RunState.CANCELLED, _cancelled_by_somebody(facts)
    return RunState.FAILED, step.failure or step.reason or "EMR does not say why"


def _without_step(facts: RunFacts) -> _Verdict:
    if facts.placement is not None:
        return RunState.UNKNOWN, "it left no result, and EMR has forgotten its cluster"
    if facts.never_reached_emr:
        return RunState.NEVER_STARTED, "it was prepared, but never reached EMR"
    return RunState.CANCELLING if facts.is_cancel_wanted else RunState.SUBMITTED, ""


def _as_step(facts: RunFacts, step: Step) -> RunState:
    """The state of a run whose step goes on, or has gone well."""
    if step.state is StepState.COMPLETED:
        return RunState.SUCCEEDED
    if facts.is_cancel_wanted or step.state is StepState.CANCEL_PENDING:
        return RunState.CANCELLING
    return RunState.PENDING if step.state is StepState.PENDING else RunState.RUNNING


def _died_with_its_cluster(facts: RunFacts) -> bool:
    """Whether the cluster's end was the cause, and the step's the effect."""
    step, cluster = facts.step, facts.cluster
    if cluster is None or cluster.state.is_live:
        return False
    if step is not None and step.state is StepState.FAILED:
        if cluster.reason_code not in _DIED_OF_ITSELF:
            return False  # the step may have ended the cluster, or somebody has much later
    elif cluster.reason_code == "ALL_STEPS_COMPLETED":
        return False
    if step is None or step.ended is None or cluster.ended is None:
        return True
    return cluster.ended - step.ended <= _CLUSTER_TAKES_DOWN_WITHIN


def _end_of_cluster(facts: RunFacts) -> str:
    cluster, name = facts.cluster, facts.submission.cluster
    if cluster is None or cluster.state.is_live:
        return f"cluster {name} was lost"
    code = f" ({cluster.reason_code})" if cluster.reason_code else ""
    ended = "failed" if cluster.state is ClusterState.TERMINATED_WITH_ERRORS else "was ended"
    return f"cluster {name} {ended}: {cluster.reason or 'EMR gave no reason'}{code}"


def _cancelled_by_somebody(facts: RunFacts) -> str:
    reason = facts.step.reason if facts.step else None
    return f"its step was cancelled{f': {reason}' if reason else ''}"


def _timeline(facts: RunFacts) -> RunTimeline:
    step, result = facts.step, facts.result
    return RunTimeline(
        submitted=facts.submission.created,
        accepted=step.created if step else None,
        step_started=step.started if step else None,
        job_started=result.job_started if result else None,
        job_ended=result.ended if result else None,
        step_ended=step.ended if step else None,
    )


def _versions(facts: RunFacts) -> dict[str, str]:
    release = {"emr": facts.submission.release} if facts.submission.release else {}
    found = facts.result.versions if facts.result else None
    return {**release, **(found or {})}


def _cost(facts: RunFacts) -> RunCost | None:
    hourly, held = facts.submission.hourly_cost, _held_for(facts)
    if hourly is None or held is None:
        return None
    hours = Decimal(max(int(held.total_seconds()), 0)) / 3600
    return RunCost(
        low=_to_dollars(hourly.low * hours),
        high=_to_dollars(hourly.high * hours),
        is_charged=facts.is_charged,
    )


def _to_dollars(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.0001"))


def _held_for(facts: RunFacts) -> timedelta | None:
    """How long a cluster was up for this run alone; of a shared one, how long it ran there."""
    step, cluster, result = facts.step, facts.cluster, facts.result
    ended = (step.ended if step else None) or (result.ended if result else None)
    began = (step.started if step else None) or (result.started if result else None)
    if facts.submission.is_transient and cluster is not None:
        began, ended = cluster.created, cluster.ended or ended
    return ended - began if began and ended else None
