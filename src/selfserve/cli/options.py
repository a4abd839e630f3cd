"""Global options, which every command takes before or after its name, and what they say.

`app.py` adds them to each command, so that a command's own function need not
name them; it asks `invocation(ctx)` instead.
"""

from typing import Annotated

import typer

from selfserve.cli.invocation import Format, Invocation
from selfserve.cli.output import Output

__all__ = ["Invocation", "asked_for_debug", "given_target", "global_options", "invocation"]

_GIVEN = "selfserve.given"


def invocation(ctx: typer.Context) -> Invocation:
    """What the options before and after the command's name say; the later one wins.

    Tests pass their own targets with `CliRunner().invoke(app, […], obj=targets)`.
    """
    return Invocation(given_targets=ctx.obj, **ctx.meta.get(_GIVEN, {}))


def given_target(ctx: typer.Context) -> str | None:
    """What `--on` says; unlike `invocation`, loads nothing."""
    on: str | None = ctx.meta.get(_GIVEN, {}).get("on")
    return on


def asked_for_debug(ctx: typer.Context) -> bool:
    """Whether `--debug` was given; unlike `invocation`, loads nothing."""
    return bool(ctx.meta.get(_GIVEN, {}).get("debug"))


def _remember(
    ctx: typer.Context,
    param: typer.CallbackParam,
    value: str | bool | None,
) -> str | bool | None:
    if value:
        ctx.meta.setdefault(_GIVEN, {})[param.name] = value
    return value


def _show_version(value: bool) -> None:
    if value:
        from selfserve import __version__

        Output().line(f"selfserve {__version__}")
        raise typer.Exit


On = Annotated[
    str | None,
    typer.Option(
        "--on",
        metavar="TARGET",
        expose_value=False,
        callback=_remember,
        help="Where: local, aws or aws:NAME (or SELFSERVE_ON).",
    ),
]
OutputFormat = Annotated[
    Format | None,
    typer.Option(
        "--output",
        "-o",
        metavar="table|json",
        expose_value=False,
        callback=_remember,
        help="How to print data.",
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        expose_value=False,
        callback=_remember,
        help="Say only what was asked for, and errors.",
    ),
]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        expose_value=False,
        callback=_remember,
        help="Say more about what is done.",
    ),
]
Debug = Annotated[
    bool,
    typer.Option(
        "--debug",
        expose_value=False,
        callback=_remember,
        help="Show the traceback of an error.",
    ),
]
Version = Annotated[
    bool,
    typer.Option(
        "--version",
        expose_value=False,
        is_eager=True,
        callback=_show_version,
        help="Print the version and exit.",
    ),
]


def global_options(  # its parameters are what matters: app.py gives them to every command
    *,
    on: On = None,
    output_format: OutputFormat = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
    debug: Debug = False,
    version: Version = False,
) -> None:
    """A cluster by name, your Spark job on it, and nothing idle is ever paid for.

    Example: selfserve up spark-ml

    Data goes to stdout, talk to stderr. Exit codes: 0 fine, 1 a bug in selfserve, 2 bad
    input, 3 AWS refused or unreachable, 4 not found, 5 the job failed, 6 the cluster
    failed, 7 refused by policy, 130 interrupted.
    """
