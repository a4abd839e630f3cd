"""What every operation of the local EMR API works with: the controller, the clock, the rules."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from selfserve.aws.emr_rules.rules import ClusterFacts, rule_problems
from selfserve.errors import NotFoundError
from selfserve.local.api.describe_clusters import has_fleets
from selfserve.local.api.errors import ApiError, cluster_is_over, no_cluster, validation_error
from selfserve.local.control.clock import Now, system_now
from selfserve.local.control.controller import Controller
from selfserve.local.control.events import Event
from selfserve.local.control.records import ClusterRecord, Json

Answer = Mapping[str, Any]
"""The members of an operation's output shape, times as numbers."""

Choose = Callable[[ClusterRecord], Event | None]
"""Looks at a cluster's present record; returns what shall happen to it, or raises ApiError."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Where requests are dealt with. Its methods may be called from any thread."""

    controller: Controller
    now: Now = system_now

    def cluster(self, cluster_id: str) -> ClusterRecord:
        """The cluster of this id. Raises ApiError when there is none."""
        cluster = self.controller.get(cluster_id)
        if cluster is None:
            raise no_cluster(cluster_id)
        return cluster

    def change(
        self, cluster_id: str, choose: Choose, *, unknown: ApiError | None = None
    ) -> ClusterRecord:
        """Apply what `choose` wants; nothing else happens to the cluster in between.

        Raises:
            ApiError: `choose` refused, or there is no such cluster (`unknown`, if given).
        """
        try:
            return self.controller.apply_to(cluster_id, choose)
        except NotFoundError as error:
            raise unknown or no_cluster(cluster_id) from error


def refuse_if_over(cluster: ClusterRecord) -> None:
    """Raise ApiError for a cluster that is on its way out, or gone."""
    if not cluster.state.is_live:
        raise cluster_is_over()


def refuse_by_rules(operation: str, request: Json, cluster: ClusterRecord) -> None:
    """Raise ApiError for a request that EMR's rules forbid for this cluster as it is now."""
    facts = ClusterFacts(
        release=cluster.release,
        has_fleets=has_fleets(cluster),
        step_concurrency=cluster.step_concurrency,
        active_steps=sum(not step.state.is_over for step in cluster.steps),
    )
    if problems := rule_problems(operation, request, cluster=facts):
        raise validation_error(problems)
