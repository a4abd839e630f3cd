"""`up`: a new cluster, or the one that is there, and the truth about both."""

from pathlib import Path

import pytest

from fakes import LIKE_EMR, FakeBackend, FakeClock
from selfserve.core.cluster import ClusterState
from selfserve.errors import ClusterFailedError
from selfserve.usecases.progress import Note, Progress, Waiting
from selfserve.usecases.up import up
from targets import make_target, resolve_small


def test_up_waits_until_the_cluster_takes_jobs_and_tells_why(tmp_path: Path) -> None:
    backend = FakeBackend(FakeClock(), arrival=LIKE_EMR)
    target = make_target(kind="aws", backend=backend, clock=backend.clock)
    said: list[Progress] = []

    done = up(target, resolve_small(tmp_path), name="one", report=said.append)

    assert done.cluster.state is ClusterState.WAITING
    assert not done.reused
    waits = [progress for progress in said if isinstance(progress, Waiting)]
    assert [wait.usually for wait in waits] == ["6 to 10 minutes"] * 2
    assert "BOOTSTRAPPING" in waits[-1].what


def test_up_without_waiting_returns_a_starting_cluster(tmp_path: Path) -> None:
    backend = FakeBackend(FakeClock(), arrival=LIKE_EMR)
    target = make_target(backend=backend, clock=backend.clock)

    done = up(target, resolve_small(tmp_path), name="one", wait=False)

    assert done.cluster.state.is_starting
    assert backend.clock.slept == []


def test_a_second_up_reuses_the_cluster(tmp_path: Path) -> None:
    backend = FakeBackend()
    target = make_target(backend=backend, clock=backend.clock)
    first = up(target, resolve_small(tmp_path), name="one")
    said: list[Progress] = []

    second = up(target, resolve_small(tmp_path), name="one", report=said.append)

    assert second.reused
    assert second.cluster.id == first.cluster.id
    assert second.changes == []
    assert isinstance(said[0], Note)
    assert first.cluster.id in said[0].text
    assert len(backend.launched) == 1


def test_a_second_up_with_other_settings_shows_what_differs_and_reuses(tmp_path: Path) -> None:
    backend = FakeBackend()
    target = make_target(backend=backend, clock=backend.clock)
    up(target, resolve_small(tmp_path), name="one")

    second = up(target, resolve_small(tmp_path, "shutdown.idle=30m"), name="one")

    assert second.reused
    (change,) = second.changes
    assert (change.path, change.before, change.after) == ("shutdown.idle", "1h", "30m")
    assert len(backend.launched) == 1


def test_a_cluster_that_dies_while_starting_is_an_error_with_emrs_reason(tmp_path: Path) -> None:
    backend = FakeBackend(arrival=(ClusterState.STARTING,))
    target = make_target(backend=backend, clock=backend.clock)
    backend.clock.on_sleep.append(
        lambda: backend.move(
            backend.list_clusters()[0].id,
            ClusterState.TERMINATED_WITH_ERRORS,
            reason="Bootstrap failure",
        )
    )

    with pytest.raises(ClusterFailedError, match="Bootstrap failure") as caught:
        up(target, resolve_small(tmp_path), name="one")

    assert caught.value.exit_code == 6


def test_a_cluster_that_stays_in_one_state_is_given_up_on(tmp_path: Path) -> None:
    backend = FakeBackend(arrival=(ClusterState.STARTING,))
    target = make_target(kind="aws", backend=backend, clock=backend.clock)

    with pytest.raises(ClusterFailedError, match="STARTING for more than 60 minutes") as caught:
        up(target, resolve_small(tmp_path), name="one")

    assert "selfserve down" in caught.value.hint


def test_polling_slows_down_to_spare_emrs_small_rates(tmp_path: Path) -> None:
    backend = FakeBackend(arrival=(ClusterState.STARTING,) * 12 + (ClusterState.WAITING,))
    target = make_target(kind="aws", backend=backend, clock=backend.clock)

    up(target, resolve_small(tmp_path), name="one")

    assert backend.clock.slept[0] == target.pace.quickest
    assert backend.clock.slept[-1] == target.pace.slowest
