"""The only place that turns exceptions into text and an exit code.

`ErrorBoundary` handles what is meant for people, in-process, so that tests see
exit codes and hints. `run` adds the net for bugs around it; under a test they
reach the test.
"""

import errno
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from selfserve.cli import output
from selfserve.cli.hints import with_target
from selfserve.cli.options import asked_for_debug, given_target
from selfserve.errors import BadInputError, InterruptedByUserError, SelfserveError

_MACHINE_TROUBLE = {  # the machine's state, not a bug and not the user's typing
    errno.ENOSPC: "Free some space and run the command again.",
    errno.EDQUOT: "Your disk quota is used up; free some space.",
    errno.EROFS: "The file system is read-only.",
    errno.EACCES: "Check who owns the file.",
    errno.EPERM: "Check who owns the file.",
    errno.EMFILE: "Too many open files; raise the limit with: ulimit -n 4096",
}


class ErrorBoundary(TyperGroup):
    """The root command: runs commands, and says what went wrong in people's words."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # typer's own context class
        """`selfserve` alone shows the help, as `selfserve --help` does."""
        return super().parse_args(ctx, args or ["--help"])

    def invoke(self, ctx: Any) -> Any:  # commands return nothing of interest
        """Run the command; a SelfserveError becomes two lines and its exit code."""
        try:
            return super().invoke(ctx)
        except SelfserveError as error:
            _fail(error, ctx)
        except KeyboardInterrupt as error:
            interrupted = InterruptedByUserError(
                "Interrupted.", hint="What is running goes on; see it with: selfserve status"
            )
            interrupted.__cause__ = error
            _fail(interrupted, ctx)
        except BrokenPipeError:  # before OSError, of which it is one
            _leave_closed_pipe()
        except OSError as error:
            if error.errno not in _MACHINE_TROUBLE:
                raise
            _fail(_to_bad_input(error), ctx)

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


def run(command_line: Callable[[], object]) -> None:
    """Run the command line of this process, whose errors become text; never returns."""
    try:
        command_line()
    except Exception as error:  # noqa: BLE001  the net under everything
        if _wants_traceback():
            output.show_traceback(error)
        output.show_error(
            f"This is a bug in selfserve: {type(error).__name__}: {error}",
            "Run it again with --debug, and send what it prints to those who maintain selfserve.",
        )
        sys.exit(1)


def _fail(error: SelfserveError, ctx: typer.Context) -> None:
    if asked_for_debug(ctx) or os.environ.get("SELFSERVE_DEBUG"):
        output.show_traceback(error)
    output.show_error(str(error), with_target(error.hint, given_target(ctx)))
    raise typer.Exit(error.exit_code) from error


def _to_bad_input(error: OSError) -> SelfserveError:
    where = f": {error.filename}" if error.filename else ""
    trouble = BadInputError(
        f"{error.strerror}{where}.", hint=_MACHINE_TROUBLE.get(error.errno or 0, "")
    )
    trouble.__cause__ = error
    return trouble


def _usage_hint(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)  # only usage errors have one; their class is private
    path = context.command_path if context is not None else "selfserve"
    if path.endswith(" submit"):
        return f"Arguments of the job itself go after --: {path} JOB -- ARGS; see: {path} --help"
    return f"See: {path} --help"


def _wants_traceback() -> bool:
    return "--debug" in sys.argv or bool(os.environ.get("SELFSERVE_DEBUG"))


def _leave_closed_pipe() -> None:
    """Exit as programs do whose reader is gone (`selfserve logs … | head`), saying nothing."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(141)
