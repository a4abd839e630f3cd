"""What a client and the SQL worker of this machine say to each other.

Pickled over a connection of the loopback that both sides have authenticated
(`multiprocessing.connection`, with the home's secret) before anything is unpickled.
Replies come as lists, so that a short answer is one packet.
"""

from collections.abc import Iterator, Sequence
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
    """Rows go to this named pipe, which the client has opened to read, not in messages."""

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
    """It is not; an error with its class by name, one that all parts know."""

    kind: str
    message: str
    hint: str

    @classmethod
    def of(cls, error: SelfserveError) -> "Failed":
        """The message that carries `error`; of a private class, as its nearest known one."""
        kind = next(name for name in _names(type(error)) if _known(name) is not None)
        return cls(kind, str(error), error.hint)

    def to_error(self) -> SelfserveError:
        """The error again."""
        kind = _known(self.kind) or SelfserveError
        return kind(self.message, hint=self.hint)


def _names(kind: type[SelfserveError]) -> Iterator[str]:
    return (one.__name__ for one in kind.__mro__)


def _known(name: str) -> type[SelfserveError] | None:
    found: type[SelfserveError] | None = getattr(errors, name, None) or getattr(
        problems, name, None
    )
    return found


Reply = Head | Rows | Beat | End | Estimated | Failed
