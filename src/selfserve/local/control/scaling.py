"""How many Workers a local cluster should have: EMR's managed scaling, by EMR's own signals.

Pure. On EMR, containers that YARN cannot place make a cluster grow, and nodes
without containers make it shrink; here they are executors of the standalone
Master. EMR decides every few minutes, since an instance takes some to come; a
Worker is up in seconds, so this machine decides at every look.

Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/managed-scaling-metrics.html
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from selfserve.core.cluster import StepState
from selfserve.local.control import capacity
from selfserve.local.control.load import Load, WorkerSeen
from selfserve.local.control.records import ClusterRecord

IDLE_TIME = timedelta(seconds=30)
"""How long a Worker has had no executor before it goes.

Longer than the next step's driver takes to ask for its first executor, so that
Workers do not go and come between two steps; short, because a Worker that is
missed is back within seconds. Spark keeps an idle executor for a minute before that.
"""


@dataclass(frozen=True, slots=True)
class Limits:
    """Managed scaling's limits, in Workers."""

    minimum: int
    maximum: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many Workers, and why."""

    workers: int
    reason: str


def limits_of(cluster: ClusterRecord) -> Limits | None:
    """The cluster's limits; None without a policy, and for limits in vCPUs."""
    units = capacity.unit_limits(cluster.scaling)
    weight = capacity.growth_weight(cluster.groups)
    if units is None or weight is None:
        return None
    room = max(0, units[1] - capacity.worker_units(cluster.groups)) // weight
    return Limits(max(1, -(-units[0] // weight)), cluster.worker_count + room)


def most_workers(cluster: ClusterRecord) -> int:
    """How many Workers the cluster may come to have."""
    limits = limits_of(cluster)
    return limits.maximum if limits else cluster.worker_count


def decide_size(
    load: Load, limits: Limits, now: datetime, *, current: int, steps_wait: bool = False
) -> Wanted:
    """How many Workers there should be, when there are meant to be `current`.

    With `steps_wait`, a step comes as soon as another has ended: its Workers stay.
    """
    if len(load.workers) < min(current, load.room):
        return Wanted(current, "Workers are still starting.")
    if load.waiting:
        grown = min(current + load.waiting, limits.maximum, load.room)
        if grown <= current:
            return Wanted(current, "Executors wait, and there may be no more Workers.")
        return Wanted(grown, "Executors wait for a Worker with room.")
    if steps_wait:
        return Wanted(current, "A step waits for its turn.")
    idle = sum(_is_idle(worker, now) for worker in load.workers)
    # Fewer Workers than instances: this machine does not carry one for each. Those without
    # go with the last of the others.
    spare = current if idle == len(load.workers) else idle
    smaller = max(current - spare, limits.minimum)
    if smaller >= current:
        return Wanted(current, "Nothing waits, and nothing is to spare.")
    return Wanted(smaller, f"Workers without executors for {IDLE_TIME.seconds} s.")


def scale(cluster: ClusterRecord, load: Load, now: datetime) -> tuple[ClusterRecord, str]:
    """The cluster with the instances that its load asks for, and why."""
    limits = limits_of(cluster)
    if limits is None or not cluster.state.takes_steps:
        return cluster, "Nothing scales it."
    steps_wait = any(step.state is StepState.PENDING for step in cluster.steps)
    current = cluster.worker_count
    wanted = decide_size(load, limits, now, current=current, steps_wait=steps_wait)
    return capacity.with_workers(cluster, wanted.workers, now), wanted.reason


def _is_idle(worker: WorkerSeen, now: datetime) -> bool:
    return worker.idle_since is not None and now - worker.idle_since >= IDLE_TIME
