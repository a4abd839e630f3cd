"""What the flags and settings of spark-submit take. Pure.

What Spark would refuse minutes later, on a cluster that costs money, is refused
here; what it would misread is written so that it cannot. The rules are those of
Spark's `SparkSubmitArguments`, `JavaUtils.byteStringAs` and `MavenUtils`:
https://github.com/apache/spark/tree/v3.5.8/core/src/main/scala/org/apache/spark/deploy
"""

import re
from collections.abc import Callable
from typing import NoReturn

from selfserve.core.did_you_mean import did_you_mean
from selfserve.errors import BadInputError

CONF = "--conf"

Check = Callable[[str, str], str]
"""(flag or setting, its value) -> the value as it is passed on. Raises BadInputError."""

_MEBIBYTE = 1024**2
_LEAST_HEAP = 450
"""MiB: Spark's reserved memory, times 1.5 (`UnifiedMemoryManager`)."""
_SIZE = re.compile(r"[0-9]+([kmgtp]?b|[kmgtp])?", re.IGNORECASE)
_HEAP = re.compile(r"([0-9]+)(?:([kmgtp])b?)?", re.IGNORECASE)
_POWERS = {"k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_CLASS = re.compile(r"[^\W\d][\w$]*(\.[^\W\d][\w$]*)*")
_SETTING = re.compile(r"spark(\.[\w$*@/:-]+)+")
_OF_HADOOP = ("dfs.", "fs.", "hive.", "io.", "mapred.", "mapreduce.", "orc.", "parquet.", "yarn.")
_SENSITIVE = re.compile(r"secret|passw(or)?d|token(?!i[sz])|access[._-]?key", re.IGNORECASE)
"""Near to what Spark itself hides in its logs (`spark.redaction.regex`)."""
_HARMLESS = re.compile(r"true|false|\d*", re.IGNORECASE)


def check_flag(name: str, value: str) -> str:
    """The value of the flag `name`, as it is passed on.

    Raises:
        BadInputError: it cannot be one.
    """
    if not value.strip():
        raise BadInputError(f"{name} has no value.", hint="Write it after the flag, or leave both.")
    check = FLAGS[name]
    if name not in LISTS:
        return check(name, value)
    items = [item.strip() for item in value.split(",")]
    return ",".join(check(name, item) for item in items if item)


def check_conf(setting: str) -> str:
    """A setting, KEY=VALUE, as it is passed on.

    Raises:
        BadInputError: Spark would ignore it, or the run could not work with it.
    """
    key, equals, value = setting.partition("=")
    key = key.strip()
    if not equals or not key:
        raise BadInputError(
            f"--conf: {setting!r} is not KEY=VALUE.",
            hint="Write it like: --conf spark.sql.shuffle.partitions=200",
        )
    _check_key(key)
    if _SENSITIVE.search(key) and not _HARMLESS.fullmatch(value):
        raise BadInputError(
            f"--conf {key} looks like a secret, and settings can be read by everybody who "
            "may look at the cluster.",
            hint="Pass it by reference, and read os.environ['NAME'] in the job: "
            "--secret NAME=arn:aws:secretsmanager:…",
        )
    check = _SETTINGS.get(key)
    return f"{key}={check(f'--conf {key}', value) if check else value}"


def _check_key(key: str) -> None:
    if key in _OURS:
        reason, hint = _OURS[key]
        raise BadInputError(f"--conf {key} cannot be set: {reason}.", hint=hint)
    if _SETTING.fullmatch(key):
        return
    if key.startswith(_OF_HADOOP):
        hint = f"A setting of Hadoop or Hive is written: --conf spark.hadoop.{key}=…"
    else:
        hint = "Spark takes settings whose names begin with spark. such as: spark.executor.memory"
    suggestion = did_you_mean(key.partition(".")[0], ["spark"])
    raise BadInputError(f"--conf: {key!r} is no setting of Spark{suggestion or '.'}", hint=hint)


def _any(name: str, value: str) -> str:  # noqa: ARG001  a Check
    return value


def _memory(name: str, value: str) -> str:
    """In a form that both Spark and the JVM's -Xmx read alike; without a unit it is in MiB."""
    match = _HEAP.fullmatch(value.strip())
    if match is None:
        _refuse(name, value, "is no amount of memory", "4g, or 4608m for 4.5 GiB")
    number, unit = int(match[1]), (match[2] or "m").lower()
    if number * 1024 ** _POWERS[unit] < _LEAST_HEAP * _MEBIBYTE:
        _refuse(name, value, f"is less than the {_LEAST_HEAP} MiB that Spark needs", "1g")
    return f"{number}{unit}"


def _size(name: str, value: str) -> str:
    if _SIZE.fullmatch(value.strip()) is None:
        _refuse(name, value, "is no size", "512m, or 4g")
    return value.strip()


def _count(name: str, value: str) -> str:
    if not re.fullmatch(r"[0-9]+", value.strip()) or int(value) < 1:
        _refuse(name, value, "is not a whole number above 0", "4")
    return value.strip()


def _deploy_mode(name: str, value: str) -> str:
    if value not in {"client", "cluster"}:
        _refuse(name, value, "is no deploy mode", "client, or cluster")
    return value


def _class(name: str, value: str) -> str:
    if not _CLASS.fullmatch(value):
        _refuse(name, value, "is no name of a class", "org.example.Main")
    return value


def _java_options(name: str, value: str) -> str:
    if "-Xmx" in value:
        _refuse(name, value, "sets the heap, which Spark refuses", "--driver-memory 4g")
    return value


def _executor_java_options(name: str, value: str) -> str:
    if "-Xmx" in value:
        _refuse(name, value, "sets the heap, which Spark refuses", "--executor-memory 8g")
    if "-Dspark." in value:
        _refuse(name, value, "sets Spark's own settings, which Spark refuses", "--conf KEY=VALUE")
    return value


def _coordinates(name: str, value: str) -> str:
    if len(_parts(value)) != 3:
        _refuse(
            name,
            value,
            "is not group:artifact:version",
            "org.apache.spark:spark-avro_2.12:3.5.8",
        )
    return value


def _exclusion(name: str, value: str) -> str:
    if len(_parts(value)) != 2:
        _refuse(name, value, "is not group:artifact", "com.google.guava:guava")
    return value


def _parts(value: str) -> list[str]:
    """Spark reads a slash as it does a colon."""
    return [part for part in re.split("[:/]", value) if re.fullmatch(r"\S+", part)]


def _repository(name: str, value: str) -> str:
    if re.search(r"://[^/]*@", value):
        raise BadInputError(
            f"{name} names a repository with a user or a password in its address.",
            hint="Put the jars into S3 instead: --jars s3://BUCKET/KEY.jar",
        )
    if not re.fullmatch(r"[a-z][a-z0-9+.-]+://?\S+", value, re.IGNORECASE):
        _refuse(name, value, "is no address of a repository", "https://repo.example.com/maven2")
    return value


def _queue(name: str, value: str) -> str:
    if not re.fullmatch(r"[\w.-]+", value):
        _refuse(name, value, "is no name of a queue", "default")
    return value


def _refuse(name: str, value: str, why: str, example: str) -> NoReturn:
    raise BadInputError(f"{name}: {value!r} {why}.", hint=f"Write it like: {example}")


FLAGS: dict[str, Check] = {
    "--name": _any,
    "--class": _class,
    "--deploy-mode": _deploy_mode,
    "--driver-memory": _memory,
    "--driver-cores": _count,
    "--executor-memory": _memory,
    "--executor-cores": _count,
    "--num-executors": _count,
    "--py-files": _any,
    "--files": _any,
    "--archives": _any,
    "--jars": _any,
    "--packages": _coordinates,
    "--exclude-packages": _exclusion,
    "--repositories": _repository,
    "--driver-java-options": _java_options,
    "--driver-class-path": _any,
    "--driver-library-path": _any,
    "--queue": _queue,
}
"""Every flag but --conf that is passed on."""

LISTS = frozenset(
    {
        "--py-files",
        "--files",
        "--archives",
        "--jars",
        "--packages",
        "--exclude-packages",
        "--repositories",
    }
)
"""Flags whose values are lists with commas."""

_SETTINGS: dict[str, Check] = {
    "spark.driver.memory": _memory,
    "spark.driver.memoryOverhead": _size,
    "spark.driver.cores": _count,
    "spark.driver.extraJavaOptions": _java_options,
    "spark.driver.maxResultSize": _size,
    "spark.executor.memory": _memory,
    "spark.executor.memoryOverhead": _size,
    "spark.executor.pyspark.memory": _size,
    "spark.executor.cores": _count,
    "spark.executor.extraJavaOptions": _executor_java_options,
    "spark.yarn.maxAppAttempts": _count,
}

_OURS = {
    "spark.master": (
        "the cluster decides it",
        "Choose a cluster: selfserve submit JOB --cluster NAME",
    ),
    "spark.remote": (
        "the job runs on the cluster itself",
        "Choose a cluster: selfserve submit JOB --cluster NAME",
    ),
    "spark.yarn.submit.waitAppCompletion": (
        "the run would seem to be over before its job has begun",
        "To return at once, while the job goes on: selfserve submit JOB --detach",
    ),
}
"""Settings with which a run could not be followed, and what to do instead."""
