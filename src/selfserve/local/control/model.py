"""The life of a local cluster: `advance(cluster, event, now) -> cluster, effects`.

Pure and total: every event is defined in every state. What comes late or twice
changes nothing. States, reason codes and timelines are EMR's:

    STARTING → BOOTSTRAPPING → RUNNING ⇄ WAITING → TERMINATING → TERMINATED
                                                               ↘ TERMINATED_WITH_ERRORS

Any state before TERMINATING can lead there, and StopEngine is issued exactly on
that way. The cluster is gone when the engine says that its processes are.

Sources: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-overview.html
https://docs.aws.amazon.com/emr/latest/ManagementGuide/UsingEMR_TerminationProtection.html
https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-auto-termination-policy.html
"""

from dataclasses import replace
from datetime import datetime
from functools import singledispatch

from selfserve.core.cluster import ClusterState, StepState
from selfserve.local.control import capacity, model_steps, scaling
from selfserve.local.control.events import (
    CancelStep,
    CapacityRequested,
    Effect,
    EngineFailed,
    EngineProgress,
    EngineProvisioned,
    EngineReady,
    EngineStopped,
    Event,
    LoadSeen,
    ResizeEngine,
    SettingsChanged,
    StepExited,
    StepsAdded,
    StepsCancelRequested,
    StopEngine,
    TerminateRequested,
    Tick,
)
from selfserve.local.control.model_lifecycle import (
    BUSY_FOR,
    ERROR_CODES,
    Outcome,
    after_failure,
    settle,
    settle_resized,
    terminate,
    while_terminating,
    why_it_ends,
    with_settings,
)
from selfserve.local.control.records import ClusterRecord


def advance(cluster: ClusterRecord, event: Event, now: datetime) -> Outcome:
    """What `event` makes of `cluster`, and what must then be done, in this order.

    A clock that goes backwards does not turn timelines around.

    Raises:
        ValueError: a SettingsChanged names a field that is not a setting.
    """
    now = max(now, cluster.ready or cluster.created)
    if cluster.state.is_gone:
        return cluster, ()
    if cluster.state is ClusterState.TERMINATING:
        return while_terminating(cluster, event, now), ()
    return _on(event, cluster, now)


def effects_after_restart(cluster: ClusterRecord) -> tuple[Effect, ...]:
    """What may have been decided, but not done, when the process was killed.

    Each of these is harmless when it had been done. Steps and clusters that never
    started are reported by the engine, as those that died are.
    """
    if cluster.state is ClusterState.TERMINATING:
        return (StopEngine(),)
    if not cluster.state.takes_steps:
        return ()
    cancelling = (s.id for s in cluster.steps if s.state is StepState.CANCEL_PENDING)
    return (ResizeEngine(), *(CancelStep(step_id) for step_id in cancelling))


@singledispatch
def _on(event: object, cluster: ClusterRecord, now: datetime) -> Outcome:
    """Handle an event of a cluster that is starting or up; one function for each event."""
    raise TypeError(f"{event!r} of {cluster.id} at {now} is not an event")


@_on.register
def _progress(event: EngineProgress, cluster: ClusterRecord, now: datetime) -> Outcome:
    del now
    if not cluster.state.is_starting:
        return cluster, ()
    return replace(cluster, reason=event.message), ()


@_on.register
def _provisioned(event: EngineProvisioned, cluster: ClusterRecord, now: datetime) -> Outcome:
    del event, now
    if cluster.state is not ClusterState.STARTING:
        return cluster, ()
    return replace(cluster, state=ClusterState.BOOTSTRAPPING, reason="Starting Spark."), ()


@_on.register
def _ready(event: EngineReady, cluster: ClusterRecord, now: datetime) -> Outcome:
    del event
    if not cluster.state.is_starting:
        return cluster, ()
    resized = any(i.ended or i.created != cluster.created for i in cluster.instances)
    instances = tuple(
        i if i.ended else replace(i, ready=max(now, i.created)) for i in cluster.instances
    )
    up = replace(cluster, state=ClusterState.WAITING, ready=now, instances=instances)
    settled, effects = settle(up, now)
    # The engine started with the size of that moment.
    return settled, (ResizeEngine(), *effects) if resized else effects


@_on.register
def _failed(event: EngineFailed, cluster: ClusterRecord, now: datetime) -> Outcome:
    code = event.code if event.code in ERROR_CODES else "INTERNAL_ERROR"
    return terminate(cluster, code, event.message, now)


@_on.register
def _stopped(event: EngineStopped, cluster: ClusterRecord, now: datetime) -> Outcome:
    """Nobody asked for it: the same as a failure, with its own StopEngine to make sure."""
    del event
    return terminate(cluster, "INTERNAL_ERROR", "The cluster's processes ended by themselves.", now)


@_on.register
def _added(event: StepsAdded, cluster: ClusterRecord, now: datetime) -> Outcome:
    known = {step.id for step in cluster.steps}
    new = tuple(s for s in event.steps if s.id not in known and s.state is StepState.PENDING)
    if not new:
        return cluster, ()
    return settle(replace(cluster, steps=cluster.steps + new), now)


@_on.register
def _exited(event: StepExited, cluster: ClusterRecord, now: datetime) -> Outcome:
    step = cluster.step(event.step_id)
    if step is None or step.state not in model_steps.ACTIVE:
        return cluster, ()
    over = model_steps.finish(step, event.exit_code, event.message, now)
    cluster = replace(cluster, steps=model_steps.put(cluster.steps, over))
    if over.state is StepState.FAILED:
        return after_failure(cluster, over, now)
    return settle(cluster, now)


@_on.register
def _cancel(event: StepsCancelRequested, cluster: ClusterRecord, now: datetime) -> Outcome:
    # EMR's escalation: a step that does not heed SIGTERM can be cancelled again, by force.
    signalled = (
        {StepState.RUNNING, StepState.CANCEL_PENDING} if event.force else {StepState.RUNNING}
    )
    signals = tuple(
        CancelStep(step.id, event.force)
        for step in cluster.steps
        if step.id in event.step_ids and step.state in signalled
    )
    why = "Cancelled by user request."
    steps = model_steps.cancel_pending(cluster.steps, why, now, only=event.step_ids)
    steps = model_steps.request_cancel(steps, event.step_ids)
    if steps == cluster.steps:
        return cluster, signals
    settled, effects = settle(replace(cluster, steps=steps), now)
    return settled, (*signals, *effects)


@_on.register
def _terminate_requested(
    event: TerminateRequested, cluster: ClusterRecord, now: datetime
) -> Outcome:
    del event
    return terminate(cluster, "USER_REQUEST", "Terminated by user request.", now)


@_on.register
def _settings(event: SettingsChanged, cluster: ClusterRecord, now: datetime) -> Outcome:
    changed = with_settings(cluster, event)
    if changed == cluster:
        return cluster, ()
    if changed.idle_timeout_s != cluster.idle_timeout_s and changed.idle_since:
        changed = replace(changed, idle_since=now)  # a new policy does not act on the past
    return settle_resized(cluster, capacity.fill(changed, now), now)


@_on.register
def _capacity(event: CapacityRequested, cluster: ClusterRecord, now: datetime) -> Outcome:
    return settle_resized(cluster, capacity.resize(cluster, event, now), now)


@_on.register
def _load(event: LoadSeen, cluster: ClusterRecord, now: datetime) -> Outcome:
    """Managed scaling between its limits."""
    scaled, reason = scaling.scale(cluster, event.load, now)
    if scaled.worker_count == cluster.worker_count:
        return cluster, ()
    return scaled, (ResizeEngine(reason),)


@_on.register
def _tick(event: Tick, cluster: ClusterRecord, now: datetime) -> Outcome:
    """Auto-termination by EMR's own rule, and the end at an age that max-age.sh makes there.

    EMR's YARN applications are our running steps. A protected cluster is left alone:
    protection is there against every end that is not the regular one after the last
    step. (EMR's guides do not say.)
    """
    busy_at = None if event.busy_at is None else min(event.busy_at, now)
    if cluster.idle_since is not None and busy_at is not None and busy_at > cluster.idle_since:
        cluster = replace(cluster, idle_since=busy_at)
    if cluster.idle_since is None or cluster.protected:
        return cluster, ()
    if busy_at is not None and now - busy_at < BUSY_FOR:
        return cluster, ()
    end = why_it_ends(cluster, cluster.idle_since, now)
    return (cluster, ()) if end is None else terminate(cluster, *end, now)
