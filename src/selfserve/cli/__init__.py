"""The command line. Importing this package loads nothing heavy; commands import what they need."""


def main() -> None:
    """Run `selfserve` with the process's arguments, and exit."""
    from selfserve.cli.boundary import run

    run()
