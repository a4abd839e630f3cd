"""Which Spark the table catalogue is started from, and that one start is for all."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from selfserve.errors import ClusterFailedError
from selfserve.local.engine.catalogue_start import CatalogueStart, choose_installed
from selfserve.local.engine.pins import SparkPin, usual_pin
from selfserve.local.lake.catalogue import Catalogue
from selfserve.local.lake.folders import Lake
from selfserve.local.runtime.install import (
    Installed,
    Runtime,
    RuntimeSource,
    installed_runtimes,
)
from wheels import offline_uv

URI = "thrift://127.0.0.1:9083"
JAVA = """#!/bin/sh
echo '    java.home = /opt/jdk' >&2
echo '    java.specification.version = 17' >&2
"""


class SlowCatalogue(Catalogue):
    """Starts when the test says so, and tells from which runtimes."""

    def __init__(self, home: Path) -> None:
        super().__init__(home, Lake(home / "lake"), "s3://bucket/warehouse")
        self.may_start = threading.Event()
        self.started: list[str] = []
        self.failure: Exception | None = None

    def running(self) -> str | None:
        return URI if self.started and not self.failure else None

    def ensure(self, runtime: Runtime) -> str:
        assert self.may_start.wait(60)
        self.started.append(runtime.version)
        if self.failure:
            raise self.failure
        return URI


@pytest.fixture
def source(tmp_path: Path) -> RuntimeSource:
    """A cache that the tests fill, no index to install from, and a machine with Java 17."""
    java = tmp_path / "jdk" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(JAVA)
    java.chmod(0o755)
    index = tmp_path / "index"
    index.mkdir()
    return RuntimeSource(
        tmp_path / "cache", offline_uv(index), java_candidates=lambda: iter([java])
    )


@pytest.fixture
def catalogue(tmp_path: Path) -> SlowCatalogue:
    return SlowCatalogue(tmp_path / "home")


@pytest.fixture
def start(catalogue: SlowCatalogue, source: RuntimeSource) -> Iterator[CatalogueStart]:
    start = CatalogueStart(catalogue, source, usual=lambda: SparkPin("3.5.8", "3.11"))
    yield start
    start.ask_to_stop()
    start.close()


def install(source: RuntimeSource, spark: str, *, derby: str = "10.14.2.0") -> None:
    folder = source.cache / "runtimes" / f"spark-{spark}-python-3.11"
    (folder / "home" / "jars").mkdir(parents=True)
    (folder / "home" / "jars" / f"derby-{derby}.jar").touch()
    (folder / "bin").mkdir()
    (folder / "bin" / "python").touch()
    (folder / "complete.json").write_text(json.dumps({"home": "home"}))


def test_all_who_ask_share_one_start(
    start: CatalogueStart, catalogue: SlowCatalogue, source: RuntimeSource
) -> None:
    install(source, "3.5.8")

    asked = [start.begin() for _ in range(10)]
    catalogue.may_start.set()

    assert {future.result() for future in asked} == {URI}
    assert catalogue.started == ["3.5.8"]


def test_one_that_runs_is_not_started_again(
    start: CatalogueStart, catalogue: SlowCatalogue, source: RuntimeSource
) -> None:
    install(source, "3.5.8")
    catalogue.may_start.set()
    start.begin().result()

    assert start.begin().result() == URI
    assert catalogue.started == ["3.5.8"]


def test_after_a_failure_it_is_tried_again(
    start: CatalogueStart, catalogue: SlowCatalogue, source: RuntimeSource
) -> None:
    install(source, "3.5.8")
    catalogue.may_start.set()
    catalogue.failure = ClusterFailedError("No memory.", hint="Buy some.")
    with pytest.raises(ClusterFailedError, match="No memory"):
        start.begin().result()

    catalogue.failure = None

    assert start.begin().result() == URI


def test_a_spark_that_is_not_there_cannot_be_installed_without_network(
    start: CatalogueStart, catalogue: SlowCatalogue
) -> None:
    catalogue.may_start.set()

    with pytest.raises(ClusterFailedError, match="pyspark"):
        start.begin().result()

    assert catalogue.started == []


def test_one_whose_derby_is_too_old_for_the_tables_is_not_used(
    start: CatalogueStart, catalogue: SlowCatalogue, source: RuntimeSource, tmp_path: Path
) -> None:
    install(source, "3.5.8", derby="10.14.2.0")
    install(source, "4.1.1", derby="10.16.1.1")
    (tmp_path / "home" / "metastore" / "derby-10.16.1.1").mkdir(parents=True)
    catalogue.may_start.set()

    start.begin().result()

    assert catalogue.started == ["4.1.1"]


def test_only_complete_runtimes_count_newest_first(source: RuntimeSource) -> None:
    for spark in ("3.5.8", "3.5.10", "3.4.1"):
        install(source, spark)
    (source.cache / "runtimes" / "spark-4.0.0-python-3.11").mkdir()

    assert [one.spark for one in installed_runtimes(source)] == ["3.5.10", "3.5.8", "3.4.1"]


@pytest.mark.parametrize(
    ("sparks", "chosen"),
    [
        pytest.param([], None, id="none"),
        pytest.param(["3.5.8", "3.4.1"], "3.5.8", id="the-newest"),
        pytest.param(["4.1.1", "3.4.1"], "3.4.1", id="rather-none-that-is-newer-than-usual"),
        pytest.param(["4.1.1"], "4.1.1", id="but-better-than-to-install"),
        pytest.param(["3.1.3", "2.4.8"], None, id="too-old-for-the-lake"),
    ],
)
def test_the_spark_of_the_catalogue(sparks: list[str], chosen: str | None) -> None:
    installed = [Installed(spark, "3.11", Path(spark)) for spark in sparks]

    found = choose_installed(installed, "3.5.8")

    assert (found.spark if found else None) == chosen


def test_the_usual_spark_is_of_a_release_that_has_hive() -> None:
    assert usual_pin().spark.startswith("3.")
