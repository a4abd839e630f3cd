"""Add a run's step to a live cluster: under a lease, and once only.

AddJobFlowSteps is never asked twice for one run unless EMR has certainly refused it:
when its answer is lost, the step is looked for by the run's id, with which its name
begins.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from selfserve.core.launch import StepSpec
from selfserve.core.run import Placement, Submission
from selfserve.core.slots import Slots
from selfserve.errors import AwsError, NotFoundError, OutcomeUnknownError, SelfserveError
from selfserve.usecases.placement.leases import (
    BeingEndedError,
    Held,
    Version,
    let_go,
    may_act,
    take_hold,
)
from selfserve.usecases.progress import Report, Waiting
from selfserve.usecases.records.runs import find_step_of_run
from selfserve.usecases.targets.target import Target

_STEP_APPEARS_WITHIN = timedelta(minutes=2)
_MOST_TAKES = 3  # each that is too slow has lasted longer than `ACT_WITHIN`


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What a run has in hand when it comes to a live cluster."""

    remembered: Version | None = None
    """The cluster's lease as this machine has last written it."""
    held: Held | None = None
    """The lease, if the run has it already."""
    count_slots: Callable[[], Slots] | None = None
    """For a run that comes only if a slot is free; the others wait for their turn."""
    is_last: bool = False
    """Whether the cluster was started for this run: one that it does not take, no other will."""


@dataclass(frozen=True, slots=True)
class Added:
    """The step is EMR's now."""

    placement: Placement
    lease: Version


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """The cluster does not take the run; EMR has certainly not got it."""

    cluster_id: str
    error: SelfserveError


def add_step(
    target: Target, cluster_id: str, submission: Submission, step: StepSpec, *, ticket: Ticket,
    report: Report,
) -> Added | TurnedAway:  # fmt: skip
    """Take the lease, if the ticket is not one already, and add the run's step.

    The lease is not given back: it counts until the step is listed, or is over by itself.

    Raises:
        BadInputError: EMR would refuse the step on any cluster.
        OutcomeUnknownError: EMR's answer was lost, and the step has not appeared.
    """
    try:
        held = _hold(target, cluster_id, submission.run_id, ticket)
    except BeingEndedError as error:
        return TurnedAway(cluster_id, error)
    if held is None:
        return TurnedAway(cluster_id, _full(cluster_id))
    try:
        step_id = target.backend.add_steps(cluster_id, [step])[0]
    except OutcomeUnknownError as unknown:
        step_id = _look_after_lost_answer(target, cluster_id, submission.run_id, unknown, report)
    except SelfserveError as error:
        let_go(target, held)
        if isinstance(error, (AwsError, NotFoundError)):
            return TurnedAway(cluster_id, error)
        raise
    return Added(Placement(cluster_id, step_id), held.version)


def _hold(target: Target, cluster_id: str, run_id: str, ticket: Ticket) -> Held | None:
    """A lease to act on at once. None: there is no slot any more."""
    held = ticket.held
    if held is not None and may_act(target, held):
        return held
    for _ in range(_MOST_TAKES):
        slots = ticket.count_slots() if ticket.count_slots else None
        remembered = held.version if held else ticket.remembered
        held = take_hold(target, cluster_id, run_id, remembered=remembered, slots=slots)
        if held is None or may_act(target, held):
            return held
    raise AwsError(
        f"S3 takes so long to answer that no step can safely be added to {cluster_id}.",
        hint="Check the network, then run the same command again.",
    )


def _full(cluster_id: str) -> SelfserveError:
    return NotFoundError(
        f"Cluster {cluster_id} has no free slot any more.", hint="Submit the job again."
    )


def _look_after_lost_answer(
    target: Target, cluster_id: str, run_id: str, unknown: OutcomeUnknownError, report: Report
) -> str:
    try:
        found = look_for_step(target, cluster_id, run_id, report)
    except AwsError:
        found = None  # so nobody knows, as the first error says
    if found is None:
        raise unknown
    return found


def find_own_step(target: Target, cluster_id: str, run_id: str, report: Report) -> Placement:
    """Where a run is whose own cluster was launched with its step.

    Raises:
        AwsError: EMR does not list the step, so that nothing can follow the run.
    """
    try:
        step_id = look_for_step(target, cluster_id, run_id, report)
    except AwsError as error:
        raise _out_of_sight(cluster_id, run_id, str(error)) from error
    if step_id is None:
        raise _out_of_sight(cluster_id, run_id, "EMR does not list it")
    return Placement(cluster_id, step_id)


def _out_of_sight(cluster_id: str, run_id: str, why: str) -> AwsError:
    return AwsError(
        f"Cluster {cluster_id} was launched for run {run_id}, but its step is not known: {why}",
        hint=f"Do not submit it again; look at its cluster: selfserve status {cluster_id}",
    )


def look_for_step(target: Target, cluster_id: str, run_id: str, report: Report) -> str | None:
    """Wait until EMR lists the run's step: it does so soon after it has accepted it."""
    started = target.clock.now()
    for pause in target.pace.steps():
        step = find_step_of_run(target, cluster_id, run_id)
        if step is not None:
            return step.id
        if target.clock.now() - started > _STEP_APPEARS_WITHIN:
            return None
        report(Waiting(f"EMR to list run {run_id}", since=started))
        target.clock.sleep(pause)
    raise AssertionError("a pace has no end")
