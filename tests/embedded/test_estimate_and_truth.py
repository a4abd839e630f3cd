"""What is estimated from footers, beside the bytes that the engine asks a server for."""

from pathlib import Path

import pytest

from selfserve.embedded.footers import FOOTER_READ
from ten_queries import KNOWN_WHILE_IT_RUNS, QUERIES, Lake, make_lake


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return make_lake(tmp_path_factory.mktemp("lake") / "lake")


@pytest.mark.parametrize("sql", QUERIES.values(), ids=QUERIES.keys())
def test_the_estimate_is_within_a_tenth_of_what_is_read(
    sql: str, lake: Lake, tmp_path: Path
) -> None:
    expected = lake.estimate(sql).bytes

    read = lake.bytes_read(sql, tmp_path)

    assert expected == pytest.approx(read, rel=0.10)


@pytest.mark.parametrize("sql", KNOWN_WHILE_IT_RUNS.values(), ids=KNOWN_WHILE_IT_RUNS.keys())
def test_what_only_shows_while_it_runs_makes_the_estimate_an_upper_bound(
    sql: str, lake: Lake, tmp_path: Path
) -> None:
    estimate = lake.estimate(sql)

    footers_again = 3 * FOOTER_READ * len(estimate.scans)
    assert lake.bytes_read(sql, tmp_path) <= estimate.bytes + footers_again


def test_a_filter_on_partitions_is_seen_in_the_figures(lake: Lake) -> None:
    estimate = lake.estimate(QUERIES["TPC-H 6, over partitions by year"])

    (scan,) = estimate.scans
    assert (scan.partitions, scan.files) == (1, 1)
    assert scan.scan.columns == ("l_quantity", "l_extendedprice", "l_discount", "l_shipdate")


def test_minima_and_maxima_leave_out_row_groups(lake: Lake) -> None:
    estimate = lake.estimate(QUERIES["filter on the sorted key"])

    (scan,) = estimate.scans
    assert scan.rows is not None
    assert scan.rows < 150_000
