"""The step that EMR gets for a submission, argument by argument."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from selfserve.core.launch import ActionOnFailure
from selfserve.core.program import ArchiveRef, Entry, EntryKind, JobKind, Program
from selfserve.core.run import Submission, run_id_of_step
from selfserve.core.step import to_step
from selfserve.errors import BadInputError

RUN_URI = "s3://lake/selfserve/runs/r-20261121-120000-0a1b2c/"
CODE = ArchiveRef("s3://lake/code.tar.gz", sha256="c0", size=10, sums_sha256="c1")
DEPENDENCIES = ArchiveRef("s3://lake/deps.tar.gz", sha256="d0", size=10, sums_sha256="d1")
PYTHON = Program(
    JobKind.PYTHON,
    "train.py",
    "s3://lake/driver.py",
    entry=Entry(EntryKind.PATH, "train.py"),
    code=CODE,
    dependencies=DEPENDENCIES,
)
SQL = Program(JobKind.SQL, "a.sql", "s3://lake/a.sql")
JAR = Program(JobKind.JAR, "a.jar", "s3://lake/a.jar")
AWKWARD = ("--rank", "10", "--", "", "a b,c", "it's\n", "Ünïcode", '{"x": "$HOME"}')
SUBMISSION = Submission(
    run_id="r-20261121-120000-0a1b2c",
    program=PYTHON,
    args=AWKWARD,
    flags=("--executor-memory", "8g", "--conf", "spark.x=a b"),
    run_uri=RUN_URI,
    cluster="spark-ml",
    is_transient=False,
    profile="spark-ml",
    owner="ada",
    created=datetime(2026, 11, 21, 12, tzinfo=UTC),
)


def test_a_python_job_becomes_a_spark_submit_step_around_the_runner() -> None:
    step = to_step(SUBMISSION, ["Spark", "Livy"])

    assert step.jar == "command-runner.jar"
    assert step.name == "r-20261121-120000-0a1b2c train.py"
    assert step.on_failure is ActionOnFailure.CONTINUE
    assert step.args == (
        *("spark-submit", "--deploy-mode", "cluster", "--name", "train.py"),
        *("--conf", "spark.yarn.maxAppAttempts=1"),
        *("--archives", "s3://lake/code.tar.gz#selfserve_code,s3://lake/deps.tar.gz#selfserve_deps"),
        *("--conf", "spark.executorEnv.PYTHONPATH=selfserve_code:selfserve_deps"),
        *("--executor-memory", "8g", "--conf", "spark.x=a b"),
        *("s3://lake/driver.py", "--run", RUN_URI),
    )  # fmt: skip


def test_a_job_without_packages_ships_its_code_alone() -> None:
    step = to_step(replace(SUBMISSION, program=replace(PYTHON, dependencies=None)), ["Spark"])

    assert step.args[step.args.index("--archives") + 1] == "s3://lake/code.tar.gz#selfserve_code"
    assert "spark.executorEnv.PYTHONPATH=selfserve_code" in step.args


def test_what_the_user_chooses_comes_after_what_we_would() -> None:
    flags = ("--name", "mine", "--deploy-mode", "client", "--conf", "spark.yarn.maxAppAttempts=2")

    args = to_step(replace(SUBMISSION, flags=flags), ["Spark"]).args

    for name in ("--name", "--deploy-mode"):
        assert [args[at + 1] for at, arg in enumerate(args) if arg == name][-1] in flags
    ours = args.index("spark.yarn.maxAppAttempts=1")
    assert args.index("spark.yarn.maxAppAttempts=2") > ours


def test_a_jar_job_becomes_a_spark_submit_step_with_its_own_arguments() -> None:
    flags = ("--class", "org.example.Main", "--jars", "s3://lake/b.jar")

    step = to_step(replace(SUBMISSION, program=JAR, flags=flags), ["Spark"])

    assert step.args == (
        *("spark-submit", "--deploy-mode", "client", "--name", "a.jar"),
        *("--class", "org.example.Main", "--jars", "s3://lake/b.jar"),
        "s3://lake/a.jar",
        *AWKWARD,
    )


@pytest.mark.parametrize(
    ("applications", "flags", "args"),
    [
        pytest.param(
            ["Hive", "Hadoop"],
            (),
            ("hive-script", "--run-hive-script", "--args", "-f", "s3://lake/a.sql", "-d", "A=1"),
            id="hive",
        ),
        pytest.param(
            ["hive", "spark"],
            (),
            ("hive-script", "--run-hive-script", "--args", "-f", "s3://lake/a.sql", "-d", "A=1"),
            id="hive-goes-before-spark",
        ),
        pytest.param(
            ["Spark"],
            ("--conf", "spark.a=b"),
            ("spark-sql", "--conf", "spark.a=b", "-f", "s3://lake/a.sql", "-d", "A=1"),
            id="spark-only",
        ),
    ],
)
def test_a_sql_job_becomes_a_step_of_what_the_cluster_has(
    applications: list[str], flags: tuple[str, ...], args: tuple[str, ...]
) -> None:
    submission = replace(SUBMISSION, program=SQL, args=("-d", "A=1"), flags=flags)

    assert to_step(submission, applications).args == args


@pytest.mark.parametrize(
    ("program", "applications", "message"),
    [
        pytest.param(PYTHON, ["Trino"], "train.py needs Spark", id="python-without-spark"),
        pytest.param(JAR, ["Hive"], "a.jar needs Spark", id="jar-without-spark"),
        pytest.param(SQL, ["Trino"], "a.sql needs Hive or Spark", id="sql-without-either"),
        pytest.param(SQL, ["Hive"], "no flags of spark-submit", id="spark-flags-for-hive"),
    ],
)
def test_a_job_that_the_cluster_cannot_run_is_refused(
    program: Program, applications: list[str], message: str
) -> None:
    with pytest.raises(BadInputError, match=message):
        to_step(replace(SUBMISSION, program=program), applications)


def test_the_step_of_a_cluster_of_its_own_ends_the_cluster_when_it_fails() -> None:
    step = to_step(replace(SUBMISSION, is_transient=True), ["Spark"])

    assert step.on_failure is ActionOnFailure.TERMINATE_CLUSTER


def test_a_step_is_named_so_that_its_run_is_found_again() -> None:
    program = replace(PYTHON, name="my <job> $1.py")

    step = to_step(replace(SUBMISSION, program=program), ["Spark"])

    assert run_id_of_step(step.name) == SUBMISSION.run_id
    assert step.name == "r-20261121-120000-0a1b2c my-job-1.py"
    assert run_id_of_step("somebody else's step") is None
