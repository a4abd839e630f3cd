"""The runner inside a real Spark driver, on s3:// paths of a lake. No cluster: `local[1]`."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from local.step_bench import DEADLINE_S, pinned_runtime
from runner_bench import Bench, Job, wait_until
from selfserve.local.lake.folders import Lake

pytestmark = [pytest.mark.spark, pytest.mark.xdist_group("runner")]

SECRET = "canary-7f3a-heron"
ALL_IS_WELL = """
import json, os, sys
from pyspark.sql import SparkSession
import packed, beside
spark = SparkSession.builder.appName("films").getOrCreate()
class Film:
    def __init__(self, n): self.n = n
films = spark.sparkContext.range(4).map(Film).map(lambda film: film.n).collect()
spark.range(3).write.parquet("s3://bucket/numbers")
print(json.dumps([packed.NAME, beside.NAME, films, sys.argv[1:], len(os.environ["TOKEN"])]))
print(os.environ["TOKEN"], spark.sparkContext.applicationId, file=sys.stderr)
spark.stop()
"""
FAILS_IN_A_TASK = """
from pyspark.sql import SparkSession, functions as F
spark = SparkSession.builder.getOrCreate()
def rate(film):
    return {"Alien": 5}[film]
spark.createDataFrame([("Solaris",)], ["film"]).select(F.udf(rate, "int")("film")).collect()
"""
FAILS_IN_AN_RDD = """
from pyspark import SparkContext
def rate(film):
    return {"Alien": 5}[film]
SparkContext.getOrCreate().parallelize(["Solaris"], 1).map(rate).collect()
"""
FAILS_IN_THE_PLAN = """
from pyspark.sql import SparkSession
SparkSession.builder.getOrCreate().range(3).select("film")
"""
KILLS_THE_JVM = """
import os, signal, time
runner = os.getppid()
jvm = int(open(f"/proc/{runner}/stat").read().rpartition(")")[2].split()[1])
open("pids", "w").write(f"{runner} {os.getpid()}")
os.kill(jvm, signal.SIGKILL)
for n in range(20):
    print(n)
    time.sleep(0.1)
open("went on", "w").close()
"""


class SparkBench(Bench):
    """spark-submit of the runner, in client mode: nobody unpacks the archives for it."""

    def __post_init__(self) -> None:
        self.lake = Lake(self.root / "lake")
        bucket = self.lake.ensure_bucket("bucket") or self.lake.bucket_path("bucket")
        super().__post_init__()
        self.run_folder = bucket / "runs" / "r-1"
        self.run_folder.mkdir(parents=True)

    @contextmanager
    def spark_submit(self) -> Iterator["subprocess.Popen[bytes]"]:
        """The running command, a process group of its own."""
        runtime = pinned_runtime()
        conf = {
            **self.lake.spark_conf(),
            "spark.ui.enabled": "false",
            "spark.sql.warehouse.dir": str(self.root / "warehouse"),
        }
        flags = [part for key, value in conf.items() for part in ("--conf", f"{key}={value}")]
        submit = str(runtime.spark_home / "bin" / "spark-submit")
        run = ["--run", "s3://bucket/runs/r-1/"]
        with subprocess.Popen(
            [submit, "--master", "local[1]", *flags, str(self.runner), *run],
            cwd=self.cwd,
            env={
                **os.environ,
                "JAVA_HOME": str(runtime.java_home),
                "PYSPARK_PYTHON": str(runtime.python),
                "SPARK_HOME": str(runtime.spark_home),
                "SPARK_LOCAL_IP": "127.0.0.1",
                "TMPDIR": str(self.root / "tmp"),  # what SIGKILL leaves behind stays in the test's
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)

    def to_end(self, job: Job | str) -> tuple[int, bytes, bytes]:
        """Run a job; its exit code and what spark-submit has printed."""
        self.submit(job)
        with self.spark_submit() as process:
            out, err = process.communicate(timeout=DEADLINE_S)
        return process.returncode, out, err


@pytest.fixture
def bench(tmp_path: Path) -> SparkBench:
    return SparkBench(tmp_path)


def test_a_job_with_packages_and_a_secret_runs_on_real_spark(bench: SparkBench) -> None:
    token = bench.lake.path_of("s3://bucket/secrets/token")
    token.parent.mkdir()
    token.write_text(f"{SECRET}\n")
    job = Job(
        {"app/job.py": ALL_IS_WELL, "app/beside.py": "NAME = 'beside'"},
        target="app/job.py",
        args=["a b", "", "ü\n'\""],
        dependencies={"packed/__init__.py": "NAME = 'packed'"},
        secrets={"TOKEN": "s3://bucket/secrets/token"},
    )

    code, out, err = bench.to_end(job)

    result = bench.result
    assert code == result["exit_code"] == 0, err.decode()[-4000:]
    said = ["packed", "beside", [0, 1, 2, 3], ["a b", "", "ü\n'\""], len(SECRET)]
    assert json.loads(bench.output("stdout")) == said
    # Spark's PythonRunner joins the two streams; in S3 they are apart.
    assert f"*** {result['application_id']}\n".encode() in out
    assert f"*** {result['application_id']}\n" in bench.output("stderr")
    assert SECRET.encode() not in out + err
    assert result["application_id"].startswith("local-")
    assert result["versions"]["spark"] == "3.5.8"
    assert result["max_rss_bytes"] > 1 << 20
    assert bench.lake.path_of("s3://bucket/numbers/_SUCCESS").exists()
    assert not list(bench.run_folder.glob(".writing*"))


@pytest.mark.parametrize(
    ("source", "kind", "java", "line"),
    [
        pytest.param(
            FAILS_IN_A_TASK,
            "pyspark.errors.exceptions.captured.PythonException",
            "org.apache.spark.api.python.PythonException: KeyError: 'Solaris'",
            'File "job.py", line 5, in rate',
            id="udf",
        ),
        pytest.param(
            FAILS_IN_AN_RDD,
            "py4j.protocol.Py4JJavaError",
            "org.apache.spark.api.python.PythonException: KeyError: 'Solaris'",
            'File "job.py", line 4, in rate',
            id="rdd",
        ),
        pytest.param(
            FAILS_IN_THE_PLAN,
            "pyspark.errors.exceptions.captured.AnalysisException",
            "org.apache.spark.sql.catalyst.ExtendedAnalysisException: [UNRESOLVED_COLUMN",
            "`film` cannot be resolved",
            id="plan",
        ),
    ],
)
def test_an_error_of_spark_keeps_the_users_line_and_its_java_cause(
    bench: SparkBench, source: str, kind: str, java: str, line: str
) -> None:
    code, _, err = bench.to_end(source)

    exception = bench.result["exception"]
    assert code == bench.result["exit_code"] == 1, err.decode()[-4000:]
    assert exception["type"] == kind
    assert line in exception["message"]
    assert 'File "job.py", line' in exception["traceback"]
    assert bench.result["java_exception"].startswith(java)


def test_sigterm_to_all_and_sigkill_soon_after_leave_a_record(bench: SparkBench) -> None:
    source = "from pyspark.sql import SparkSession\nimport time\n"
    source += "SparkSession.builder.getOrCreate()\nprint('ready')\ntime.sleep(300)"
    bench.submit(source)

    with bench.spark_submit() as process:
        wait_until(lambda: "ready" in bench.output("stdout"))
        os.killpg(process.pid, signal.SIGTERM)
        wait_until((bench.run_folder / "result.json").exists)
        seen = bench.result
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()

    assert seen["signal"] == "SIGTERM"
    assert seen["exit_code"] == 143


def test_a_job_whose_jvm_is_killed_goes_on_and_nothing_is_left(bench: SparkBench) -> None:
    bench.submit(KILLS_THE_JVM)

    with bench.spark_submit() as process:
        process.wait(DEADLINE_S)
        killed = time.monotonic()
        pids = [int(pid) for pid in (bench.cwd / "pids").read_text().split()]
        wait_until(lambda: not any(map(psutil.pid_exists, pids)))

    assert (bench.cwd / "went on").exists()
    assert time.monotonic() - killed < 20
    assert not (bench.run_folder / "result.json").exists()
