"""`status`: few requests, honest figures."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from fakes import FakeBackend, FakeClock, MemoryStore
from selfserve.core.cluster import ClusterState
from selfserve.core.resolve import Resolved
from selfserve.errors import NotFoundError
from selfserve.usecases.launching import launch
from selfserve.usecases.status import cluster_status, list_status
from selfserve.usecases.target import Target
from targets import make_target, resolve_small


@pytest.fixture
def small(tmp_path: Path) -> Resolved:
    return resolve_small(tmp_path)


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend(FakeClock())


@pytest.fixture
def aws(backend: FakeBackend) -> Target:
    return make_target(kind="aws", backend=backend, clock=backend.clock)


def test_a_listing_on_aws_is_one_request_however_many_clusters(
    aws: Target, backend: FakeBackend, small: Resolved
) -> None:
    for number in range(5):
        launch(aws, small, name=f"c{number}")
    backend.calls.clear()

    rows = list_status(aws)

    assert [row.name for row in rows] == ["c4", "c3", "c2", "c1", "c0"]
    assert backend.calls == ["list_clusters"]


def test_a_row_says_age_end_and_cost(aws: Target, backend: FakeBackend, small: Resolved) -> None:
    launch(aws, small, name="one")
    backend.clock.sleep(timedelta(hours=2))

    (row,) = list_status(aws)

    assert timedelta(hours=2) <= row.age < timedelta(hours=2, seconds=1)
    assert row.ends_at == row.created + timedelta(hours=24)
    assert row.cost is not None
    assert Decimal(0) < row.cost.low < row.cost.high


def test_clusters_of_this_machine_cost_nothing(backend: FakeBackend, small: Resolved) -> None:
    local = make_target(backend=backend, clock=backend.clock)
    launch(local, small, name="one")

    (row,) = list_status(local)

    assert row.cost is None
    assert row.nodes is not None


def test_a_waiting_cluster_is_idle_since_it_was_ready(
    aws: Target, backend: FakeBackend, small: Resolved
) -> None:
    launched = launch(aws, small, name="one")
    backend.describe(launched.cluster_id)
    backend.clock.sleep(timedelta(minutes=7))

    row = cluster_status(aws, "one")

    assert row.state is ClusterState.WAITING
    assert row.idle_for is not None
    assert timedelta(minutes=7) <= row.idle_for < timedelta(minutes=7, seconds=1)


def test_others_clusters_are_shown_and_foreign_ones_are_not(
    aws: Target, backend: FakeBackend, small: Resolved
) -> None:
    grace = make_target(kind="aws", user="grace", backend=backend, clock=backend.clock)
    launch(grace, small, name="hers")
    elsewhere = make_target(kind="aws", backend=backend, clock=backend.clock)
    launch(elsewhere, small, name="other", steps=())
    backend.move(backend.list_clusters()[0].id, ClusterState.TERMINATED)

    rows = list_status(aws)

    assert [(row.owner, row.name) for row in rows] == [("grace", "hers")]


def test_a_cluster_is_found_by_id_and_after_its_end(
    aws: Target, backend: FakeBackend, small: Resolved
) -> None:
    launched = launch(aws, small, name="one")
    backend.move(launched.cluster_id, ClusterState.TERMINATED, reason="Idle")

    by_id, by_name = cluster_status(aws, launched.cluster_id), cluster_status(aws, "one")

    assert by_id == by_name
    assert (by_id.state, by_id.reason) == (ClusterState.TERMINATED, "Idle")
    assert by_id.ends_at is None


def test_a_lost_intent_record_leaves_figures_unknown(backend: FakeBackend, small: Resolved) -> None:
    store = MemoryStore()
    aws = make_target(kind="aws", backend=backend, store=store, clock=backend.clock)
    launch(aws, small, name="one")
    store.objects.clear()

    (row,) = list_status(aws)

    assert (row.ends_at, row.cost, row.spec) == (None, None, None)


def test_an_unknown_name_is_not_found_with_a_guess(aws: Target, small: Resolved) -> None:
    launch(aws, small, name="training")

    with pytest.raises(NotFoundError, match="did you mean 'training'"):
        cluster_status(aws, "trainning")
