"""Step logs in the lake, where EMR puts them."""

import gzip
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from selfserve.core.cluster import ClusterState, StepState
from selfserve.core.launch import NodeRole
from selfserve.local.control.records import ClusterRecord, InstanceRecord, StepRecord
from selfserve.local.lake.folders import Lake
from selfserve.local.steps.command import StepCommand
from selfserve.local.steps.logs import (
    begin_controller,
    end_controller,
    publish,
    publish_bootstrap_note,
    refuse_in_controller,
)

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
STEP = StepRecord(
    id="s-1",
    name="the step",
    jar="command-runner.jar",
    args=(),
    action_on_failure="CONTINUE",
    state=StepState.RUNNING,
    created=NOON,
    started=NOON,
)
ACTION = {"Name": "max-age", "ScriptBootstrapAction": {"Path": "s3://b/max-age.sh"}}
CLUSTER = ClusterRecord(
    id="j-1",
    request={"LogUri": "s3n://logs/emr/", "BootstrapActions": [ACTION]},
    name="c",
    release="emr-7.14.0",
    state=ClusterState.WAITING,
    created=NOON,
    instances=(
        InstanceRecord("ci-1", "i-1", NodeRole.PRIMARY, "m7g.xlarge", "ON_DEMAND", "if-1", NOON),
    ),
)
COMMAND = StepCommand(
    argv=("spark-submit", "job.py", "a b"),
    env={"AWS_SECRET_ACCESS_KEY": "hidden"},
    cwd=Path("/cwd"),
    notes=("a note",),
)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "step"
    folder.mkdir()
    return folder


def published(lake: Lake, name: str) -> str:
    path = lake.path_of(f"s3://logs/emr/j-1/steps/s-1/{name}.gz")
    return gzip.decompress(path.read_bytes()).decode()


def test_logs_are_where_emr_puts_them(lake: Lake, folder: Path) -> None:
    for name in ("stdout", "stderr", "controller"):
        (folder / name).write_text(f"the {name}")

    publish("s3://logs/emr/", "j-1", "s-1", folder=folder, lake=lake)

    for name in ("stdout", "stderr", "controller"):
        assert published(lake, name) == f"the {name}"
    assert sorted(p.name for p in folder.iterdir()) == ["controller", "stderr", "stdout"]


def test_a_later_publication_replaces_an_earlier_one(lake: Lake, folder: Path) -> None:
    for text in ("one", "one two"):
        (folder / "stdout").write_text(text)
        publish("s3://logs/emr", "j-1", "s-1", folder=folder, lake=lake)

    assert published(lake, "stdout") == "one two"


def test_without_a_log_uri_nothing_is_published(lake: Lake, folder: Path) -> None:
    (folder / "stdout").write_text("text")

    publish(None, "j-1", "s-1", folder=folder, lake=lake)

    assert lake.buckets() == []


def test_huge_logs_take_little_memory(lake: Lake, folder: Path) -> None:
    with (folder / "stdout").open("wb") as file:
        for _ in range(48):
            file.write(b"line\n" * 200_000)

    tracemalloc.start()
    publish("s3://logs/emr", "j-1", "s-1", folder=folder, lake=lake)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 8 << 20


def test_the_controller_log_tells_command_notes_and_end(folder: Path) -> None:
    begin_controller(folder, CLUSTER, STEP, COMMAND, now=NOON)
    end_controller(folder, STEP, 7, now=NOON.replace(minute=1))

    text = (folder / "controller").read_text()
    assert "2026-11-20T12:00:00.000Z INFO startExec spark-submit job.py 'a b'" in text
    assert "Note: a note" in text
    assert "max-age' (s3://b/max-age.sh) was not run" in text
    assert "Exit code 7, after 60 s" in text
    assert "hidden" not in text


@pytest.mark.parametrize(("code", "says"), [(-9, "signal 9"), (None, "not known")])
def test_the_controller_log_tells_other_ends(folder: Path, code: int | None, says: str) -> None:
    end_controller(folder, replace(STEP, started=None), code, now=NOON)

    assert says in (folder / "controller").read_text()


def test_a_step_that_was_not_started_has_a_controller_log(folder: Path) -> None:
    refuse_in_controller(folder, STEP, "it cannot run here", now=NOON)

    assert "was not started: it cannot run here" in (folder / "controller").read_text()


def test_the_primary_nodes_log_tells_what_was_skipped(lake: Lake, folder: Path) -> None:
    publish_bootstrap_note(CLUSTER, lake, folder)

    path = lake.path_of("s3://logs/emr/j-1/node/i-1/bootstrap-actions/1/controller.gz")
    assert b"was not run" in gzip.decompress(path.read_bytes())
    assert list(folder.iterdir()) == []
