"""Steps as EMR clients write them, on a real standalone cluster, from plan to published log."""

import gzip
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import psutil
import pytest

from local.engine_bench import PIN, TWO_WORKERS, Events, cluster, eventually, run_step, up
from selfserve.local.control.events import EngineReady, EngineStopped
from selfserve.local.control.records import ClusterRecord, StepRecord
from selfserve.local.engine.processes import find_marked
from selfserve.local.engine.spark_engine import SparkEngine
from selfserve.local.lake.folders import Lake

pytestmark = [pytest.mark.spark, pytest.mark.xdist_group("engine")]

JOB = """
import json, os, sys
sys.path.insert(0, "deps")
import packed
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()

def on_worker(_):
    sys.path.insert(0, "deps")
    import packed
    return [packed.NAME, os.environ["AWS_ENDPOINT_URL_S3"], os.getppid()]

found = spark.sparkContext.range(0, 4, numSlices=4).map(on_worker).collect()
spark.range(10).write.mode("overwrite").parquet("s3://bucket/numbers")
print(json.dumps({
    "driver": packed.NAME,
    "workers": sorted({name for name, _, _ in found}),
    "endpoints": sorted({url for _, url, _ in found}),
    "elsewhere": os.getpid() not in {pid for _, _, pid in found},
    "master": spark.sparkContext.master,
    "arguments": sys.argv[1:],
}))
sys.exit(int(sys.argv[2]))
"""
SCRIPT = "CREATE TABLE IF NOT EXISTS t AS SELECT '${WORD}' AS word; SELECT word FROM t;"


@dataclass
class Running:
    """An engine with its own planner, and a cluster that is up."""

    home: Path
    lake: Lake
    engine: SparkEngine
    events: Events
    record: ClusterRecord

    def run(self, *steps: StepRecord) -> list[int | None]:
        """Start all of them at once; their exit codes."""
        for step in steps:
            self.engine.start_step(self.record, step)
        return [self.events.exit_of(step).exit_code for step in steps]

    def log(self, step: StepRecord, stream: str) -> str:
        folder = self.lake.path_of(f"s3://logs/emr/{self.record.id}/steps/{step.id}")
        return gzip.decompress((folder / f"{stream}.gz").read_bytes()).decode()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("a home")
    lake = Lake(home / "lake")
    lake.ensure_bucket("bucket")
    lake.ensure_bucket("selfserve-local")
    events = Events()
    engine = SparkEngine(
        home,
        lake,
        events.notify,
        endpoint_env={"AWS_ENDPOINT_URL_S3": "http://local"},
        pin=lambda _: PIN,
        machine=lambda: TWO_WORKERS,
    )
    record = cluster(applications=("Spark", "Hive"))
    record = replace(record, request={**record.request, "LogUri": "s3://logs/emr"})
    try:
        engine.start_cluster(record)
        events.wait(EngineReady)
        yield Running(home, lake, engine, events, replace(up(record), step_concurrency=2))
        engine.stop_cluster(record)
        events.wait(EngineStopped)
    finally:
        engine.close()
        left = find_marked(home)
        for process in left:
            process.kill()
    assert left == []


def put(lake: Lake, uri: str, body: bytes) -> None:
    path = lake.path_of(uri)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)


def package() -> bytes:
    data = BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as packed:
        member = tarfile.TarInfo("packed.py")
        member.size = len(b"NAME = 'from the archive'")
        packed.addfile(member, BytesIO(b"NAME = 'from the archive'"))
    return data.getvalue()


def test_jobs_and_scripts_of_emr_run_at_once(running: Running) -> None:
    put(running.lake, "s3://bucket/job.py", JOB.encode())
    put(running.lake, "s3://bucket/deps.tar.gz", package())
    put(running.lake, "s3://bucket/script.sql", SCRIPT.encode())
    job = run_step(
        *("spark-submit", "--master", "yarn", "--deploy-mode", "cluster"),
        *("--executor-memory", "18g", "--num-executors", "8", "--executor-cores", "4"),
        *("--archives", "s3://bucket/deps.tar.gz#deps", "s3://bucket/job.py", "a b", "3"),
        step_id="s-JOB",
    )
    script = run_step(
        *("hive-script", "--run-hive-script", "--args", "-f", "s3://bucket/script.sql"),
        *("-d", "WORD=in common"),
        step_id="s-SCRIPT",
    )

    assert running.run(job, script) == [3, 0], running.log(script, "stderr")[-4000:]

    said = json.loads(running.log(job, "stdout"))
    assert said["driver"] == "from the archive"
    assert said["workers"] == ["from the archive"]
    assert said["endpoints"] == ["http://local"]
    assert said["elsewhere"]
    assert said["arguments"] == ["a b", "3"]
    assert said["master"].startswith("spark://127.0.0.1:")
    assert "does not fit this machine" in running.log(job, "controller")
    assert "Exit code 3" in running.log(job, "controller")
    assert running.log(script, "stdout").strip() == "in common"
    assert (running.lake.path_of("s3://bucket/numbers") / "_SUCCESS").exists()


WAITING_JOB = """
import os, sys, time
from pyspark.sql import SparkSession
folder = sys.argv[1]
spark = SparkSession.builder.getOrCreate()
spark.range(10).rdd.count()
open(os.path.join(folder, "ready"), "w").close()
while not os.path.exists(os.path.join(folder, "go")):
    time.sleep(0.05)
"""


def test_nothing_of_a_cluster_listens_beyond_the_loopback(running: Running, tmp_path: Path) -> None:
    put(running.lake, "s3://bucket/waiting.py", WAITING_JOB.encode())
    step = run_step("spark-submit", "s3://bucket/waiting.py", str(tmp_path), step_id="s-WAIT")
    running.engine.start_step(running.record, step)
    eventually((tmp_path / "ready").exists, "the job runs")

    names = set()
    addresses = set()
    for process in find_marked(running.home):
        for connection in process.net_connections("inet"):
            if connection.status == psutil.CONN_LISTEN:
                names.add(" ".join(process.cmdline()))
                addresses.add(connection.laddr.ip.removeprefix("::ffff:"))
    (tmp_path / "go").touch()

    assert running.events.exit_of(step).exit_code == 0
    assert addresses == {"127.0.0.1"}
    for program in ("master.Master", "worker.Worker", "SparkSubmit", "ExecutorBackend"):
        assert any(program in name for name in names), (program, names)
