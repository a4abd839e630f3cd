"""One schedule: a plan, and a seed for all that the plan leaves open; what came of it."""

import traceback
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

from schedules.actors import Actors
from schedules.chance import Chance, Draw, simplest
from schedules.house import House, product
from schedules.laws import GIVES_WAY, broken_laws
from schedules.plans import TURMOIL, Old, Plan, Visit
from schedules.process import PERIOD, Weather
from schedules.timeline import at
from selfserve.core.launch import StepSpec
from selfserve.core.launch_json import spec_to_json
from selfserve.core.naming import claim_key, launch_key
from selfserve.usecases.launches.claims import Claim
from selfserve.usecases.placement.destination import Joining

LONGEST_IDLE_MINUTES = 30  # whatever may be idle for longer stays in every schedule
START = 420.0  # seconds that a cluster takes to start


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a schedule."""

    broken: tuple[str, ...]
    """Laws that were broken, in words."""
    trace: tuple[str, ...]
    draws: tuple[Draw, ...]


def run_schedule(
    plan: Plan, seed: int, *, kind: Collection[Draw] = (), traced: bool = False
) -> Outcome:
    """Let one schedule happen."""
    chance = Chance(seed, kind)
    house = House(plan.kind, plan.weather, chance, traced=traced)
    actors = Actors(house)
    house.emr.names_are_unique = not plan.weather.trouble
    with product(house, seed):
        for number, old in enumerate(plan.old):
            _place(house, old, f"20261120-{number:06x}")
        for number, visit in enumerate(plan.visits):
            _arrange(actors, visit, f"{visit.what}-{number}")
        for machine in range(plan.sweepers):
            for number in range(1, int(TURMOIL // PERIOD) + 1):
                actors.sweep(PERIOD * number, f"sweep-{machine}-{number}")
        _let_pass(house, actors, plan)
        broken = broken_laws(plan, actors)
    return Outcome(tuple(broken), tuple(house.trace or ()), tuple(chance.draws()))


def explain(plan: Plan, seed: int) -> str:
    """The simplest schedule found that breaks a law as this one does, event by event."""
    first = run_schedule(plan, seed)

    def fails(kind: frozenset[Draw]) -> bool:
        return bool(run_schedule(plan, seed, kind=kind).broken)

    kind = simplest(list(first.draws), fails)
    found = run_schedule(plan, seed, kind=kind, traced=True)
    broken = found.broken or ("It has not happened again. The first time:", *first.broken)
    return "\n".join((f"{plan!r}\nseed {seed}", *found.trace, *broken))


def _let_pass(house: House, actors: Actors, plan: Plan) -> None:
    """Turmoil, then fair sweeps, until everything that is idle has ended if the laws hold."""
    fair = Weather(listing_lag=plan.weather.listing_lag, step_lag=plan.weather.step_lag)
    rest = max((visit.lasts for visit in plan.visits), default=0.0)
    rest += 60.0 * min(plan.kind.idle_minutes, LONGEST_IDLE_MINUTES) + GIVES_WAY
    number, end = int(TURMOIL // PERIOD) + 1, TURMOIL + rest
    try:
        house.timeline.run(TURMOIL)
        while PERIOD * number <= end:
            actors.sweep(PERIOD * number, f"sweep-0-{number}", weather=fair)
            number += 1
            house.timeline.run(PERIOD * number - 1)
            end = max(end, actors.quiet_since(TURMOIL) + rest)
    except Exception:  # noqa: BLE001  a bug of the product, to be shrunk like any other
        house.emr.violate(traceback.format_exc())


def _place(house: House, old: Old, launch_id: str) -> None:
    spec = house.spec(old.owner, old.name, launch_id)
    claim = Claim(launch_id, at(-old.age - START))
    house.bucket.write(launch_key(launch_id), spec_to_json(spec).encode())
    house.bucket.write(claim_key("eu-west-1", "main", old.owner, old.name), claim.to_json())
    cluster = house.emr.place(spec, created=-old.age - START, ready=-old.age)
    cluster.protected = old.protected
    if old.busy_for:
        steps = [StepSpec(name="of old", args=("true",))]
        house.emr.add_steps(cluster.id, steps, by="before", lasts=old.busy_for)


def _arrange(actors: Actors, visit: Visit, name: str) -> None:
    time, user, cluster = visit.time, visit.user, visit.cluster
    if visit.what == "launch":
        actors.launch(time, name, user=user, cluster=cluster)
    elif visit.what == "submit":
        actors.submit(time, name, user=user, cluster=cluster, lasts=visit.lasts)
    elif visit.what in {"join", "join-or-start"}:
        joining = Joining.IF_POSSIBLE if visit.what == "join" else Joining.ALWAYS
        actors.join(time, name, user=user, lasts=visit.lasts, joining=joining)
    elif visit.what == "down":
        actors.end(time, name, user=user, cluster=cluster)
    elif visit.what == "protect":
        actors.house.timeline.at(time, partial(actors.house.emr.protect, user, cluster))
    else:
        raise ValueError(visit.what)
