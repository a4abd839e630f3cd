"""The cluster that statements go to: one that is up, or one that is started for them to stay."""

from dataclasses import dataclass
from decimal import Decimal

from selfserve.core.cluster import Cluster
from selfserve.core.durations import format_duration
from selfserve.core.naming import TAG_SHARED
from selfserve.core.resolve import Resolved
from selfserve.core.sql.engines import Engine, engine_of
from selfserve.errors import BadInputError, NotFoundError
from selfserve.usecases.launches.clusters import list_ours
from selfserve.usecases.launches.waiting import cluster_failed, wait_for_cluster
from selfserve.usecases.progress import Note, Report
from selfserve.usecases.targets.config_file import profiles_folder
from selfserve.usecases.targets.target import Target


@dataclass(frozen=True, slots=True)
class LiveCluster:
    """A cluster that takes statements."""

    cluster: Cluster
    name: str
    engine: Engine
    hourly_cost: Decimal | None
    """In $, at most; 0 on this machine; None: not known."""


def find_or_start(target: Target, wanted: str, *, is_profile: bool, report: Report) -> LiveCluster:
    """A live cluster for statements; one is started if there is none.

    That is the one that this user calls `wanted`, anybody's with that id, or one that is
    shared and of that profile. One that is started gets the profile's name.

    Raises:
        NotFoundError: there is neither such a cluster nor such a profile.
        BadInputError: nothing there answers SQL.
        ClusterFailedError: it does not start.
    """
    cluster = _find(target, wanted)
    if cluster is None and not is_profile:
        raise NotFoundError(
            f"Neither a running cluster nor a profile is called {wanted}.",
            hint="See clusters with: selfserve status; profiles with: selfserve profiles",
        )
    if cluster is not None and not cluster.state.is_starting:
        return _described(target, cluster)
    ready = _wait(target, cluster, report) if cluster else _start(target, wanted, report)
    live = _described(target, ready)
    report(Note(f"Cluster {live.name} is up."))
    return live


def _find(target: Target, wanted: str) -> Cluster | None:
    ours = list_ours(target)
    for name, found in ours:
        if wanted == found.id or (target.user, wanted) == (name.owner, name.name):
            cluster = target.backend.describe(found.id)
            if cluster.state.is_live:  # it may have begun to end since it was listed
                return cluster
    for name, found in ours:
        if name.profile == wanted and not found.state.is_starting:
            cluster = target.backend.describe(found.id)
            if cluster.state.is_live and cluster.tags.get(TAG_SHARED) == "true":
                return cluster
    return None


def _wait(target: Target, cluster: Cluster, report: Report) -> Cluster:
    """Somebody starts it already, and asks EC2 for other capacity if it must."""
    ready = wait_for_cluster(target, cluster.id, lambda state: not state.is_starting, report=report)
    if not ready.state.takes_steps:
        raise cluster_failed(ready)
    return ready


def _start(target: Target, profile: str, report: Report) -> Cluster:
    from selfserve.usecases.profiles import find_profiles
    from selfserve.usecases.up import up

    resolved = find_profiles(profiles_folder()).resolve(profile)
    ends = format_duration(resolved.profile.shutdown.idle)
    report(
        Note(
            f"No cluster {profile} is up on {target.label}: starting one{_price(target, resolved)},"
            f" which stays for your next statements and ends {ends} after the last."
        )
    )
    return up(target, resolved, name=profile, report=report).cluster


def _price(target: Target, resolved: Resolved) -> str:
    if target.is_local:
        return ""
    from selfserve.usecases.placement.destination_facts import cost_of, render_alone

    cost = cost_of(render_alone(target, resolved))
    if cost is None:
        return " (what it costs is not known)"
    low, high = f"${cost.low:.2f}", f"${cost.high:.2f}"
    return f" ({low if low == high else f'{low} to {high}'} an hour)"


def _described(target: Target, cluster: Cluster) -> LiveCluster:
    engine = engine_of(cluster.applications)
    name = cluster.name.name if cluster.name else cluster.id
    if engine is None:
        raise BadInputError(
            f"Nothing on cluster {name} answers SQL; it has {', '.join(cluster.applications)}.",
            hint="Name one with Trino, Presto, Hive or Spark: selfserve sql -c adhoc-presto …",
        )
    return LiveCluster(cluster, name, engine, _hourly_cost(target, cluster))


def _hourly_cost(target: Target, cluster: Cluster) -> Decimal | None:
    if target.is_local:
        return Decimal(0)
    from selfserve.usecases.placement.destination_facts import of_cluster

    cost = of_cluster(target, cluster).hourly_cost
    return cost.high if cost else None
