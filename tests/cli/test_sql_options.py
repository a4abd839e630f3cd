"""Options of `selfserve sql`, and what they make of a way that costs money."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import Result

from fakes import MemoryStore
from selfserve.core.sql.engines import Engine
from selfserve.core.sql.estimates.estimate import Estimate, to_estimate
from selfserve.core.sql.estimates.pace import Pace
from selfserve.core.sql.records import QueryRecord, QueryState
from selfserve.usecases.progress import Report
from selfserve.usecases.sql import opening
from selfserve.usecases.sql.opening import Where
from selfserve.usecases.sql.running import SqlSession
from selfserve.usecases.targets.target import Targets
from sql_ways import FACTS, FakeWay, estimate_of, make_session
from targets import FakeTargets

Run = Callable[..., Result]
LARGE = estimate_of(2_000_000_000_000)


class Opened:
    """What was asked for, and the session that everybody gets."""

    def __init__(self) -> None:
        self.wheres: list[Where] = []
        self.way = FakeWay()
        self.store = MemoryStore()

    def open_session(self, targets: Targets, where: Where, *, report: Report) -> SqlSession:
        """See `opening.open_session`."""
        del targets, report
        self.wheres.append(where)
        return make_session(self.way, store=self.store)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    opened = Opened()
    monkeypatch.setattr(opening, "open_session", opened.open_session)
    return opened


@pytest.mark.parametrize(
    ("options", "environment", "expected"),
    [
        ([], None, None),
        (["--laptop", "1GB"], None, 1_000_000_000),
        (["--laptop", "0"], None, 0),
        ([], "500MB", 500_000_000),
        (["--laptop", "2GB"], "500MB", 2_000_000_000),
        ([], "", None),
    ],
)
def test_the_laptop_answers_what_reads_no_more_than_is_said(
    run: Run,
    opened: Opened,
    monkeypatch: pytest.MonkeyPatch,
    *,
    options: list[str],
    environment: str | None,
    expected: int | None,
) -> None:
    if environment is not None:
        monkeypatch.setenv("SELFSERVE_SQL_LAPTOP", environment)

    done = run("sql", "select 1", *options)

    assert done.exit_code == 0
    assert [where.laptop_bytes for where in opened.wheres] == [expected]


@pytest.mark.parametrize("option", ["--laptop", "--max-bytes"])
def test_an_amount_that_is_none_is_told_before_anything_is_started(
    run: Run, opened: Opened, option: str
) -> None:
    done = run("sql", "select 1", option, "much")

    assert done.exit_code == 2
    assert f"{option}: 'much' is not an amount of bytes." in done.stderr
    assert "500MB" in done.stderr
    assert opened.wheres == []


def test_a_large_query_says_what_it_costs_before_it_runs(run: Run, opened: Opened) -> None:
    opened.way.estimated = LARGE

    done = run("sql", "select * from films")

    assert done.exit_code == 0
    first = done.stderr.splitlines()[0]
    assert first == (
        "Reads about 2.0 TB; takes an estimated 10 s to 20 s, $0.0200 to $0.0400 of the cluster."
    )
    assert "one" in done.stdout


@pytest.mark.parametrize(
    ("statement", "hourly", "estimated"),
    [
        pytest.param("select 1", Decimal("7.20"), estimate_of(99_000_000_000), id="small"),
        pytest.param("select 1", Decimal(0), LARGE, id="costs-nothing"),
        pytest.param("drop table t", Decimal("7.20"), LARGE, id="reads-nothing"),
    ],
)
def test_nothing_is_said_of_other_statements(
    run: Run, opened: Opened, statement: str, hourly: Decimal, estimated: Estimate
) -> None:
    opened.way = FakeWay(replace(FACTS, hourly_cost=hourly), estimated=estimated)

    done = run("sql", statement)

    assert done.exit_code == 0
    assert "Reads about" not in done.stderr
    expected = [] if "drop" in statement or hourly == 0 else [statement]
    assert [request.text for request in opened.way.bounds] == expected


def test_max_bytes_refuses_and_runs_nothing(run: Run, opened: Opened) -> None:
    here = to_estimate([], Pace.of_this_machine(2))
    opened.way.estimated = here

    allowed = run("sql", "select 1", "--max-bytes", "50GB")

    assert (allowed.exit_code, len(opened.way.asked)) == (0, 1)


HEADER = "-- engine: {}\nselect 1 as one\n"


def test_a_query_for_another_engine_starts_nothing(run: Run, folder: Path) -> None:
    (folder / "q.sql").write_text(HEADER.format("hive"))

    done = run("sql", "-f", "q.sql")

    assert done.exit_code == 2
    assert "The query says that it is for Hive, and here answers Trino." in done.stderr
    assert "selfserve sql -c hive-batch" in done.stderr


def test_a_query_for_the_engine_that_is_there_runs(run: Run, opened: Opened, folder: Path) -> None:
    (folder / "queries").mkdir()
    (folder / "queries" / "one.sql").write_text(HEADER.format("trino"))

    done = run("sql", "@one")

    assert done.exit_code == 0
    assert opened.wheres[0].engine is Engine.TRINO
    record = opened_record(opened)
    assert (record.state, record.saved) == (QueryState.FINISHED, "one")


def test_a_cluster_with_another_engine_is_told_apart_too(
    run: Run, opened: Opened, folder: Path
) -> None:
    opened.way = FakeWay(replace(FACTS, engine=Engine.SPARK))
    (folder / "q.sql").write_text(HEADER.format("trino"))

    done = run("sql", "-f", "q.sql", "-c", "mine")

    assert done.exit_code == 2
    assert "is for Trino, and here answers Spark SQL" in done.stderr
    assert (opened.way.asked, opened.way.closed) == ([], 1)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["select :day"], id="a-value-is-missing"),
        pytest.param(["select 'open"], id="not-closed"),
        pytest.param(["select 1; select 2", "--out", "a.csv"], id="two-results-for-one-file"),
        pytest.param(["-- nothing"], id="no-statement"),
    ],
)
def test_no_cluster_is_started_for_what_cannot_run(
    run: Run, targets: FakeTargets, arguments: list[str]
) -> None:
    statement, *options = arguments
    done = run("sql", "-c", "small", *options, "--", statement)

    assert done.exit_code == 2
    assert targets.target.backend.list_clusters() == []


def opened_record(opened: Opened) -> QueryRecord:
    return make_session(store=opened.store).book.newest(owner="ada")
