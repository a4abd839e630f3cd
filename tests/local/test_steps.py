"""Steps run for real on the lake, and the files that they find when they start."""

import io
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from local.step_bench import StepBench, pinned_runtime
from selfserve.errors import BadInputError
from selfserve.local.lake.folders import Lake
from selfserve.local.steps.command import LocalizedFile, StepCommand
from selfserve.local.steps.files import prepare

JOB = """
import json, os, sys, tempfile
import helper
from pyspark import SparkFiles
from pyspark.ml.feature import VectorAssembler
from pyspark.ml.regression import LinearRegression, LinearRegressionModel
from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
frame = spark.range(100).selectExpr("id", "id % 3 AS part", "CAST(id AS DOUBLE) AS x")
said = {"arguments": sys.argv[1:], "helper": helper.ANSWER, "beside": open("note.txt").read()}
said["temporary"] = tempfile.gettempdir()

frame.write.mode("overwrite").partitionBy("part").parquet("s3://bucket/table")
frame.write.mode("append").partitionBy("part").parquet("s3a://bucket/table")
said["appended"] = spark.read.parquet("s3n://bucket/table").count()
frame.write.mode("overwrite").parquet("s3://bucket/table")
said["overwritten"] = spark.read.parquet("s3://bucket/table").count()
spark.conf.set("spark.sql.sources.partitionOverwriteMode", "dynamic")
frame.write.mode("overwrite").partitionBy("part").parquet("s3://bucket/dynamic")
frame.where("part = 1").limit(1).write.mode("overwrite").partitionBy("part").parquet("s3://bucket/dynamic")
said["dynamic"] = spark.read.parquet("s3://bucket/dynamic").count()
said["single file"] = spark.read.text("s3://bucket/job/note.txt").first()[0]
said["text"] = spark.sparkContext.textFile("s3://bucket/job/*.txt").collect()
frame.rdd.map(str).saveAsTextFile("s3://bucket/texts")
frame.write.orc("s3://bucket/orc")
said["orc"] = spark.read.orc("s3://bucket/orc").count()
stream = spark.readStream.schema(frame.schema).parquet("s3://bucket/table").writeStream
stream = stream.option("checkpointLocation", "s3://bucket/checkpoint").trigger(availableNow=True)
stream.start("s3://bucket/streamed").awaitTermination()
said["streamed"] = spark.read.parquet("s3://bucket/streamed").count()
said["wildcard"] = spark.read.parquet("s3://bucket/dynamic/part=*").count()

features = VectorAssembler(inputCols=["x"], outputCol="features").transform(frame)
model = LinearRegression(labelCol="id").fit(features)
model.write().overwrite().save("s3://bucket/model")
said["model"] = round(float(LinearRegressionModel.load("s3://bucket/model").coefficients[0]), 3)

os.mkdir(sys.argv[1])
try:
    frame.write.parquet("s3://nobody-made-this/tmp-selfserve-test")
except Exception as error:
    said["unknown bucket"] = "NoSuchBucket" in str(error)
said["executor"] = spark.range(1).rdd.map(lambda _: os.environ.get("AWS_ENDPOINT_URL_S3")).first()
with open(os.path.join(sys.argv[1], "said.json"), "w") as file:
    json.dump(said, file)
"""


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> StepBench:
    # A space in its name: paths are written into settings, URIs and command lines.
    home = tmp_path_factory.mktemp("a home")
    return StepBench(home, pinned_runtime(), endpoint_env={"AWS_ENDPOINT_URL_S3": "http://local"})


@pytest.fixture(scope="module")
def said(bench: StepBench) -> Any:
    """What one long job, submitted as for YARN in cluster mode, has seen."""
    bench.put("s3://bucket/job/main.py", JOB)
    bench.put("s3://bucket/job/helper.py", "ANSWER = 42\n")
    bench.put("s3://bucket/job/note.txt", "a note")
    out = bench.home / "out"
    finished = bench.run(
        "submit",
        *("spark-submit", "--master", "yarn", "--deploy-mode", "cluster"),
        *("--executor-memory", "18g", "--py-files", "s3://bucket/job/helper.py"),
        *("--files", "s3://bucket/job/note.txt", "s3://bucket/job/main.py"),
        *(str(out), "a b", "", "x\ny", "'\"$HOME"),
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr[-8000:]
    return json.loads((out / "said.json").read_text())


@pytest.mark.spark
@pytest.mark.xdist_group("step_bench")
class TestAJobOnTheLake:
    def test_gets_its_arguments_exactly(self, said: Any) -> None:
        assert said["arguments"][1:] == ["a b", "", "x\ny", "'\"$HOME"]

    def test_imports_its_modules_and_finds_its_files(self, said: Any) -> None:
        assert (said["helper"], said["beside"]) == (42, "a note")

    def test_appends_to_and_overwrites_tables(self, said: Any) -> None:
        assert (said["appended"], said["overwritten"]) == (200, 100)

    def test_overwrites_single_partitions(self, said: Any) -> None:
        assert said["dynamic"] == said["wildcard"] == 100 - 33 + 1

    def test_reads_single_objects_and_keeps_models(self, said: Any) -> None:
        assert (said["single file"], said["text"], said["model"]) == ("a note", ["a note"], 1.0)

    def test_writes_other_formats_and_streams(self, said: Any) -> None:
        assert (said["orc"], said["streamed"]) == (100, 100)

    def test_cannot_write_outside_of_its_buckets(self, said: Any) -> None:
        assert said["unknown bucket"] is True
        assert not Path("/tmp-selfserve-test").exists()

    def test_has_the_endpoint_on_its_executors(self, said: Any) -> None:
        assert said["executor"] == "http://local"

    def test_has_a_temporary_folder_that_goes_with_the_step(
        self, said: Any, bench: StepBench
    ) -> None:
        assert said["temporary"] == str(bench.home / "steps" / "submit" / "tmp")

    def test_leaves_plain_objects_only(self, said: Any, bench: StepBench) -> None:
        assert said
        names = {path.name for path in bench.lake.root.rglob("*")}
        assert "_SUCCESS" in names
        assert not [name for name in names if name.endswith(".crc") or name.startswith(".")]


@pytest.mark.spark
@pytest.mark.xdist_group("step_bench")
def test_a_bash_step_starts_spark_and_ends_with_its_own_code(bench: StepBench) -> None:
    finished = bench.run(
        "bash", "bash", "-c", 'spark-submit "$SPARK_HOME/examples/src/main/python/pi.py" 2; exit 3'
    )

    assert finished.returncode == 3
    assert "Pi is roughly 3." in finished.stdout


def archive(kind: str) -> bytes:
    """A folder with a module and an executable, packed."""
    data = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(data, "w") as packed:
            packed.writestr("package/module.py", "X = 1")
    else:
        with tarfile.open(fileobj=data, mode="w:gz") as packed:
            member = tarfile.TarInfo("package/module.py")
            member.size = 5
            packed.addfile(member, io.BytesIO(b"X = 1"))
    return data.getvalue()


def command_in(folder: Path, *localized: LocalizedFile) -> StepCommand:
    secret = {folder / "conf" / "spark-defaults.conf": "secret"}
    return StepCommand(("true",), {}, folder / "cwd", private_files=secret, localized=localized)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path / "lake")
    lake.ensure_bucket("bucket")
    return lake


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_archives_are_unpacked_beside_the_job(kind: str, lake: Lake, tmp_path: Path) -> None:
    lake.path_of("s3://bucket/deps").write_bytes(archive(kind))

    prepare(command_in(tmp_path, LocalizedFile("s3://bucket/deps", "deps", unpack=True)), lake)

    assert (tmp_path / "cwd/deps/package/module.py").read_text() == "X = 1"


def test_secrets_are_for_the_user_only(lake: Lake, tmp_path: Path) -> None:
    prepare(command_in(tmp_path), lake)

    assert (tmp_path / "conf/spark-defaults.conf").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "item",
    [
        LocalizedFile("s3://bucket/absent", "absent"),
        LocalizedFile("s3://bucket/text", "text", unpack=True),
        LocalizedFile("s3://bucket/text", "../text"),
        LocalizedFile("s3://bucket/../../text", "text"),
    ],
)
def test_files_that_cannot_be_put_there_are_an_error(
    item: LocalizedFile, lake: Lake, tmp_path: Path
) -> None:
    lake.path_of("s3://bucket/text").write_text("not an archive")

    with pytest.raises(BadInputError):
        prepare(command_in(tmp_path, item), lake)
