"""`python -m selfserve`: the command, for environments whose scripts are not on the PATH."""

from selfserve.cli import main

main()
