"""Translate an EMR step into a command for this machine. Pure: nothing is read or started."""

from collections.abc import Sequence

from selfserve.errors import BadInputError
from selfserve.local.control.records import ClusterRecord, Json, StepRecord
from selfserve.local.steps.command import StepCommand, StepContext
from selfserve.local.steps.launch import command, spark_command
from selfserve.local.steps.settings import cluster_settings, spark_defaults, uses_glue
from selfserve.local.steps.spark import parse_options, plan_spark_sql, plan_spark_submit

_RUNS = "command-runner.jar with spark-submit, spark-sql, hive-script or bash"
_SQL_PROGRAMS = frozenset({"hive-script", "spark-sql"})
_NEEDED_APPLICATION = {"spark-submit": "Spark", "spark-sql": "Spark", "hive-script": "Hive"}

_HIVE_VARIABLES = {
    **dict.fromkeys(("-d", "--define", "-hivevar", "--hivevar"), "--hivevar"),
    **dict.fromkeys(("-hiveconf", "--hiveconf"), "--hiveconf"),
}
_HIVE_VALUES = {*_HIVE_VARIABLES, "-f", "-e", "-i", "--database"}
_HIVE_SWITCHES = frozenset({"-S", "--silent", "-v", "--verbose"})


def plan_step(step: StepRecord, context: StepContext) -> StepCommand:
    """Return the command that runs `step` here.

    Raises:
        BadInputError: the local target cannot run such a step; the message says what it can.
    """
    program = _program(step)
    _check_application(program, context.cluster.request)
    arguments = step.args[1:]
    if program == "spark-submit":
        planned = plan_spark_submit(arguments, context)
    elif program == "spark-sql":
        planned = plan_spark_sql(arguments, context)
    elif program == "hive-script":
        planned = _plan_hive_script(arguments, context)
    else:
        planned = _plan_bash(arguments, context)
    return planned.with_env({"EMR_STEP_ID": step.id})


def needs_catalogue(cluster: ClusterRecord, step: StepRecord) -> bool:
    """Whether the step must find the shared table catalogue running when it starts.

    Always for SQL steps; for others where EMR would give them lasting tables:
    the cluster has Hive or Glue, or the settings choose Hive's catalogue.
    """
    if step.args[:1] and step.args[0] in _SQL_PROGRAMS:
        return True
    chosen = "spark.sql.catalogImplementation=hive"
    return (
        any(name.casefold() == "hive" for name in _applications(cluster.request))
        or uses_glue(cluster.request)
        or spark_defaults(cluster.request).get("spark.sql.catalogImplementation") == "hive"
        or any(argument.endswith(chosen) or "AWSGlueData" in argument for argument in step.args)
    )


def _program(step: StepRecord) -> str:
    program = step.args[0] if step.args else ""
    if step.jar.rpartition("/")[2] != "command-runner.jar":
        raise BadInputError(
            f"The local target cannot run the jar {step.jar} of step {step.name!r}.",
            hint=f"It runs {_RUNS}.",
        )
    if program not in {"bash", *_NEEDED_APPLICATION}:
        raise BadInputError(
            f"The local target cannot run {program or 'nothing'!r} of step {step.name!r}.",
            hint=f"It runs {_RUNS}.",
        )
    return program


def _check_application(program: str, request: Json) -> None:
    needed = _NEEDED_APPLICATION.get(program)
    installed = _applications(request)
    if needed is not None and needed.casefold() not in {name.casefold() for name in installed}:
        raise BadInputError(
            f"{program} needs {needed}; the cluster has {', '.join(installed) or 'nothing'}.",
            hint=f"Add {needed} to the applications of the profile.",
        )


def _applications(request: Json) -> list[str]:
    return [str(entry.get("Name", "")) for entry in request.get("Applications", ())]


def _plan_hive_script(arguments: Sequence[str], context: StepContext) -> StepCommand:
    """`hive-script --run-hive-script --args -f s3://… -d NAME=VALUE`, on Spark SQL.

    Source: https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-hive-script.html
    """
    parsed = parse_options(
        _hive_arguments(arguments), frozenset(_HIVE_VALUES), frozenset(_HIVE_SWITCHES)
    )
    if parsed.rest or not {"-f", "-e"} & {name for name, _ in parsed.options}:
        raise BadInputError(
            "hive-script is given no script to run.",
            hint="Write: hive-script --run-hive-script --args -f s3://bucket/script.sql",
        )
    argv: list[str] = []
    for name, value in parsed.options:
        if value is not None:
            argv += [_HIVE_VARIABLES.get(name, name), value]
        elif name in {"-S", "--silent"}:
            argv.append("-S")
    settings = cluster_settings(context.cluster.request, hive_site="hive-site")
    # In HiveQL, CREATE TABLE without a format makes a Hive table of text files.
    settings.conf.setdefault("spark.sql.legacy.createHiveTableByDefault", "true")
    notes = ("HiveQL runs on Spark SQL here, with the tables of all local clusters.",)
    return spark_command("spark-sql", argv, settings, context, notes=notes)


def _hive_arguments(arguments: Sequence[str]) -> Sequence[str]:
    """What comes after `--args`; before it stand EMR's own switches."""
    if "--args" not in arguments:
        return [argument for argument in arguments if argument != "--run-hive-script"]
    return arguments[list(arguments).index("--args") + 1 :]


def _plan_bash(arguments: Sequence[str], context: StepContext) -> StepCommand:
    settings = cluster_settings(context.cluster.request, hive_site="spark-hive-site")
    notes = ("It runs as you, on this machine, not as hadoop on a primary node.",)
    return command(("bash", *arguments), settings, context, notes=notes)
