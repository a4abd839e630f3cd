"""Which tables, columns and filters a statement's plan has; which partitions those leave."""

from dataclasses import replace
from datetime import date

import pytest

from selfserve.core.sql.estimates.plan import Scan
from selfserve.core.sql.tables import Partition, Table, TableColumn
from selfserve.embedded.partition_pruning import prune_partitions
from selfserve.embedded.scans import plan_scans
from selfserve.errors import SelfserveError

DAYS = ("2026-01-30", "2026-01-31", "2026-02-01", None, "not a day")
VIEWS = Table(
    schema="lake",
    name="views",
    columns=(
        TableColumn("id", "bigint"),
        TableColumn("order", "varchar(10)"),
        TableColumn("a.b", "double"),
        TableColumn("s", "row(x bigint, info row(mode varchar, size integer))"),
        TableColumn("tags", "array(varchar)"),
        TableColumn("strange", "hyperloglog"),
    ),
    partition_columns=(TableColumn("day", "date"), TableColumn("country", "varchar")),
    partitions=tuple(
        Partition((day, country), f"s3://lake/views/{day}/{country}")
        for day in DAYS
        for country in ("de", "fr")
    ),
)
FILMS = Table(
    schema="Other",
    name="films",
    columns=(TableColumn("id", "bigint"), TableColumn("title", "varchar")),
)


def scans(sql: str, *, repeats_shared: bool = True) -> tuple[Scan, ...]:
    return plan_scans(sql, [VIEWS, FILMS], repeats_shared=repeats_shared)


@pytest.mark.parametrize(
    ("select", "columns"),
    [
        ("count(*)", ()),
        ("sum(id)", ("id",)),
        ('"order", "a.b"', ("order", "a.b")),
        ("day, country", ()),
        ("*", ("id", "order", "a.b", "s", "tags", "strange")),
        ("count(tags)", ("tags",)),
    ],
)
def test_only_the_columns_that_are_used_are_read(select: str, columns: tuple[str, ...]) -> None:
    (scan,) = scans(f"SELECT {select} FROM lake.views")  # noqa: S608

    assert scan.columns == columns


@pytest.mark.parametrize(
    ("where", "columns"),
    [
        ('length("order") = 5', ("order",)),
        ("\"order\" = 'x'", ("order",)),
        ('sin("a.b") > 0.5', ("a.b",)),
        ('"a.b" + id > 0.5', ("id", "a.b")),
        ("s.x % 2 = 1", ("s",)),
        ("tags[1] = 'x'", ("tags",)),
        ("\"order\" = 'x\ny'", ("order",)),
    ],
)
def test_columns_are_read_that_only_stand_in_a_filter(where: str, columns: tuple[str, ...]) -> None:
    (scan,) = scans(f"SELECT count(*) FROM lake.views WHERE {where}")  # noqa: S608

    assert scan.columns == columns


def test_a_filter_reads_its_columns_too() -> None:
    (scan,) = scans('SELECT id FROM lake.views WHERE "order" LIKE \'%x%\' AND "a.b" > 5')

    assert scan.columns == ("id", "order", "a.b")
    assert scan.filtered == ("order", "a.b")


@pytest.mark.parametrize(
    ("sql", "paths"),
    [
        ("SELECT s.info.mode FROM lake.views", ("s.info.mode",)),
        ("SELECT s.x FROM lake.views WHERE s.info.size > 5", ("s.info.size", "s.x")),
        ("SELECT s.info FROM lake.views WHERE s.info.size > 5", ("s.info",)),
        ("SELECT s FROM lake.views WHERE s.x IS NULL", ("s",)),
    ],
)
def test_of_a_row_only_the_fields_that_are_used_are_read(sql: str, paths: tuple[str, ...]) -> None:
    (scan,) = scans(sql)

    assert scan.paths == paths
    assert scan.columns == ("s",)


def test_a_table_that_is_joined_with_itself_is_read_twice() -> None:
    found = scans("SELECT count(*) FROM lake.views a JOIN lake.views b ON a.id = b.id")

    assert [scan.table.name for scan in found] == ["views", "views"]


TWICE = """
    WITH w AS (SELECT id, sum(s.x) t FROM lake.views GROUP BY 1)
    SELECT * FROM w a, w b WHERE a.t = b.id
"""


def test_a_with_query_that_is_used_twice_is_read_twice_by_trino_and_once_here() -> None:
    assert len(scans(TWICE, repeats_shared=True)) == 2
    assert len(scans(TWICE, repeats_shared=False)) == 1


def test_joins_and_subqueries_are_found() -> None:
    found = scans(
        'SELECT title FROM "Other".films f WHERE EXISTS (SELECT 1 FROM lake.views v '
        "WHERE v.id = f.id AND country = 'de')"
    )

    assert sorted((scan.table.name, scan.columns) for scan in found) == [
        ("films", ("id", "title")),
        ("views", ("id",)),
    ]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT id FROM lake.views LIMIT 5", True),
        ("SELECT id + 1 FROM lake.views WHERE id > 3 LIMIT 5", True),
        ("SELECT sum(id) FROM lake.views LIMIT 5", False),
        ("SELECT id FROM lake.views ORDER BY id LIMIT 5", False),
        ("SELECT id FROM lake.views", False),
    ],
)
def test_a_plain_limit_may_stop_the_reading_early(sql: str, *, expected: bool) -> None:
    (scan,) = scans(sql)

    assert scan.may_stop_early is expected


def test_parameters_take_part_as_values() -> None:
    (scan,) = plan_scans(
        "SELECT id FROM lake.views WHERE day = $day", [VIEWS], {"day": date(2026, 1, 31)}
    )

    assert {one.values[0] for one in prune_partitions(scan).partitions} >= {"2026-01-31"}
    assert len(prune_partitions(scan).partitions) < len(VIEWS.partitions)


def test_a_statement_that_reads_no_table_has_no_scans() -> None:
    assert plan_scans("SELECT 1", []) == ()


def test_a_statement_that_cannot_be_planned_is_an_error_for_people() -> None:
    with pytest.raises(SelfserveError, match="nosuch"):
        scans("SELECT nosuch FROM lake.views")


def test_planning_can_reach_nothing_outside() -> None:
    with pytest.raises(SelfserveError):
        scans("SELECT * FROM read_csv('/etc/passwd')")


def left(where: str) -> list[tuple[str | None, ...]]:
    (scan,) = scans(f"SELECT count(*) FROM lake.views WHERE {where}")  # noqa: S608
    partitions = prune_partitions(scan).partitions
    return [one.values for one in partitions if one.values[0] != "not a day"]


JANUARY = [(day, country) for day in DAYS[:2] for country in ("de", "fr")]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("day = DATE '2026-01-31' AND country = 'de'", [("2026-01-31", "de")]),
        ("day < DATE '2026-02-01'", JANUARY),
        ("month(day) = 1", JANUARY),
        ("month(day) = 1 AND day <> DATE '2025-01-01'", JANUARY),
        ("day IN (DATE '2026-01-30', DATE '2026-01-31')", JANUARY),
        ("day BETWEEN DATE '2026-01-30' AND DATE '2026-01-31'", JANUARY),
        ("date_trunc('month', day) = DATE '2026-01-01'", JANUARY),
        ("day IS NULL", [(None, "de"), (None, "fr")]),
        ("day <> DATE '2026-02-01'", JANUARY),
        (
            "(day = DATE '2026-01-30' AND id = 1) OR (day = DATE '2026-01-31' AND id = 2)",
            JANUARY,
        ),
        ("concat(country, CAST(day AS VARCHAR)) = 'de2026-01-31'", [("2026-01-31", "de")]),
        ("country LIKE 'd%' AND day > DATE '2026-01-31'", [("2026-02-01", "de")]),
    ],
)
def test_filters_on_partition_columns_leave_out_partitions(
    where: str, expected: list[tuple[str | None, ...]]
) -> None:
    assert left(where) == expected


def test_a_partition_whose_value_is_not_of_its_type_is_kept() -> None:
    (scan,) = scans("SELECT count(*) FROM lake.views WHERE day = DATE '2026-01-31'")

    assert "not a day" in {one.values[0] for one in prune_partitions(scan).partitions}


@pytest.mark.parametrize("where", ["id = 5", "id = 5 OR country = 'de'", "length(country) > id"])
def test_a_filter_on_other_columns_leaves_all_partitions_and_says_so(where: str) -> None:
    (scan,) = scans(f"SELECT count(*) FROM lake.views WHERE {where}")  # noqa: S608

    survivors = prune_partitions(scan)

    assert survivors.partitions == VIEWS.partitions
    assert survivors.notes == ("all 10 partitions: no filter on day or country alone.",)


def test_a_filter_that_fails_on_some_value_leaves_all_partitions_and_says_so() -> None:
    (scan,) = scans("SELECT count(*) FROM lake.views WHERE CAST(country AS INTEGER) = 5")

    survivors = prune_partitions(scan)

    assert survivors.partitions == VIEWS.partitions
    assert survivors.notes == ("a filter on country leaves out no partition: not understood.",)


def test_a_table_may_have_columns_named_as_the_plan_names_its_own() -> None:
    table = replace(
        FILMS, columns=(TableColumn("t0", "bigint"), TableColumn("c1", "bigint")), schema="main"
    )

    (scan,) = plan_scans("SELECT t0 FROM main.films WHERE c1 % 2 = 1", [table])

    assert scan.columns == ("t0", "c1")
