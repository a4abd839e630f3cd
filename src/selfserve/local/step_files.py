"""Put in place what a planned step needs before its process starts."""

from selfserve.local.lake import Lake
from selfserve.local.step_command import StepCommand


def prepare(command: StepCommand, lake: Lake) -> None:
    """Make the working directory, write the private files, fetch what YARN would localize.

    Raises:
        BadInputError: a file that the step names does not exist or cannot be unpacked.
    """
    raise NotImplementedError
