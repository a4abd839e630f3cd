"""Flags of spark-submit: what is refused, what is merged, and how they go on."""

import pytest

from selfserve.core.program import JobKind
from selfserve.core.spark_flags import check_flags, pairs, parse_flags, with_archives
from selfserve.core.spark_values import FLAGS
from selfserve.errors import BadInputError

ACCEPTED = [
    ("--driver-memory", "4g", "4g"),
    ("--driver-memory", "4GB", "4g"),  # the JVM does not know gb
    ("--driver-memory", "2048", "2048m"),  # to the JVM it would be bytes, to Spark MiB
    ("--executor-memory", "512m", "512m"),
    ("--executor-memory", "1T", "1t"),
    ("--executor-cores", "4", "4"),
    ("--num-executors", "200", "200"),
    ("--class", "org.example.Main$Inner", "org.example.Main$Inner"),
    ("--class", "Wörter", "Wörter"),
    ("--deploy-mode", "client", "client"),
    ("--packages", "a.b:c_2.12:3.5.8, d:e:f", "a.b:c_2.12:3.5.8,d:e:f"),
    ("--exclude-packages", "a.b:c", "a.b:c"),
    ("--repositories", "https://repo.example.com/maven2", "https://repo.example.com/maven2"),
    ("--driver-java-options", "-Dx=a b -XX:+UseG1GC", "-Dx=a b -XX:+UseG1GC"),
    ("--name", "  what, a = name", "  what, a = name"),
    ("--queue", "team.a-b", "team.a-b"),
    ("--conf", "spark.x=a=b c", "spark.x=a=b c"),
    ("--conf", "spark.x=", "spark.x="),
    ("--conf", "spark.executor.memory=8gb", "spark.executor.memory=8g"),
    ("--conf", "spark.yarn.maxAppAttempts=2", "spark.yarn.maxAppAttempts=2"),
    ("--conf", "spark.dynamicAllocation.enabled=true", "spark.dynamicAllocation.enabled=true"),
    ("--conf", "spark.executor.instances=0", "spark.executor.instances=0"),
    ("--conf", "spark.authenticate.secretBitLength=256", "spark.authenticate.secretBitLength=256"),
    ("--conf", "spark.my.tokenizer=bert", "spark.my.tokenizer=bert"),
    (
        "--conf",
        "spark.hadoop.fs.s3a.bucket.my-lake.endpoint=x",
        "spark.hadoop.fs.s3a.bucket.my-lake.endpoint=x",
    ),
]

REFUSED = [
    ("--driver-memory", "lots", "'lots' is no amount of memory"),
    ("--driver-memory", "4.5g", "no amount of memory"),
    ("--driver-memory", "-4g", "no amount of memory"),
    ("--driver-memory", "4", "less than the 450 MiB"),
    ("--executor-memory", "449m", "less than the 450 MiB"),
    ("--executor-memory", "", "--executor-memory has no value"),
    ("--executor-cores", "0", "not a whole number above 0"),
    ("--num-executors", "-3", "'-3' is not a whole number above 0"),
    ("--num-executors", "3.5", "not a whole number"),
    ("--num-executors", "٣", "not a whole number"),
    ("--deploy-mode", "yarn", "'yarn' is no deploy mode"),
    ("--class", "org.example.Main.scala ", "no name of a class"),
    ("--class", "--conf", "no name of a class"),
    ("--packages", "org.apache.spark:spark-avro_2.12", "not group:artifact:version"),
    ("--packages", "a:b:c,d", "'d' is not group:artifact:version"),
    ("--exclude-packages", "a:b:c", "not group:artifact"),
    ("--repositories", "repo.example.com", "no address of a repository"),
    ("--driver-java-options", "-Xmx4g", "sets the heap"),
    ("--queue", "a queue", "no name of a queue"),
    ("--conf", "a", "'a' is not KEY=VALUE"),
    ("--conf", "=b", "not KEY=VALUE"),
    ("--conf", "a=b", "'a' is no setting of Spark"),
    ("--conf", "sparc.x=1", "did you mean 'spark'"),
    ("--conf", "spark=1", "no setting of Spark"),
    ("--conf", "spark.my key=1", "no setting of Spark"),
    ("--conf", "spark.master=local", "the cluster decides it"),
    ("--conf", "spark.yarn.submit.waitAppCompletion=false", "seem to be over"),
    ("--conf", "spark.driver.memory=lots", "--conf spark.driver.memory: 'lots'"),
    ("--conf", "spark.executor.extraJavaOptions=-Dspark.x=1", "sets Spark's own settings"),
]


@pytest.mark.parametrize(("name", "value", "passed_on"), ACCEPTED)
def test_a_value_that_spark_takes_is_passed_on(name: str, value: str, passed_on: str) -> None:
    assert parse_flags([(name, value)]) == (name, passed_on)


@pytest.mark.parametrize(("name", "value", "message"), REFUSED)
def test_a_value_that_spark_would_refuse_is_refused(name: str, value: str, message: str) -> None:
    with pytest.raises(BadInputError) as refusal:
        parse_flags([(name, value)])

    assert name in str(refusal.value)
    assert message in str(refusal.value)
    assert refusal.value.hint


@pytest.mark.parametrize(
    "key",
    [
        "spark.hadoop.fs.s3a.secret.key",
        "spark.hadoop.fs.s3a.access.key",
        "spark.hadoop.fs.s3a.session.token",
        "spark.authenticate.secret",
        "spark.ssl.keyPassword",
        "spark.my.passwd",
        "spark.my.accessKey",
    ],
)
def test_a_secret_in_a_setting_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(BadInputError, match="looks like a secret") as refusal:
        parse_flags([("--conf", f"{key}=MARKER")])

    assert "MARKER" not in f"{refusal.value} {refusal.value.hint}"
    assert "--secret NAME=arn:" in refusal.value.hint


def test_a_password_in_a_repositorys_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(BadInputError, match="a user or a password") as refusal:
        parse_flags([("--repositories", "https://ada:MARKER@repo.example.com/maven2")])

    assert "MARKER" not in f"{refusal.value} {refusal.value.hint}"


def test_a_setting_of_hadoop_is_told_its_full_name() -> None:
    with pytest.raises(BadInputError) as refusal:
        parse_flags([("--conf", "fs.s3a.endpoint=x")])

    assert "--conf spark.hadoop.fs.s3a.endpoint=" in refusal.value.hint


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(
            [("--jars", "a.jar"), ("--jars", "b.jar,c.jar")],
            ("--jars", "a.jar,b.jar,c.jar"),
            id="lists-are-joined",
        ),
        pytest.param(
            [("--driver-memory", "4g"), ("--driver-memory", "8g")],
            ("--driver-memory", "8g"),
            id="of-others-the-last-counts",
        ),
        pytest.param(
            [("--conf", "spark.x=1"), ("--conf", "spark.y=2"), ("--conf", "spark.x=3")],
            ("--conf", "spark.x=1", "--conf", "spark.y=2", "--conf", "spark.x=3"),
            id="settings-stay-in-order",
        ),
        pytest.param(
            [("--conf", "spark.x=1"), ("--name", "mine")],
            ("--name", "mine", "--conf", "spark.x=1"),
            id="flags-go-first",
        ),
        pytest.param(
            [("--deploy-mode", "client"), ("--conf", "spark.submit.deployMode=cluster")],
            ("--deploy-mode", "client"),
            id="the-flag-goes-before-its-setting",
        ),
        pytest.param(
            [("--conf", "spark.submit.deployMode=client"), ("--conf", "spark.app.name=x")],
            ("--name", "x", "--deploy-mode", "client"),
            id="settings-that-our-own-flags-would-hide",
        ),
        pytest.param(
            [
                ("--archives", "a.zip#a"),
                ("--conf", "spark.archives=b.zip#b"),
                ("--conf", "spark.yarn.dist.archives=c.zip"),
            ],
            ("--archives", "b.zip#b,c.zip,a.zip#a"),
            id="archives-from-everywhere",
        ),
        pytest.param(
            [("--conf", "spark.submit.pyFiles=b.py"), ("--py-files", "a.py")],
            ("--py-files", "b.py,a.py"),
            id="modules-from-everywhere",
        ),
        pytest.param([], (), id="nothing"),
    ],
)
def test_flags_are_merged(given: list[tuple[str, str]], expected: tuple[str, ...]) -> None:
    assert parse_flags(given) == expected


def test_a_setting_that_is_a_flag_is_checked_as_the_flag() -> None:
    with pytest.raises(BadInputError, match="'yarn' is no deploy mode"):
        parse_flags([("--conf", "spark.submit.deployMode=yarn")])


def test_parsing_what_was_parsed_changes_nothing() -> None:
    given = [(name, value) for name, value, _ in ACCEPTED]

    once = parse_flags(given)

    assert parse_flags(pairs(once)) == once
    assert {name for name, _ in pairs(once)} <= {*FLAGS, "--conf"}


@pytest.mark.parametrize(
    ("kind", "flags", "message"),
    [
        (JobKind.PYTHON, ("--class", "Main"), "--class is for .jar jobs, and a.x is a .py job"),
        (JobKind.SQL, ("--class", "Main"), "--class is for .jar jobs"),
        (JobKind.JAR, ("--py-files", "a.py"), "--py-files is for .py jobs"),
        (JobKind.SQL, ("--deploy-mode", "cluster"), "Spark SQL has no deploy mode cluster"),
    ],
)
def test_a_flag_of_another_kind_of_job_is_refused(
    kind: JobKind, flags: tuple[str, ...], message: str
) -> None:
    with pytest.raises(BadInputError, match=message):
        check_flags(flags, kind, "a.x")


@pytest.mark.parametrize(
    ("kind", "flags"),
    [
        (JobKind.JAR, ("--class", "Main", "--deploy-mode", "cluster")),
        (JobKind.PYTHON, ("--py-files", "a.py", "--deploy-mode", "cluster")),
        (JobKind.SQL, ("--deploy-mode", "client", "--jars", "a.jar")),
    ],
)
def test_a_flag_of_the_jobs_own_kind_is_taken(kind: JobKind, flags: tuple[str, ...]) -> None:
    check_flags(flags, kind, "a.x")


def test_archives_of_ours_stand_beside_the_users() -> None:
    flags = (
        *("--archives", "s3://lake/mine.zip#mine", "--driver-memory", "4g"),
        *("--conf", "spark.executorEnv.PYTHONPATH=mine/lib", "--conf", "spark.x=1"),
    )

    args = with_archives(flags, {"code": "s3://lake/c.tar.gz", "deps": "s3://lake/d.tar.gz"})

    assert args == (
        "--archives",
        "s3://lake/c.tar.gz#code,s3://lake/d.tar.gz#deps,s3://lake/mine.zip#mine",
        "--conf",
        "spark.executorEnv.PYTHONPATH=code:deps:mine/lib",
        *("--driver-memory", "4g", "--conf", "spark.x=1"),
    )


def test_without_archives_of_ours_the_flags_stay_as_they_are() -> None:
    flags = ("--archives", "s3://lake/mine.zip", "--conf", "spark.executorEnv.PYTHONPATH=a")

    assert with_archives(flags, {}) == flags
