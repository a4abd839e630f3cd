"""What a query would read, take and cost on a cluster: the catalogue and the footers say it."""

import os
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

from selfserve.core.instances import load_instances
from selfserve.core.launch import LaunchSpec
from selfserve.core.sql.engines import Engine
from selfserve.core.sql.estimates.estimate import Estimate
from selfserve.core.sql.estimates.pace import Pace
from selfserve.core.sql.requests import SqlRequest
from selfserve.usecases.launches.launching import read_intent
from selfserve.usecases.placement.destination_facts import cost_of, render_alone
from selfserve.usecases.sql.roads.live_cluster import LiveCluster
from selfserve.usecases.sql.roads.ways import Facts
from selfserve.usecases.targets.target import Target

if TYPE_CHECKING:
    from selfserve.usecases.sql.roads.laptop import LaptopWay
    from selfserve.usecases.sql.roads.local_way import LocalWay


class ClusterEstimates:
    """Asks the optimizer of the embedded engine, which is opened when the first one asks."""

    def __init__(self, target: Target, engine: Engine, pace: Callable[[], Pace]) -> None:
        """`pace` says how fast the cluster is, when an estimate needs it."""
        self._target = target
        self._speaks = engine
        self._pace = pace
        self._engine: LaptopWay | LocalWay | None = None

    def estimate(self, request: SqlRequest) -> Estimate:
        """What the query would come to there; nothing is run.

        Raises:
            SqlError: the statement is wrong.
            UnsupportedHereError: the optimizer that is asked does not know a part of it.
        """
        return self._opened().estimate_at(request, self._pace())

    def most_bytes(self, request: SqlRequest) -> int:
        """See `Way.most_bytes`. Raises: as `estimate` does."""
        return self._opened().most_bytes(request)

    def close(self) -> None:
        """Give the engine up; idempotent."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def _opened(self) -> "LaptopWay | LocalWay":
        if self._engine is None:
            facts = Facts(engine=self._speaks, answered_by="nobody", hourly_cost=Decimal(0))
            self._engine = _open(self._target, facts)
        return self._engine


def pace_of(target: Target, engine: Engine, spec: LaunchSpec | None) -> Pace:
    """Of a cluster like this; None: nobody knows what it was launched with."""
    if target.is_local:
        return Pace.of_this_machine(os.cpu_count() or 1)
    if spec is None:
        return Pace(engine, None, None)
    return Pace.of_cluster(engine, spec, load_instances(), cost_of(spec))


def pace_of_live(target: Target, live: LiveCluster) -> Pace:
    """Of a cluster that is up."""
    name = live.cluster.name
    return pace_of(target, live.engine, read_intent(target, name.launch_id) if name else None)


def pace_of_profile(target: Target, profile: str, engine: Engine) -> Pace:
    """Of a cluster that would be started from this profile."""
    from selfserve.usecases.profiles import find_profiles
    from selfserve.usecases.targets.config_file import profiles_folder

    resolved = find_profiles(profiles_folder()).resolve(profile)
    return pace_of(target, engine, render_alone(target, resolved))


def _open(target: Target, facts: Facts) -> "LaptopWay | LocalWay":
    if target.is_local:
        from selfserve.usecases.sql.roads.local_way import LocalWay

        return LocalWay(facts, target.bucket)
    from selfserve.usecases.sql.roads.laptop import open_laptop

    return open_laptop(target, facts)
