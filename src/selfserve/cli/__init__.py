"""The command line. Importing this package loads nothing heavy; commands import what they need."""

import gc
import os
import sys

_ALLOCATIONS_BEFORE_COLLECTING = 50_000


def main() -> None:
    """Run `selfserve` with the process's arguments, and exit."""
    # Loading modules allocates much and frees nothing: looking for garbage takes a tenth of it.
    gc.set_threshold(_ALLOCATIONS_BEFORE_COLLECTING, *gc.get_threshold()[1:])
    # Looking for plugins of pydantic reads the metadata of every installed package.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from selfserve.cli.failures import run
    from selfserve.cli.quick import is_quick, run_quick

    arguments = sys.argv[1:]
    if is_quick(arguments):
        run(lambda: run_quick(arguments[1]))
    run(_run_command)


def _run_command() -> None:
    from typer.main import get_command

    from selfserve.cli.app import app

    get_command(app)()
