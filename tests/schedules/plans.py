"""The coarse plan of a schedule: who comes when, to what, in what weather.

Hypothesis draws plans, and makes those that fail simpler. They come in families, each of
which looks for trouble in one place.
"""

from dataclasses import dataclass

from hypothesis import strategies as st

from schedules.house import Kind
from schedules.process import PERIOD, TROUBLES, Weather

TURMOIL = 3600.0
"""Until then people come, and sweeps go wrong."""
USERS = ("ada", "bob")
NAMES = ("a", "b", "c")


@dataclass(frozen=True, slots=True)
class Old:
    """A cluster that is there at the beginning."""

    owner: str
    name: str
    age: float
    """Seconds since it became ready."""
    busy_for: float = 0.0
    """Seconds that a step on it still takes; 0: it is idle."""
    protected: bool = False


@dataclass(frozen=True, slots=True)
class Visit:
    """A command of a user, or (`protect`) what EMR's console does for one."""

    what: str
    time: float
    user: str
    cluster: str
    lasts: float = 300.0


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is not left to a seed."""

    kind: Kind
    weather: Weather
    old: tuple[Old, ...]
    visits: tuple[Visit, ...]
    sweepers: int
    """Machines that sweep, each every period, at the same time."""


def _times() -> st.SearchStrategy[float]:
    """Most come while a sweep is under way, others at any time."""
    during = st.builds(
        lambda number, after: PERIOD * number + after,
        st.integers(1, int(TURMOIL // PERIOD) - 1),
        st.integers(-40, 60).map(lambda tenths: tenths / 10),
    )
    return st.one_of(during, during, st.integers(0, int(TURMOIL) - 1).map(float))


WEATHERS = st.one_of(
    st.just(Weather()),
    st.builds(
        Weather,
        trouble=st.sampled_from((0.0, 0.02, 0.1, 0.3)),
        troubles=st.one_of(
            st.just(TROUBLES),
            st.lists(st.sampled_from(TROUBLES), min_size=1, max_size=3, unique=True).map(tuple),
        ),
        listing_lag=st.sampled_from((0.0, 5.0, 120.0)),
        step_lag=st.sampled_from((0.0, 5.0, 45.0)),
        hour_off=st.booleans(),
    ),
)
SHARED = st.sampled_from((True,))
KINDS = st.builds(
    Kind,
    idle_minutes=st.sampled_from((20, 10, 720)),
    max_age_minutes=st.sampled_from((1440, 1440, 60)),
    concurrency=st.sampled_from((1, 2)),
    shared=SHARED,
)
OLD = st.builds(
    Old,
    owner=st.sampled_from(USERS),
    name=st.sampled_from(NAMES),
    age=st.sampled_from((100.0, 700.0, 4000.0)),
    busy_for=st.sampled_from((0.0, 0.0, 1.0, 590.0, 1300.0)),
    protected=st.sampled_from((False, False, False, True)),
)


def _visits(users: tuple[str, ...], names: tuple[str, ...]) -> st.SearchStrategy[Visit]:
    return st.builds(
        Visit,
        what=st.sampled_from(
            ("submit", "submit", "join", "join-or-start", "launch", "down", "protect")
        ),
        time=_times(),
        user=st.sampled_from(users),
        cluster=st.sampled_from(names),
        lasts=st.sampled_from((1.0, 120.0, 1500.0)),
    )


CROWDS = st.lists(st.sampled_from((4000.0, 4001.0)), min_size=6, max_size=12).map(
    lambda ages: tuple(Old("eve", f"crowd-{i}", age) for i, age in enumerate(ages))
)
"""More idle clusters than may be ended at once."""
ANY = st.builds(
    Plan,
    kind=KINDS,
    weather=WEATHERS,
    old=st.lists(OLD, max_size=3, unique_by=lambda old: (old.owner, old.name)).map(tuple),
    visits=st.lists(_visits(USERS, NAMES), max_size=6).map(tuple),
    sweepers=st.integers(1, 3),
)
CONTENDED = st.builds(
    Plan,
    kind=st.builds(Kind, idle_minutes=st.sampled_from((20, 10)), shared=SHARED),
    weather=WEATHERS,
    old=st.sampled_from((100.0, 700.0, 4000.0)).map(lambda age: (Old("ada", "a", age),)),
    visits=st.lists(_visits(("ada",), ("a",)), min_size=1, max_size=6).map(tuple),
    sweepers=st.integers(1, 3),
)
"""Everybody wants one cluster, the sweeps included."""
CROWDED = st.builds(
    Plan,
    kind=st.just(Kind()),
    weather=WEATHERS,
    old=CROWDS,
    visits=st.lists(_visits(("eve",), ("crowd-0", "crowd-1")), max_size=3).map(tuple),
    sweepers=st.integers(1, 3),
)


def _submits(times: st.SearchStrategy[float]) -> st.SearchStrategy[tuple[Visit, ...]]:
    visit = st.builds(
        Visit,
        what=st.just("submit"),
        time=times,
        user=st.just("ada"),
        cluster=st.just("a"),
        lasts=st.sampled_from((120.0, 1500.0)),
    )
    return st.lists(visit, min_size=1, max_size=3).map(tuple)


def _weathers(*troubles: str) -> st.SearchStrategy[Weather]:
    return st.builds(
        Weather,
        trouble=st.sampled_from((0.1, 0.3)),
        troubles=st.just(troubles),
        step_lag=st.sampled_from((0.0, 45.0)),
    )


RUSHED = st.builds(
    Plan,
    kind=st.just(Kind(shared=True)),
    weather=st.one_of(st.just(Weather()), WEATHERS),
    old=st.just((Old("ada", "a", 4000.0),)),
    visits=_submits(st.integers(-5, 35).map(lambda tenths: 2 * PERIOD + tenths / 10)),
    sweepers=st.integers(1, 2),
)
"""Jobs arrive while the sweep that ends their cluster is under way."""
STALLED = st.builds(
    Plan,
    kind=st.just(Kind(shared=True)),
    weather=st.one_of(_weathers("pause"), _weathers("pause", "slow"), _weathers("pause", "die")),
    old=st.just((Old("ada", "a", 4000.0),)),
    visits=_submits(st.one_of(st.integers(0, 599), st.integers(1800, 2399)).map(float)),
    sweepers=st.integers(1, 2),
)
"""Machines sleep in the middle of what they do."""
SLEEPY = st.builds(
    Plan,
    kind=st.just(Kind(shared=True)),
    weather=st.just(Weather(trouble=0.5, troubles=("doze",), only="swap selfserve/leases")),
    old=st.just((Old("ada", "a", 4000.0),)),
    visits=st.integers(0, 590).map(
        lambda time: (Visit("submit", float(time), "ada", "a", 1500.0),)
    ),
    sweepers=st.just(1),
)
"""Whoever submits falls asleep with the lease in hand, and wakes when the sweep comes."""
NAMED = st.builds(
    Plan,
    kind=st.builds(Kind, idle_minutes=st.sampled_from((20, 720))),
    weather=st.one_of(st.just(Weather(listing_lag=120.0)), _weathers("lost"), WEATHERS),
    old=st.just(()),
    visits=st.lists(
        st.builds(
            Visit,
            what=st.sampled_from(("launch", "launch", "launch", "submit")),
            time=st.integers(0, 30).map(lambda tenths: tenths / 10),
            user=st.just("ada"),
            cluster=st.just("a"),
        ),
        min_size=2,
        max_size=5,
    ).map(tuple),
    sweepers=st.just(1),
)
"""Several launch one name at once."""
JOINED = st.builds(
    Plan,
    kind=st.builds(Kind, concurrency=st.sampled_from((1, 2, 3)), shared=SHARED),
    weather=st.one_of(st.just(Weather(listing_lag=120.0, step_lag=45.0)), WEATHERS),
    old=st.sampled_from(((), (Old("bob", "b", 700.0),), (Old("bob", "b", 4000.0),))),
    visits=st.lists(
        st.builds(
            Visit,
            what=st.sampled_from(("join", "join-or-start", "join-or-start", "submit")),
            time=st.integers(-10, 30).map(lambda tenths: 2 * PERIOD + tenths / 10),
            user=st.sampled_from(USERS),
            cluster=st.just("b"),
            lasts=st.sampled_from((120.0, 1500.0)),
        ),
        min_size=2,
        max_size=7,
    ).map(tuple),
    sweepers=st.integers(1, 2),
)
"""Many want a slot of a cluster that many share, at the moment when it may end."""
OVERTAKEN = st.builds(
    Plan,
    kind=st.just(Kind()),
    weather=st.one_of(_weathers("pause", "slow"), _weathers("stall"), _weathers("slow", "lost")),
    old=st.just(()),
    visits=st.builds(
        lambda launches, submits: (*launches, *submits),
        st.lists(st.just(Visit("launch", 1.0, "ada", "a")), min_size=2, max_size=3),
        _submits(st.integers(10, 3000).map(float)),
    ),
    sweepers=st.just(1),
)
"""A launch that was overtaken ends its own cluster, to which somebody may have submitted."""
FAMILIES = {
    "overtaken": OVERTAKEN,
    "any": ANY,
    "contended": CONTENDED,
    "crowded": CROWDED,
    "rushed": RUSHED,
    "stalled": STALLED,
    "sleepy": SLEEPY,
    "named": NAMED,
    "joined": JOINED,
}
