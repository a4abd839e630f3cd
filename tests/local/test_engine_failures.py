"""How a start that cannot succeed ends: in a sentence, never in a traceback. No Spark runs."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from local.engine_bench import cluster, engine_at, run_step, up
from selfserve.local.control.events import EngineFailed, EngineReady, EngineStopped
from selfserve.local.runtime.install import RuntimeSource
from selfserve.packing.uv_tool import Uv


def no_java() -> Iterator[Path]:
    return iter(())


@pytest.fixture
def spark_without_java(tmp_path: Path) -> RuntimeSource:
    """A complete runtime, but no Java and no network to get one."""
    folder = tmp_path / "cache" / "runtimes" / "spark-3.5.8-python-3.11"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").touch()
    (folder / "complete.json").write_text('{"home": "pyspark"}')
    offline = Uv({"UV_OFFLINE": "1", "UV_NO_CACHE": "1", "UV_FIND_LINKS": ""})
    return RuntimeSource(tmp_path / "cache", offline, java_candidates=no_java)


@pytest.fixture
def spark_with_java(spark_without_java: RuntimeSource, tmp_path: Path) -> RuntimeSource:
    """The same, with a program that says that it is Java 17."""
    java = tmp_path / "jdk" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(
        "#!/bin/sh\n"
        "echo '    java.home = /opt/jdk' >&2\n"
        "echo '    java.specification.version = 17' >&2\n"
    )
    java.chmod(0o755)
    return replace(spark_without_java, java_candidates=lambda: iter([java]))


def test_without_java_the_cluster_fails_and_says_how_to_install_it(
    tmp_path: Path, spark_without_java: RuntimeSource
) -> None:
    record = cluster()
    with engine_at(tmp_path / "home", source=spark_without_java) as (engine, events):
        engine.start_cluster(record)

        message = events.wait(EngineFailed).message

    assert "Spark 3.5.8 needs Java 17 or 11 or 8; there is none here" in message
    assert "Install Java 17" in message


def test_a_cluster_without_spark_is_ready_at_once_and_says_what_it_cannot_do(
    tmp_path: Path,
) -> None:
    record = cluster(applications=())
    step = run_step("true")
    with engine_at(tmp_path) as (engine, events):
        engine.start_cluster(record)
        events.wait(EngineReady)
        engine.start_step(up(record), step)

        exited = events.exit_of(step)

    assert exited.exit_code == 1
    assert exited.message is not None
    assert "has no Spark" in exited.message


def test_stopping_a_cluster_that_never_started_is_fine(tmp_path: Path) -> None:
    with engine_at(tmp_path) as (engine, events):
        engine.stop_cluster(cluster())

        events.wait(EngineStopped)


def test_a_folder_that_cannot_be_written_fails_the_cluster(
    tmp_path: Path, spark_with_java: RuntimeSource
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "clusters").write_text("a file where the folder should be")
    with engine_at(tmp_path / "home", source=spark_with_java) as (engine, events):
        engine.start_cluster(cluster())

        assert "clusters" in events.wait(EngineFailed).message
