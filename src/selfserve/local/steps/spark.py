"""Translate `spark-submit` and `spark-sql` as they are written for EMR. Pure.

YARN's options become settings of the standalone cluster; the driver runs here,
in client mode, since standalone clusters run no Python drivers. Everything else
is passed on as it came, above all the job's own arguments.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from selfserve.errors import BadInputError
from selfserve.local.steps.command import LocalizedFile, StepCommand, StepContext
from selfserve.local.steps.launch import spark_command
from selfserve.local.steps.settings import Settings, cluster_settings, spark_defaults

_AS_CONF = {
    "--driver-memory": "spark.driver.memory",
    "--driver-cores": "spark.driver.cores",
    "--executor-memory": "spark.executor.memory",
    "--executor-cores": "spark.executor.cores",
    "--num-executors": "spark.executor.instances",
    "--total-executor-cores": "spark.cores.max",
}
_DROPPED = frozenset({"--master", "--deploy-mode"})
_YARN_ONLY = frozenset({"--queue", "--principal", "--keytab", "--proxy-user"})
_LOCALIZED = {"--files": False, "--archives": True}  # whether they are unpacked
_PASSED = frozenset(
    {
        "--class",
        "--driver-class-path",
        "--driver-java-options",
        "--driver-library-path",
        "--exclude-packages",
        "--jars",
        "--name",
        "--packages",
        "--py-files",
        "--repositories",
    }
)
_CONF = frozenset({"--conf", "-c"})
_VALUES = frozenset({*_AS_CONF, *_DROPPED, *_YARN_ONLY, *_LOCALIZED, *_PASSED, *_CONF})
_SWITCHES = frozenset({"--help", "-h", "--verbose", "-v", "--version", "--supervise"})
_SQL_VALUES = frozenset(
    {"-e", "-f", "-i", "-d", "--define", "--database", "--hiveconf", "--hivevar"}
)
_SQL_SWITCHES = frozenset({"-S", "--silent"})
_EMR_SPARK_HOME = "/usr/lib/spark/"

Option = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class Options:
    """A command line, taken apart: options in their order, then the rest, untouched."""

    options: tuple[Option, ...]
    rest: tuple[str, ...]


def plan_spark_submit(args: Sequence[str], context: StepContext) -> StepCommand:
    """Return the command for `spark-submit` with these arguments.

    Raises:
        BadInputError: spark-submit would refuse them, or they cannot hold here.
    """
    parsed = parse_options(args, _VALUES, _SWITCHES)
    if not parsed.rest:
        raise BadInputError(
            "spark-submit is given no application to run.",
            hint="Name a .py or .jar file after the options.",
        )
    settings = cluster_settings(context.cluster.request, hive_site="spark-hive-site")
    kept = _adapt(parsed.options, settings)
    main, *arguments = parsed.rest
    notes = []
    localized: tuple[LocalizedFile, ...] = ()
    if _deploy_mode(parsed.options, context) == "cluster":
        notes.append("Deploy mode cluster: the driver runs in this step's own process here.")
        settings.env.update(settings.yarn_env)
        localized = tuple(_localized(parsed.options, settings))
    path = _on_this_machine(main, context)
    if path != main:
        notes.append(f"{main} is {path} here.")
    return spark_command(
        "spark-submit",
        (*kept, path, *arguments),
        settings,
        context,
        notes=notes,
        localized=localized,
    )


def plan_spark_sql(args: Sequence[str], context: StepContext) -> StepCommand:
    """Return the command for `spark-sql` with these arguments. Raises BadInputError."""
    parsed = parse_options(args, _VALUES | _SQL_VALUES, _SWITCHES | _SQL_SWITCHES)
    if parsed.rest:
        raise BadInputError(
            f"spark-sql has no argument {parsed.rest[0]!r}.",
            hint="Give the script with -f or the statement with -e.",
        )
    settings = cluster_settings(context.cluster.request, hive_site="spark-hive-site")
    kept = _adapt(parsed.options, settings)
    return spark_command("spark-sql", tuple(kept), settings, context)


def parse_options(args: Sequence[str], values: frozenset[str], switches: frozenset[str]) -> Options:
    """Take options off the front, as Spark does: `--name value`, `--name=value`, switches.

    Raises:
        BadInputError: an option that is not known, or without its value.
    """
    options: list[Option] = []
    position = 0
    while position < len(args) and args[position].startswith("-"):
        name, equals, value = args[position].partition("=")
        position += 1
        if name in switches and not equals:
            options.append((name, None))
        elif name in values and equals and name.startswith("--"):
            options.append((name, value))
        elif name in values and not equals and position < len(args):
            options.append((name, args[position]))
            position += 1
        elif name in values:
            raise BadInputError(f"Option {name} has no value.", hint="Write the value after it.")
        else:
            raise BadInputError(
                f"The local target does not take the option {name}.",
                hint="Options of the job itself come after its file; settings go into --conf.",
            )
    return Options(tuple(options), tuple(args[position:]))


def _adapt(options: Sequence[Option], settings: Settings) -> list[str]:
    """Move what is a setting into `settings`; return the options to pass on."""
    kept: list[str] = []
    sizes: dict[str, str] = {}
    for name, value in options:
        if value is None:
            kept.extend([name] if name != "--supervise" else [])
        elif name in _CONF:
            settings.add([_split_conf(value)])
        elif name in _AS_CONF:
            sizes[_AS_CONF[name]] = value
        elif name in _YARN_ONLY:
            settings.leave_out("YARN has them, the local target has not", name)
        elif name not in _DROPPED:
            kept.extend([name, value])
    settings.add(sizes.items())  # to Spark, --executor-memory counts more than --conf
    return kept


def _split_conf(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise BadInputError(f"--conf {text!r} has no value.", hint="Write --conf name=value.")
    return name, value


def _deploy_mode(options: Sequence[Option], context: StepContext) -> str | None:
    name = "spark.submit.deployMode"
    defaults = spark_defaults(context.cluster.request)
    confs = dict(_split_conf(value) for option, value in options if option in _CONF and value)
    return dict(options).get("--deploy-mode") or confs.get(name) or defaults.get(name)


def _on_this_machine(main: str, context: StepContext) -> str:
    """Spark's own examples have another place on EMR nodes."""
    path = main.removeprefix("local://").removeprefix("file://")
    if not path.startswith(_EMR_SPARK_HOME):
        return main
    return str(context.spark_home / path.removeprefix(_EMR_SPARK_HOME))


def _localized(options: Sequence[Option], settings: Settings) -> Iterator[LocalizedFile]:
    """Files that YARN's containers find in their working directory, and so the driver."""
    listed = [(value, _LOCALIZED[name]) for name, value in options if value and name in _LOCALIZED]
    listed += [(settings.conf.get("spark.files", ""), False)]
    listed += [(settings.conf.get("spark.archives", ""), True)]
    for uris, unpack in listed:
        for item in filter(None, (uri.strip() for uri in uris.split(","))):
            uri, _, alias = item.partition("#")
            yield LocalizedFile(uri, alias or PurePosixPath(uri).name, unpack)
