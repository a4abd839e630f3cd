"""A Spark ML job with spark-submit alone, and the same job under the runner.

Both on `local[2]` with the same settings and data. The runner also reads the
submission, fetches, unpacks and verifies the code, copies all output to the run's
folder, and writes the result.
"""

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.side_by_side import compare
from selfserve.local.lake.folders import Lake
from selfserve.local.runtime.install import Runtime, ensure_runtime
from selfserve.usecases.packages.packaging import build_runner

SPARK = "3.5.8"
ROUNDS = 3
RATINGS = 1_000_000  # as many as MovieLens 1M: about half a minute
_JOBS = Path(__file__).parent.parent / "examples" / "movie_recommender"
_BUCKET = "bench"


def main() -> None:
    """Print the ratio."""
    print(f"runner: the demo job with {RATINGS:,} ratings on local[2], with and without the runner")
    with tempfile.TemporaryDirectory() as folder:
        bench = _Bench(Path(folder), ensure_runtime(SPARK, "3.11", progress=print))
        bench.make_ratings()
        pair = compare(bench.under_the_runner(), bench.alone(), rounds=ROUNDS)
    pair.report("spark-submit of the runner", "spark-submit recommend.py", aim=1.03)


class _Bench:
    """A lake with the ratings, and what spark-submit is told."""

    def __init__(self, folder: Path, runtime: Runtime) -> None:
        self._folder = folder
        self._runtime = runtime
        self._lake = Lake(folder / "lake")
        self._lake.ensure_bucket(_BUCKET)
        self._bucket = self._lake.bucket_path(_BUCKET)

    def make_ratings(self) -> None:
        ratings = self._bucket / "ratings.dat"
        generate = [sys.executable, str(_JOBS / "generate.py"), "--output", str(ratings)]
        subprocess.run([*generate, "--ratings", str(RATINGS)], check=True, capture_output=True)
        paths = ["--input", f"s3://{_BUCKET}/ratings.dat", "--output", f"s3://{_BUCKET}/ratings"]
        self._submit(str(_JOBS / "prepare.py"), *paths)()

    def alone(self) -> Callable[[], object]:
        return self._submit(str(_JOBS / "recommend.py"), *self._arguments("alone"))

    def under_the_runner(self) -> Callable[[], object]:
        runner = self._folder / "driver.py"
        runner.write_bytes(build_runner().body)
        run = self._bucket / "runs" / "r-1"
        run.mkdir(parents=True)
        program = {
            "name": "recommend.py",
            "entry": {"kind": "path", "target": "recommend.py"},
            "code": self._pack((_JOBS / "recommend.py").read_bytes()),
        }
        submission = {"args": self._arguments("supervised"), "program": program}
        (run / "submission.json").write_text(json.dumps(submission))
        return self._submit(str(runner), "--run", f"s3://{_BUCKET}/runs/r-1/")

    def _arguments(self, name: str) -> list[str]:
        return ["--ratings", f"s3://{_BUCKET}/ratings", "--output", f"s3://{_BUCKET}/{name}"]

    def _pack(self, source: bytes) -> dict[str, str]:
        sums = f"{hashlib.sha256(source).hexdigest()}  recommend.py\n".encode()
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            for name, body in (("SHA256SUMS", sums), ("recommend.py", source)):
                member = tarfile.TarInfo(name)
                member.size = len(body)
                archive.addfile(member, io.BytesIO(body))
        (self._bucket / "code.tar.gz").write_bytes(packed.getvalue())
        return {
            "uri": f"s3://{_BUCKET}/code.tar.gz",
            "sha256": hashlib.sha256(packed.getvalue()).hexdigest(),
            "sums_sha256": hashlib.sha256(sums).hexdigest(),
        }

    def _submit(self, *program: str) -> Callable[[], object]:
        conf = {
            **self._lake.spark_conf(),
            "spark.ui.enabled": "false",
            "spark.driver.memory": "2g",
            "spark.sql.warehouse.dir": str(self._folder / "warehouse"),
        }
        flags = [part for key, value in conf.items() for part in ("--conf", f"{key}={value}")]
        submit = str(self._runtime.spark_home / "bin" / "spark-submit")
        environment = {
            **os.environ,
            "JAVA_HOME": str(self._runtime.java_home),
            "PYSPARK_PYTHON": str(self._runtime.python),
            "SPARK_HOME": str(self._runtime.spark_home),
            "SPARK_LOCAL_IP": "127.0.0.1",
        }
        argv = [submit, "--master", "local[2]", *flags, *program]
        return lambda: subprocess.run(argv, env=environment, check=True, capture_output=True)


if __name__ == "__main__":
    main()
