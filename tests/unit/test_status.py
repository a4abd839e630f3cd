"""`status`: few requests, honest figures."""

from datetime import timedelta
from decimal import Decimal

import pytest

from fakes import FakeBackend, MemoryStore
from selfserve.core.beat import Beat, format_beat
from selfserve.core.cluster import ClusterState
from selfserve.core.idle import Engine
from selfserve.core.naming import beat_key
from selfserve.core.resolve import Resolved
from selfserve.core.sweeping import SweepPolicy
from selfserve.errors import NotFoundError
from selfserve.usecases.launches.launching import launch
from selfserve.usecases.status import cluster_status, list_status
from selfserve.usecases.sweep import sweep
from selfserve.usecases.targets.target import Target
from targets import make_target


@pytest.fixture
def aws(backend: FakeBackend) -> Target:
    store = MemoryStore(clock=backend.clock)
    return make_target(kind="aws", backend=backend, store=store, clock=backend.clock)


def _beat(target: Target, cluster_id: str) -> None:
    """The cluster's probe tells that nothing is at work."""
    body = format_beat(Beat({Engine.YARN: 0}), target.clock.now())
    target.store.put(beat_key(cluster_id), body)


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
    assert row.because == "its maximum age is 1d"
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
    _beat(aws, launched.cluster_id)

    row = cluster_status(aws, "one")

    assert row.state is ClusterState.WAITING
    assert row.idle_for is not None
    assert timedelta(minutes=7) <= row.idle_for < timedelta(minutes=7, seconds=1)
    assert row.ends_at == aws.clock.now() - row.idle_for + timedelta(hours=1)
    assert row.because == "it has been idle for 7m; its limit is 1h"


def test_what_is_not_known_to_be_idle_is_said_to_be_kept(
    aws: Target, backend: FakeBackend, small: Resolved
) -> None:
    launched = launch(aws, small, name="one")
    backend.describe(launched.cluster_id)

    row = cluster_status(aws, "one")

    unknown = "it is not known whether a YARN application is at work"
    assert row.idle_for is None
    assert row.because == f"{unknown}; its maximum age is 1d"
    assert row.ends_at == row.created + timedelta(hours=24)


def test_a_protected_cluster_is_said_to_be(
    aws: Target, backend: FakeBackend, small: Resolved
) -> None:
    launched = launch(aws, small, name="one")
    backend.protect(launched.cluster_id)

    row = cluster_status(aws, "one")

    assert (row.ends_at, row.because) == (None, "it is protected from termination")


def test_a_listing_on_aws_says_what_the_last_sweep_has_found(
    aws: Target, backend: FakeBackend, small: Resolved
) -> None:
    launched = launch(aws, small, name="one")
    backend.describe(launched.cluster_id)
    backend.clock.sleep(timedelta(minutes=20))
    _beat(aws, launched.cluster_id)
    sweep(aws, SweepPolicy())
    backend.clock.sleep(timedelta(minutes=5))
    backend.calls.clear()

    (row,) = list_status(aws)

    assert backend.calls == ["list_clusters"]
    assert row.because == "it has been idle for 25m; its limit is 1h"
    assert row.ends_at is not None
    assert timedelta(minutes=34) < row.ends_at - aws.clock.now() <= timedelta(minutes=35)


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


def test_a_cluster_that_is_ending_has_no_end_ahead(
    aws: Target, backend: FakeBackend, small: Resolved, monkeypatch: pytest.MonkeyPatch
) -> None:
    launched = launch(aws, small, name="one")
    listed = backend.list_clusters()
    backend.move(launched.cluster_id, ClusterState.TERMINATING)
    monkeypatch.setattr(backend, "list_clusters", lambda **_: listed)

    row = cluster_status(aws, "one")

    assert (row.state, row.ends_at, row.because) == (ClusterState.TERMINATING, None, None)
