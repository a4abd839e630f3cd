"""The ways to engines on clusters: Trino and Presto by a tunnel, Hive and Spark by steps."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from selfserve.core.sql.answers import Answer
from selfserve.core.sql.estimates.estimate import Estimate
from selfserve.core.sql.requests import SqlRequest
from selfserve.core.sql.results.result_format import ResultFormat
from selfserve.core.sql.tables import TableCatalogue
from selfserve.errors import ClusterFailedError, OutcomeUnknownError
from selfserve.usecases.progress import Report
from selfserve.usecases.sql.output.sink import Sink
from selfserve.usecases.sql.profile_engine import ProfileEngine
from selfserve.usecases.sql.roads.holding import hold_for_query
from selfserve.usecases.sql.roads.live_cluster import LiveCluster, find_or_start
from selfserve.usecases.sql.roads.row_export import RowExport
from selfserve.usecases.sql.roads.teeing import KeepingAnswer, keeping
from selfserve.usecases.sql.roads.ways import Facts, Way, Wish
from selfserve.usecases.targets.target import Target

if TYPE_CHECKING:
    from selfserve.coordinator.connection import Coordinator
    from selfserve.usecases.sql.estimates.estimating import ClusterEstimates

Connect = Callable[[], "AbstractContextManager[Coordinator]"]


def open_cluster(
    target: Target, wanted: str, found: ProfileEngine | None, *, report: Report
) -> Way:
    """The way to a live cluster, or to one that is started for it.

    Raises: as `find_or_start` does; BadInputError or AwsError if there is no tunnel to it.
    """
    live = find_or_start(target, wanted, is_profile=found is not None, report=report)
    if live.engine.has_coordinator:
        return CoordinatorWay(target, live, lambda: _tunnel(target, live))
    return StepWay(target, live, report=report)


class _ClusterWay:
    """What both have in common."""

    def __init__(self, target: Target, live: LiveCluster) -> None:
        self._target = target
        self._live = live
        self._asked_before: ClusterEstimates | None = None
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
        return self._estimates().estimate(request)

    def most_bytes(self, request: SqlRequest) -> int:
        """See `Way.most_bytes`."""
        return self._estimates().most_bytes(request)

    def close(self) -> None:
        """See `Way.close`."""
        if self._asked_before is not None:
            self._asked_before.close()
            self._asked_before = None

    def _estimates(self) -> "ClusterEstimates":
        if self._asked_before is None:
            from selfserve.usecases.sql.estimates.estimating import ClusterEstimates, pace_of_live

            target, live = self._target, self._live
            self._asked_before = ClusterEstimates(
                target, live.engine, lambda: pace_of_live(target, live)
            )
        return self._asked_before

    def catalogue(self) -> TableCatalogue:
        """See `Way.catalogue`."""
        from selfserve.usecases.sql.catalogues import open_catalogue

        return open_catalogue(self._target)


class CoordinatorWay(_ClusterWay):
    """Trino or Presto: one tunnel for all statements, the engine's own protocol through it."""

    def __init__(self, target: Target, live: LiveCluster, connect: Connect) -> None:
        """`connect` opens the tunnel, which is done for the first statement."""
        super().__init__(target, live)
        self._connect = connect
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
        super().close()
        self._disconnect()

    def _disconnect(self) -> None:
        self._coordinator = None
        self._stack.close()

    @contextmanager
    def _answer(self, request: SqlRequest, wish: Wish) -> Iterator[Answer]:
        """Connects first: a coordinator that starts may take longer than a lease lasts."""
        from selfserve.core.sql.text.binding import bind_positional

        text, values = bind_positional(request.text, request.parameters, engine=request.engine)
        try:
            coordinator = replace(self._connected(), schema=request.schema)
            with (
                hold_for_query(self._target, self._live.cluster.id, wish.query_id),
                self._asked(coordinator, text, values) as answer,
            ):
                yield answer
        except (ClusterFailedError, OutcomeUnknownError):
            self._disconnect()  # the next statement of a prompt gets a new tunnel
            raise

    @contextmanager
    def _asked(
        self, coordinator: "Coordinator", text: str, values: Sequence[object]
    ) -> Iterator[Answer]:
        """What the statement changes of the session, such as SET SESSION does, is for the next."""
        from selfserve.coordinator.client import open_answer

        answer = open_answer(coordinator, text, values)
        try:
            yield answer
            self._coordinator = answer.next_coordinator()
        finally:
            answer.cancel()  # which does nothing if it was read to its end

    def _connected(self) -> "Coordinator":
        if self._coordinator is None:
            from selfserve.coordinator.readiness import wait_until_ready

            coordinator = self._stack.enter_context(self._connect())
            wait_until_ready(coordinator)
            self._coordinator = coordinator
        return self._coordinator


@contextmanager
def _tunnel(target: Target, live: LiveCluster) -> "Iterator[Coordinator]":
    """The coordinator at this end of a tunnel, which lasts as long as the block."""
    from selfserve.aws.session import make_clients
    from selfserve.backends.emr.primary_node import find_primary_node
    from selfserve.coordinator.tunnel import open_tunnel

    clients = make_clients(target.region)
    node = find_primary_node(clients, live.cluster.id)
    with open_tunnel(clients, node, cache=target.cache / "ssh") as url:
        yield coordinator_at(url, target, live)


def coordinator_at(url: str, target: Target, live: LiveCluster) -> "Coordinator":
    """The coordinator of the cluster, where a tunnel leads to it."""
    from selfserve.coordinator.connection import Coordinator

    applications = {name.casefold() for name in live.cluster.applications}
    return Coordinator(
        url=url,
        user=target.user,
        cluster=live.name,
        engine=live.engine,
        presto_headers="prestosql" in applications,
    )


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

    def _start(self, request: SqlRequest, wish: Wish) -> Answer:
        from selfserve.usecases.profiles import find_profiles
        from selfserve.usecases.sql.steps.query import start_step_query
        from selfserve.usecases.targets.config_file import profiles_folder

        return start_step_query(
            self._target,
            request,
            cluster=self._live.cluster.id,
            load_profile=find_profiles(profiles_folder()).resolve,
            query_id=wish.query_id,
            report=self._report,
        )
