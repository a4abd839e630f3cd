"""The ways to engines on clusters: Trino and Presto by a tunnel, Hive and Spark by steps."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from selfserve.core.sql.answers import Answer
from selfserve.core.sql.estimate import Estimate
from selfserve.core.sql.requests import SqlRequest
from selfserve.core.sql.result_format import ResultFormat
from selfserve.core.sql.tables import TableCatalogue
from selfserve.usecases.placement.leases import let_go, take_hold
from selfserve.usecases.progress import Report
from selfserve.usecases.sql.live_cluster import LiveCluster, find_or_start
from selfserve.usecases.sql.profile_engine import ProfileEngine
from selfserve.usecases.sql.row_export import RowExport
from selfserve.usecases.sql.sink import Sink
from selfserve.usecases.sql.teeing import KeepingAnswer, keeping
from selfserve.usecases.sql.ways import Facts, Way, Wish
from selfserve.usecases.targets.target import Target

if TYPE_CHECKING:
    from selfserve.coordinator.connection import Coordinator


def open_cluster(
    target: Target, wanted: str, found: ProfileEngine | None, *, report: Report
) -> Way:
    """The way to a live cluster, or to one that is started for it.

    Raises: as `find_or_start` does; BadInputError or AwsError if there is no tunnel to it.
    """
    live = find_or_start(target, wanted, is_profile=found is not None, report=report)
    if live.engine.has_coordinator:
        return CoordinatorWay(target, live)
    return StepWay(target, live, report=report)


class _ClusterWay:
    """What both have in common."""

    def __init__(self, target: Target, live: LiveCluster) -> None:
        self._target = target
        self._live = live
        name = live.cluster.name
        self.facts = Facts(
            engine=live.engine,
            answered_by=f"{live.engine.called} on {live.name}",
            cluster=live.name,
            cluster_id=live.cluster.id,
            profile=name.profile if name else None,
            hourly_cost=live.hourly_cost,
        )

    def estimate(self, request: SqlRequest) -> Estimate:
        """See `Way.estimate`."""
        from selfserve.usecases.sql.estimating import estimate_on_cluster

        return estimate_on_cluster(self._target, self._live, request)

    def catalogue(self) -> TableCatalogue:
        """See `Way.catalogue`."""
        from selfserve.usecases.sql.catalogues import open_catalogue

        return open_catalogue(self._target)


class CoordinatorWay(_ClusterWay):
    """Trino or Presto: one tunnel for all statements, the engine's own protocol through it."""

    def __init__(self, target: Target, live: LiveCluster) -> None:
        super().__init__(target, live)
        self._stack = ExitStack()
        self._coordinator: Coordinator | None = None

    @contextmanager
    def ask(self, request: SqlRequest, wish: Wish) -> Iterator[KeepingAnswer]:
        """See `Way.ask`."""
        with (
            self._answer(request, wish) as answer,
            keeping(answer, self._target.store, wish.query_id) as kept,
        ):
            yield kept

    @contextmanager
    def export(
        self, request: SqlRequest, wish: Wish, result_format: ResultFormat, sink: Sink
    ) -> Iterator[RowExport]:
        """See `Way.export`."""
        with self._answer(request, wish) as answer:
            yield RowExport(answer, result_format, sink)

    def chosen_for(self, request: SqlRequest) -> Way:
        """See `Road.chosen_for`."""
        del request
        return self

    def close(self) -> None:
        """See `Way.close`."""
        self._stack.close()

    @contextmanager
    def _answer(self, request: SqlRequest, wish: Wish) -> Iterator[Answer]:
        """Under a lease: no sweep ends the cluster while the query runs."""
        from selfserve.coordinator.client import open_answer
        from selfserve.core.sql.binding import bind_positional

        text, values = bind_positional(request.text, request.parameters, engine=request.engine)
        held = take_hold(self._target, self._live.cluster.id, wish.query_id)
        try:
            coordinator = replace(self._connected(), schema=request.schema)
            answer = open_answer(coordinator, text, values)
            try:
                yield answer
            finally:
                answer.cancel()  # nothing, if it is over
            self._coordinator = answer.next_coordinator()  # with what SET SESSION has set
        finally:
            if held is not None:
                let_go(self._target, held)

    def _connected(self) -> "Coordinator":
        if self._coordinator is None:
            from selfserve.aws.session import make_clients
            from selfserve.backends.emr.primary_node import find_primary_node
            from selfserve.coordinator.connection import Coordinator
            from selfserve.coordinator.readiness import wait_until_ready
            from selfserve.coordinator.tunnel import open_tunnel

            clients = make_clients(self._target.region)
            node = find_primary_node(clients, self._live.cluster.id)
            url = self._stack.enter_context(
                open_tunnel(clients, node, cache=self._target.cache / "ssh")
            )
            applications = {name.casefold() for name in self._live.cluster.applications}
            coordinator = Coordinator(
                url=url,
                user=self._target.user,
                cluster=self._live.name,
                engine=self._live.engine,
                presto_headers="prestosql" in applications,
            )
            wait_until_ready(coordinator)  # a tunnel leads there before anybody listens
            self._coordinator = coordinator
        return self._coordinator


class StepWay(_ClusterWay):
    """Hive or Spark: each statement is a run of ours."""

    def __init__(self, target: Target, live: LiveCluster, *, report: Report) -> None:
        super().__init__(target, live)
        self._report = report

    @contextmanager
    def ask(self, request: SqlRequest, wish: Wish) -> Iterator[KeepingAnswer]:
        """See `Way.ask`."""
        answer = self._start(request, wish)
        with keeping(answer, self._target.store, wish.query_id) as kept:
            yield kept

    @contextmanager
    def export(
        self, request: SqlRequest, wish: Wish, result_format: ResultFormat, sink: Sink
    ) -> Iterator[RowExport]:
        """See `Way.export`."""
        yield RowExport(self._start(request, wish), result_format, sink)

    def chosen_for(self, request: SqlRequest) -> Way:
        """See `Road.chosen_for`."""
        del request
        return self

    def close(self) -> None:
        """See `Way.close`."""

    def _start(self, request: SqlRequest, wish: Wish) -> Answer:
        from selfserve.core.sql.binding import bind_literals
        from selfserve.usecases.profiles import find_profiles
        from selfserve.usecases.sql.step_query import start_step_query
        from selfserve.usecases.targets.config_file import profiles_folder

        text = bind_literals(request.text, request.parameters, request.engine)
        return start_step_query(
            self._target,
            replace(request, text=text, parameters={}),
            cluster=self._live.cluster.id,
            load_profile=find_profiles(profiles_folder()).resolve,
            query_id=wish.query_id,
            report=self._report,
        )
