"""Which cluster a statement goes to, and which one is started if there is none."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from fakes import AT_ONCE, LIKE_EMR, FakeBackend, MemoryStore
from selfserve.core.cluster import Cluster, ClusterState
from selfserve.core.naming import TAG_SHARED
from selfserve.core.sql.engines import Engine
from selfserve.errors import BadInputError, ClusterFailedError, NotFoundError
from selfserve.usecases.profiles import ProfileBook
from selfserve.usecases.progress import Note, Progress, quiet
from selfserve.usecases.sql.roads.live_cluster import LiveCluster, find_or_start
from selfserve.usecases.targets.target import Target
from selfserve.usecases.up import up
from sql_ways import NO_ENGINE, TRINO
from targets import make_target, write_profiles


class House:
    """Two users of one account, with profiles of their own folder."""

    def __init__(self, profiles: ProfileBook, kind: str = "aws") -> None:
        self.profiles = profiles
        self.backend = FakeBackend()
        self.store = MemoryStore()
        self.ada, self.bob = (self._target(kind, user) for user in ("ada", "bob"))
        self.said: list[Progress] = []

    def start(self, target: Target, profile: str, *, name: str = "", shared: bool = False) -> str:
        resolved = self.profiles.resolve(profile)
        done = up(target, resolved, name=name or profile, wait=False)
        if shared:
            self.tag(done.cluster.id)
        return done.cluster.id

    def tag(self, cluster_id: str) -> None:
        """As `up --shared` does."""
        cluster = self.backend._find(cluster_id)
        cluster.seen = replace(cluster.seen, tags={**cluster.seen.tags, TAG_SHARED: "true"})

    def find(self, wanted: str, *, is_profile: bool = True) -> LiveCluster:
        return find_or_start(self.ada, wanted, is_profile=is_profile, report=self.said.append)

    @property
    def notes(self) -> list[str]:
        return [said.text for said in self.said if isinstance(said, Note)]

    def _target(self, kind: str, user: str) -> Target:
        return make_target(
            kind=kind, user=user, clock=self.backend.clock, backend=self.backend, store=self.store
        )


@pytest.fixture
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProfileBook:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SELFSERVE_CONFIG", str(tmp_path / "config.yaml"))
    return write_profiles(tmp_path / "cluster_profiles", trino=TRINO, nodes=NO_ENGINE)


@pytest.fixture
def house(profiles: ProfileBook) -> House:
    return House(profiles)


def test_a_cluster_of_ones_own_is_found_by_its_name(house: House) -> None:
    there = house.start(house.ada, "trino", name="mine")

    live = house.find("mine", is_profile=False)

    assert (live.cluster.id, live.name, live.engine) == (there, "mine", Engine.TRINO)
    assert house.notes == []


def test_anybodys_cluster_is_found_by_its_id(house: House) -> None:
    there = house.start(house.bob, "small")

    live = house.find(there, is_profile=False)

    assert (live.cluster.id, live.engine) == (there, Engine.SPARK)


def test_a_shared_cluster_of_the_profile_serves_others(house: House) -> None:
    house.start(house.bob, "small", shared=True)
    there = house.start(house.bob, "trino", name="bobs", shared=True)

    live = house.find("trino")

    assert (live.cluster.id, live.name) == (there, "bobs")
    assert len(house.backend.launched) == 2


def test_a_cluster_that_is_not_shared_serves_its_owner_only(house: House) -> None:
    theirs = house.start(house.bob, "trino")

    live = house.find("trino")

    assert live.cluster.id != theirs
    assert live.cluster.name is not None
    assert live.cluster.name.owner == "ada"


def test_ones_own_comes_before_a_shared_one(house: House) -> None:
    mine = house.start(house.ada, "trino")
    house.start(house.bob, "trino", shared=True)

    assert house.find("trino").cluster.id == mine


def test_one_is_started_under_the_profiles_name_and_its_price_is_said(house: House) -> None:
    live = house.find("trino")

    (spec,) = house.backend.launched
    assert (spec.name.name, spec.name.profile, spec.name.owner) == ("trino", "trino", "ada")
    assert (live.name, live.engine) == ("trino", Engine.TRINO)
    assert live.cluster.state.takes_steps
    first = house.notes[0]
    assert first.startswith("No cluster trino is up on aws: starting one ($")
    assert first.endswith(
        " an hour), which stays for your next statements and ends 1h after the last."
    )
    assert live.hourly_cost is not None
    assert f"${live.hourly_cost:.2f} an hour" in first


def test_on_this_machine_nothing_is_said_of_money(profiles: ProfileBook) -> None:
    house = House(profiles, kind="local")

    live = house.find("trino")

    assert live.hourly_cost == Decimal(0)
    assert "$" not in house.notes[0]


@pytest.mark.parametrize("state", [ClusterState.TERMINATING, ClusterState.TERMINATED])
def test_a_cluster_that_ends_is_not_used(house: House, state: ClusterState) -> None:
    old = house.start(house.ada, "trino")
    house.backend.move(old, state)

    assert house.find("trino").cluster.id != old


@pytest.mark.parametrize("shared", [False, True])
def test_a_cluster_that_begins_to_end_after_it_was_listed_is_not_used(
    house: House, monkeypatch: pytest.MonkeyPatch, *, shared: bool
) -> None:
    old = house.start(house.bob if shared else house.ada, "trino", name="old", shared=shared)
    seen: Sequence[object] = house.backend.list_clusters()
    assert seen
    describe = house.backend.describe

    def end_and_describe(cluster_id: str) -> Cluster:
        house.backend.move(old, ClusterState.TERMINATING)
        return describe(cluster_id)

    with monkeypatch.context() as patched:
        patched.setattr(house.backend, "describe", end_and_describe)
        with pytest.raises(NotFoundError):
            house.find("trino" if shared else "old", is_profile=False)


def test_a_cluster_that_starts_is_waited_for_whatever_its_profile(house: House) -> None:
    house.backend.arrival = LIKE_EMR
    there = house.start(house.ada, "trino", name="mine")

    live = house.find("mine", is_profile=False)

    assert (live.cluster.id, live.cluster.state) == (there, ClusterState.WAITING)
    assert len(house.backend.launched) == 1


def test_a_cluster_that_fails_while_it_starts_is_said_to(house: House) -> None:
    starting = [ClusterState.STARTING] * 4  # one for each look until it is waited for
    house.backend.arrival = (*starting, ClusterState.TERMINATED_WITH_ERRORS)
    there = house.start(house.ada, "trino", name="mine")

    with pytest.raises(ClusterFailedError, match=there):
        house.find("mine", is_profile=False)


def test_a_name_that_nothing_has_is_not_found(house: House) -> None:
    house.start(house.bob, "trino", name="bobs")

    with pytest.raises(NotFoundError, match=r"^Neither a running cluster nor a profile is called"):
        house.find("bobs", is_profile=False)

    assert len(house.backend.launched) == 1


def test_a_cluster_without_an_engine_for_sql_says_what_it_has(house: House) -> None:
    house.backend.arrival = AT_ONCE
    house.start(house.ada, "nodes", name="mine")

    with pytest.raises(BadInputError, match="answers SQL; it has Hadoop") as raised:
        find_or_start(house.ada, "mine", is_profile=False, report=quiet)
    assert "adhoc-presto" in raised.value.hint
