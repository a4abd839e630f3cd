"""What must be true of every schedule, whatever has happened in it.

Some laws are checked where they would be broken (`truth.py`): no work is ended that
nobody asked to end, no slot is given twice, and in fair weather no name is either.
"""

from collections.abc import Iterator, Mapping

from schedules.actors import Actors, Attempt
from schedules.bucket import BEAT_PERIOD
from schedules.plans import TURMOIL, Plan
from schedules.process import PERIOD
from schedules.truth import TrueCluster
from selfserve.core.run import Placement, run_id_of_step
from selfserve.errors import AwsError

SWEEP_LASTS = 60.0  # a sweep in fair weather
GIVES_WAY = 2400.0
"""Seconds by which trouble may put the end of a cluster off, once the trouble is over: for
the lease of a sweep or submitter that died, and two more looks."""
MOST_ENDED = 5
STAYS = 600  # minutes of idleness that no schedule lasts
EARLY = 6.0  # what the clocks may be off


def broken_laws(plan: Plan, actors: Actors) -> list[str]:
    """Those that were broken, in words."""
    emr = actors.house.emr
    return [
        *(f"at {one.time:.1f}: {one.what}" for one in emr.violations),
        *_lost_or_doubled_runs(actors),
        *_left_running(plan, actors),
        *_ended_too_early(plan, actors),
        *_ended_too_many(plan, actors),
        *_not_one_each(plan, actors),
    ]


def _lost_or_doubled_runs(actors: Actors) -> Iterator[str]:
    """Each run that was submitted has one step, unless its submitter says otherwise."""
    places: dict[str, list[Placement]] = {}
    for cluster in actors.house.emr.clusters.values():
        for step in cluster.steps:
            run_id = run_id_of_step(step.name)
            if run_id is not None:
                places.setdefault(run_id, []).append(Placement(cluster.id, step.id))
    for run_id, found in places.items():
        if len(found) > 1:
            yield f"run {run_id} has {len(found)} steps: {found}"
    for attempt in actors.attempts:
        yield from _untruths(attempt, places)


def _untruths(attempt: Attempt, places: Mapping[str, list[Placement]]) -> Iterator[str]:
    name = attempt.process.name
    if attempt.run is not None and places.get(attempt.run.id) != [attempt.run.placement]:
        yield f"{name} says {attempt.run.placement}; true is {places.get(attempt.run.id)}"
    if attempt.error is not None and not isinstance(attempt.error, AwsError):
        for run_id in attempt.run_ids:
            if run_id in places:
                yield f"{name} says {attempt.error!r}, yet its run {run_id} has a step"


def _left_running(plan: Plan, actors: Actors) -> Iterator[str]:
    """What is idle for its limit ends within one period, or soon after the trouble is over."""
    now, quiet = actors.house.timeline.now, actors.quiet_since(TURMOIL)
    for cluster in actors.house.emr.clusters.values():
        due = due_to_end(plan, cluster)
        by_sweep = cluster.ended_by is not None and cluster.ended_by.startswith("sweep")
        if due is None or cluster.protected or not (by_sweep or cluster.ended_by is None):
            continue
        if len(plan.old) <= MOST_ENDED and not plan.weather.trouble:
            latest = max(due, PERIOD) + patience(plan)
        else:
            latest = max(due, quiet) + GIVES_WAY + 2 * PERIOD * (len(plan.old) // MOST_ENDED)
        ended = cluster.ended_at
        if (now if ended is None else ended) > latest:
            yield f"{cluster.id} was due to end at {due:.0f}; " + (
                "it still runs" if ended is None else f"it ended {ended - due:.0f} s later"
            )


def patience(plan: Plan) -> float:
    """Seconds after which an idle cluster is ended in fair weather, once it is due.

    One period, from when the cluster's probe can have told that it is idle; two where
    listings are late, and where it is too old already when its work is over.
    """
    late = plan.weather.listing_lag or plan.weather.step_lag
    looks = 2 if late or plan.kind.max_age_minutes < 24 * 60 else 1
    return looks * PERIOD + SWEEP_LASTS + BEAT_PERIOD


def due_to_end(plan: Plan, cluster: TrueCluster) -> float | None:
    """When a cluster that is idle, or was when it ended, may be ended; None if it never was."""
    since = cluster.idle_since
    if since is None:
        return None
    of_age = cluster.created + 60.0 * plan.kind.max_age_minutes
    return max(min(since + 60.0 * plan.kind.idle_minutes, of_age), since)


def _ended_too_early(plan: Plan, actors: Actors) -> Iterator[str]:
    """No sweep ends what is not due, unless another cluster has its name."""
    clusters = list(actors.house.emr.clusters.values())
    for cluster in clusters:
        due = due_to_end(plan, cluster)
        if cluster.ended_by is None or not cluster.ended_by.startswith("sweep") or due is None:
            continue
        if any(other.whose == cluster.whose and other is not cluster for other in clusters):
            continue
        if cluster.protected:
            yield f"{cluster.id} was protected, and has ended"
        ended = cluster.ended_at
        if ended is not None and ended < due - EARLY:
            yield f"{cluster.id} was due to end at {due:.0f} and ended {due - ended:.0f} s before"


def _ended_too_many(plan: Plan, actors: Actors) -> Iterator[str]:
    """No more than the cap in a period, over all machines.

    It counts when an end is intended; one that trouble puts off may come with the next.
    """
    most = MOST_ENDED * (2 if plan.weather.trouble else 1)
    times = [time for time, _, by in actors.house.emr.endings if by.startswith("sweep")]
    window = PERIOD - SWEEP_LASTS
    for number, first in enumerate(times):
        count = sum(first <= time < first + window for time in times[number:])
        if count > most:
            yield f"{count} clusters ended from {first:.0f} to {first + window:.0f}"
            return


def _not_one_each(plan: Plan, actors: Actors) -> Iterator[str]:
    """Of those that were launched to stay, each name has one cluster in the end."""
    if min(plan.kind.idle_minutes, plan.kind.max_age_minutes) < STAYS:
        return
    clusters = [one for one in actors.house.emr.clusters.values() if one.spec.keep_alive]
    downed = {one.whose for one in clusters if (one.ended_by or "").startswith("down")}
    live = [one.whose for one in clusters if one.ended_by is None]
    for whose in sorted(set(live)):
        if live.count(whose) > 1:
            yield f"{whose} has {live.count(whose)} clusters in the end"
    for attempt in actors.attempts:
        if attempt.launched is not None and attempt.launched.spec is not None:
            name = attempt.launched.spec.name
            if (name.owner, name.name) not in {*live, *downed}:
                yield f"{attempt.process.name} has a cluster no more, and nobody has ended it"
