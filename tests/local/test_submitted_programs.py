"""Whatever can be submitted runs on a real cluster as it does at home, and can be ended."""

import json
import shutil
import signal
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import psutil
import pytest

from homes import Laptop
from local.engine_bench import eventually
from local.step_bench import pinned_runtime
from local.submitting import (
    INTERRUPTED,
    JOB_FAILED,
    ON_CLUSTER,
    Lines,
    lay_out,
    package_of,
    record_of,
    run_id_of,
    spark_cluster,
)

pytestmark = pytest.mark.spark

ARGUMENTS = [
    *("two words", "a,b", "it's", 'say "hi"', "two\nlines", "", " ", "Zoë 🦊 日本語"),
    *("$HOME", "`id`", "{{ run }}", "back\\slash", "\\n", "*", "~", "#", "%s", "!x", "a=b"),
    *("--leading", "-d", "--conf", "--", "-"),
]
SCRIPT = {
    "job.py": """
import json, sys
from pathlib import Path
import beside
from films import rating_of
from pyspark.sql import SparkSession, functions as F

spark = SparkSession.builder.getOrCreate()
rate = F.udf(lambda film: beside.double(rating_of(film)), "int")
films = spark.createDataFrame([("Alien",), ("Solaris",)], ["film"]).repartition(2)
print(json.dumps({
    "args": sys.argv[1:],
    "rated": {row.film: row.n for row in films.select("film", rate("film").alias("n")).collect()},
    "unpacked beside the driver": Path("selfserve_code").exists(),
}, sort_keys=True))
""",
    "beside.py": "def double(n):\n    return 2 * n\n",
    "films/__init__.py": """
import csv
from pathlib import Path

def rating_of(film):
    with (Path(__file__).parent / "data" / "ratings.csv").open() as lines:
        return int(dict(csv.reader(lines))[film])
""",
    "films/data/ratings.csv": "Alien,5\nSolaris,4\n",
}
RATED = {"Alien": 10, "Solaris": 8}
FOLDER = {
    "__main__.py": "import sys\nfrom parts.words import GREETING\nprint(GREETING, *sys.argv[1:])\n",
    "parts/__init__.py": "",
    "parts/words.py": "GREETING = 'hello from a folder to'\n",
}
BACKEND = """
import pathlib, zipfile

INFO, TAG = "greeter-1.dist-info", "py3-none-any"

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = f"greeter-1-{TAG}.whl"
    with zipfile.ZipFile(pathlib.Path(wheel_directory, name), "w") as wheel:
        for file in sorted(pathlib.Path("src").rglob("*.*")):
            wheel.write(file, file.relative_to("src").as_posix())
        wheel.writestr(f"{INFO}/METADATA", "Metadata-Version: 2.1\\nName: greeter\\nVersion: 1\\n")
        wheel.writestr(f"{INFO}/WHEEL", f"Wheel-Version: 1.0\\nTag: {TAG}\\n")
        wheel.writestr(f"{INFO}/RECORD", "")
    return name
"""
PROJECT = {
    "pyproject.toml": """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "greeter"
version = "1"
[project.scripts]
greet = "greeter.app:main"
""",
    "backend.py": BACKEND,  # its own, so that nothing need be fetched
    "src/greeter/__init__.py": "",
    "src/greeter/app.py": """
import sys
from importlib.metadata import version
from pyspark.sql import SparkSession

def greet(name):
    from greeter import words
    return f"{words.GREETING}, {name}"

def main():
    context = SparkSession.builder.getOrCreate().sparkContext
    print(version("greeter"), *context.parallelize(sys.argv[1:], 2).map(greet).collect(), sep="; ")
    return 0
""",
    "src/greeter/words.py": "GREETING = 'hello from a project'\n",
}
USES_FLAGS = """
import json
from pathlib import Path
import more
from pyspark.sql import SparkSession

context = SparkSession.builder.getOrCreate().sparkContext
on_executors = context.range(2, numSlices=2).map(lambda _: __import__("more").NAME).collect()
print(json.dumps({
    "module": [more.NAME, *on_executors],
    "file": Path("table.csv").read_text(),
    "archive": Path("packed/inside.txt").read_text(),
    "conf": context.getConf().get("spark.demo.word"),
    "name": context.appName,
}))
"""
JAVA = """
import org.apache.spark.sql.SparkSession;

public class Count {
    public static void main(String[] args) {
        SparkSession spark = SparkSession.builder().getOrCreate();
        System.out.println(String.join("|", args) + " " + spark.range(7).count());
        spark.stop();
    }
}
"""
WAITS_THEN_RAISES = """
import pathlib, sys, time
print("ready", flush=True)
while not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.05)
raise ValueError("no ratings")
"""
NEVER_ENDS = """
import os, time
print("running as", os.getpid(), flush=True)
time.sleep(3600)
"""


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    with spark_cluster(tmp_path_factory.mktemp("programs")) as laptop:
        yield laptop


def test_a_script_runs_as_at_home_in_both_deploy_modes_and_again_without_its_files(
    laptop: Laptop, tmp_path: Path
) -> None:
    folder = lay_out(tmp_path / "job", SCRIPT)
    submit = ("submit", str(folder / "job.py"), *ON_CLUSTER)

    in_cluster = laptop.run(*submit, "--", *ARGUMENTS)
    as_client = laptop.run(*submit, "--deploy-mode", "client", "--", *ARGUMENTS)
    shutil.rmtree(folder)
    again = laptop.run("submit", "--again", run_id_of(in_cluster))

    assert in_cluster.returncode == 0, in_cluster.stderr
    said = {"args": ARGUMENTS, "rated": RATED, "unpacked beside the driver": True}
    assert json.loads(in_cluster.stdout) == said
    assert as_client.returncode == 0, as_client.stderr
    assert json.loads(as_client.stdout) == {**said, "unpacked beside the driver": False}
    assert again.returncode == 0, again.stderr
    assert again.stdout == in_cluster.stdout
    assert run_id_of(again) != run_id_of(in_cluster)


def test_a_folder_runs_as_python_runs_it(laptop: Laptop, tmp_path: Path) -> None:
    folder = lay_out(tmp_path / "job", FOLDER)

    said = laptop.must("submit", str(folder), *ON_CLUSTER, "--", "you", "and you")

    assert said == "hello from a folder to you and you\n"


def test_a_project_is_built_shipped_and_started_by_its_script(
    laptop: Laptop, tmp_path: Path
) -> None:
    folder = lay_out(tmp_path / "greeter", PROJECT)

    said = laptop.must("submit", str(folder), *ON_CLUSTER, "--", "ada", "bo")

    assert said == "1; hello from a project, ada; hello from a project, bo\n"


def test_flags_of_spark_submit_have_their_usual_meaning(laptop: Laptop, tmp_path: Path) -> None:
    files = {
        "job/job.py": USES_FLAGS,
        "elsewhere/more.py": "NAME = 'more'\n",
        "elsewhere/table.csv": "a,b",
    }
    lay_out(tmp_path, files)
    elsewhere = tmp_path / "elsewhere"
    with zipfile.ZipFile(elsewhere / "pack.zip", "w") as pack:
        pack.writestr("inside.txt", "unpacked")

    said = laptop.must(
        *("submit", str(tmp_path / "job" / "job.py"), *ON_CLUSTER),
        *("--py-files", str(elsewhere / "more.py"), "--files", str(elsewhere / "table.csv")),
        *("--archives", f"{elsewhere / 'pack.zip'}#packed"),
        *("--conf", "spark.demo.word=two words, and more", "--name", "flagged"),
    )

    assert json.loads(said) == {
        "module": ["more", "more", "more"],
        "file": "a,b",
        "archive": "unpacked",
        "conf": "two words, and more",
        "name": "flagged",
    }


@pytest.mark.skipif(not (shutil.which("javac") and shutil.which("jar")), reason="needs a JDK")
def test_a_jar_runs_its_main_class(laptop: Laptop, tmp_path: Path) -> None:
    source, jar = lay_out(tmp_path, {"Count.java": JAVA}) / "Count.java", tmp_path / "count.jar"
    classes, jars = str(tmp_path / "classes"), f"{pinned_runtime().spark_home}/jars/*"
    compile_it = ["javac", "-nowarn", "--release", "8", "-cp", jars, "-d", classes, str(source)]
    subprocess.run(compile_it, check=True, capture_output=True, timeout=120)
    pack = ["jar", "cf", str(jar), "-C", classes, "."]
    subprocess.run(pack, check=True, capture_output=True, timeout=120)

    said = laptop.must("submit", str(jar), *ON_CLUSTER, "--class", "Count", "--", "a b", "-c")

    assert said == "a b|-c 7\n"


def test_a_sql_script_runs_with_its_variables(laptop: Laptop, tmp_path: Path) -> None:
    query = "SELECT '${hivevar:WORD}' AS word, count(*) AS films FROM VALUES (1), (2) AS t(n);\n"
    script = lay_out(tmp_path, {"report.sql": query}) / "report.sql"

    said = laptop.must("submit", str(script), *ON_CLUSTER, "--", "-d", "WORD=two words")

    assert said == "two words\t2\n"


def test_a_detached_job_is_picked_up_again_and_its_failure_is_told(
    laptop: Laptop, tmp_path: Path
) -> None:
    job, go = lay_out(tmp_path, {"job.py": WAITS_THEN_RAISES}) / "job.py", tmp_path / "go"
    run_id = laptop.must("submit", str(job), *ON_CLUSTER, "-d", "--", str(go)).strip()

    with Lines(laptop.start("logs", run_id, "-f")) as screen:
        screen.until("ready\n".__eq__)
        go.touch()
        done = screen.finish()

    assert done.returncode == JOB_FAILED
    assert "failed: ValueError: no ratings" in done.stderr


def test_cancel_ends_a_run_and_says_so_to_everybody(laptop: Laptop, tmp_path: Path) -> None:
    job = lay_out(tmp_path, {"job.py": NEVER_ENDS}) / "job.py"
    run_id = laptop.must("submit", str(job), *ON_CLUSTER, "-d").strip()

    with Lines(laptop.start("logs", run_id, "-f")) as screen:
        pid = pid_in(screen.until(lambda line: line.startswith("running as")))
        cancelled = laptop.run("cancel", run_id)
        followed = screen.finish()

    assert cancelled.returncode == 0, cancelled.stderr
    assert followed.returncode == JOB_FAILED
    assert "was cancelled" in followed.stderr
    assert_cancelled(laptop, run_id, pid)
    assert "There is nothing to cancel" in laptop.run("cancel", run_id).stderr


def test_ctrl_c_cancels_the_run_and_leaves_nothing(laptop: Laptop, tmp_path: Path) -> None:
    job = lay_out(tmp_path, {"job.py": NEVER_ENDS}) / "job.py"

    with Lines(laptop.start("submit", str(job), *ON_CLUSTER)) as screen:
        pid = pid_in(screen.until(lambda line: line.startswith("running as")))
        screen.process.send_signal(signal.SIGINT)
        done = screen.finish()

    assert done.returncode == INTERRUPTED, done.stderr
    assert f"Interrupted; run {run_id_of(done)} is cancelled." in done.stderr
    assert_cancelled(laptop, run_id_of(done), pid)


def test_a_package_that_was_changed_in_s3_is_refused(laptop: Laptop, tmp_path: Path) -> None:
    job = lay_out(tmp_path, {"job.py": "print('as it was submitted')\n"}) / "job.py"
    submit = ("submit", str(job), *ON_CLUSTER)
    first = laptop.run(*submit)
    assert first.stdout == "as it was submitted\n", first.stderr
    program = json.loads(record_of(laptop, run_id_of(first)).read_text())["program"]
    archive = package_of(laptop, program)
    replace_in(archive, "job.py", b"print('something else')\n")

    in_cluster = laptop.run(*submit)
    as_client = laptop.run(*submit, "--deploy-mode", "client")

    for done, what in ((in_cluster, "selfserve_code/job.py"), (as_client, archive.name)):
        assert done.returncode == JOB_FAILED
        assert done.stdout == ""
        assert "PackageDamagedError" in done.stderr
        assert what in done.stderr
        why = json.loads(laptop.must("why", run_id_of(done), "-o", "json"))
        assert why["verdict"]["kind"] == "package-damaged"
        assert why["verdict"]["is_known"]


def pid_in(line: str) -> int:
    return int(line.rsplit(maxsplit=1)[-1])


def assert_cancelled(laptop: Laptop, run_id: str, pid: int) -> None:
    asked = laptop.run("result", run_id, "-o", "json")
    assert asked.returncode == JOB_FAILED
    assert json.loads(asked.stdout)["state"] == "CANCELLED"
    eventually(lambda: not psutil.pid_exists(pid), "the job's process is gone")


def replace_in(archive: Path, name: str, body: bytes) -> None:
    """Give one member another content; all others stay."""
    with tarfile.open(archive) as packed:
        members = [(member, contents_of(packed, member)) for member in packed]
    assert name in {member.name for member, _ in members}
    with tarfile.open(archive, "w:gz") as packed:
        for member, contents in members:
            data = body if member.name == name else contents
            member.size = len(data)
            packed.addfile(member, BytesIO(data))


def contents_of(packed: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    source = packed.extractfile(member)
    return source.read() if source is not None else b""
