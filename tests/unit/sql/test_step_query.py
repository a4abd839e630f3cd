"""A statement is a run: handed over, waited for, its rows read, its failure told."""

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fakes import FakeBackend, MemoryStore
from selfserve.core.cluster import ClusterState, StepState
from selfserve.core.launch import LaunchSpec
from selfserve.core.run import Submission, submission_key
from selfserve.core.run_json import from_json
from selfserve.core.sql.answers import Column, Figures, Progress
from selfserve.core.sql.engines import Engine
from selfserve.core.sql.problems import SqlError
from selfserve.core.sql.requests import SqlRequest
from selfserve.core.sql.text.parameters import parse_parameters
from selfserve.errors import (
    BadInputError,
    ClusterFailedError,
    InterruptedByUserError,
    JobFailedError,
)
from selfserve.usecases.sql.steps.answer import StepAnswer
from selfserve.usecases.sql.steps.query import start_step_query
from selfserve.usecases.targets.target import Target
from selfserve.usecases.up import up
from targets import make_target, resolve_small

QUERY = "q-20261121-120000-abcdef"
FOLDER = f"selfserve/queries/{QUERY}/"


@dataclass
class Desk:
    """A target with a cluster, one statement on it, and what the cluster would do."""

    target: Target
    backend: FakeBackend
    store: MemoryStore
    profiles: Path

    def start(self, text: str, engine: Engine = Engine.SPARK, **more: Any) -> StepAnswer:
        return start_step_query(
            self.target,
            SqlRequest(text=text, engine=engine, **more),
            cluster="mine",
            load_profile=lambda _: resolve_small(self.profiles),
            query_id=QUERY,
        )

    def step(self, answer: StepAnswer, *path: StepState) -> None:
        placement = answer.run.placement
        self.backend.move_step(placement.cluster_id, placement.step_id, *path)

    def at_next_sleep(self, act: Callable[[], object]) -> None:
        left = [act]

        def do() -> None:
            if left:
                left.pop()()

        self.backend.clock.on_sleep.append(do)

    def write_rows(self, folder: Path, name: str, table: pa.Table) -> None:
        path = folder / "rows.parquet"
        pq.write_table(table, path)
        self.store.put(f"{FOLDER}result/{name}", path.read_bytes())

    def write_outcome(self, **record: Any) -> None:
        self.store.put(f"{FOLDER}result.json", json.dumps(record).encode())

    def log(self, answer: StepAnswer, **streams: str) -> None:
        placement = answer.run.placement
        folder = f"selfserve/emr-logs/{placement.cluster_id}/steps/{placement.step_id}"
        streams.setdefault("controller", "waitProcessCompletion ended with exit code 1")
        for stream, text in streams.items():
            self.store.put(f"{folder}/{stream}.gz", gzip.compress(text.encode()))

    def submission(self, answer: StepAnswer) -> Submission:
        return from_json(Submission, self.store.objects[submission_key(answer.run.id)])

    def args(self, answer: StepAnswer) -> tuple[str, ...]:
        """Of the step."""
        placement = answer.run.placement
        return self.backend.describe_step(placement.cluster_id, placement.step_id).args


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    backend = FakeBackend(step_path=(StepState.PENDING,))
    store = MemoryStore()
    target = make_target(kind="local", backend=backend, store=store, clock=backend.clock)
    desk = Desk(target, backend, store, tmp_path / "profiles")
    up(target, resolve_small(desk.profiles, "applications=[Spark, Hive]"), name="mine")
    return desk


def all_rows(answer: StepAnswer) -> list[tuple[object, ...]]:
    return [row for batch in answer.batches() for row in batch]


def test_spark_gets_our_program_with_the_statement_in_the_runs_record(desk: Desk) -> None:
    used = parse_parameters(["day=2026-01-31"], {}, used=["day"])

    answer = desk.start("select :day", parameters=used, schema="films")

    submission = desk.submission(answer)
    order = json.loads(submission.args[0])
    assert order == {
        "text": "select DATE '2026-01-31'",
        "schema": "films",
        "folder": f"s3://memory/{FOLDER}",
    }
    assert submission.program.entry is not None
    assert submission.program.entry.target == "selfserve.sql_job"
    assert "spark.sql.catalogImplementation=hive" in desk.args(answer)
    assert not any("select" in argument for argument in desk.args(answer))


def test_rows_are_read_as_soon_as_the_program_has_written_them_all(
    desk: Desk, tmp_path: Path
) -> None:
    answer = desk.start("select 1, 1 order by 1")

    def finish() -> None:
        desk.write_rows(tmp_path, "part-00000-u-c000.parquet", pa.table({"c0": [1], "c1": ["a"]}))
        columns = [{"name": "n", "type": "bigint"}, {"name": "n", "type": "string"}]
        desk.write_outcome(columns=columns, rows=1, bytes_read=7, rows_read=3)

    desk.step(answer, StepState.RUNNING)
    desk.at_next_sleep(finish)

    assert answer.columns == (Column("n", "bigint"), Column("n", "varchar"))
    assert answer.figures().rows == 1
    assert all_rows(answer) == [(1, "a")]
    assert answer.figures() == Figures(1, bytes_read=7, rows_read=3)
    assert answer.progress().state == "RUNNING"


def test_progress_is_that_of_sparks_tasks(desk: Desk) -> None:
    answer = desk.start("select 1")
    desk.step(answer, StepState.RUNNING)
    desk.store.put(f"{FOLDER}progress.json", b'{"tasks_done": 3, "tasks": 8}')
    seen = []

    def finish() -> None:
        seen.append(answer.progress())
        desk.write_outcome(columns=[])

    desk.at_next_sleep(finish)

    assert answer.columns == ()
    assert seen == [Progress("RUNNING", 3, 8)]
    assert all_rows(answer) == []


def test_what_spark_finds_wrong_is_told_with_its_place(desk: Desk) -> None:
    answer = desk.start("select nme\nfrom nope")
    message = "[TABLE_OR_VIEW_NOT_FOUND] The table or view `nope` cannot be found.; line 2 pos 5;"
    desk.step(answer, StepState.FAILED)
    desk.write_outcome(error={"class": "AnalysisException", "message": message, "causes": []})

    with pytest.raises(SqlError) as caught:
        answer.columns  # noqa: B018  a property that waits

    assert str(caught.value) == (
        "Line 2, column 6: The table or view `nope` cannot be found.\n  from nope\n       ^^^^"
    )


def test_a_file_that_is_not_parquet_is_named(desk: Desk) -> None:
    answer = desk.start("select * from films")
    desk.step(answer, StepState.FAILED)
    causes = ["java.lang.RuntimeException: s3://b/films/x is not a Parquet file. Expected magic"]
    desk.write_outcome(error={"class": "Py4JJavaError", "message": "…", "causes": causes})

    with pytest.raises(BadInputError, match="s3://b/films/x is not a Parquet file"):
        answer.columns  # noqa: B018


def test_a_run_that_left_nothing_says_how_it_ended(desk: Desk) -> None:
    answer = desk.start("select 1")
    desk.step(answer, StepState.FAILED)

    with pytest.raises(JobFailedError, match=f"query {QUERY} failed"):
        answer.columns  # noqa: B018


@pytest.mark.parametrize("engine", [Engine.SPARK, Engine.HIVE])
def test_a_cluster_that_ends_before_the_querys_turn_is_named(desk: Desk, engine: Engine) -> None:
    answer = desk.start("select 1", engine)
    cluster_id = answer.run.placement.cluster_id
    desk.backend.move(
        cluster_id,
        ClusterState.TERMINATED,
        reason="Terminated by user request",
        reason_code="USER_REQUEST",
    )

    with pytest.raises(ClusterFailedError, match=rf"Cluster mine \({cluster_id}\) is TERMINATED"):
        answer.columns  # noqa: B018


def test_a_cluster_that_dies_with_the_query_is_named(desk: Desk) -> None:
    answer = desk.start("select 1")
    cluster_id = answer.run.placement.cluster_id
    desk.step(answer, StepState.INTERRUPTED)
    desk.backend.move(
        cluster_id,
        ClusterState.TERMINATED_WITH_ERRORS,
        reason="The primary node was lost",
        reason_code="INSTANCE_FAILURE",
    )

    with pytest.raises(ClusterFailedError, match="The primary node was lost"):
        answer.columns  # noqa: B018


def test_cancelling_ends_the_run_and_whoever_waits(desk: Desk) -> None:
    answer = desk.start("select 1")
    desk.step(answer, StepState.RUNNING)
    desk.at_next_sleep(answer.cancel)

    with pytest.raises(InterruptedByUserError, match="The query was cancelled"):
        answer.columns  # noqa: B018
    answer.cancel()

    assert desk.backend.calls.count("cancel_steps") == 1
    assert f"selfserve/runs/{answer.run.id}/cancel" in desk.store.objects


def test_cancelling_a_query_that_is_done_only_stops_the_reading(desk: Desk, tmp_path: Path) -> None:
    answer = desk.start("select 1")
    desk.step(answer, StepState.RUNNING)
    desk.write_rows(tmp_path, "part-00000-u-c000.parquet", pa.table({"c0": range(50_000)}))
    desk.write_outcome(columns=[{"name": "n", "type": "bigint"}])
    batches = answer.batches()
    next(batches)

    answer.cancel()

    with pytest.raises(InterruptedByUserError):
        next(batches)
    assert "cancel_steps" not in desk.backend.calls


def test_hive_gets_a_script_and_its_rows_are_those_of_its_files(desk: Desk, tmp_path: Path) -> None:
    answer = desk.start("select 1, id as x from t", Engine.HIVE, schema="films")
    script = desk.store.objects[f"{FOLDER}query.sql"].decode()
    assert script.startswith("USE `films`;INSERT OVERWRITE DIRECTORY")
    assert desk.args(answer)[:5] == (
        *("hive-script", "--run-hive-script", "--args", "-f"),
        f"s3://memory/{FOLDER}query.sql",
    )
    desk.step(answer, StepState.COMPLETED)
    table = pa.table({"_c0": pa.array([1, 1], pa.int32()), "x": ["a", None]})
    desk.write_rows(tmp_path, "000000_0", table)

    assert answer.columns == (Column("_c0", "integer"), Column("x", "varchar"))
    assert all_rows(answer) == [(1, "a"), (1, None)]
    assert answer.figures() == Figures(2)


def test_hive_writes_no_file_for_no_rows(desk: Desk) -> None:
    answer = desk.start("select id from t where false", Engine.HIVE)
    desk.step(answer, StepState.COMPLETED)

    assert answer.columns == (Column("id", "unknown"),)
    assert all_rows(answer) == []


def test_what_hive_prints_is_rows_of_text(desk: Desk) -> None:
    answer = desk.start("describe t", Engine.HIVE)
    desk.step(answer, StepState.PENDING, StepState.RUNNING, StepState.COMPLETED)
    desk.log(answer, stdout="id      \tbigint\t    \nname    \tstring\n")

    assert all_rows(answer) == [("id", "bigint", ""), ("name", "string", "")]
    assert answer.figures().rows == 2


def test_what_hive_finds_wrong_is_told_with_the_users_own_place(desk: Desk) -> None:
    answer = desk.start("-- films\nselect 1,\n nme\nfrom nope", Engine.HIVE)
    desk.step(answer, StepState.PENDING, StepState.RUNNING, StepState.FAILED)
    said = "FAILED: SemanticException [Error 10001]: Line 4:5 Table not found 'nope'\n"
    desk.log(answer, stderr=said)

    with pytest.raises(SqlError) as caught:
        answer.columns  # noqa: B018

    assert str(caught.value).startswith("Line 4, column 6: Table not found 'nope'\n  from nope\n")


class InterruptedBackend(FakeBackend):
    """Ctrl-C comes right after EMR was asked for a cluster."""

    def launch(self, spec: LaunchSpec) -> str:
        """See Backend."""
        super().launch(spec)
        raise KeyboardInterrupt


def test_ctrl_c_while_emr_is_asked_ends_the_cluster_that_was_asked_for(tmp_path: Path) -> None:
    backend = InterruptedBackend()
    target = make_target(backend=backend, clock=backend.clock)

    with pytest.raises(KeyboardInterrupt):
        start_step_query(
            target,
            SqlRequest(text="select 1", engine=Engine.SPARK),
            cluster="small",
            load_profile=lambda _: resolve_small(tmp_path),
            query_id=QUERY,
        )

    assert [cluster.state for cluster in backend.list_clusters()] == [ClusterState.TERMINATED]


def test_an_open_string_is_refused_before_a_cluster_is_asked(desk: Desk) -> None:
    before = len(desk.backend.calls)

    with pytest.raises(SqlError, match="not closed"):
        desk.start("select 'a", Engine.HIVE)

    assert len(desk.backend.calls) == before
