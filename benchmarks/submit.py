"""`selfserve submit` of the demo job on a running local cluster, against plain `spark-submit`.

Both run the same file on the same standalone Master with the same settings, those
that the local target gave to an earlier step. Ours also uploads the job, supervises
it, copies its output to S3 and prints it as it comes.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from examples.demo import SAMPLE

from benchmarks.side_by_side import command, compare
from selfserve.local import daemon_client
from selfserve.local.home import Home
from selfserve.local.runtime.install import Runtime, ensure_runtime

SPARK = "3.5.8"
_SELFSERVE = str(Path(sys.executable).with_name("selfserve"))
_JOBS = Path(__file__).parent.parent / "examples" / "movie_recommender"
_S3 = "s3://selfserve-local/bench"


def main() -> None:
    """Print the ratio."""
    print("submit: the demo job, whole commands, on one running cluster")
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        os.environ["SELFSERVE_LOCAL_HOME"] = str(home.root)
        try:
            pair = compare(*_prepare(home), rounds=3)
        finally:
            daemon_client.stop(home)
    pair.report("selfserve submit recommend.py", "spark-submit recommend.py", aim=1.25)


def _prepare(home: Home) -> tuple[Callable[[], object], Callable[[], object]]:
    runtime = ensure_runtime(SPARK, "3.11", progress=print)
    _selfserve("up", "spark-ml", "--name", "bench")
    ratings = home.lake / "selfserve-local" / "bench" / "ratings.dat"
    ratings.parent.mkdir(parents=True)
    ratings.write_bytes((runtime.spark_home / SAMPLE).read_bytes())
    prepare = ("--input", f"{_S3}/ratings.dat", "--output", f"{_S3}/ratings.parquet")
    _selfserve("submit", str(_JOBS / "prepare.py"), "-c", "bench", "--", *prepare)
    job = str(_JOBS / "recommend.py")
    arguments = ("--ratings", f"{_S3}/ratings.parquet", "--output")
    ours = [_SELFSERVE, "submit", job, "-c", "bench", "--", *arguments, f"{_S3}/ours"]
    theirs = [str(runtime.spark_home / "bin" / "spark-submit"), job, *arguments, f"{_S3}/theirs"]
    return command(ours), _plain(theirs, _settings_of_last_step(home), runtime)


def _plain(argv: list[str], conf: Path, runtime: Runtime) -> Callable[[], object]:
    environment = {
        **os.environ,
        "JAVA_HOME": str(runtime.java_home),
        "PYSPARK_PYTHON": str(runtime.python),
        "SPARK_HOME": str(runtime.spark_home),
        "SPARK_CONF_DIR": str(conf),
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    return lambda: subprocess.run(argv, env=environment, check=True, capture_output=True)


def _settings_of_last_step(home: Home) -> Path:
    [cluster] = json.loads(_selfserve("status", "-o", "json"))
    steps = (home.root / "clusters" / cluster["id"] / "steps").iterdir()
    return max(steps, key=lambda step: step.stat().st_mtime) / "conf"


def _selfserve(*arguments: str) -> bytes:
    return subprocess.run([_SELFSERVE, *arguments], check=True, capture_output=True).stdout


if __name__ == "__main__":
    main()
