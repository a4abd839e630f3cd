"""What a query would read, take and cost on a cluster: the catalogue and the footers say it."""

import os
from decimal import Decimal

from selfserve.core.instances import load_instances
from selfserve.core.sql.estimate import Estimate
from selfserve.core.sql.estimate_pace import Pace
from selfserve.core.sql.requests import SqlRequest
from selfserve.usecases.launches.launching import read_intent
from selfserve.usecases.placement.destination_facts import cost_of
from selfserve.usecases.sql.live_cluster import LiveCluster
from selfserve.usecases.sql.ways import Facts
from selfserve.usecases.targets.target import Target


def estimate_on_cluster(target: Target, live: LiveCluster, request: SqlRequest) -> Estimate:
    """What the query would come to there; nothing is run.

    Raises:
        SqlError: the statement is wrong.
        UnsupportedHereError: the optimizer that is asked does not know a part of it.
    """
    if target.is_local:
        return _estimate_locally(target, request)
    from selfserve.usecases.sql.laptop import open_laptop

    facts = Facts(engine=live.engine, answered_by="nobody", hourly_cost=Decimal(0))
    laptop = open_laptop(target, facts)
    try:
        return laptop.estimate_at(request, _pace_of(target, live))
    finally:
        laptop.close()


def _pace_of(target: Target, live: LiveCluster) -> Pace:
    name = live.cluster.name
    spec = read_intent(target, name.launch_id) if name else None
    if spec is None:
        return Pace(live.engine, None, None)
    return Pace.of_cluster(live.engine, spec, load_instances(), cost_of(spec))


def _estimate_locally(target: Target, request: SqlRequest) -> Estimate:
    from selfserve.usecases.sql.local_way import LocalWay

    facts = Facts(engine=request.engine, answered_by="nobody", hourly_cost=Decimal(0))
    way = LocalWay(facts, target.bucket)
    try:
        return way.estimate_at(request, Pace.of_this_machine(os.cpu_count() or 1))
    finally:
        way.close()
