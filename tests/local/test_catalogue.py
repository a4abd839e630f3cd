"""One catalogue for all local applications, on real Spark."""

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from local.engine_bench import eventually
from local.step_bench import StepBench, listening_addresses, pinned_runtime
from selfserve.local.lake.catalogue import Catalogue
from selfserve.local.lake.folders import Lake
from selfserve.local.lake.service import find_services
from selfserve.local.marks import HOME_VARIABLE, SERVICE_VARIABLE

pytestmark = [pytest.mark.spark, pytest.mark.xdist_group("step_bench")]

SCRIPT = """
CREATE EXTERNAL TABLE IF NOT EXISTS events (n INT, what STRING)
  PARTITIONED BY (day STRING) STORED AS PARQUET LOCATION '${OUTPUT}';
SET hive.exec.dynamic.partition.mode=nonstrict;
INSERT OVERWRITE TABLE events PARTITION (day)
  SELECT 1, '${hivevar:WHAT}', '2026-01-01' UNION ALL SELECT 2, '${hiveconf:OTHER}', '2026-01-02';
"""


@dataclass
class Shared:
    """A catalogue, and the steps that use it."""

    catalogue: Catalogue
    bench: StepBench

    def sql(self, name: str, statements: str) -> list[str]:
        finished = self.bench.run(name, "spark-sql", "-e", statements)
        assert finished.returncode == 0, finished.stderr[-4000:]
        return finished.stdout.splitlines()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    home = tmp_path_factory.mktemp("a home")
    bench = StepBench(home, pinned_runtime())
    catalogue = Catalogue(home, bench.lake, "s3://bucket/warehouse")
    bench.metastore_uri = catalogue.ensure(bench.runtime)
    yield Shared(catalogue, bench)
    catalogue.stop()


def test_two_applications_at_once_share_tables(shared: Shared) -> None:
    shared.bench.put("s3://bucket/etl.sql", SCRIPT)
    hive = ["hive-script", "--run-hive-script", "--args", "-f", "s3://bucket/etl.sql"]
    variables = ["-d", "OUTPUT=s3://bucket/events", "-d", "WHAT=a b", "-hiveconf", "OTHER=c"]

    with ThreadPoolExecutor(2) as pool:
        script = pool.submit(shared.bench.run, "script", *hive, *variables)
        made = pool.submit(shared.sql, "make", "CREATE TABLE numbers AS SELECT 7 AS n")
        assert script.result().returncode == 0, script.result().stderr[-4000:]
        made.result()

    rows = shared.sql("read", "SELECT * FROM numbers; SELECT * FROM events ORDER BY n")
    assert rows == ["7", "1\ta b\t2026-01-01", "2\tc\t2026-01-02"]
    assert shared.bench.lake.path_of("s3://bucket/events/day=2026-01-01").is_dir()
    assert shared.bench.lake.path_of("s3://bucket/warehouse/numbers").is_dir()


def test_it_listens_on_the_loopback_only(shared: Shared) -> None:
    pid = shared.catalogue.pid
    assert pid is not None

    assert listening_addresses(pid) == {"127.0.0.1"}


def test_it_is_started_once_and_ends_with_all_its_processes(tmp_path: Path) -> None:
    runtime = pinned_runtime()
    bench = StepBench(tmp_path, runtime)
    catalogue = Catalogue(tmp_path, bench.lake, "s3://bucket/warehouse")
    uri = catalogue.ensure(runtime)
    assert catalogue.ensure(runtime) == uri
    assert catalogue.pid is not None
    parent = psutil.Process(catalogue.pid)
    processes = [parent, *parent.children(recursive=True)]

    catalogue.stop()

    psutil.wait_procs(processes, timeout=60)
    assert not [process for process in processes if process.is_running()]


def test_a_killed_daemons_catalogue_is_adopted_and_ended(tmp_path: Path) -> None:
    runtime = pinned_runtime()
    bench = StepBench(tmp_path, runtime)
    killed = Catalogue(tmp_path, bench.lake, "s3://bucket/warehouse")
    after = Catalogue(tmp_path, bench.lake, "s3://bucket/warehouse")
    try:
        uri = killed.ensure(runtime)

        after.adopt()

        assert after.pid == killed.pid
        assert after.ensure(runtime) == uri
        after.stop()
        assert find_services(tmp_path) == []
    finally:
        killed.stop()


def test_a_catalogue_that_never_came_up_is_not_adopted(tmp_path: Path) -> None:
    marks = {HOME_VARIABLE: str(tmp_path), SERVICE_VARIABLE: "metastore"}
    with subprocess.Popen(["sleep", "600"], env=os.environ | marks, start_new_session=True) as left:
        eventually(lambda: find_services(tmp_path) != [], "it runs")

        Catalogue(tmp_path, Lake(tmp_path / "lake"), "s3://bucket/warehouse").adopt()

        assert find_services(tmp_path) == []
        left.wait()
