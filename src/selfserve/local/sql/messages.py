"""What a client and the SQL worker of this machine say to each other.

Pickled over a connection of the loopback that both sides have authenticated
(`multiprocessing.connection`, with the home's secret) before anything is unpickled.
Replies come as lists, so that a short answer is one packet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from selfserve import errors
from selfserve.core.sql import problems
from selfserve.core.sql.answers import Column, Figures, Progress, Row
from selfserve.core.sql.requests import SqlRequest
from selfserve.core.sql.results.result_format import ResultFormat
from selfserve.errors import SelfserveError

if TYPE_CHECKING:  # on the path of the shortest query
    from selfserve.core.sql.estimates.estimate import Estimate
    from selfserve.core.sql.estimates.pace import Pace


@dataclass(frozen=True, slots=True)
class Export:
    """Rows go to this file or pipe, not to the client."""

    to: Path
    format: ResultFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Answer this."""

    request: SqlRequest
    most: int | None = None
    """How many rows the client wants to see; all are counted."""
    keep: Path | None = None
    """A file that gets the rows as Parquet, unless they are too many."""
    export: Export | None = None


@dataclass(frozen=True, slots=True)
class AskEstimate:
    """Say what this would read and take; run nothing."""

    request: SqlRequest
    pace: "Pace"


@dataclass(frozen=True, slots=True)
class Estimated:
    """What it would read."""

    estimate: "Estimate"


@dataclass(frozen=True, slots=True)
class Head:
    """The columns; comes before rows."""

    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows."""

    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Beat:
    """How far it is."""

    progress: Progress


@dataclass(frozen=True, slots=True)
class End:
    """It is done."""

    figures: Figures
    is_kept: bool


@dataclass(frozen=True, slots=True)
class Failed:
    """It is not; an error with its class by name."""

    kind: str
    message: str
    hint: str

    @classmethod
    def of(cls, error: SelfserveError) -> "Failed":
        """The message that carries `error`."""
        return cls(type(error).__name__, str(error), error.hint)

    def to_error(self) -> SelfserveError:
        """The error again, of the same class; of its nearest known one, if it is private."""
        found = getattr(errors, self.kind, None) or getattr(problems, self.kind, None)
        kind: type[SelfserveError] = found or SelfserveError
        return kind(self.message, hint=self.hint)


Reply = Head | Rows | Beat | End | Estimated | Failed
