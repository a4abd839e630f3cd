"""The road to a cluster of a profile that is looked for when the first statement needs it.

Until then nothing is started: not to say what a query costs, nor for one that lacks a value.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

from selfserve.core.sql.engines import Engine
from selfserve.core.sql.requests import SqlRequest
from selfserve.core.sql.tables import TableCatalogue
from selfserve.errors import BadInputError
from selfserve.usecases.sql.roads.ways import Facts, Way
from selfserve.usecases.targets.target import Target

if TYPE_CHECKING:
    from selfserve.core.sql.estimates.estimate import Estimate
    from selfserve.usecases.sql.estimates.estimating import ClusterEstimates


class ClusterLater:
    """Implements `ways.Road`."""

    def __init__(
        self, target: Target, profile: str, engine: Engine, open_cluster: Callable[[], Way]
    ) -> None:
        self._target = target
        self._profile = profile
        self._engine = engine
        self._open_cluster = open_cluster
        self._way: Way | None = None
        self._asked_before: ClusterEstimates | None = None

    @property
    def facts(self) -> Facts:
        """Of the cluster, as far as they are known."""
        if self._way is not None:
            return self._way.facts
        return Facts(
            engine=self._engine,
            answered_by=f"{self._engine.called} on a cluster",
            profile=self._profile,
            hourly_cost=Decimal(0) if self._target.is_local else None,
        )

    def chosen_for(self, request: SqlRequest) -> Way:
        """See `Road.chosen_for`.

        Raises:
            BadInputError: a cluster has the profile's name, and another engine.
        """
        del request
        if self._way is None:
            way = self._open_cluster()
            if way.facts.engine is not self._engine:
                there = way.facts
                way.close()
                raise BadInputError(
                    f"Cluster {there.cluster} has {there.engine.called}, and the profile "
                    f"{self._profile} {self._engine.called}.",
                    hint=f"Name it by its id: selfserve sql -c {there.cluster_id} …",
                )
            self._way = way
        return self._way

    def estimate(self, request: SqlRequest) -> "Estimate":
        """See `Road.estimate`."""
        return self._way.estimate(request) if self._way else self._estimates().estimate(request)

    def most_bytes(self, request: SqlRequest) -> int:
        """See `Road.most_bytes`."""
        return self._way.most_bytes(request) if self._way else self._estimates().most_bytes(request)

    def catalogue(self) -> TableCatalogue:
        """See `Road.catalogue`."""
        from selfserve.usecases.sql.catalogues import open_catalogue

        return open_catalogue(self._target)

    def close(self) -> None:
        """See `Road.close`."""
        if self._way is not None:
            self._way.close()
        if self._asked_before is not None:
            self._asked_before.close()

    def _estimates(self) -> "ClusterEstimates":
        if self._asked_before is None:
            from selfserve.usecases.sql.estimates.estimating import (
                ClusterEstimates,
                pace_of_profile,
            )

            target, profile, engine = self._target, self._profile, self._engine
            self._asked_before = ClusterEstimates(
                target, engine, lambda: pace_of_profile(target, profile, engine)
            )
        return self._asked_before
