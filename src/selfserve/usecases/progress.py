"""What a use case tells while it works; the command line decides how that looks."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Note:
    """Something happened that the user should read once."""

    text: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something is being waited for; sent again whenever it is looked at."""

    what: str
    """Such as "cluster spark-ml: BOOTSTRAPPING"."""
    since: datetime
    usually: str | None = None
    """How long it usually takes, such as "6 to 10 minutes"."""
    until: datetime | None = None
    """When it is over, if that is known: then the time left is shown, not the time passed."""


Progress = Note | Waiting
Report = Callable[[Progress], None]


def quiet(_: Progress) -> None:
    """A Report that tells nobody."""


def notes_of(report: Report) -> Report:
    """A Report that passes notes on, for what is waited for where something else shows it."""

    def pass_on(progress: Progress) -> None:
        if isinstance(progress, Note):
            report(progress)

    return pass_on
