"""Carry one effect out through the engine, and say what its failure means."""

import logging

from selfserve.local.control.events import (
    CancelStep,
    Effect,
    EngineFailed,
    Event,
    ResizeEngine,
    StartEngine,
    StartStep,
    StepExited,
    StopEngine,
)
from selfserve.local.control.ports import Engine
from selfserve.local.control.records import ClusterRecord, StepRecord

_log = logging.getLogger(__name__)


def carry_out(effect: Effect, cluster: ClusterRecord, engine: Engine) -> None:
    """Call the engine; `cluster` is the record of the moment of the decision."""
    match effect:
        case StartEngine():
            engine.start_cluster(cluster)
        case ResizeEngine(reason):
            if reason is not None:
                _log.info("%s scales to %s: %s", cluster.id, cluster.worker_count, reason)
            engine.resize_cluster(cluster)
        case StopEngine():
            engine.stop_cluster(cluster)
        case StartStep(step_id):
            engine.start_step(cluster, _step(cluster, step_id))
        case CancelStep(step_id, force):
            engine.cancel_step(cluster, _step(cluster, step_id), force=force)


def outcome_of_failure(effect: Effect, error: Exception) -> Event | None:
    """The event that follows when `carry_out` has raised; None if it changes nothing.

    A cluster that could not be stopped stays TERMINATING: its processes may
    still be there. Stopping is tried again when the daemon starts again.
    """
    match effect:
        case StartEngine() | ResizeEngine():
            return EngineFailed(f"The local engine failed: {error!r}.")
        case StartStep(step_id):
            return StepExited(step_id, None, f"The step could not be started: {error!r}.")
        case _:
            return None


def _step(cluster: ClusterRecord, step_id: str) -> StepRecord:
    step = cluster.step(step_id)
    if step is None:
        raise ValueError(f"{cluster.id} has no step {step_id}")
    return step
