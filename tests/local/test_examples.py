"""The examples, on real Spark, with the commands that a user types."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from homes import Laptop
from local.submitting import CLUSTER, spark_cluster
from selfserve.local.endpoint import BUCKET

pytestmark = pytest.mark.spark

EXAMPLES = Path(__file__).parents[2] / "examples"
MOVIES, ETL = EXAMPLES / "movie_recommender", EXAMPLES / "batch_etl"
FEW_TASKS = ("--conf", "spark.sql.shuffle.partitions=2")

CHECK = """
import sys
from pyspark.sql import SparkSession, functions as F
ratings_uri, top_uri = sys.argv[1:]
spark = SparkSession.builder.getOrCreate()
ratings, top = spark.read.parquet(ratings_uri), spark.read.parquet(top_uri)
per_user = top.groupBy("user").agg(
    F.count("*").alias("films"),
    F.countDistinct("movie").alias("different"),
    F.max("rank").alias("last"),
)
print("users", ratings.select("user").distinct().count())
print("users with ten", per_user.where("films = 10 AND different = 10 AND last = 10").count())
print("already rated", top.join(ratings, ["user", "movie"]).count())
"""


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    """One local target for the examples, with a Spark cluster that is up."""
    with spark_cluster(tmp_path_factory.mktemp("examples")) as laptop:
        yield laptop


def test_the_recommender_beats_the_mean_and_recommends_nothing_rated(
    laptop: Laptop, tmp_path: Path
) -> None:
    generator = [sys.executable, str(MOVIES / "generate.py")]
    size = ["--ratings", "6000", "--users", "120", "--movies", "150"]
    raw = laptop.path_of("movies/ratings.dat")
    subprocess.run([*generator, "--output", str(raw), *size], check=True, timeout=60)
    parquet, top = (f"s3://{BUCKET}/movies/{name}.parquet" for name in ("ratings", "top"))
    submit = ("submit", "-c", CLUSTER, *FEW_TASKS)

    prepared = laptop.must(
        *submit,
        str(MOVIES / "prepare.py"),
        *("--", "--input", f"s3://{BUCKET}/movies/ratings.dat", "--output", parquet),
    )
    said = laptop.must(
        *submit,
        str(MOVIES / "recommend.py"),
        *("--", "--ratings", parquet, "--output", top, "--rank", "4", "--iterations", "5"),
    )

    assert "0 of them not ratings" in prepared
    found = re.search(r"RMSE ([\d.]+); predicting the mean for everybody: ([\d.]+)", said)
    assert found
    assert float(found[1]) < 0.85 * float(found[2])
    check = tmp_path / "check.py"
    check.write_text(CHECK, encoding="utf-8")
    facts = laptop.must(*submit, str(check), "--", parquet, top).splitlines()
    assert facts == ["users 120", "users with ten 120", "already rated 0"]


@pytest.mark.parametrize(
    ("source", "error", "output"),
    [
        pytest.param(
            "print('before')\nraise ValueError('no ratings')",
            "failed: ValueError: no ratings",
            "before\n",
            id="raises",
        ),
        pytest.param(
            "import os\nprint('before')\nos.kill(os.getpid(), 11)",
            "failed: it was killed by SIGSEGV",
            "before\n",
            id="killed-by-a-signal",
        ),
    ],
)
def test_a_job_that_ends_badly_fails_the_command_and_is_explained(
    laptop: Laptop, tmp_path: Path, source: str, error: str, output: str
) -> None:
    job = tmp_path / "job.py"
    job.write_text(source, encoding="utf-8")

    done = laptop.run("submit", str(job), "-c", CLUSTER)

    assert done.returncode == 5
    assert error in done.stderr
    assert done.stdout == output


def test_raw_events_become_a_partitioned_table_on_a_cluster_of_its_own(laptop: Laptop) -> None:
    generator = [sys.executable, str(ETL / "generate_events.py"), "--events", "500", "--days", "3"]
    raw = laptop.path_of("etl/raw/events.json")
    subprocess.run([*generator, "--output", str(raw)], check=True, timeout=60)

    said = laptop.must(
        "submit",
        str(ETL / "events.sql"),
        *("-c", "hive-batch", "--"),
        *("-d", f"INPUT=s3://{BUCKET}/etl/raw/", "-d", f"OUTPUT=s3://{BUCKET}/etl/events/"),
    )

    days = [line.split("\t") for line in said.splitlines() if line.startswith("2026-")]
    assert [day[0] for day in days] == ["2026-11-01", "2026-11-02", "2026-11-03"]
    assert sum(int(day[1]) for day in days) == 500
    partitions = sorted(path.name for path in laptop.path_of("etl/events").glob("event_date=*"))
    assert partitions == [f"event_date={day[0]}" for day in days]
    assert "hive-batch" not in laptop.must("status")
