"""Where a local cluster goes next: it runs, waits, terminates or is gone.

Pure. The moves that `model.py`'s events have in common.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from selfserve.core.cluster import ClusterState
from selfserve.core.durations import to_words
from selfserve.local.control import model_steps
from selfserve.local.control.events import (
    Effect,
    EngineStopped,
    Event,
    ResizeEngine,
    SettingsChanged,
    StartStep,
    StepExited,
    StopEngine,
)
from selfserve.local.control.records import ClusterRecord, StepRecord

Outcome = tuple[ClusterRecord, tuple[Effect, ...]]

SETTABLE = frozenset(
    {"tags", "protected", "keep_alive", "step_concurrency", "idle_timeout_s", "scaling"}
)
"""Fields that a SettingsChanged may carry."""

BUSY_FOR = timedelta(minutes=5)
"""How long a touch of isbusy counts."""

_FINE_CODES = frozenset({"USER_REQUEST", "ALL_STEPS_COMPLETED"})
ERROR_CODES = frozenset(
    {
        "INTERNAL_ERROR",
        "VALIDATION_ERROR",
        "INSTANCE_FAILURE",
        "INSTANCE_FLEET_TIMEOUT",
        "BOOTSTRAP_FAILURE",
        "STEP_FAILURE",
    }
)


def settle(cluster: ClusterRecord, now: datetime) -> Outcome:
    """Start the steps that may run, then say whether the cluster runs, waits or ends."""
    if not cluster.state.takes_steps:
        return cluster, ()
    steps, starting = model_steps.start_pending(cluster.steps, cluster.step_concurrency, now)
    if model_steps.active_count(steps):
        running = replace(
            cluster,
            state=ClusterState.RUNNING,
            reason="Running step.",
            steps=steps,
            idle_since=None,
        )
        return running, tuple(StartStep(step_id) for step_id in starting)
    if not cluster.keep_alive:
        return terminate(cluster, "ALL_STEPS_COMPLETED", "Steps completed.", now)
    if cluster.state is ClusterState.WAITING and cluster.idle_since:
        return cluster, ()
    reason = _why_waiting(cluster)
    return replace(cluster, state=ClusterState.WAITING, reason=reason, idle_since=now), ()


def settle_resized(before: ClusterRecord, after: ClusterRecord, now: datetime) -> Outcome:
    """Settle; the engine of a cluster that is up is told of a new size first."""
    settled, effects = settle(after, now)
    resized = before.worker_count != after.worker_count and settled.state.takes_steps
    return settled, (ResizeEngine(), *effects) if resized else effects


def after_failure(cluster: ClusterRecord, failed: StepRecord, now: datetime) -> Outcome:
    """Do what the step's ActionOnFailure says; `cluster` already has the failed step.

    With several steps at a time EMR lets ActionOnFailure do nothing.
    """
    if failed.action_on_failure == "CONTINUE" or cluster.step_concurrency > 1:
        return settle(cluster, now)
    why = f"Cancelled because step {failed.name} failed."
    cluster = replace(cluster, steps=model_steps.cancel_pending(cluster.steps, why, now))
    held = cluster.protected and cluster.keep_alive
    if failed.action_on_failure == "CANCEL_AND_WAIT" or held:
        return settle(cluster, now)
    return terminate(cluster, "STEP_FAILURE", "Shut down as step failed.", now)


def terminate(cluster: ClusterRecord, code: str, why: str, now: datetime) -> Outcome:
    """Set out on the way to the end; running steps end when their processes do."""
    steps = model_steps.cancel_pending(cluster.steps, "The cluster was terminated.", now)
    terminating = replace(
        cluster,
        state=ClusterState.TERMINATING,
        reason_code=code,
        reason=why,
        steps=steps,
        idle_since=None,
    )
    return terminating, (StopEngine(),)


def why_it_ends(
    cluster: ClusterRecord, idle_since: datetime, now: datetime
) -> tuple[str, str] | None:
    """Reason code and sentence for a cluster whose idleness or age is over its limit.

    EMR has no reason codes for either. ALL_STEPS_COMPLETED is the one that is true of
    auto-termination; what max-age.sh calls, TerminateJobFlows, leaves USER_REQUEST.
    """
    timeout_s = cluster.idle_timeout_s
    if timeout_s is not None and now - idle_since >= timedelta(seconds=timeout_s):
        why = f"Terminated after {timeout_s} seconds idle, as its auto-termination policy asks."
        return "ALL_STEPS_COMPLETED", why
    limit = None if cluster.max_age_s is None else timedelta(seconds=cluster.max_age_s)
    if limit is not None and now - cluster.created >= limit:
        why = f"Terminated at its maximum age of {to_words(limit)}, when no step was running."
        return "USER_REQUEST", why
    return None


def while_terminating(cluster: ClusterRecord, event: Event, now: datetime) -> ClusterRecord:
    """Only the end is still to come; settings can be changed until then."""
    match event:
        case EngineStopped():
            return _gone(cluster, now)
        case StepExited(step_id, exit_code):
            step = cluster.step(step_id)
            if step is None or step.state not in model_steps.ACTIVE:
                return cluster
            interrupted = model_steps.interrupt(step, exit_code, now)
            return replace(cluster, steps=model_steps.put(cluster.steps, interrupted))
        case SettingsChanged():
            return with_settings(cluster, event)
        case _:
            return cluster


def _gone(cluster: ClusterRecord, now: datetime) -> ClusterRecord:
    fine = cluster.reason_code in _FINE_CODES
    return replace(
        cluster,
        state=ClusterState.TERMINATED if fine else ClusterState.TERMINATED_WITH_ERRORS,
        ended=now,
        steps=model_steps.interrupt_active(cluster.steps, now),
        instances=tuple(
            i if i.ended else replace(i, ended=max(now, i.ready or i.created))
            for i in cluster.instances
        ),
    )


def with_settings(cluster: ClusterRecord, event: SettingsChanged) -> ClusterRecord:
    """The cluster with these settings.

    Raises:
        ValueError: one of them is not a setting.
    """
    if not event.changes.keys() <= SETTABLE:
        unknown = sorted(event.changes.keys() - SETTABLE)
        raise ValueError(f"not settings of a cluster: {', '.join(unknown)}")
    return replace(cluster, **event.changes)


def _why_waiting(cluster: ClusterRecord) -> str:
    """EMR's own sentence."""
    over = [step for step in cluster.steps if step.ended is not None]
    if not over:
        return "Cluster ready to run steps."
    last = max(over, key=lambda step: step.ended or step.created)
    return f"Cluster ready after last step {last.state.lower()}."
