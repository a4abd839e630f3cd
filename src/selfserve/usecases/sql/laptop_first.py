"""Small queries on this machine, all others on the cluster, which is found when one comes."""

from collections.abc import Callable

from selfserve.core.quantities import format_size
from selfserve.core.sql.metadata import answer_metadata
from selfserve.core.sql.problems import SqlError
from selfserve.core.sql.requests import SqlRequest
from selfserve.core.sql.script import StatementKind, split_script
from selfserve.core.sql.tables import TableCatalogue
from selfserve.errors import InterruptedByUserError, SelfserveError
from selfserve.usecases.progress import Note, Report
from selfserve.usecases.sql.ways import Facts, Way

_LOOKED_UP = {StatementKind.SHOW, StatementKind.DESCRIBE}
"""What the catalogue answers, without any cluster."""


class LaptopFirst:
    """Chooses for each statement; see `Way.chosen_for`."""

    def __init__(
        self,
        laptop: Way,
        open_cluster: Callable[[], Way],
        *,
        most_bytes: int,
        report: Report,
    ) -> None:
        self._laptop = laptop
        self._open_cluster = open_cluster
        self._cluster: Way | None = None
        self._last: tuple[SqlRequest, Way] | None = None
        """So that a statement is estimated once, however often its way is asked for."""
        self._most_bytes = most_bytes
        self._report = report

    @property
    def facts(self) -> Facts:
        """Of the laptop: both speak one dialect."""
        return self._laptop.facts

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

    def close(self) -> None:
        """Give both up."""
        self._laptop.close()
        if self._cluster is not None:
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
        return self._on_cluster()

    def _by_size(self, request: SqlRequest) -> Way:
        amount = self._laptop.estimate(request).bytes
        if amount > self._most_bytes:
            return self._on_cluster()
        self._report(
            Note(
                "Answered on this machine, by the embedded engine: it reads about "
                f"{format_size(amount)}, and {format_size(self._most_bytes)} may be."
            )
        )
        return self._laptop

    def _on_cluster(self) -> Way:
        if self._cluster is None:
            self._cluster = self._open_cluster()
            self._report(Note(f"Answered by {self._cluster.facts.answered_by}."))
        return self._cluster
