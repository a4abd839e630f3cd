"""Small queries on this machine, all others on the cluster, which is found when one comes."""

from dataclasses import replace

from selfserve.core.quantities import format_size
from selfserve.core.sql.estimates.estimate import Estimate
from selfserve.core.sql.metadata import answer_metadata
from selfserve.core.sql.problems import SqlError
from selfserve.core.sql.requests import SqlRequest
from selfserve.core.sql.tables import TableCatalogue
from selfserve.core.sql.text.script import StatementKind, split_script
from selfserve.errors import InterruptedByUserError, SelfserveError
from selfserve.usecases.progress import Note, Report
from selfserve.usecases.sql.roads.ways import Facts, Road, Way

_LOOKED_UP = {StatementKind.SHOW, StatementKind.DESCRIBE}
"""What the catalogue answers, without any cluster."""


class LaptopFirst:
    """Chooses for each statement; see `Way.chosen_for`."""

    def __init__(
        self,
        laptop: Way,
        cluster: Road,
        *,
        most_bytes: int,
        report: Report,
    ) -> None:
        self._laptop = laptop
        self._cluster = cluster
        self._last: tuple[SqlRequest, Way] | None = None
        """So that a statement is estimated once, however often its way is asked for."""
        self._most_bytes = most_bytes
        self._report = report

    @property
    def facts(self) -> Facts:
        """Of the laptop: both speak one dialect. What a statement costs depends on its way."""
        return replace(self._laptop.facts, hourly_cost=None)

    def chosen_for(self, request: SqlRequest) -> Way:
        """The embedded engine for what it can answer and reads little, else the cluster.

        Raises:
            SqlError: the statement is wrong; no cluster is started to find that out again.
        """
        if self._last is None or self._last[0] is not request:
            self._last = request, self._choose(request)
        return self._last[1]

    def catalogue(self) -> TableCatalogue:
        """See `Way.catalogue`."""
        return self._laptop.catalogue()

    def estimate(self, request: SqlRequest) -> Estimate:
        """See `Road.estimate`: on this machine if it reads little, else on the cluster."""
        here = self._laptop.estimate(request)
        return here if here.bytes <= self._most_bytes else self._cluster.estimate(request)

    def most_bytes(self, request: SqlRequest) -> int:
        """See `Road.most_bytes`."""
        return self._laptop.most_bytes(request)

    def close(self) -> None:
        """Give both up."""
        self._laptop.close()
        self._cluster.close()

    def _choose(self, request: SqlRequest) -> Way:
        kinds = [statement.kind for statement in split_script(request.text, request.engine)]
        try:
            if kinds == [StatementKind.QUERY]:
                return self._by_size(request)
            if kinds and set(kinds) <= _LOOKED_UP:
                answer_metadata(request.text, self._laptop.catalogue(), schema=request.schema)
                return self._laptop
        except (SqlError, InterruptedByUserError):
            raise
        except SelfserveError as error:
            self._report(Note(f"Not answered on this machine: {error}"))
        return self._on_cluster(request)

    def _by_size(self, request: SqlRequest) -> Way:
        amount = self._laptop.estimate(request).bytes
        if amount > self._most_bytes:
            return self._on_cluster(request)
        self._report(
            Note(
                "Answered on this machine, by the embedded engine: it reads about "
                f"{format_size(amount)}, and {format_size(self._most_bytes)} may be."
            )
        )
        return self._laptop

    def _on_cluster(self, request: SqlRequest) -> Way:
        way = self._cluster.chosen_for(request)
        self._report(Note(f"Answered by {way.facts.answered_by}."))
        return way
