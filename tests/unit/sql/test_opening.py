"""Which way leads to the engine that is meant; none is opened that is not needed."""

from datetime import timedelta
from pathlib import Path

import pytest

from selfserve.core.sql.engines import Engine
from selfserve.core.sql.requests import SqlRequest
from selfserve.errors import BadInputError, NotFoundError
from selfserve.usecases.profiles import ProfileBook
from selfserve.usecases.progress import quiet
from selfserve.usecases.sql.opening import Where, open_book, open_session
from selfserve.usecases.sql.roads.cluster_way import CoordinatorWay, StepWay
from selfserve.usecases.sql.roads.laptop_first import LaptopFirst
from selfserve.usecases.sql.running import SqlSession
from selfserve.usecases.up import up
from sql_ways import NO_ENGINE, PRESTO, TRINO
from targets import SMALL, FakeTargets, make_target, write_profiles

HIVE = SMALL.replace("spark: 3.5.6", "release: emr-7.10.0").replace("[Spark]", "[Hive]")

SELECT = SqlRequest(text="select 1")


class House:
    """Profiles of a folder, and an account without clusters."""

    def __init__(self, kind: str) -> None:
        self.targets = FakeTargets(make_target(kind=kind))

    def open(self, where: Where) -> SqlSession:
        return open_session(self.targets, where, report=quiet)

    @property
    def launched(self) -> list[str]:
        """The profiles that clusters were started from."""
        backend = self.targets.target.backend
        names = [cluster.name for cluster in backend.list_clusters()]
        return [name.profile for name in names if name is not None]


@pytest.fixture(autouse=True)
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SELFSERVE_CONFIG", str(tmp_path / "config.yaml"))
    monkeypatch.setenv("SELFSERVE_CACHE", str(tmp_path / "cache"))
    texts = {"trino": TRINO, "presto": PRESTO, "hive": HIVE, "nodes": NO_ENGINE}
    write_profiles(tmp_path / "cluster_profiles", **texts)


@pytest.fixture
def aws() -> House:
    return House("aws")


@pytest.mark.parametrize(
    ("profile", "engine", "way"),
    [
        ("trino", Engine.TRINO, CoordinatorWay),
        ("presto", Engine.PRESTO, CoordinatorWay),
        ("hive", Engine.HIVE, StepWay),
        ("small", Engine.SPARK, StepWay),
    ],
)
def test_on_aws_a_cluster_of_the_profile_is_started_when_a_statement_needs_it(
    aws: House, profile: str, engine: Engine, way: type
) -> None:
    session = aws.open(Where(cluster=profile))

    assert (session.road.facts.engine, session.road.facts.profile) == (engine, profile)
    assert aws.launched == []
    assert isinstance(session.road.chosen_for(SELECT), way)
    facts = session.road.facts
    assert (facts.engine, facts.cluster, facts.profile) == (engine, profile, profile)
    assert facts.answered_by == f"{engine.called} on {profile}"
    assert facts.hourly_cost is not None
    assert facts.hourly_cost > 0
    assert (session.owner, aws.launched) == ("ada", [profile])
    session.road.close()


def test_without_a_name_it_is_the_profile_for_ad_hoc_queries(aws: House) -> None:
    session = aws.open(Where())

    session.road.chosen_for(SELECT)
    session.road.chosen_for(SELECT)

    assert session.road.facts.engine is Engine.TRINO
    assert aws.launched == ["adhoc-presto"]


@pytest.mark.parametrize("profile", ["trino", "presto"])
def test_with_a_limit_for_the_laptop_no_cluster_is_started_yet(aws: House, profile: str) -> None:
    session = aws.open(Where(cluster=profile, laptop_bytes=10))

    assert isinstance(session.road, LaptopFirst)
    assert session.road.facts.profile == profile
    assert aws.launched == []
    session.road.close()


@pytest.mark.parametrize("profile", ["hive", "small"])
def test_the_laptop_does_not_stand_in_for_hive_or_spark(aws: House, profile: str) -> None:
    session = aws.open(Where(cluster=profile, laptop_bytes=10))

    assert isinstance(session.road.chosen_for(SELECT), StepWay)


def test_a_cluster_that_is_up_is_found_by_its_name_at_once(aws: House) -> None:
    aws.open(Where(cluster="trino")).road.chosen_for(SELECT)
    (cluster,) = aws.targets.target.backend.list_clusters()

    session = aws.open(Where(cluster=cluster.id))

    assert isinstance(session.road, CoordinatorWay)
    assert len(aws.launched) == 1


def test_a_cluster_with_the_profiles_name_and_another_engine_is_refused(
    aws: House, tmp_path: Path
) -> None:
    resolved = ProfileBook((("here", tmp_path / "cluster_profiles"),)).resolve("small")
    there = up(aws.targets.target, resolved, name="trino").cluster.id
    session = aws.open(Where(cluster="trino"))

    with pytest.raises(BadInputError, match="Cluster trino has Spark SQL, and the profile") as seen:
        session.road.chosen_for(SELECT)

    assert seen.value.hint == f"Name it by its id: selfserve sql -c {there} …"


def test_a_profile_without_an_engine_is_refused_and_nothing_started(aws: House) -> None:
    with pytest.raises(BadInputError, match="Nothing on clusters of nodes answers SQL"):
        aws.open(Where(cluster="nodes"))

    assert aws.launched == []


def test_a_profile_of_another_engine_than_is_wanted_is_not_started(aws: House) -> None:
    with pytest.raises(BadInputError, match="is for Hive, and here answers Trino"):
        aws.open(Where(cluster="trino", engine=Engine.HIVE))

    assert aws.launched == []


@pytest.mark.parametrize("kind", ["aws", "local"])
def test_a_name_that_nothing_has_is_not_found(kind: str) -> None:
    house = House(kind)

    with pytest.raises(NotFoundError, match="Neither a running cluster nor a profile is called"):
        house.open(Where(cluster="nothing"))

    assert house.launched == []


def test_on_this_machine_hive_and_spark_have_clusters_that_cost_nothing() -> None:
    house = House("local")

    session = house.open(Where(cluster="hive"))

    assert session.road.facts.hourly_cost == 0
    assert isinstance(session.road.chosen_for(SELECT), StepWay)
    assert session.road.facts.hourly_cost == 0
    assert house.launched == ["hive"]


def test_the_book_is_open_without_an_engine(aws: House) -> None:
    book, owner = open_book(aws.targets, None)

    assert owner == "ada"
    assert list(book.list(since=timedelta(days=1), now=None)) == []
    assert aws.launched == []


def test_on_this_machine_the_book_needs_no_endpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SELFSERVE_LOCAL_HOME", str(tmp_path / "home"))
    house = House("local")
    house.targets.is_running = False

    book, _ = open_book(house.targets, None)

    with pytest.raises(NotFoundError, match="You have run no query"):
        book.newest(owner="ada")
    assert not house.targets.is_running
