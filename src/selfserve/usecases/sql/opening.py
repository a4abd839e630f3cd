"""Find the way to the engine that is meant, and open it."""

from dataclasses import dataclass
from decimal import Decimal

from selfserve.core.sql.engines import Engine
from selfserve.errors import BadInputError
from selfserve.usecases.progress import Report
from selfserve.usecases.sql.history.book import QueryBook
from selfserve.usecases.sql.orders import check_engine
from selfserve.usecases.sql.profile_engine import ProfileEngine, find_engine
from selfserve.usecases.sql.roads.ways import Facts, Road, Way
from selfserve.usecases.sql.running import SqlSession
from selfserve.usecases.targets.target import Place, Target, Targets

DEFAULT_PROFILE = "adhoc-presto"
EMBEDDED = "the embedded engine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Which engine is wanted."""

    on: str | None = None
    """A target, as `--on` names it."""
    cluster: str | None = None
    """A cluster's name, or a profile's."""
    engine: Engine | None = None
    """What the statements are for; None: whatever is there."""
    laptop_bytes: int | None = None
    """Queries that read no more are answered on this machine; None: none are."""


def open_session(targets: Targets, where: Where, *, report: Report) -> SqlSession:
    """The way to the engine of a cluster or a profile; close its way when done.

    On this machine Trino and Presto are the embedded engine, which needs no cluster.

    Raises:
        NotFoundError: there is neither such a cluster nor such a profile.
        BadInputError: nothing there answers SQL, or another engine than is wanted.
    """
    place = targets.place(where.on)
    wanted = where.cluster or DEFAULT_PROFILE
    found = find_engine(wanted)
    if found is not None and found.engine is None:
        raise _no_engine(wanted)
    if found is not None and found.engine is not None:
        check_engine(where.engine, found.engine)  # before a cluster is started for it
    if place.is_local and found is not None and _is_embedded(found):
        return _open_local(place, found)
    return _open_remote(targets.open(where.on), wanted, found, where, report)


def _open_remote(
    target: Target, wanted: str, found: ProfileEngine | None, where: Where, report: Report
) -> SqlSession:
    from selfserve.usecases.sql.roads.cluster_later import ClusterLater
    from selfserve.usecases.sql.roads.cluster_way import open_cluster

    def open_now() -> Way:
        return open_cluster(target, wanted, found, report=report)

    if found is None or found.engine is None:
        road: Road = open_now()  # only the cluster can say which engine it has
    else:
        road = ClusterLater(target, found.profile, found.engine, open_now)
        if where.laptop_bytes is not None and not target.is_local and _is_embedded(found):
            road = _laptop_first(target, found, road, most_bytes=where.laptop_bytes, report=report)
    book = QueryBook(target.store, target.label)
    return SqlSession(road=road, book=book, owner=target.user, clock=target.clock)


def _laptop_first(
    target: Target, found: ProfileEngine, cluster: Road, *, most_bytes: int, report: Report
) -> Road:
    from selfserve.usecases.sql.roads.laptop import open_laptop
    from selfserve.usecases.sql.roads.laptop_first import LaptopFirst

    laptop = open_laptop(target, _embedded_facts(found))
    return LaptopFirst(laptop, cluster, most_bytes=most_bytes, report=report)


def _is_embedded(found: ProfileEngine) -> bool:
    return found.engine is not None and found.engine.has_coordinator


def _open_local(place: Place, found: ProfileEngine) -> SqlSession:
    from selfserve.usecases.sql.roads.local_way import LocalWay
    from selfserve.usecases.targets.clock import SystemClock

    way = LocalWay(_embedded_facts(found), place.bucket)
    book = QueryBook(way.store, place.label)
    return SqlSession(road=way, book=book, owner=place.user, clock=SystemClock())


def _embedded_facts(found: ProfileEngine) -> Facts:
    return Facts(
        engine=found.engine or Engine.TRINO,
        answered_by=EMBEDDED,
        profile=found.profile,
        hourly_cost=Decimal(0),
    )


def open_book(targets: Targets, on: str | None) -> tuple[QueryBook, str]:
    """The queries of a target, and who this user is there; no engine is started."""
    place = targets.place(on)
    if place.is_local:
        from selfserve.local.home import local_home
        from selfserve.local.lake.folder_store import FolderStore

        home = local_home()
        home.make()
        return QueryBook(FolderStore(home, place.bucket), place.label), place.user
    return QueryBook(targets.open(on).store, place.label), place.user


def _no_engine(wanted: str) -> BadInputError:
    return BadInputError(
        f"Nothing on clusters of {wanted} answers SQL.",
        hint="Name a profile with Trino, Presto, Hive or Spark: selfserve sql -c adhoc-presto …",
    )
