"""The ways to an engine: what each can do, whatever answers at its end."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from selfserve.core.sql.answers import Answer
from selfserve.core.sql.engines import Engine

if TYPE_CHECKING:  # on the path of the shortest query
    from selfserve.core.sql.estimates.estimate import Estimate
    from selfserve.core.sql.requests import SqlRequest
    from selfserve.core.sql.results.result_format import ResultFormat
    from selfserve.core.sql.tables import TableCatalogue
    from selfserve.usecases.sql.output.sink import Sink


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Who answers at the end of a way, for records and for people."""

    engine: Engine
    """Whose dialect is spoken."""
    answered_by: str
    cluster: str | None = None
    cluster_id: str | None = None
    profile: str | None = None
    hourly_cost: Decimal | None = None
    """In $, at most; 0 on this machine; None: not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is wanted of one statement besides its rows."""

    query_id: str
    most: int | None = None
    """No more rows than this are looked at; an engine that can, sends no more."""


class Asked(Answer, Protocol):
    """An answer that may keep its rows."""

    @property
    def is_kept(self) -> bool:
        """Whether all rows are kept in the book, after the last batch."""


class Export(Protocol):
    """A query whose rows are on their way to a sink."""

    @property
    def answer(self) -> Answer:
        """Who knows how far it is, and can cancel it."""

    def run(self) -> int:
        """Return when all rows are there; their number."""


class Road(Protocol):
    """Leads to an engine or to one of several; open for as long as statements come."""

    @property
    def facts(self) -> Facts:
        """Who answers; of several, those that speak for all."""

    def chosen_for(self, request: "SqlRequest") -> "Way":
        """The way that this statement takes; a cluster may be started for it."""

    def estimate(self, request: "SqlRequest") -> "Estimate":
        """What a query would read, take and cost; nothing is run, and nothing started."""

    def most_bytes(self, request: "SqlRequest") -> int:
        """Of all files of a query's tables: found out sooner than an estimate, and seldom less."""

    def catalogue(self) -> "TableCatalogue":
        """The tables that its statements see."""

    def close(self) -> None:
        """Give it up."""


class Way(Road, Protocol):
    """A way to one engine. Raises only `SelfserveError`s."""

    def ask(self, request: "SqlRequest", wish: Wish) -> AbstractContextManager[Asked]:
        """Start a statement; what it holds is given back when the block is left."""

    def export(
        self, request: "SqlRequest", wish: Wish, result_format: "ResultFormat", sink: "Sink"
    ) -> AbstractContextManager[Export]:
        """Start a query whose rows go to `sink`."""
