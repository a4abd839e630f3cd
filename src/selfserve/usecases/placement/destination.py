"""What a submission must know of where it goes. `find_destination.py` finds it out."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from selfserve.core.program import PythonTarget
from selfserve.core.run import HourlyCost

if TYPE_CHECKING:  # profiles are slow to load, and a cluster that is remembered needs none
    from selfserve.core.resolve import Resolved

LoadProfile = Callable[[str], "Resolved"]


class Joining(StrEnum):
    """Whether a run that wants a profile goes to a cluster that others use, too."""

    IF_POSSIBLE = "if-possible"
    """To a shared one with a free slot; else it gets a cluster of its own."""
    NEVER = "never"
    ALWAYS = "always"
    """If there is none, one is started for all who come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """What a submission must know of the cluster that it goes to."""

    applications: tuple[str, ...]
    profile: str | None
    release: str | None
    python: PythonTarget | None
    hourly_cost: HourlyCost | None
    no_python: str = (
        "The CPU and the Python of the cluster are not known: its launch record is lost."
    )
    """Why `python` is None; it only matters to jobs with packages."""
    name: str | None = None
    """The live cluster, as its users call it."""
    cluster_id: str | None = None
    """The live cluster; None if one is to be launched from `resolved`."""
    joined: bool = False
    """Whether the live cluster was found by what it is like, not by its name or id."""
    resolved: "Resolved | None" = None
    runner_uri: str | None = None
    """A runner that this cluster has run already, so it is in S3."""
