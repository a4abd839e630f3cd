"""The only place that turns exceptions into text and an exit code.

`ErrorBoundary` handles what is meant for people, in-process, so that tests see
exit codes and hints. `run` adds the net for bugs around it; under a test they
reach the test.
"""

import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from selfserve.cli import output
from selfserve.cli.failures import tell
from selfserve.cli.options import asked_for_debug, given_target
from selfserve.errors import BadInputError, SelfserveError


class ErrorBoundary(TyperGroup):
    """The root command: runs commands, and says what went wrong in people's words."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # typer's own context class
        """`selfserve` alone shows the help, as `selfserve --help` does."""
        return super().parse_args(ctx, args or ["--help"])

    def invoke(self, ctx: Any) -> Any:  # commands return nothing of interest
        """Run the command; a SelfserveError becomes two lines and its exit code."""
        try:
            return super().invoke(ctx)
        except (SelfserveError, KeyboardInterrupt, OSError) as error:
            code = tell(error, on=given_target(ctx), debug=asked_for_debug(ctx))
            raise typer.Exit(code) from error

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Parse and run; wrong options get the same two lines as any other bad input."""
        try:
            exit_code = super().main(
                args,
                prog_name,
                complete_var,
                standalone_mode=False,
                windows_expand_args=windows_expand_args,
                **extra,
            )
        except typer.TyperException as error:
            if not standalone_mode:
                raise
            output.show_error(error.format_message(), _usage_hint(error))
            sys.exit(BadInputError.exit_code)
        if not standalone_mode:
            return exit_code
        sys.exit(exit_code or 0)


def _usage_hint(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)  # only usage errors have one; their class is private
    path = context.command_path if context is not None else "selfserve"
    if path.endswith(" submit"):
        return f"Arguments of the job itself go after --: {path} JOB -- ARGS; see: {path} --help"
    return f"See: {path} --help"
