"""What went wrong, as text and an exit code; loads no typer. `boundary.py` is for typer's commands.

`tell` handles what is meant for people; `run` adds the net for bugs around a process.
"""

import errno
import os
import sys
from collections.abc import Callable

from selfserve.cli import output
from selfserve.cli.hints import with_target
from selfserve.errors import BadInputError, InterruptedByUserError, SelfserveError

_MACHINE_TROUBLE = {  # the machine's state, not a bug and not the user's typing
    errno.ENOSPC: "Free some space and run the command again.",
    errno.EDQUOT: "Your disk quota is used up; free some space.",
    errno.EROFS: "The file system is read-only.",
    errno.EACCES: "Check who owns the file.",
    errno.EPERM: "Check who owns the file.",
    errno.EMFILE: "Too many open files; raise the limit with: ulimit -n 4096",
}


def tell(error: BaseException, *, on: str | None = None, debug: bool = False) -> int:
    """Show an error to the user, and return the exit code; what is a bug is raised again."""
    if isinstance(error, BrokenPipeError):  # before OSError, of which it is one
        return _leave_closed_pipe()
    if isinstance(error, KeyboardInterrupt):
        shown: SelfserveError = InterruptedByUserError(
            "Interrupted.", hint="What is running goes on; see it with: selfserve status"
        )
    elif isinstance(error, SelfserveError):
        shown = error
    elif isinstance(error, OSError) and error.errno in _MACHINE_TROUBLE:
        shown = _to_bad_input(error)
    else:
        raise error
    if debug or os.environ.get("SELFSERVE_DEBUG"):
        output.show_traceback(error)
    output.show_error(str(shown), with_target(shown.hint, on))
    return shown.exit_code


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


def _to_bad_input(error: OSError) -> SelfserveError:
    where = f": {error.filename}" if error.filename else ""
    return BadInputError(
        f"{error.strerror}{where}.", hint=_MACHINE_TROUBLE.get(error.errno or 0, "")
    )


def _wants_traceback() -> bool:
    return "--debug" in sys.argv or bool(os.environ.get("SELFSERVE_DEBUG"))


def _leave_closed_pipe() -> int:
    """As programs do whose reader is gone (`selfserve logs … | head`), saying nothing."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 141
