"""The command line as a whole: every command's name, and where it lives.

A command's module is imported when the command runs or its help is shown; what
is heavy is imported inside the command's function.
"""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from selfserve.cli.boundary import ErrorBoundary
from selfserve.cli.options import global_options

COMMANDS = {
    "up": "selfserve.cli.up:up",
    "submit": "selfserve.cli.submit:submit_app",
    "sql": "selfserve.cli.sql:sql",
    "queries": "selfserve.cli.queries:queries",
    "which": "selfserve.cli.which:which",
    "status": "selfserve.cli.status:status",
    "ls": "selfserve.cli.status:ls",
    "runs": "selfserve.cli.runs:runs",
    "logs": "selfserve.cli.logs:logs",
    "result": "selfserve.cli.result:result",
    "cancel": "selfserve.cli.cancel:cancel",
    "why": "selfserve.cli.why:why",
    "resize": "selfserve.cli.resize:resize",
    "down": "selfserve.cli.down:down",
    "sweep": "selfserve.cli.sweep:sweep",
    "plan": "selfserve.cli.plan:plan",
    "profiles": "selfserve.cli.profiles:profiles_app",
    "local": "selfserve.cli.local:local_app",
}


class LazyCommands(ErrorBoundary):
    """The root command, which imports a command's module only when it is needed."""

    def __init__(self, **settings: Any) -> None:  # typer's own settings of a group
        super().__init__(**settings)
        self.commands = dict.fromkeys(COMMANDS)  # type: ignore[assignment]

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  typer's signature
        """Commands in the order of COMMANDS."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002  typer's signature
        """The command of this name, with the global options added, or None."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command = _to_command(cmd_name, getattr(import_module(module), attribute))
        self._add_global_options(command)
        return command

    def _add_global_options(self, command: Any) -> None:
        own = {option for param in command.params for option in param.opts}
        # `sql -o csv` knows more formats than other commands.
        command.params.extend(param for param in self.params if not own.intersection(param.opts))
        if isinstance(command, TyperGroup):
            for nested in command.commands.values():
                self._add_global_options(nested)


def _to_command(name: str, target: Any) -> Any:
    """Make a typer command of a plain function, or a group of a Typer."""
    if isinstance(target, typer.Typer):
        command = get_command(target)
    else:
        lone = typer.Typer(add_completion=False, rich_markup_mode=None)
        lone.command(name)(target)
        command = get_command(lone)
    command.name = name
    return command


app = typer.Typer(
    name="selfserve",
    cls=LazyCommands,
    callback=global_options,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
