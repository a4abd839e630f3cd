"""Small queries stay on this machine, all others go to a cluster that is opened for them."""

from dataclasses import dataclass, field, replace

import pytest

from selfserve.core.sql.engines import Engine
from selfserve.core.sql.problems import SqlError, UnsupportedHereError
from selfserve.core.sql.requests import SqlRequest
from selfserve.errors import AwsError, BadInputError, InterruptedByUserError
from selfserve.usecases.progress import Note, Progress
from selfserve.usecases.sql.roads.cluster_later import ClusterLater
from selfserve.usecases.sql.roads.laptop_first import LaptopFirst
from selfserve.usecases.sql.roads.ways import Way
from sql_ways import FACTS, FakeWay, estimate_of
from targets import make_target

QUERY = SqlRequest(text="select count(*) from films")

THERE = "Answered by Trino on adhoc-presto."


@dataclass
class House:
    """A laptop, and a cluster that is started for the first statement that needs it."""

    laptop: FakeWay = field(default_factory=lambda: FakeWay(replace(FACTS, answered_by="laptop")))
    cluster: FakeWay = field(default_factory=FakeWay)
    opened: int = 0
    said: list[Progress] = field(default_factory=list)

    def __post_init__(self) -> None:
        later = ClusterLater(make_target(), "trino", Engine.TRINO, self.open_cluster)
        self.road = LaptopFirst(self.laptop, later, most_bytes=1_000_000, report=self.said.append)

    def open_cluster(self) -> Way:
        self.opened += 1
        return self.cluster

    @property
    def notes(self) -> list[str]:
        return [said.text for said in self.said if isinstance(said, Note)]


@pytest.fixture
def house() -> House:
    return House()


@pytest.mark.parametrize("amount", [0, 999_999, 1_000_000])
def test_a_small_query_stays_here_and_it_is_said(house: House, amount: int) -> None:
    house.laptop.estimated = estimate_of(amount)

    assert house.road.chosen_for(QUERY) is house.laptop

    (note,) = house.notes
    assert note.startswith("Answered on this machine, by the embedded engine: it reads about ")
    assert note.endswith("and 1.0 MB may be.")
    assert house.opened == 0


def test_a_large_query_goes_to_the_cluster(house: House) -> None:
    house.laptop.estimated = estimate_of(1_000_001)

    assert house.road.chosen_for(QUERY) is house.cluster

    assert (house.opened, house.notes) == (1, [THERE])


@pytest.mark.parametrize(
    "error",
    [
        UnsupportedHereError("The embedded engine has no geometry.", hint="use a cluster"),
        AwsError("Not allowed while listing s3://b/films/", hint="ask"),
        BadInputError("s3://b/films/x is not a Parquet file.", hint="move it"),
    ],
)
def test_what_cannot_be_answered_here_goes_to_the_cluster_and_it_is_said_why(
    house: House, error: Exception
) -> None:
    house.laptop.estimated = error

    assert house.road.chosen_for(QUERY) is house.cluster

    assert house.notes == [f"Not answered on this machine: {error}", THERE]


@pytest.mark.parametrize(
    "error",
    [
        SqlError("Line 1, column 8: there is no column nme", hint="did you mean name?"),
        InterruptedByUserError("The query was cancelled.", hint="again"),
    ],
)
def test_what_is_wrong_or_not_wanted_starts_no_cluster(house: House, error: Exception) -> None:
    house.laptop.estimated = error

    with pytest.raises(type(error)) as raised:
        house.road.chosen_for(QUERY)

    assert raised.value is error
    assert (house.opened, house.notes) == (0, [])


@pytest.mark.parametrize(
    "text",
    [
        "insert into t select 1",
        "create table t as select 1 as x",
        "drop table t",
        "explain select 1",
        "set session x = 1",
    ],
)
def test_what_is_no_query_goes_to_the_cluster_unseen(house: House, text: str) -> None:
    assert house.road.chosen_for(SqlRequest(text=text)) is house.cluster

    assert house.laptop.estimates == []


@pytest.mark.parametrize("text", ["show tables", "SHOW SCHEMAS", "show tables from sales"])
def test_what_the_catalogue_answers_needs_no_cluster(house: House, text: str) -> None:
    assert house.road.chosen_for(SqlRequest(text=text)) is house.laptop

    assert (house.opened, house.laptop.estimates) == (0, [])


def test_what_only_the_engine_can_show_goes_to_the_cluster(house: House) -> None:
    assert house.road.chosen_for(SqlRequest(text="show functions")) is house.cluster


def test_a_statement_is_looked_at_once_however_often_its_way_is_asked_for(house: House) -> None:
    assert house.road.chosen_for(QUERY) is house.road.chosen_for(QUERY)

    assert (len(house.laptop.estimates), len(house.notes)) == (1, 1)
    house.road.chosen_for(replace(QUERY))  # typed once more, it may read more
    assert len(house.laptop.estimates) == 2


def test_one_cluster_serves_all_that_follows_and_both_are_closed(house: House) -> None:
    house.laptop.estimated = estimate_of(2_000_000)
    for _ in range(3):
        house.road.chosen_for(replace(QUERY))

    house.road.close()

    assert (house.opened, house.laptop.closed, house.cluster.closed) == (1, 1, 1)


def test_without_a_large_query_no_cluster_is_opened_to_be_closed(house: House) -> None:
    house.road.chosen_for(QUERY)

    house.road.close()

    assert (house.opened, house.laptop.closed, house.cluster.closed) == (0, 1, 0)
    assert house.road.facts.engine is Engine.TRINO


@pytest.mark.parametrize("amount", [1_000_000, 1_000_001])
def test_an_estimate_is_that_of_whoever_would_answer(house: House, amount: int) -> None:
    house.laptop.estimated = estimate_of(amount)
    house.road.chosen_for(QUERY)
    before = len(house.laptop.estimates)

    house.road.estimate(QUERY)

    assert len(house.laptop.estimates) == before + 1
    assert house.cluster.estimates == ([QUERY] if amount > 1_000_000 else [])
    assert house.road.facts.hourly_cost is None
