"""What the engine sees of a cluster's load: plain data, for `scaling.py` to decide on."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class WorkerSeen:
    """One Worker that is up."""

    name: str
    idle_since: datetime | None
    """None while it has an executor."""


@dataclass(frozen=True, slots=True)
class Load:
    """What the engine sees at one look."""

    workers: tuple[WorkerSeen, ...]
    waiting: int
    """How many more Workers the executors would fill that no Worker has a place for."""
    room: int
    """The most Workers that the machine carries for this cluster."""
