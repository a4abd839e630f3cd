"""Let a run join a shared cluster that is up, or on its way, instead of starting one.

A slot is booked by holding the cluster's lease, so that of two who want the last one
only one comes. What makes a cluster fit is in `core.joining`.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from selfserve.core.cluster import ClusterState, ClusterSummary, StepState
from selfserve.core.joining import has_time_left, why_not
from selfserve.core.launch import LaunchSpec
from selfserve.core.lease import ACT_WITHIN, LEASE_TIME, is_ending
from selfserve.core.naming import ClusterName
from selfserve.core.run import is_run_id
from selfserve.core.slots import Slots
from selfserve.errors import AwsError, NotFoundError
from selfserve.usecases.launches.launching import read_intent
from selfserve.usecases.placement.leases import (
    BeingEndedError,
    Held,
    Version,
    read_lease,
    take_hold,
)
from selfserve.usecases.progress import Note, Progress, Report, quiet
from selfserve.usecases.targets.target import Target

_BEST_FIRST = (
    ClusterState.WAITING,
    ClusterState.RUNNING,
    ClusterState.BOOTSTRAPPING,
    ClusterState.STARTING,
)
_OPEN = tuple(state for state in StepState if not state.is_over)
_ONE_PAGE = 50  # of ListSteps

Ours = Sequence[tuple[ClusterName, ClusterSummary]]
"""What `list_ours` gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """A cluster that fits, as it is listed."""

    cluster_id: str
    state: ClusterState
    created: datetime
    spec: LaunchSpec

    @property
    def name(self) -> ClusterName:
        """Whose it is, and what they call it."""
        return self.spec.name


@dataclass(frozen=True, slots=True)
class Opening:
    """A cluster that fits, with at least one free slot when it was looked at."""

    shared: Shared
    slots: Slots
    lease: Version
    free: int


@dataclass(frozen=True, slots=True)
class Joined:
    """A cluster on which a slot is booked."""

    shared: Shared
    held: Held
    is_new: bool = False
    """Whether it was started for this run, and whoever else comes."""


def find_shared(
    target: Target,
    wanted: LaunchSpec,
    ours: Ours,
    *,
    but_not: Collection[str] = (),
    report: Report = quiet,
) -> Iterator[Shared]:
    """Clusters of the same profile that such a run may join, those that are up first.

    Asks S3 once for each; the clusters `but_not`, by id, are left out.
    Of a shared one that does not fit, `report` hears why.
    """
    best_first = sorted(ours, key=lambda one: _BEST_FIRST.index(one[1].state))
    for name, cluster in best_first:
        if name.profile != wanted.name.profile or is_run_id(name.name) or cluster.id in but_not:
            continue
        spec = read_spec(target, name.launch_id)
        if spec is None:
            continue
        obstacle = why_not(wanted, spec)
        if obstacle is None and not has_time_left(spec, cluster.created, target.clock.now()):
            obstacle = "is close to its maximum age"
        if obstacle is None:
            yield Shared(
                cluster_id=cluster.id, state=cluster.state, created=cluster.created, spec=spec
            )
        elif spec.shared:
            report(Note(_not_joined(spec, obstacle)))


def read_spec(target: Target, launch_id: str) -> LaunchSpec | None:
    """What a cluster was launched with; None without a record that this version reads."""
    try:
        return read_intent(target, launch_id)
    except ValueError:
        return None


def find_openings(
    target: Target, fitting: Iterable[Shared], *, report: Report, aside: Report = quiet
) -> Iterator[Opening]:
    """Those with a free slot, state by state, the emptiest first.

    EMR is asked of no more clusters than it takes to know which that is.
    `aside` hears which have no room.
    """
    for _, alike in groupby(fitting, key=lambda shared: shared.state):
        openings: list[Opening] = []
        for shared in sorted(alike, key=lambda shared: -shared.spec.step_concurrency):
            while openings and openings[0].free >= shared.spec.step_concurrency:
                yield openings.pop(0)
            if (opening := _look(target, shared, report, aside)) is not None:
                openings = sorted([*openings, opening], key=lambda opening: -opening.free)
        yield from openings


def join_best(
    target: Target,
    wanted: LaunchSpec,
    ours: Ours,
    run_id: str,
    *,
    but_not: Collection[str] = (),
    report: Report,
) -> Joined | None:
    """Book a slot on the best of `ours`; if there is none, tell why of each that is shared."""
    reasons: list[Progress] = []
    fitting = find_shared(target, wanted, ours, but_not=but_not, report=reasons.append)
    joined = join(target, fitting, run_id, report=report, aside=reasons.append)
    if joined is None:
        for reason in reasons:
            report(reason)
    return joined


def join(
    target: Target,
    fitting: Iterable[Shared],
    run_id: str,
    *,
    report: Report,
    aside: Report = quiet,
) -> Joined | None:
    """Book a slot for the run on the best of these clusters; None if all are taken."""
    for opening in find_openings(target, fitting, report=report, aside=aside):
        held = _book(target, opening, run_id)
        if held is not None:
            report(Note(_in_words(target, opening.shared)))
            return Joined(opening.shared, held)
    return None


def count_slots(target: Target, shared: Shared) -> Slots:
    """What EMR says of the cluster's steps; it is asked once if there are few.

    A cluster that has just been asked for is not asked: none of its steps is over, and
    whoever adds one has a lease that counts still.
    """
    seen = target.clock.now()
    steps = []
    is_new = seen - shared.created < LEASE_TIME - ACT_WITHIN
    if not (shared.state.is_starting and is_new):
        steps = target.backend.list_steps(shared.cluster_id, most=_ONE_PAGE)
    if len(steps) == _ONE_PAGE:
        newest = {step.id for step in steps}
        still_open = target.backend.list_steps(shared.cluster_id, states=_OPEN)
        steps += [step for step in still_open if step.id not in newest]
    return Slots.of_steps(steps, number=shared.spec.step_concurrency, seen=seen)


def _look(target: Target, shared: Shared, report: Report, aside: Report) -> Opening | None:
    try:
        # The lease after the steps: what is on its way between the two is in the lease.
        slots = count_slots(target, shared)
        lease = read_lease(target, shared.cluster_id)
    except (AwsError, NotFoundError) as error:
        report(Note(f"Cluster {shared.cluster_id} cannot be joined: {error}"))
        return None
    now = target.clock.now()
    free = slots.free(lease.lease, now)
    if is_ending(lease.lease, now):
        aside(Note(_not_joined(shared.spec, "is being ended")))
        return None
    if free < 1:
        aside(Note(_not_joined(shared.spec, f"is full: its slots, {slots.number}, are taken")))
        return None
    return Opening(shared, slots, lease, free)


def _book(target: Target, opening: Opening, run_id: str) -> Held | None:
    cluster_id, slots = opening.shared.cluster_id, opening.slots
    try:
        return take_hold(target, cluster_id, run_id, remembered=opening.lease, slots=slots)
    except BeingEndedError:
        return None


def _not_joined(spec: LaunchSpec, why: str) -> str:
    return f"{spec.name.name} is shared, but {why}."


def _in_words(target: Target, shared: Shared) -> str:
    owner = "yours" if shared.name.owner == target.user else f"owner {shared.name.owner}"
    what = f"Joining cluster {shared.name.name} ({shared.cluster_id}, {owner}"
    if shared.state.takes_steps:
        usually = target.pace.usually_ready.partition(";")[0]
        return f"{what}, warm): saves about {usually}."
    return f"{what}, {shared.state}): one cluster less, and a shorter wait."
