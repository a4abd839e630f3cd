"""EMR steps as commands of this machine: what is changed, and that nothing else is."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfserve.core.cluster import ClusterState, StepState
from selfserve.core.spark_values import FLAGS
from selfserve.errors import BadInputError
from selfserve.local.control.records import ClusterRecord, StepRecord
from selfserve.local.steps.command import LocalizedFile, StepCommand, StepContext
from selfserve.local.steps.launch import to_properties
from selfserve.local.steps.plan import needs_catalogue, plan_step
from selfserve.local.steps.sizes import parse_mib

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
GLUE = "com.amazonaws.glue.catalog.metastore.AWSGlueDataCatalogHiveClientFactory"


def cluster(
    *applications: str, configurations: Mapping[str, Mapping[str, str]] | None = None
) -> Any:
    request = {
        "Applications": [{"Name": name} for name in applications or ("Spark", "Hive")],
        "Configurations": [
            {"Classification": name, "Properties": dict(properties)}
            for name, properties in (configurations or {}).items()
        ],
    }
    return ClusterRecord(
        id="j-1",
        request=request,
        name="test",
        release="emr-7.14.0",
        state=ClusterState.WAITING,
        created=NOON,
    )


def step(*args: str, jar: str = "command-runner.jar") -> StepRecord:
    return StepRecord(
        id="s-1",
        name="the step",
        jar=jar,
        args=args,
        action_on_failure="CONTINUE",
        state=StepState.RUNNING,
        created=NOON,
    )


CONTEXT = StepContext(
    cluster=cluster(),
    spark_home=Path("/runtime/pyspark"),
    python=Path("/runtime/bin/python"),
    java_home=Path("/java"),
    master_url="spark://127.0.0.1:7077",
    secret="the-secret",
    spark="3.5.8",
    workers=2,
    most_workers=2,
    worker_cores=2,
    worker_memory_mib=4096,
    driver_memory_mib=2048,
    work_dir=Path("/home/steps/s-1"),
    lake_conf={"spark.hadoop.fs.s3.impl": "lake"},
    warehouse="s3://bucket/warehouse",
    endpoint_env={"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1", "AWS_SECRET_ACCESS_KEY": "key"},
    base_env={"PATH": "/usr/bin", "HOME": "/home/me", "PYTHONPATH": "/mine", "SPARK_HOME": "/x"},
)


def plan(*args: str, context: StepContext = CONTEXT) -> StepCommand:
    return plan_step(step(*args), context)


def submit(*args: str, **changes: Any) -> StepCommand:
    return plan("spark-submit", *args, context=replace(CONTEXT, **changes))


def conf(command: StepCommand) -> dict[str, str]:
    (text,) = command.private_files.values()
    return dict(line.split("=", 1) for line in text.splitlines())


def test_a_submit_for_yarn_is_one_for_the_standalone_master() -> None:
    command = submit(
        *("--master", "yarn", "--deploy-mode", "cluster", "--class", "org.App"),
        *("--queue", "team", "s3://b/app.jar", "arg"),
    )

    assert command.argv == (
        "/runtime/pyspark/bin/spark-submit",
        *("--class", "org.App", "s3://b/app.jar", "arg"),
    )
    assert conf(command)["spark.master"] == "spark://127.0.0.1:7077"
    assert conf(command)["spark.submit.deployMode"] == "client"
    assert any("--queue" in note for note in command.notes)


EXACT = [
    "a b",
    "",
    "'\"",
    "$HOME",
    "line\nbreak",
    "--conf",
    "-c",
    "ü",
    "\\",
    "--executor-memory=1g",
]


def test_arguments_of_the_job_are_exact() -> None:
    command = submit("--name=my job", "s3://b/job.py", *EXACT)

    assert command.argv[1:] == ("--name", "my job", "s3://b/job.py", *EXACT)


@given(st.lists(st.text()))
def test_no_argument_of_the_job_is_ever_changed(arguments: list[str]) -> None:
    command = submit("--conf", "a=b", "job.py", *arguments)

    assert command.argv[1:] == ("job.py", *arguments)


@pytest.mark.parametrize("name", FLAGS)
def test_every_flag_that_submit_passes_on_is_taken(name: str) -> None:
    command = submit(name, "1g" if name.endswith("-memory") else "1", "job.py", "arg")

    assert command.argv[-2:] == ("job.py", "arg")


def test_of_an_option_that_is_given_twice_the_last_counts() -> None:
    ours = ("--deploy-mode", "cluster", "--name", "ours", "--conf", "spark.x=1")
    theirs = ("--deploy-mode", "client", "--name", "theirs", "--conf", "spark.x=2")

    command = submit(*ours, "--archives", "s3://b/a.zip#a", *theirs, "job.py")

    assert command.localized == ()  # nothing is laid out for a driver in client mode
    assert command.argv.index("theirs") > command.argv.index("ours")
    assert conf(command)["spark.x"] == "2"


def test_no_secret_is_in_the_arguments_or_in_what_is_shown() -> None:
    command = submit("--conf", "spark.my.password=hidden", "job.py")

    assert "the-secret" not in " ".join(command.argv)
    assert "hidden" not in " ".join(command.argv)
    assert "the-secret" not in repr((command, CONTEXT))
    assert conf(command)["spark.authenticate.secret"] == "the-secret"
    assert conf(command)["spark.my.password"] == "hidden"


def test_the_environment_is_the_runtimes_and_the_endpoints() -> None:
    command = submit("job.py")

    assert command.env["PATH"] == "/runtime/pyspark/bin:/runtime/bin:/java/bin:/usr/bin"
    assert command.env["HOME"] == "/home/me"
    assert command.env["SPARK_HOME"] == "/runtime/pyspark"
    assert command.env["SPARK_LOCAL_IP"] == "127.0.0.1"
    assert command.env["AWS_ENDPOINT_URL_S3"] == "http://127.0.0.1:1"
    assert command.env["EMR_STEP_ID"] == "s-1"
    assert "PYTHONPATH" not in command.env
    assert conf(command)["spark.executorEnv.AWS_ENDPOINT_URL_S3"] == "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param(["--executor-memory", "18g"], {"spark.executor.memory": "4096m"}, id="memory"),
        pytest.param(["--executor-memory", "2g"], {"spark.executor.memory": "2g"}, id="fits"),
        pytest.param([], {"spark.executor.memory": "4096m", "spark.cores.max": "4"}, id="default"),
        pytest.param(["--driver-memory=16g"], {"spark.driver.memory": "2048m"}, id="driver"),
        pytest.param(
            ["--executor-cores", "5", "--conf", "spark.task.cpus=4"],
            {"spark.executor.cores": "2", "spark.task.cpus": "2", "spark.executor.memory": "4096m"},
            id="cores",
        ),
        pytest.param(
            ["--executor-cores", "1"],
            {"spark.executor.cores": "1", "spark.executor.memory": "2048m"},
            id="two-executors-share-a-worker",
        ),
        pytest.param(["--num-executors", "50"], {"spark.cores.max": "4"}, id="many-executors"),
        pytest.param(
            ["--num-executors", "1", "--executor-cores", "2"],
            {"spark.cores.max": "2"},
            id="one-executor",
        ),
        pytest.param(
            ["--executor-memory", "1g", "--conf", "spark.executor.memory=3g"],
            {"spark.executor.memory": "1g"},
            id="an-option-counts-more-than-a-conf",
        ),
        pytest.param(["--executor-memory", "lots"], {"spark.executor.memory": "lots"}, id="odd"),
    ],
)
def test_sizes_fit_the_workers(options: list[str], expected: Mapping[str, str]) -> None:
    command = submit(*options, "job.py")

    assert expected.items() <= conf(command).items()


def test_steps_that_may_run_at_once_share_the_workers() -> None:
    command = submit("job.py", cluster=replace(cluster(), step_concurrency=2))

    assert conf(command)["spark.cores.max"] == "2"
    assert conf(command)["spark.executor.memory"] == "2048m"


@pytest.mark.parametrize(
    ("text", "mib"),
    [("4g", 4096), ("512", 512), ("1T", 1 << 20), ("2048k", 2), ("1gb", 1024), ("x", None)],
)
def test_memory_is_read_as_spark_reads_it(text: str, mib: int | None) -> None:
    assert parse_mib(text) == mib


@pytest.mark.parametrize(
    "setting",
    [
        "spark.yarn.maxAppAttempts=1",
        "spark.master=yarn",
        "spark.authenticate.secret=mine",
        "spark.shuffle.service.enabled=true",
        "spark.hadoop.fs.s3.impl=com.amazon.ws.emr.hadoop.fs.EmrFileSystem",
        "spark.sql.parquet.output.committer.class=com.amazon.emr.committer.X",
        f"spark.hadoop.hive.metastore.client.factory.class={GLUE}",
        "spark.eventLog.dir=hdfs:///var/log/spark/apps",
        "spark.executor.resource.gpu.amount=1",
        "spark.jars=/usr/share/aws/iceberg/lib/iceberg-spark3-runtime.jar",
        "spark.pyspark.python=/usr/bin/python3.11",
        "spark.executorEnv.JAVA_HOME=/usr/lib/jvm/java-17",
    ],
)
@pytest.mark.parametrize("by", ["option", "cluster"])
def test_settings_that_cannot_hold_here_are_left_out_and_named(setting: str, by: str) -> None:
    name, _, value = setting.partition("=")
    if by == "option":
        command = submit("--conf", setting, "job.py")
    else:
        command = submit(
            "job.py", cluster=cluster(configurations={"spark-defaults": {name: value}})
        )

    assert conf(command).get(name) != value
    assert sum(name in note for note in command.notes) == 1
    assert not any(value in note for note in command.notes if len(value) > 4)


@pytest.mark.parametrize(
    "setting",
    [
        "spark.sql.adaptive.enabled=true",
        "spark.executorEnv.FLAG=x=y",
        "spark.pyspark.python=./environment/bin/python",
        "spark.hadoop.fs.s3a.endpoint=http://elsewhere",
        "spark.sql.warehouse.dir=s3://b/w",
    ],
)
def test_other_settings_hold_here_too(setting: str) -> None:
    name, _, value = setting.partition("=")

    assert conf(submit("--conf", setting, "job.py"))[name] == value
    assert not submit("--conf", setting, "job.py").notes


def test_a_step_overrides_its_cluster() -> None:
    own = cluster(configurations={"spark-defaults": {"spark.a": "cluster", "spark.b": "cluster"}})

    command = submit("--conf", "spark.a=step", "job.py", cluster=own)

    assert (conf(command)["spark.a"], conf(command)["spark.b"]) == ("step", "cluster")


def test_what_yarn_localizes_is_put_beside_the_driver() -> None:
    command = submit(
        *("--deploy-mode", "cluster", "--files", "s3://b/a.txt,s3://b/c.txt#d.txt"),
        *("--archives", "s3://b/deps.tar.gz#deps"),
        *("--conf", "spark.yarn.dist.archives=s3://b/env.tar.gz#environment"),
        *("--conf", "spark.yarn.appMasterEnv.PYSPARK_PYTHON=./environment/bin/python"),
        "s3://b/job.py",
    )

    assert command.localized == (
        LocalizedFile("s3://b/a.txt", "a.txt"),
        LocalizedFile("s3://b/c.txt", "d.txt"),
        LocalizedFile("s3://b/deps.tar.gz", "deps", unpack=True),
        LocalizedFile("s3://b/env.tar.gz", "environment", unpack=True),
    )
    assert command.env["PYSPARK_PYTHON"] == "./environment/bin/python"
    assert conf(command)["spark.archives"] == "s3://b/env.tar.gz#environment"


def test_in_client_mode_the_driver_gets_nothing_from_yarn() -> None:
    command = submit(
        *("--archives", "s3://b/deps.tar.gz#deps", "--conf", "spark.yarn.appMasterEnv.A=b"),
        "s3://b/job.py",
    )

    assert command.localized == ()
    assert "A" not in command.env


def test_variables_exported_by_spark_env_reach_the_driver() -> None:
    export = {"Classification": "export", "Properties": {"MODE": "fast", "JAVA_HOME": "/emr/java"}}
    request = {
        "Applications": [{"Name": "Spark"}],
        "Configurations": [{"Classification": "spark-env", "Configurations": [export]}],
    }

    command = submit("job.py", cluster=replace(cluster(), request=request))

    assert command.env["MODE"] == "fast"
    assert command.env["JAVA_HOME"] == "/java"


def test_configurations_of_what_does_not_run_here_are_named() -> None:
    command = submit("job.py", cluster=cluster(configurations={"yarn-site": {}, "hdfs-site": {}}))

    assert any("yarn-site, hdfs-site" in note for note in command.notes)


def allocation(command: StepCommand) -> dict[str, str]:
    prefix = "spark.dynamicAllocation."
    return {
        name.removeprefix(prefix): value
        for name, value in conf(command).items()
        if name.startswith(prefix)
    }


DYNAMIC = {"enabled": "true", "shuffleTracking.enabled": "true"}


@pytest.mark.parametrize(
    ("options", "changes", "expected"),
    [
        pytest.param([], {}, {**DYNAMIC, "initialExecutors": "2"}, id="as-on-emr"),
        pytest.param(
            [], {"workers": 1}, {**DYNAMIC, "initialExecutors": "1"}, id="as-many-as-there-is-room"
        ),
        pytest.param(
            ["--executor-cores", "1"], {}, {**DYNAMIC, "initialExecutors": "4"}, id="small-ones"
        ),
        pytest.param(["--num-executors", "1"], {}, DYNAMIC, id="as-many-as-asked-for"),
        pytest.param(
            ["--conf", "spark.dynamicAllocation.maxExecutors=1"],
            {},
            {**DYNAMIC, "maxExecutors": "1"},
            id="no-more-than-asked-for",
        ),
        pytest.param(
            ["--conf", "spark.dynamicAllocation.enabled=false"],
            {},
            {"enabled": "false"},
            id="turned-off",
        ),
        pytest.param([], {"spark": "2.4.8"}, {}, id="a-spark-that-cannot"),
        pytest.param(
            ["--conf", "spark.dynamicAllocation.enabled=true"],
            {"spark": "2.4.8"},
            {**DYNAMIC, "initialExecutors": "2"},
            id="told-to",
        ),
    ],
)
def test_executors_are_allocated_dynamically(
    options: list[str], changes: dict[str, Any], expected: dict[str, str]
) -> None:
    assert allocation(submit(*options, "job.py", **changes)) == expected


def test_a_job_may_take_what_the_cluster_can_grow_to() -> None:
    command = submit("job.py", workers=1, most_workers=4)

    assert conf(command)["spark.cores.max"] == "8"
    assert conf(command)["spark.executor.cores"] == "2"


def test_sparks_examples_are_found_where_the_runtime_has_them() -> None:
    command = submit("/usr/lib/spark/examples/src/main/python/pi.py", "10")

    assert command.argv[1:] == ("/runtime/pyspark/examples/src/main/python/pi.py", "10")


def test_a_hive_script_runs_on_spark_sql() -> None:
    command = plan(
        *("hive-script", "--run-hive-script", "--args", "-f", "s3://b/q.sql"),
        *("-d", "INPUT=s3://b/a b", "-hivevar", "X=1", "--hiveconf", "hive.exec.parallel=true"),
    )

    assert command.argv == (
        *("/runtime/pyspark/bin/spark-sql", "-f", "s3://b/q.sql"),
        *("--hivevar", "INPUT=s3://b/a b", "--hivevar", "X=1"),
        *("--hiveconf", "hive.exec.parallel=true"),
    )


def test_sql_steps_use_the_shared_catalogue() -> None:
    command = plan(
        *("spark-sql", "--executor-memory", "1g", "-e", "select 1"),
        context=replace(CONTEXT, metastore_uri="thrift://127.0.0.1:1"),
    )

    assert command.argv == ("/runtime/pyspark/bin/spark-sql", "-e", "select 1")
    assert conf(command)["spark.sql.catalogImplementation"] == "hive"
    assert conf(command)["spark.hadoop.hive.metastore.uris"] == "thrift://127.0.0.1:1"
    assert conf(command)["spark.sql.warehouse.dir"] == "s3://bucket/warehouse"


def test_hive_settings_of_the_cluster_reach_sql() -> None:
    own = cluster(
        configurations={
            "hive-site": {"hive.exec.dynamic.partition.mode": "nonstrict"},
            "spark-hive-site": {"hive.metastore.client.factory.class": GLUE},
        }
    )

    command = plan(
        *("hive-script", "--run-hive-script", "--args", "-e", "select 1"),
        context=replace(CONTEXT, cluster=own),
    )

    assert conf(command)["spark.hadoop.hive.exec.dynamic.partition.mode"] == "nonstrict"
    assert not any(GLUE in value for value in conf(command).values())


def test_bash_gets_its_arguments_and_sparks_settings() -> None:
    command = plan("bash", "-c", 'echo "$1"\nexit 3', "-", "a b")

    assert command.argv == ("bash", "-c", 'echo "$1"\nexit 3', "-", "a b")
    assert command.env["SPARK_CONF_DIR"] == "/home/steps/s-1/conf"
    assert conf(command)["spark.master"] == "spark://127.0.0.1:7077"


@pytest.mark.parametrize(
    ("refused", "says"),
    [
        (step("hadoop", "fs", "-ls"), "hadoop"),
        (step(), "nothing"),
        (
            step("s3://b/x.sh", jar="s3://r.elasticmapreduce/libs/script-runner.jar"),
            "script-runner",
        ),
        (step("spark-submit"), "no application"),
        (step("spark-submit", "--conf", "spark.a", "job.py"), "has no value"),
        (step("spark-submit", "--executor-memory"), "has no value"),
        (step("spark-submit", "--properties-file", "x", "job.py"), "--properties-file"),
        (step("spark-submit", "--speed", "job.py"), "--speed"),
        (step("spark-sql", "script.sql"), "script.sql"),
        (step("hive-script", "--run-hive-script", "--args"), "no script"),
    ],
)
def test_what_cannot_run_here_is_refused_with_what_can(refused: StepRecord, says: str) -> None:
    with pytest.raises(BadInputError, match=says) as caught:
        plan_step(refused, CONTEXT)

    assert caught.value.hint


@pytest.mark.parametrize("args", [("hive-script", "--args", "-e", "x"), ("spark-sql", "-e", "x")])
def test_a_program_needs_its_application(args: tuple[str, ...]) -> None:
    with pytest.raises(BadInputError, match="the cluster has Trino"):
        plan(*args, context=replace(CONTEXT, cluster=cluster("Trino")))


@pytest.mark.parametrize(
    ("args", "record", "expected"),
    [
        (("hive-script",), cluster("Spark"), True),
        (("spark-sql",), cluster("Spark"), True),
        (("spark-submit", "x.py"), cluster("Spark"), False),
        (("spark-submit", "x.py"), cluster("Spark", "Hive"), True),
        (("bash", "-c", "true"), cluster("Spark"), False),
        (
            ("spark-submit", "x.py"),
            cluster("Spark", configurations={"spark-hive-site": {"factory": GLUE}}),
            True,
        ),
        (
            ("spark-submit", "--conf", "spark.sql.catalogImplementation=hive", "x.py"),
            cluster("Spark"),
            True,
        ),
    ],
)
def test_the_catalogue_is_started_for_steps_that_need_it(
    args: tuple[str, ...], record: ClusterRecord, *, expected: bool
) -> None:
    assert needs_catalogue(record, step(*args)) is expected


def test_properties_keep_every_character() -> None:
    text = to_properties({"a b": " led\\by=space:\n", "c": ""})

    assert text == "a\\ b=\\ led\\\\by=space:\\n\nc=\n"
