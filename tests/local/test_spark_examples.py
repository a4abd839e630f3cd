"""Spark's own Python examples, as pyspark ships them, run unmodified.

Their source: <pyspark>/examples/src/main/python, and data in <pyspark>/data/mllib.
"""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from homes import Laptop
from local.step_bench import pinned_runtime
from local.submitting import ON_CLUSTER, spark_cluster
from selfserve.local.endpoint import BUCKET

pytestmark = pytest.mark.spark

WORDS = "to be or\nnot to be\n"
WITH_PANDAS = "numpy==1.26.4\npandas==2.2.3\npyarrow==17.0.0\n"
FEW_TASKS = ("spark.default.parallelism=2", "spark.sql.shuffle.partitions=2")
NUMBER = r"-?\d+\.\d+(?:E-?\d+)?"


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    with spark_cluster(tmp_path_factory.mktemp("examples")) as laptop:
        data = pinned_runtime().spark_home / "data" / "mllib"
        for name in ("kmeans_data.txt", "pagerank_data.txt"):
            shutil.copy(data / name, laptop.path_of(f"data/{name}"))
        laptop.path_of("data/words.txt").write_text(WORDS, encoding="utf-8")
        yield laptop


def run_example(laptop: Laptop, name: str, *args: str, needs: Path | None = None) -> str:
    """What an example prints."""
    script = pinned_runtime().spark_home / "examples" / "src" / "main" / "python" / name
    flags = [part for setting in FEW_TASKS for part in ("--conf", setting)]
    packages = ("--requirements", str(needs)) if needs else ()
    return laptop.must("submit", str(script), *ON_CLUSTER, *flags, *packages, "--", *args)


def test_wordcount(laptop: Laptop) -> None:
    said = run_example(laptop, "wordcount.py", f"s3://{BUCKET}/data/words.txt")

    assert sorted(said.splitlines()) == ["be: 2", "not: 1", "or: 1", "to: 2"]


def test_pi(laptop: Laptop) -> None:
    said = run_example(laptop, "pi.py", "2")

    found = re.fullmatch(r"Pi is roughly (3\.\d+)\n", said)
    assert found, said
    assert abs(float(found[1]) - 3.14159) < 0.05  # twelve standard deviations of 200,000 draws


def test_als(laptop: Laptop) -> None:
    said = run_example(laptop, "als.py", "20", "30", "5", "3", "2")

    errors = [float(error) for error in re.findall(r"RMSE: ([\d.]+)", said)]
    assert len(errors) == 3
    assert errors[-1] < 0.1 < errors[0]


def test_kmeans(laptop: Laptop) -> None:
    data = f"s3://{BUCKET}/data/kmeans_data.txt"
    said = run_example(laptop, "kmeans.py", data, "2", "0.1")

    assert said.startswith("Final centers: ")
    numbers = sorted(round(float(number), 4) for number in re.findall(r"\d+\.\d*", said))
    assert numbers == [0.1, 0.1, 0.1, 9.1, 9.1, 9.1]


def test_pagerank(laptop: Laptop) -> None:
    said = run_example(laptop, "pagerank.py", f"s3://{BUCKET}/data/pagerank_data.txt", "3")

    ranks = {page: float(rank) for page, rank in re.findall(r"(\d) has rank: ([\d.]+)\.\n", said)}
    assert ranks.keys() == {"1", "2", "3", "4"}
    assert ranks["1"] > ranks["2"] == ranks["3"] == ranks["4"]


def test_sql_udtf_with_pandas_and_pyarrow(laptop: Laptop, tmp_path: Path) -> None:
    needs = tmp_path / "requirements.txt"
    needs.write_text(WITH_PANDAS, encoding="utf-8")

    said = run_example(laptop, "sql/udtf.py", needs=needs)

    for row in ("|  3|      9|", "|Apache Spark|Apache|", "|2023-03-01|", "|  9| 10|"):
        assert row in said
    assert "Running Python UDTF table argument example" in said


def test_ml_pipeline(laptop: Laptop) -> None:
    said = run_example(laptop, "ml/pipeline_example.py")

    predictions = dict(re.findall(r"\((\d), .*prediction=(\d)\.0", said))
    assert predictions == {"4": "0", "5": "0", "6": "1", "7": "0"}


def test_ml_tf_idf(laptop: Laptop) -> None:
    said = run_example(laptop, "ml/tf_idf_example.py")

    assert re.findall(r"\|  (\d\.0)\|\(20,\[", said) == ["0.0", "0.0", "1.0"]


def test_ml_word2vec(laptop: Laptop) -> None:
    said = run_example(laptop, "ml/word2vec_example.py")

    assert said.count("=> \nVector: [") == 3
    assert len(re.findall(NUMBER, said)) == 9
