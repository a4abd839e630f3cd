"""What the global options of one command line say, and the means to act on it.

Apart from `options.py`, which declares them: this loads no typer.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from selfserve.cli.output import Output

if TYPE_CHECKING:  # use cases are slow to load, which `--help` must not wait for
    from selfserve.cli.progress import ProgressLine
    from selfserve.usecases.targets.target import Target, Targets


class Format(StrEnum):
    """How data is written to stdout."""

    TABLE = "table"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Invocation:
    """What the global options of this command line say, and the means to act on it."""

    given_targets: "Targets | None" = None
    """Those of a test; otherwise the configured ones are used."""
    on: str | None = None
    output_format: Format = Format.TABLE
    quiet: bool = False
    verbose: bool = False
    debug: bool = False

    @property
    def targets(self) -> "Targets":
        """Where `--on` is looked up."""
        if self.given_targets is not None:
            return self.given_targets
        from selfserve.usecases.targets.configured_targets import ConfiguredTargets

        return ConfiguredTargets()

    def open_target(self) -> "Target":
        """The target that `--on`, the environment or the configuration names, ready for use."""
        return self.targets.open(self.on)

    @property
    def output(self) -> Output:
        """Where to print, in the format asked for."""
        return Output(as_json=self.output_format is Format.JSON, quiet=self.quiet, on=self.on)

    @contextmanager
    def progress(self) -> Iterator["ProgressLine"]:
        """A `Report` that shows what use cases report, for as long as the block runs."""
        from selfserve.cli.progress import ProgressLine

        line = ProgressLine(quiet=self.quiet, verbose=self.verbose, on=self.on)
        try:
            yield line
        finally:
            line.close()
