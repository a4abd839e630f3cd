"""The command line. Importing this package loads nothing heavy; commands import what they need."""

import os


def main() -> None:
    """Run `selfserve` with the process's arguments, and exit."""
    # Looking for plugins of pydantic reads the metadata of every installed package.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from typer.main import get_command

    from selfserve.cli.app import app
    from selfserve.cli.boundary import run

    run(get_command(app))
