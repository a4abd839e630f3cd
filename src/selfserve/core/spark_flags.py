"""Flags of spark-submit as they stand on its command line: `--name value`, one after the other.

Pure. `core.spark_values` knows what each of them takes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from selfserve.core.program import JobKind
from selfserve.core.spark_values import CONF, FLAGS, LISTS, check_conf, check_flag
from selfserve.errors import BadInputError

_PYTHON_PATH = "spark.executorEnv.PYTHONPATH"

_FLAG_OF = {
    "spark.app.name": "--name",
    "spark.archives": "--archives",
    "spark.files": "--files",
    "spark.jars": "--jars",
    "spark.jars.excludes": "--exclude-packages",
    "spark.jars.packages": "--packages",
    "spark.jars.repositories": "--repositories",
    "spark.submit.deployMode": "--deploy-mode",
    "spark.submit.pyFiles": "--py-files",
    "spark.yarn.dist.archives": "--archives",
    "spark.yarn.dist.files": "--files",
    "spark.yarn.dist.jars": "--jars",
    "spark.yarn.queue": "--queue",
}
"""Settings that spark-submit ignores where the flag is given, and selfserve gives some of them."""

_ONLY_FOR = {"--class": JobKind.JAR, "--py-files": JobKind.PYTHON}

Flag = tuple[str, str]


def parse_flags(given: Iterable[Flag]) -> tuple[str, ...]:
    """The flags that a user has given, checked, each at most once but for --conf.

    Lists are joined and of other flags the last one counts, since spark-submit keeps
    the last only. A setting that is a flag, too, becomes that flag; as with
    spark-submit, the flag itself goes before it.

    Raises:
        BadInputError: Spark, or the way to the cluster, could not take a value.
    """
    settings: list[str] = []
    flags: list[Flag] = []
    for name, value in given:
        if name == CONF:
            settings.append(check_conf(value))
        else:
            flags.append((name, check_flag(name, value)))
    weaker = [_to_flag(setting) for setting in settings if _is_flag(setting)]
    kept = [(CONF, setting) for setting in settings if not _is_flag(setting)]
    return tuple(part for flag in (*_merge([*weaker, *flags]), *kept) for part in flag)


def pairs(flags: Sequence[str]) -> Iterator[Flag]:
    """The flags as (name, value); every flag that selfserve passes on has a value."""
    return zip(flags[::2], flags[1::2], strict=True)


def check_flags(flags: Sequence[str], kind: JobKind, job: str) -> None:
    """Refuse flags that mean nothing to a job of this kind.

    Raises:
        BadInputError: there is one.
    """
    for name, value in pairs(flags):
        wanted = _ONLY_FOR.get(name, kind)
        if wanted is not kind:
            raise BadInputError(
                f"{name} is for .{wanted} jobs, and {job} is a .{kind} job.",
                hint=f"Submit it without {name}.",
            )
        if kind is JobKind.SQL and (name, value) == ("--deploy-mode", "cluster"):
            raise BadInputError(
                "Spark SQL has no deploy mode cluster.",
                hint="Submit it without --deploy-mode.",
            )


def with_archives(flags: Sequence[str], folders: Mapping[str, str]) -> tuple[str, ...]:
    """Add archives that executors find unpacked, and import from, under these folder names.

    The user's own archives and search path stay, since spark-submit keeps only the
    last value of a flag.
    """
    if not folders:
        return tuple(flags)
    archives = [f"{uri}#{name}" for name, uri in folders.items()]
    search_path = list(folders)
    kept: list[str] = []
    for name, value in pairs(flags):
        if name == "--archives":
            archives.append(value)
        elif name == CONF and value.startswith(f"{_PYTHON_PATH}="):
            search_path.append(value.partition("=")[2])
        else:
            kept += [name, value]
    ours = ("--archives", ",".join(archives), CONF, f"{_PYTHON_PATH}={':'.join(search_path)}")
    return (*ours, *kept)


def _merge(flags: Sequence[Flag]) -> list[Flag]:
    """Each flag once, in the order of FLAGS."""
    merged: dict[str, str] = {}
    for name, value in flags:
        joins = name in LISTS and name in merged
        merged[name] = f"{merged[name]},{value}" if joins else value
    return [(name, merged[name]) for name in FLAGS if name in merged]


def _is_flag(setting: str) -> bool:
    return setting.partition("=")[0] in _FLAG_OF


def _to_flag(setting: str) -> Flag:
    key, _, value = setting.partition("=")
    name = _FLAG_OF[key]
    return name, check_flag(name, value)
