"""SQL on a real cluster with Hive and Spark: rows come back, and what is wrong is told."""

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import NoReturn

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from homes import QUICK_JOBS, Laptop, processes_of
from local.engine_bench import eventually
from selfserve.core.sql.answers import Column, Row
from selfserve.core.sql.engines import Engine
from selfserve.core.sql.problems import SqlError
from selfserve.core.sql.requests import SqlRequest
from selfserve.errors import BadInputError, InterruptedByUserError, NotFoundError
from selfserve.local import daemon_client
from selfserve.local.home import Home
from selfserve.usecases.sql.steps.answer import StepAnswer
from selfserve.usecases.sql.steps.query import start_step_query
from selfserve.usecases.targets.configured_targets import ConfiguredTargets
from selfserve.usecases.targets.target import Target

pytestmark = [pytest.mark.spark, pytest.mark.xdist_group("sql_steps")]

CLUSTER = "sql"
_NUMBERS = count(1)


@dataclass(frozen=True)
class Desk:
    """A target with one cluster that has both engines."""

    laptop: Laptop
    target: Target

    def start(self, engine: Engine, text: str) -> StepAnswer:
        return start_step_query(
            self.target,
            SqlRequest(text=text, engine=engine),
            cluster=CLUSTER,
            load_profile=_no_profile,
            query_id=f"q-20261121-120000-{next(_NUMBERS):06x}",
        )

    def rows(self, engine: Engine, text: str) -> list[Row]:
        return [row for batch in self.start(engine, text).batches() for row in batch]

    def table_folder(self, name: str) -> Path:
        return self.laptop.path_of(f"warehouse/{name}/x").parent


def _no_profile(name: str) -> NoReturn:
    raise NotFoundError(f"There is no profile {name}.", hint="")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    home = Home(tmp_path_factory.mktemp("sql") / "home")
    laptop = Laptop(home)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SELFSERVE_LOCAL_HOME", str(home.root))
        try:
            laptop.must(
                *("up", "spark-ml", "--name", CLUSTER, *QUICK_JOBS),
                *("--set", "applications=[Hadoop, Hive, Tez, Spark]"),
            )
            yield Desk(laptop, ConfiguredTargets().open("local"))
        finally:
            daemon_client.stop(home)
    assert processes_of(home.root) == []


@pytest.fixture(scope="module")
def films(desk: Desk) -> Path:
    """A table that Hive has made; the folder of its files."""
    answer = desk.start(
        Engine.HIVE,
        "-- made by Hive\ncreate table films stored as parquet as\n"
        "select cast(id as bigint) as id, name from\n"
        "(select stack(3, 1, 'Alien', 2, 'Solaris', 3, 'Brazil') as (id, name)) t",
    )
    assert answer.columns == ()
    return desk.table_folder("films")


@pytest.mark.usefixtures("films")
def test_sparks_rows_keep_their_order_names_and_types(desk: Desk) -> None:
    answer = desk.start(
        Engine.SPARK,
        "select name, name, count(*) over (), cast(1.5 as decimal(12,2)) as price, null,\n"
        "  date '2026-01-31' as day, map('a', array(1)) as m from films order by name desc",
    )

    assert [column.name for column in answer.columns][:2] == ["name", "name"]
    assert [column.type.replace(" ", "") for column in answer.columns] == [
        *("varchar", "varchar", "bigint", "decimal(12,2)", "unknown", "date"),
        "map(varchar,array(integer))",
    ]
    day, price = date(2026, 1, 31), Decimal("1.50")
    assert [row for batch in answer.batches() for row in batch] == [
        (name, name, 3, price, None, day, {"a": [1]}) for name in ("Solaris", "Brazil", "Alien")
    ]
    figures = answer.figures()
    assert figures.rows == 3
    assert figures.bytes_read


@pytest.mark.usefixtures("films")
def test_hives_rows_come_back_with_the_names_that_hive_gives(desk: Desk) -> None:
    answer = desk.start(
        Engine.HIVE,
        "with q as (select id, name from films) -- all; of them\n"
        "select id, upper(name), null from q order by id",
    )

    assert answer.columns == (
        Column("id", "bigint"),
        Column("_c1", "varchar"),
        Column("_c2", "varchar"),
    )
    assert [row for batch in answer.batches() for row in batch] == [
        (1, "ALIEN", None),
        (2, "SOLARIS", None),
        (3, "BRAZIL", None),
    ]


@pytest.mark.usefixtures("films")
def test_what_hive_prints_is_rows(desk: Desk) -> None:
    assert ("id", "bigint") in [row[:2] for row in desk.rows(Engine.HIVE, "describe films")]


@pytest.mark.usefixtures("films")
def test_an_unknown_column_is_marked_with_sparks_suggestion(desk: Desk) -> None:
    with pytest.raises(SqlError) as caught:
        desk.rows(Engine.SPARK, "-- films\nselect id,\n  nmae from films")

    assert str(caught.value).startswith("Line 3, column 3: ")
    assert str(caught.value).endswith("\n    nmae from films\n    ^^^^")
    assert re.search(r"Did you mean one of the following\? \[.*`name`", str(caught.value))


def test_a_syntax_error_is_marked_where_the_user_wrote_it_for_hive(desk: Desk) -> None:
    with pytest.raises(SqlError) as caught:
        desk.rows(Engine.HIVE, "-- films\nselect 1 as n\n form x y")

    assert str(caught.value).startswith("Line 3, column 2: Syntax error at or near 'form'")
    assert str(caught.value).endswith("\n   form x y\n   ^^^^")


def test_files_that_are_not_the_tables_are_named(desk: Desk, films: Path) -> None:
    stray = films / "stray.parquet"
    try:
        stray.write_text("id,name\n4,Stalker\n")
        with pytest.raises(BadInputError, match=r"/stray\.parquet is not a Parquet file"):
            desk.rows(Engine.SPARK, "select * from films")

        pq.write_table(pa.table({"id": ["four"], "name": ["Stalker"]}), stray)
        with pytest.raises(BadInputError, match=r"do not have one schema: column id is BINARY in"):
            desk.rows(Engine.SPARK, "select sum(id) from films")
    finally:
        stray.unlink()


def test_a_bucket_that_is_not_there_is_said_to_be(desk: Desk) -> None:
    with pytest.raises(BadInputError, match="There is no such bucket"):
        desk.rows(
            Engine.SPARK, "create table x using parquet location 's3://nowhere-1/x' as select 1"
        )


def test_cancelling_ends_the_query_on_the_cluster(desk: Desk) -> None:
    answer = desk.start(Engine.SPARK, "select sum(id * id) from range(1000000000000000)")
    failures: list[BaseException] = []

    def read() -> None:
        try:
            list(answer.batches())
        except InterruptedByUserError as error:
            failures.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    eventually(lambda: answer.progress().splits is not None, "Spark is at work")

    answer.cancel()
    reader.join()

    assert [str(failure) for failure in failures] == ["The query was cancelled."]
    shown = desk.laptop.must("runs", "-o", "json")
    assert re.search(rf"{answer.run.id}.{{,2000}}CANCELLED", shown, re.DOTALL)
