"""Executors' logs in S3, where EMR has those of containers: the pure parts, and real Spark."""

import gzip
from pathlib import Path

import pytest

from local.engine_bench import cluster, engine_at, spark_step, up
from selfserve.local.control.events import EngineReady, EngineStopped
from selfserve.local.engine import container_logs
from selfserve.local.engine.cluster_folder import ClusterFolder
from selfserve.local.engine.container_logs import ContainerLogs, container_name, executor_logs
from selfserve.local.lake.folders import Lake

LOG_URI = "s3://logs/emr/"
APPLICATION = "app-20261121075614-0003"
SAYS_ON_EXECUTORS = """
import sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
def say(n):
    print("written by an executor", file=sys.stderr, flush=True)
    return n
print(spark.sparkContext.parallelize(range(4), 4).map(say).count())
"""


@pytest.fixture
def folder(tmp_path: Path) -> ClusterFolder:
    return ClusterFolder(tmp_path / "home", "j-1")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def write(folder: ClusterFolder, text: str, *, stream: str = "stderr", executor: str = "0") -> Path:
    path = folder.process("worker-1") / "work" / APPLICATION / executor / stream
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def published(lake: Lake, cluster_id: str = "j-1") -> dict[str, str]:
    """What S3 clients find below the cluster's containers."""
    root = lake.path_of(f"{LOG_URI}{cluster_id}/containers")
    return {
        path.relative_to(root).as_posix(): gzip.decompress(path.read_bytes()).decode()
        for path in sorted(root.rglob("*.gz"))
    }


@pytest.mark.parametrize(
    ("executor", "expected"),
    [
        pytest.param("0", "container_20261121075614_0003_01_000002", id="after-the-driver"),
        pytest.param("11", "container_20261121075614_0003_01_000013", id="two-digits"),
        pytest.param("999999", "container_20261121075614_0003_01_1000001", id="seven-digits"),
    ],
)
def test_a_container_is_named_as_yarn_names_it(executor: str, expected: str) -> None:
    assert container_name(APPLICATION, executor) == expected


def test_only_what_executors_write_is_published(folder: ClusterFolder) -> None:
    log = write(folder, "said\n")
    write(folder, "jar", stream="stdlib.jar")
    write(folder, "half", stream=".stderr.1a2b.gz")
    write(folder, "no number", executor="driver")

    assert executor_logs(folder) == [log]


def test_the_layout_is_emrs(folder: ClusterFolder, lake: Lake) -> None:
    write(folder, "out\n", stream="stdout")
    write(folder, "err\n")
    write(folder, "", stream="stdout", executor="1")

    ContainerLogs(folder, lake, LOG_URI).publish()

    container = f"{APPLICATION}/container_20261121075614_0003_01_000002"
    assert published(lake) == {f"{container}/stderr.gz": "err\n", f"{container}/stdout.gz": "out\n"}


def test_a_log_that_has_grown_is_published_again(folder: ClusterFolder, lake: Lake) -> None:
    logs = ContainerLogs(folder, lake, LOG_URI)
    write(folder, "one\n")
    logs.publish()

    write(folder, "one\ntwo\n")
    logs.publish()

    assert list(published(lake).values()) == ["one\ntwo\n"]


def test_a_log_that_has_not_grown_is_left_alone(folder: ClusterFolder, lake: Lake) -> None:
    logs = ContainerLogs(folder, lake, LOG_URI)
    write(folder, "one\n")
    logs.publish()
    (gone,) = lake.path_of(LOG_URI).rglob("*.gz")
    gone.unlink()

    logs.publish()

    assert published(lake) == {}


def test_another_daemon_publishes_the_same_again(folder: ClusterFolder, lake: Lake) -> None:
    write(folder, "one\n")
    ContainerLogs(folder, lake, LOG_URI).publish()
    before = published(lake)

    ContainerLogs(folder, lake, LOG_URI).publish()

    assert published(lake) == before != {}


def test_nothing_is_left_beside_the_log(folder: ClusterFolder, lake: Lake) -> None:
    log = write(folder, "one\n")

    ContainerLogs(folder, lake, LOG_URI).publish()

    assert list(log.parent.iterdir()) == [log]


def test_of_a_huge_log_the_end_is_kept_in_whole_lines(
    folder: ClusterFolder, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container_logs, "MOST_BYTES", 1 << 20)
    line = "x" * 99 + "\n"
    write(folder, line * 20_000 + "the end\n")

    ContainerLogs(folder, lake, LOG_URI).publish()

    (text,) = published(lake).values()
    first, rest = text.split("\n", 1)
    left_out = 100 * (20_000 - rest.count(line))
    assert first == f"[The last 1 MiB of this log; {left_out} bytes before are left out.]"
    assert rest.endswith("x\nthe end\n")
    assert rest.startswith(line)
    assert (1 << 20) - len(line) <= len(rest) <= 1 << 20


def test_without_a_log_uri_nothing_is_published(folder: ClusterFolder, lake: Lake) -> None:
    write(folder, "one\n")

    ContainerLogs(folder, lake, None).publish()

    assert not lake.root.exists() or list(lake.root.iterdir()) == []


def test_a_log_that_cannot_be_published_keeps_no_other_back(
    folder: ClusterFolder, lake: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    write(folder, "lost\n")
    write(folder, "kept\n", executor="1")
    containers = lake.path_of(f"{LOG_URI}j-1/containers/{APPLICATION}")
    containers.mkdir(parents=True)
    (containers / "container_20261121075614_0003_01_000002").write_text("a file in the way")

    ContainerLogs(folder, lake, LOG_URI).publish()

    assert list(published(lake).values()) == ["kept\n"]
    assert "j-1" in caplog.text


@pytest.mark.spark
@pytest.mark.xdist_group("engine")
def test_executors_of_a_real_job_have_their_logs_in_s3(tmp_path: Path) -> None:
    record, step = cluster(), spark_step(tmp_path, SAYS_ON_EXECUTORS, "s-SAYS")
    home = tmp_path / "home"
    with engine_at(home) as (engine, events):
        engine.start_cluster(record)
        events.wait(EngineReady)
        engine.start_step(up(record), step)
        assert events.exit_of(step).exit_code == 0
        at_the_steps_end = published(Lake(home / "lake"), record.id)

        engine.stop_cluster(record)
        events.wait(EngineStopped)

    at_the_end = published(Lake(home / "lake"), record.id)
    assert any("Spark Executor Command" in text for text in at_the_steps_end.values())
    assert "written by an executor" in "".join(at_the_end.values())
    assert not list((home / "clusters").glob("*/worker-*/work"))
