"""The process behind a step: its environment, and the Spark settings it starts from. Pure.

Every Spark program finds its settings in SPARK_CONF_DIR, so those that a bash
step starts have them too, and no secret is ever in an argument list.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from selfserve.local.steps.command import LocalizedFile, StepCommand, StepContext
from selfserve.local.steps.settings import Settings
from selfserve.local.steps.sizes import fit_sizes

_LOOPBACK = "127.0.0.1"
_JAVA_OPTIONS = ("spark.driver.extraJavaOptions", "spark.executor.extraJavaOptions")
_NOT_INHERITED = ("PYTHON", "PYSPARK_", "SPARK_", "HADOOP_", "YARN_", "HIVE_", "JAVA_", "_JAVA_")


def spark_command(
    program: str,
    arguments: Sequence[str],
    settings: Settings,
    context: StepContext,
    *,
    notes: Sequence[str] = (),
    localized: tuple[LocalizedFile, ...] = (),
) -> StepCommand:
    """The command that runs one of Spark's own programs under these settings."""
    argv = (str(context.spark_home / "bin" / program), *arguments)
    return command(argv, settings, context, notes=notes, localized=localized)


def command(
    argv: tuple[str, ...],
    settings: Settings,
    context: StepContext,
    *,
    notes: Sequence[str] = (),
    localized: tuple[LocalizedFile, ...] = (),
) -> StepCommand:
    """The command that runs `argv`; Spark programs that it starts have these settings."""
    sizes = fit_sizes(settings.conf, context)
    conf = {**settings.conf, **sizes.conf, **_own_conf(settings.conf, context)}
    conf_dir = context.work_dir / "conf"
    return StepCommand(
        argv=argv,
        env=_environment(settings.env, conf_dir, context),
        cwd=context.work_dir / "cwd",
        notes=(*notes, *sizes.notes, *settings.notes()),
        private_files={conf_dir / "spark-defaults.conf": to_properties(conf)},
        localized=localized,
    )


def to_properties(conf: Mapping[str, str]) -> str:
    """Settings in the format of java.util.Properties, which Spark reads as UTF-8."""
    lines = (f"{_escape(name, key=True)}={_escape(value)}\n" for name, value in conf.items())
    return "".join(lines)


_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f"}
_KEY_ESCAPES = {" ": "\\ ", "=": "\\=", ":": "\\:", "#": "\\#", "!": "\\!"}


def _escape(text: str, *, key: bool = False) -> str:
    table = {**_ESCAPES, **_KEY_ESCAPES} if key else _ESCAPES
    escaped = "".join(table.get(character, character) for character in text)
    return f"\\{escaped}" if not key and escaped.startswith(" ") else escaped


def _own_conf(asked: Mapping[str, str], context: StepContext) -> dict[str, str]:
    """What this machine decides, whatever was asked for."""
    return {
        "spark.master": context.master_url,
        "spark.submit.deployMode": "client",
        "spark.authenticate": "true",
        "spark.authenticate.secret": context.secret,
        "spark.driver.host": _LOOPBACK,
        "spark.driver.bindAddress": _LOOPBACK,
        "spark.port.maxRetries": "100",
        # What a killed driver or executor leaves behind goes with the step's folder.
        **{name: _with_temporary(asked.get(name, ""), context) for name in _JAVA_OPTIONS},
        "spark.executorEnv.SPARK_LOCAL_IP": _LOOPBACK,
        **context.lake_conf,
        **{f"spark.executorEnv.{name}": value for name, value in context.endpoint_env.items()},
        **_tables(asked, context),
    }


def _with_temporary(java_options: str, context: StepContext) -> str:
    return f'{java_options} -Djava.io.tmpdir="{_temporary(context)}"'.lstrip()


def _temporary(context: StepContext) -> Path:
    return context.work_dir / "tmp"


def _tables(asked: Mapping[str, str], context: StepContext) -> dict[str, str]:
    scratch = context.work_dir / "hive"
    conf = {
        "spark.hadoop.hive.exec.scratchdir": (scratch / "scratch").as_uri(),
        "spark.hadoop.hive.exec.local.scratchdir": str(scratch / "local"),
        "spark.hadoop.hive.downloaded.resources.dir": str(scratch / "resources"),
    }
    if context.metastore_uri is None:
        # A catalogue in memory forgets its tables; their files must not outlive them.
        warehouse = (context.work_dir / "warehouse").as_uri()
    else:
        conf["spark.hadoop.hive.metastore.uris"] = context.metastore_uri
        warehouse = context.warehouse
        if "spark.sql.catalogImplementation" not in asked:
            conf["spark.sql.catalogImplementation"] = "hive"
    conf["spark.sql.warehouse.dir"] = asked.get("spark.sql.warehouse.dir", warehouse)
    return conf


def _environment(
    exports: Mapping[str, str], conf_dir: Path, context: StepContext
) -> dict[str, str]:
    inherited = {
        name: value
        for name, value in context.base_env.items()
        if not name.startswith(_NOT_INHERITED)
    }
    programs = (context.spark_home / "bin", context.python.parent, context.java_home / "bin")
    path = ":".join([*map(str, programs), inherited.get("PATH", "/usr/bin:/bin")])
    return {
        **inherited,
        **context.endpoint_env,
        "PATH": path,
        "JAVA_HOME": str(context.java_home),
        "SPARK_HOME": str(context.spark_home),
        "SPARK_CONF_DIR": str(conf_dir),
        "SPARK_LOCAL_IP": _LOOPBACK,
        "SPARK_LOCAL_DIRS": str(context.work_dir / "scratch"),
        "TMPDIR": str(_temporary(context)),
        "PYSPARK_PYTHON": str(context.python),
        "EMR_CLUSTER_ID": context.cluster.id,
        **exports,
    }
