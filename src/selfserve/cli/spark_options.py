"""Flags of spark-submit that `selfserve submit` passes on, and the command that takes them.

`SubmitCommand` adds them, so that the command's own function need not name them;
it asks `given_flags(ctx)` instead. See `cli/options.py`, which does so for all commands.
"""

import shlex
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand
from typer.main import get_command

from selfserve.core.did_you_mean import closest
from selfserve.errors import BadInputError

if TYPE_CHECKING:
    from selfserve.core.spark_flags import Flag

_FLAGS = "selfserve.spark-flags"
_JOB_ARGS = "selfserve.job-args"
_SECTION = "Flags of spark-submit, with their usual meaning"

_NOT_TAKEN = {
    "--master": "The cluster decides it; choose one with: --cluster NAME",
    "--total-executor-cores": "Clusters run YARN; say: --num-executors N --executor-cores N",
    "--supervise": "A job that should be tried again: --conf spark.yarn.maxAppAttempts=2",
    "--principal": "A Kerberos login belongs into the cluster's profile.",
    "--keytab": "A Kerberos login belongs into the cluster's profile.",
    "--proxy-user": "Jobs run as the cluster's own user.",
    "--kill": "Stop a run with: selfserve cancel RUN",
    "--status": "See how a run is with: selfserve runs",
}


class SubmitCommand(TyperCommand):
    """A command that takes spark-submit's flags, and keeps what follows `--` exactly as it is."""

    def __init__(self, *args: Any, **settings: Any) -> None:  # noqa: ANN401  typer's own
        super().__init__(*args, **settings)
        declared = typer.Typer(add_completion=False, rich_markup_mode=None)
        declared.command()(_spark_options)
        self._flags = [param for param in get_command(declared).params if param.name != "help"]
        self.params.extend(self._flags)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401  typer's own
        """Options and JOB are parsed; the job's own arguments are not."""
        at = args.index("--") if "--" in args else len(args)
        ctx.meta[_JOB_ARGS] = tuple(args[at + 1 :]) if "--" in args else None
        self._leave_out_unused(args[:at])
        try:
            return super().parse_args(ctx, args[:at])
        except typer.TyperException as error:
            unknown = getattr(error, "option_name", None)  # typer keeps its error's class private
            if unknown is None or not error.format_message().startswith("No such option"):
                hint = f"See what it takes: {ctx.command_path} --help"
                raise BadInputError(error.format_message(), hint=hint) from error
            known = [option for param in {*self.params, *self._flags} for option in param.opts]
            raise _unknown_option(unknown, known, args[:at], args[at + 1 :]) from error

    def _leave_out_unused(self, args: Sequence[str]) -> None:
        """Typer builds a validator for every flag, given or not: longer work than parsing."""
        given = {argument.partition("=")[0] for argument in args}
        if given & {"--help"}:
            return
        unused = [flag for flag in self._flags if not given & set(flag.opts)]
        self.params = [param for param in self.params if param not in unused]

    def format_options(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401  typer's own
        """The job's arguments, then what is selfserve's own, then what is spark-submit's."""
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": [], _SECTION: []}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None:
                is_argument = param.param_type_name == "argument"
                panel = getattr(param, "rich_help_panel", None)
                sections[panel or ("Arguments" if is_argument else "Options")].append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)


def given_flags(ctx: typer.Context) -> list["Flag"]:
    """What was given of spark-submit's flags, each as often as it was."""
    found: list[Flag] = ctx.meta.get(_FLAGS, [])
    return found


def job_args(ctx: typer.Context) -> tuple[str, ...] | None:
    """What follows `--`; None if there is no `--`."""
    found: tuple[str, ...] | None = ctx.meta.get(_JOB_ARGS)
    return found


def _unknown_option(
    name: str, known: Sequence[str], before: Sequence[str], after: Sequence[str]
) -> BadInputError:
    if name in _NOT_TAKEN:
        return BadInputError(f"selfserve does not take {name}.", hint=_NOT_TAKEN[name])
    names = [option.lstrip("-") for option in known]
    meant = closest(name.lstrip("-"), names)
    at = next((at for at, given in enumerate(before) if given.startswith(name)), 0)
    mine, jobs = before[:at] or ["JOB"], before[at:]
    moved = shlex.join([*mine, "--", *jobs, *after])
    return BadInputError(
        f"selfserve submit has no option {name}{f'; did you mean --{meant}?' if meant else '.'}",
        hint=f"Arguments of the job itself go after --: selfserve submit {moved}",
    )


def _remember(
    ctx: typer.Context, param: typer.CallbackParam, value: list[str] | None
) -> list[str] | None:
    ctx.meta.setdefault(_FLAGS, []).extend(_as_flags(param, value or []))
    return value


def _as_flags(param: typer.CallbackParam, values: Sequence[str]) -> Iterator["Flag"]:
    for value in values:
        yield param.opts[0], value


def _option(metavar: str, text: str) -> Any:  # noqa: ANN401  typer's own
    """Repeatable; `core.spark_flags` knows which values are joined, and which one counts."""
    return typer.Option(
        metavar=metavar, help=text, expose_value=False, callback=_remember, rich_help_panel=_SECTION
    )


_Values = list[str] | None


def _spark_options(  # its parameters are what matters: SubmitCommand takes them
    *,
    conf: Annotated[_Values, _option("KEY=VALUE", "A setting of Spark; repeatable.")] = None,
    driver_memory: Annotated[_Values, _option("4g", "Memory of the driver.")] = None,
    driver_cores: Annotated[_Values, _option("N", "Cores of the driver.")] = None,
    executor_memory: Annotated[_Values, _option("8g", "Memory of each executor.")] = None,
    executor_cores: Annotated[_Values, _option("N", "Cores of each executor.")] = None,
    num_executors: Annotated[_Values, _option("N", "How many executors.")] = None,
    py_files: Annotated[_Values, _option("A.py,…", "More Python modules (.py, .zip).")] = None,
    files: Annotated[_Values, _option("A,B#NAME,…", "Files for the working directories.")] = None,
    archives: Annotated[_Values, _option("A.zip#NAME,…", "The same, to be unpacked.")] = None,
    jars: Annotated[_Values, _option("A.jar,…", "Jars for the class paths.")] = None,
    packages: Annotated[_Values, _option("G:A:V,…", "Maven packages.")] = None,
    exclude_packages: Annotated[_Values, _option("G:A,…", "Of these, not those.")] = None,
    repositories: Annotated[_Values, _option("URL,…", "Where else packages are.")] = None,
    class_: Annotated[
        _Values,
        typer.Option(
            "--class",
            metavar="NAME",
            help="The main class of a .jar.",
            expose_value=False,
            callback=_remember,
            rich_help_panel=_SECTION,
        ),
    ] = None,
    name: Annotated[_Values, _option("NAME", "The application's name.")] = None,
    deploy_mode: Annotated[_Values, _option("client|cluster", "Where the driver runs.")] = None,
    driver_java_options: Annotated[_Values, _option("TEXT", "For the driver's JVM.")] = None,
    driver_class_path: Annotated[_Values, _option("PATHS", "On the cluster's nodes.")] = None,
    driver_library_path: Annotated[_Values, _option("PATHS", "On the cluster's nodes.")] = None,
    queue: Annotated[_Values, _option("NAME", "YARN's queue.")] = None,
    properties_file: Annotated[_Values, _option("FILE", "Many settings; --conf wins.")] = None,
) -> None:
    """Local files are uploaded; s3:// and the like are passed on as they are."""
