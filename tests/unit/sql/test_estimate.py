"""An estimate's totals, time and cost, its limit, and how it is shown."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from selfserve.core.instances import load_instances
from selfserve.core.run import HourlyCost
from selfserve.core.sql.engines import Engine
from selfserve.core.sql.estimates.estimate import ScanEstimate, to_estimate
from selfserve.core.sql.estimates.limit import check_max_bytes, parse_bytes
from selfserve.core.sql.estimates.pace import Pace
from selfserve.core.sql.estimates.plan import Scan
from selfserve.core.sql.estimates.view import HEADERS, to_json, to_rows, to_total
from selfserve.core.sql.tables import Partition, Table, TableColumn
from selfserve.errors import BadInputError, RefusedByPolicyError
from specs import SPEC

FILMS = Table(
    schema="lake",
    name="films",
    columns=(TableColumn("id", "bigint"), TableColumn("title", "varchar")),
)
VIEWS = replace(
    FILMS,
    name="views",
    partition_columns=(TableColumn("day", "date"),),
    partitions=tuple(Partition((f"2026-01-{day:02}",), "s3://lake/v") for day in range(1, 32)),
)
CLUSTER = Pace(Engine.TRINO, 8, 32, HourlyCost(Decimal(1), Decimal(5)))
HERE = Pace.of_this_machine(2)


def scan(table: Table = VIEWS, columns: tuple[str, ...] = ("id", "title")) -> ScanEstimate:
    return ScanEstimate(
        scan=Scan(table, columns, columns, ()),
        partitions=12 if table.partitions else 0,
        files=24,
        bytes=2_000_000_000,
        rows=6_000_000,
        measured_files=24,
    )


def test_readings_add_up() -> None:
    estimate = to_estimate([scan(), scan(FILMS)], HERE)

    assert (estimate.bytes, estimate.rows) == (4_000_000_000, 12_000_000)


def test_rows_are_unknown_where_one_table_does_not_tell() -> None:
    assert to_estimate([scan(), replace(scan(FILMS), rows=None)], HERE).rows is None


def test_time_and_cost_are_ranges_on_a_cluster() -> None:
    estimate = to_estimate([scan()], CLUSTER)

    assert estimate.seconds_low == pytest.approx(0.5 + 2e9 / (1e8 * 32))
    assert estimate.seconds_high == pytest.approx(5 + 2e9 / (1e7 * 8))
    assert estimate.cost_low == Decimal("0.0008")  # 3 s of the small cluster, or 1.1 s of the large
    assert estimate.cost_high == Decimal(
        "0.0156"
    )  # 11 s of the large one; 30 s of the small: 0.008


def test_nothing_is_paid_on_this_machine() -> None:
    estimate = to_estimate([scan()], HERE)

    assert estimate.is_free
    assert estimate.cost_low is None
    assert to_total(estimate) == (
        "Reads about 2.0 GB, 6.0 M rows; takes an estimated 4.1 s to 34 s, "
        "costs nothing on this machine."
    )


def test_reading_s3_from_here_takes_the_network_and_may_cost_what_leaves_aws() -> None:
    estimate = to_estimate([scan()], Pace.of_this_machine(2, from_s3=True))

    assert not estimate.is_free
    assert to_total(estimate) == (
        "Reads about 2.0 GB, 6.0 M rows; takes an estimated 16 s to 13m 21s, "
        "$0.0000 to $0.1800 for what leaves AWS."
    )


def test_time_and_cost_of_an_unknown_cluster_are_said_to_be_unknown() -> None:
    estimate = to_estimate([scan()], Pace(Engine.TRINO, None, None))

    assert to_total(estimate) == (
        "Reads about 2.0 GB, 6.0 M rows; how long it takes is not known, at a cost that is not "
        "known."
    )


def test_a_pace_counts_the_vcpus_of_core_and_task_nodes_from_least_to_most() -> None:
    pace = Pace.of_cluster(Engine.TRINO, SPEC, load_instances(), None)

    assert (pace.vcpus_low, pace.vcpus_high) == (16, 160)  # a unit is a vCPU in this one


def test_a_cluster_of_unknown_types_has_no_pace() -> None:
    nothing = replace(load_instances(), types={})

    assert Pace.of_cluster(Engine.TRINO, SPEC, nothing, None).vcpus_low is None


def test_each_reading_is_a_row_of_a_table() -> None:
    sampled = replace(scan(FILMS), measured_files=10, rows=None)

    rows = to_rows(to_estimate([scan(columns=("id",)), sampled], HERE))

    assert HEADERS == ("TABLE", "PARTITIONS", "FILES", "COLUMNS", "ROWS", "BYTES")
    assert rows == [
        ("lake.views", "12 of 31", "24", "1 of 2", "6,000,000", "2.0 GB"),
        ("lake.films", "-", "24", "2 of 2", "?", "~2.0 GB"),
    ]


def test_notes_name_the_table_once() -> None:
    doubtful = replace(
        scan(),
        measured_files=10,
        notes=("whole files.",),
        scan=replace(scan().scan, may_stop_early=True),
    )

    assert to_estimate([doubtful, doubtful], HERE).notes == (
        "lake.views: whole files.",
        "lake.views: estimated from 10 of 24 files.",
        "lake.views: with its LIMIT, the query may stop long before it has read all.",
    )


def test_machines_get_all_figures_as_json() -> None:
    found = json.loads(json.dumps(to_json(to_estimate([scan()], CLUSTER))))

    assert found["bytes"] == 2_000_000_000
    assert found["cost_usd"] == {"low": "0.0008", "high": "0.0156"}
    assert found["scans"] == [
        {
            "table": "lake.views",
            "format": "parquet",
            "partitions": 31,
            "partitions_read": 12,
            "files": 24,
            "files_measured": 24,
            "columns": 2,
            "columns_read": ["id", "title"],
            "fields_read": ["id", "title"],
            "rows": 6_000_000,
            "bytes": 2_000_000_000,
        }
    ]


def test_what_reads_no_more_than_allowed_is_let_through() -> None:
    check_max_bytes(to_estimate([scan()], HERE), 2_000_000_000)


def test_what_reads_more_than_allowed_is_refused_with_ways_to_read_less() -> None:
    with pytest.raises(RefusedByPolicyError) as refused:
        check_max_bytes(to_estimate([scan(), scan(FILMS)], HERE), 50_000_000)

    assert refused.value.exit_code == 7
    assert str(refused.value) == (
        "The query would read about 4.0 GB, more than the 50.0 MB that --max-bytes allows; "
        "2.0 GB of it is from lake.views."
    )
    assert refused.value.hint == (
        "Filter on day or select fewer columns, or allow it: selfserve sql … --max-bytes 4000MB"
    )


def test_a_table_that_can_only_be_read_whole_is_refused_with_the_limit_that_would_do() -> None:
    with pytest.raises(RefusedByPolicyError) as refused:
        check_max_bytes(to_estimate([scan(FILMS, columns=("id",))], HERE), 1)

    assert refused.value.hint == "Allow it: selfserve sql … --max-bytes 2000MB"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("50GB", 50_000_000_000),
        ("50 gb", 50_000_000_000),
        ("1.5TB", 1_500_000_000_000),
        ("500M", 500_000_000),
        ("2GiB", 2 * 1024**3),
        ("1kib", 1024),
        ("1000", 1000),
        ("7B", 7),
        ("0", 0),
    ],
)
def test_amounts_are_read_as_people_write_them(text: str, expected: int) -> None:
    assert parse_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "GB", "-5GB", "5 parsecs", "1e9", "5,000", "1.GB", "٣GB"])
def test_what_is_no_amount_of_bytes_is_refused(text: str) -> None:
    with pytest.raises(BadInputError, match="not an amount of bytes"):
        parse_bytes(text)
