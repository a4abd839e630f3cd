"""What is said of a query before it runs, and when it is refused."""

from dataclasses import replace
from decimal import Decimal

import pytest

from selfserve.core.sql.requests import SqlRequest
from selfserve.errors import AwsError, InterruptedByUserError
from selfserve.usecases.sql.estimates.looking_ahead import LARGE_BYTES, look_ahead
from sql_ways import FACTS, FakeWay, estimate_of

QUERY = SqlRequest(text="select * from films")


@pytest.mark.parametrize(
    ("hourly", "amount", "is_said"),
    [
        (Decimal("7.20"), LARGE_BYTES + 1, True),
        (None, LARGE_BYTES + 1, True),
        (Decimal("7.20"), LARGE_BYTES, False),
        (Decimal(0), LARGE_BYTES + 1, False),
    ],
)
def test_only_what_reads_a_lot_where_that_costs_is_worth_a_line(
    hourly: Decimal | None, amount: int, *, is_said: bool
) -> None:
    way = FakeWay(replace(FACTS, hourly_cost=hourly), estimated=estimate_of(amount))

    said = look_ahead(way, QUERY, most_bytes=None)

    assert (said is not None) is is_said
    if said is not None:
        assert said.startswith("Reads about 100 GB; takes an estimated 10 s to 20 s, $0.02")


def test_where_all_files_are_little_none_is_looked_into() -> None:
    way = FakeWay(estimated=estimate_of(LARGE_BYTES // 2))  # of which the tables have twice

    assert look_ahead(way, QUERY, most_bytes=None) is None

    assert (way.bounds, way.estimates) == ([QUERY], [])


def test_what_cannot_be_estimated_is_the_engines_to_judge() -> None:
    way = FakeWay(estimated=AwsError("Not allowed while listing s3://b/", hint="ask"))

    assert look_ahead(way, QUERY, most_bytes=None) is None
    with pytest.raises(AwsError):  # nobody knows whether it is too large
        look_ahead(way, QUERY, most_bytes=10)


def test_ctrl_c_while_it_is_estimated_runs_nothing() -> None:
    way = FakeWay(estimated=InterruptedByUserError("The query was cancelled.", hint="again"))

    with pytest.raises(InterruptedByUserError):
        look_ahead(way, QUERY, most_bytes=None)


def test_an_estimate_within_the_limit_is_let_through_and_made_once() -> None:
    way = FakeWay(estimated=estimate_of(LARGE_BYTES + 1))

    assert look_ahead(way, QUERY, most_bytes=LARGE_BYTES + 1) is not None

    assert len(way.estimates) == 1
