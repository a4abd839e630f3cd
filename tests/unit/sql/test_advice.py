"""Which engine fits a query: each rule, its borders, and its words."""

from datetime import timedelta
from itertools import combinations

import pytest

from selfserve.core.sql.advice.advice import Advice, advise
from selfserve.core.sql.advice.features import _PHRASES, FUNCTIONS, Feature, find_features
from selfserve.core.sql.advice.size import Limits, QuerySize, size_of
from selfserve.core.sql.engines import Engine
from selfserve.core.sql.estimates.estimate import Estimate, ScanEstimate
from selfserve.core.sql.estimates.plan import Scan
from selfserve.core.sql.problems import SqlError
from selfserve.core.sql.tables import Table

TRINO, PRESTO, HIVE, SPARK = Engine.TRINO, Engine.PRESTO, Engine.HIVE, Engine.SPARK
GB = 1_000_000_000
READ = "select a, count(*) from t join u on t.a = u.a group by a"
WRITE = "create table x as select * from t"
UNKNOWN = QuerySize()


def _size(read: float, *, tables: int = 2, smaller: float | None = None) -> QuerySize:
    join = None if smaller is None else int(smaller * GB)
    return QuerySize(bytes_read=int(read * GB), tables=tables, largest_join_bytes=join)


@pytest.mark.parametrize(
    ("text", "written_in", "size", "expected"),
    [
        pytest.param(
            "select map_agg(a, b) from t lateral view explode(c) d as b", TRINO, UNKNOWN,
            Advice(
                None,
                "map_agg is only in Trino and Presto, and LATERAL VIEW only in Hive and Spark SQL.",
                "Write LATERAL VIEW in another way for Trino and Presto, or map_agg for Hive and "
                "Spark SQL.",
            ),
            id="no-engine-has-all",
        ),
        pytest.param(
            "select array_sum(a) from t", TRINO, UNKNOWN,
            Advice(
                PRESTO,
                "Presto has array_sum, and Trino has not.",
                "Without array_sum, Trino would do: -c adhoc-presto.",
            ),
            id="presto-where-only-it-fits",
        ),
        pytest.param(
            "select last_day(a) from t", PRESTO, UNKNOWN,
            Advice(
                PRESTO,
                "Presto, Hive and Spark SQL have last_day, and Trino has not.",
                "Without last_day, Trino would do: -c adhoc-presto.",
            ),
            id="presto-where-it-is-at-home",
        ),
        pytest.param(
            "select explode(a) from t", TRINO, _size(0.1),
            Advice(
                SPARK,
                "only Hive and Spark SQL have explode.", "Hive would do as well.",
            ),
            id="batch-engines-only",
        ),
        pytest.param(
            "select collect_set(a), nvl(b, 1) from `t`", HIVE, UNKNOWN,
            Advice(
                HIVE,
                "only Hive and Spark SQL have collect_set, nvl and names in backticks.",
                "Spark SQL would do as well.",
            ),
            id="batch-engines-only-and-written-for-hive",
        ),
        pytest.param(
            "select to_json(a) from t", HIVE, UNKNOWN,
            Advice(
                SPARK,
                "only Spark SQL has to_json.", "Without to_json, another engine could do it, too.",
            ),
            id="spark-only",
        ),
        pytest.param(
            "select logged_in_user()", SPARK, UNKNOWN,
            Advice(
                HIVE,
                "only Hive has logged_in_user.",
                "Without logged_in_user, another engine could do it, too.",
            ),
            id="hive-only",
        ),
        pytest.param(
            WRITE, TRINO, _size(100, tables=1),
            Advice(
                SPARK,
                "it reads 100 GB of 1 table and writes the result; when a worker is lost, "
                "Spark SQL goes on and Trino fails.",
                "It is written for Trino; Spark SQL wants backticks around names, and calls some "
                "functions otherwise.",
            ),
            id="large-writes-must-survive",
        ),
        pytest.param(
            WRITE, HIVE, _size(100, tables=1),
            Advice(
                HIVE,
                "it reads 100 GB of 1 table and writes the result; when a worker is lost, Hive "
                "goes on and Trino fails.",
                "Trino is faster as long as nothing goes wrong.",
            ),
            id="large-writes-of-hive-stay-there",
        ),
        pytest.param(
            READ, SPARK, QuerySize(duration=timedelta(hours=1, minutes=5)),
            Advice(
                SPARK,
                "it may take 1h 5m; when a worker is lost, Spark SQL goes on and Trino fails.",
                "Trino is faster as long as nothing goes wrong.",
            ),
            id="long-work-must-survive",
        ),
        pytest.param(
            READ, SPARK, _size(500, smaller=40),
            Advice(
                SPARK,
                "the smaller side of a join is 40.0 GB, about 160 GB in memory; Trino has 120 GB "
                "for a query, and Spark SQL joins on disk.",
                "With a filter on that side, Trino could do it.",
            ),
            id="large-joins-need-disks",
        ),
        pytest.param(
            "select approx_distinct(a) from t", TRINO, _size(500),
            Advice(
                TRINO,
                "only Trino and Presto have approx_distinct.",
                "For work of more than 1h, take Spark SQL: it survives a lost worker.",
            ),
            id="interactive-engines-only",
        ),
        pytest.param(
            "select json_value(a, 'lax $.b') from t", TRINO, UNKNOWN,
            Advice(
                TRINO,
                "only Trino has json_value.",
                "How much it reads is not known. For work of more than 1h, take Spark SQL: it "
                "survives a lost worker.",
            ),
            id="trino-only-and-size-unknown",
        ),
        pytest.param(
            "insert into x select approx_distinct(a) from t", TRINO, _size(200),
            Advice(
                TRINO,
                "only Trino and Presto have approx_distinct.",
                "But it reads 200 GB of 2 tables and writes the result, and a lost worker fails "
                "all of it; Spark SQL would go on, without approx_distinct.",
            ),
            id="interactive-engines-only-and-heavy",
        ),
        pytest.param(
            READ, TRINO, _size(40),
            Advice(
                TRINO,
                "it reads 40.0 GB of 2 tables, and Trino answers that while you wait.",
                "For work of more than 1h, take Spark SQL: it survives a lost worker.",
            ),
            id="trino-answers-reads",
        ),
        pytest.param(
            WRITE, TRINO, _size(40),
            Advice(
                TRINO,
                "it reads 40.0 GB of 2 tables, and Trino does that soonest.",
                "For work of more than 100 GB or 1h, take Spark SQL: it survives a lost worker.",
            ),
            id="trino-writes-little",
        ),
        pytest.param(
            READ, TRINO, UNKNOWN,
            Advice(
                TRINO,
                "it only reads, needs nothing that Trino lacks, and Trino answers soonest.",
                "How much it reads is not known. For work of more than 1h, take Spark SQL: it "
                "survives a lost worker.",
            ),
            id="size-unknown",
        ),
        pytest.param(
            READ, HIVE, _size(40),
            Advice(
                TRINO,
                "it reads 40.0 GB of 2 tables, and Trino answers that while you wait.",
                "It is written for Hive; Trino wants double quotes around names, and calls some "
                "functions otherwise.",
            ),
            id="written-for-another",
        ),
    ],
)  # fmt: skip
def test_advice_on_a_cluster(
    text: str, written_in: Engine, size: QuerySize, expected: Advice
) -> None:
    assert advise(text, written_in, size) == expected


def test_what_is_small_is_answered_on_this_machine() -> None:
    assert advise(READ, TRINO, _size(0.012)) == Advice(
        TRINO,
        "it reads 12.0 MB of 2 tables, not more than 1.0 GB, and needs no cluster.",
        "Trino gives the same answer on a cluster: -c adhoc-presto.",
        on_laptop=True,
    )


@pytest.mark.parametrize(
    ("text", "size", "on_laptop"),
    [
        pytest.param(READ, _size(1), True, id="the-limit-is-small"),
        pytest.param(READ, _size(1.001), False, id="more-is-not"),
        pytest.param(READ, UNKNOWN, False, id="unknown-is-not"),
        pytest.param(WRITE, _size(0.1), False, id="writes-are-not"),
        pytest.param("select map_agg(a, b) from t", _size(0.1), True, id="with-trinos-functions"),
        pytest.param("select array_sum(a) from t", _size(0.1), False, id="not-with-prestos"),
        pytest.param("create view v as select 1", _size(0.1), True, id="a-view-computes-nothing"),
    ],
)
def test_what_is_small_enough(text: str, size: QuerySize, *, on_laptop: bool) -> None:
    assert advise(text, TRINO, size).on_laptop is on_laptop


@pytest.mark.parametrize(
    ("text", "size", "engine"),
    [
        pytest.param(WRITE, _size(99), TRINO, id="less-than-a-large-write"),
        pytest.param(READ, _size(5_000), TRINO, id="large-reads-are-trinos"),
        pytest.param(READ, QuerySize(duration=timedelta(minutes=59)), TRINO, id="not-yet-long"),
        pytest.param(READ, _size(500, smaller=30), TRINO, id="a-join-that-fits"),
        pytest.param(READ, _size(500, smaller=30.001), SPARK, id="a-join-that-does-not"),
        pytest.param(
            "select unnest(a) from t join u", _size(500, smaller=40), TRINO, id="cannot-be-sparks"
        ),
    ],
)
def test_where_large_begins(text: str, size: QuerySize, engine: Engine) -> None:
    assert advise(text, TRINO, size).engine is engine


def test_limits_can_be_set() -> None:
    limits = Limits(laptop_bytes=50 * GB)

    assert advise(READ, TRINO, _size(40), limits=limits).on_laptop


def test_a_script_needs_what_its_statements_need() -> None:
    assert advise("select 1; select collect_set(a) from t;", TRINO).engine is SPARK


def test_what_is_not_closed_is_marked() -> None:
    with pytest.raises(SqlError, match="this string is not closed"):
        advise("select 'a", TRINO)


@pytest.mark.parametrize(
    ("text", "engine", "expected"),
    [
        ("select MAP_AGG(a, b), map_agg (c, d) from t", TRINO, ["map_agg"]),
        ("select 'explode(a)' -- explode(b)\n/* explode(c) */", TRINO, []),
        ("select explode, t.explode(a) from t", TRINO, []),
        ("select * from t distribute by a", HIVE, ["DISTRIBUTE BY"]),
        ("select transform(a) using 'cat' as b from t", HIVE, ["TRANSFORM … USING"]),
        ("select transform(a, x -> x + 1) from t", TRINO, ["transform"]),
        ("create table t with (format = 'ORC') as select 1", TRINO, ["WITH (FORMAT"]),
        ("select from_unixtime(a, 'yyyy-MM-dd') from t", HIVE, ["from_unixtime with 'yyyy-MM-dd'"]),
        ("select from_unixtime(a, 'UTC') from t", TRINO, []),
        ("select date_format(f('yyyy'), '%Y-%m')", TRINO, ["date_format with '%Y-%m'"]),
        ("select `a` from t", TRINO, ["names in backticks"]),
    ],
)  # fmt: skip
def test_features_are_found_where_they_are_used(
    text: str, engine: Engine, expected: list[str]
) -> None:
    assert [feature.name for feature in find_features(text, engine)] == expected


def test_where_no_engine_has_all_there_are_two_features_that_no_engine_has_both() -> None:
    """The advice names two; three that only together exclude each other would leave it mute."""
    sets = {*FUNCTIONS.values(), *_PHRASES.values()}

    for one, two, three in combinations(sets, 3):
        pairs = (one & two, two & three, one & three)
        assert (one & two & three) or not all(pairs)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_of_the_table_gets_an_engine_that_has_it(name: str) -> None:
    text = f"values {name}(1)"

    assert find_features(text, TRINO) == (Feature(name, FUNCTIONS[name]),)
    assert advise(text, TRINO).engine in FUNCTIONS[name]


def _reading(name: str, size: int) -> ScanEstimate:
    table = Table(schema="s", name=name, columns=())
    scan = Scan(table=table, columns=(), paths=(), conditions=())
    return ScanEstimate(scan=scan, partitions=0, files=1, bytes=size, rows=None, measured_files=1)


@pytest.mark.parametrize(
    ("readings", "seconds", "expected"),
    [
        pytest.param([], None, QuerySize(bytes_read=0, tables=0), id="no-tables"),
        pytest.param(
            [_reading("a", 5)],
            90.0,
            QuerySize(bytes_read=5, tables=1, duration=timedelta(seconds=90)),
            id="one-table",
        ),
        pytest.param(
            [_reading("a", 5), _reading("b", 9), _reading("a", 7)],
            None,
            QuerySize(bytes_read=21, tables=2, largest_join_bytes=7),
            id="a-join",
        ),
    ],
)
def test_an_estimate_gives_the_size(
    readings: list[ScanEstimate], seconds: float | None, expected: QuerySize
) -> None:
    estimate = Estimate(
        scans=tuple(readings),
        bytes=sum(reading.bytes for reading in readings),
        rows=None,
        seconds_low=None,
        seconds_high=seconds,
        cost_low=None,
        cost_high=None,
        is_free=True,
        notes=(),
    )

    assert size_of(estimate) == expected
