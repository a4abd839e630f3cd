"""The command line. Importing this package loads nothing heavy; commands import what they need."""

import gc
import os

_ALLOCATIONS_BEFORE_COLLECTING = 50_000


def main() -> None:
    """Run `selfserve` with the process's arguments, and exit."""
    # Loading modules allocates much and frees nothing: looking for garbage takes a tenth of it.
    gc.set_threshold(_ALLOCATIONS_BEFORE_COLLECTING, *gc.get_threshold()[1:])
    # Looking for plugins of pydantic reads the metadata of every installed package.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from typer.main import get_command

    from selfserve.cli.app import app
    from selfserve.cli.boundary import run

    run(get_command(app))
