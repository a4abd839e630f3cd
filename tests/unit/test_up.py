"""`up`: a new cluster, or the one that is there, and the truth about both."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from fakes import LIKE_EMR, FakeBackend, FakeClock
from selfserve.core.attempts import MOST_ATTEMPTS
from selfserve.core.cluster import ClusterState
from selfserve.errors import BadInputError, ClusterFailedError
from selfserve.usecases.progress import Note, Progress, Waiting
from selfserve.usecases.up import Up, up
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


def test_a_cluster_of_another_profile_does_not_pass_for_this_one(tmp_path: Path) -> None:
    backend = FakeBackend()
    target = make_target(backend=backend, clock=backend.clock)
    small = resolve_small(tmp_path)
    up(target, replace(small, name="trino"), name="one")

    with pytest.raises(BadInputError, match=f"is of profile trino, not {small.name}") as caught:
        up(target, small, name="one")

    assert "selfserve down one" in caught.value.hint
    assert f"selfserve up {small.name} --name" in caught.value.hint
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


NO_CAPACITY = "We currently do not have sufficient capacity."


def up_without_capacity(
    folder: Path, *, failures: int, said: list[Progress], code: str = "INSTANCE_FLEET_TIMEOUT"
) -> tuple[FakeBackend, Callable[[], Up]]:
    """`up` on AWS, in two subnets, where as many clusters fail one after another."""
    backend = FakeBackend(arrival=(ClusterState.STARTING,) * 2)
    target = make_target(kind="aws", backend=backend, clock=backend.clock)
    target = replace(target, subnets=("subnet-a", "subnet-b"))

    def fail_or_come_up() -> None:
        newest = backend.list_clusters()[0]
        if not newest.state.is_starting:
            return
        if len(backend.launched) > failures:
            backend.move(newest.id, ClusterState.WAITING)
        else:
            ended = ClusterState.TERMINATED_WITH_ERRORS
            backend.move(newest.id, ended, reason=NO_CAPACITY, reason_code=code)

    backend.clock.on_sleep.append(fail_or_come_up)
    small = resolve_small(folder)
    return backend, lambda: up(target, small, name="one", report=said.append)


def test_without_capacity_in_one_zone_up_asks_in_the_other_and_says_so(tmp_path: Path) -> None:
    said: list[Progress] = []
    backend, run = up_without_capacity(tmp_path, failures=1, said=said)

    done = run()

    assert done.cluster.state is ClusterState.WAITING
    assert [spec.subnets for spec in backend.launched] == [("subnet-a", "subnet-b"), ("subnet-b",)]
    notes = [progress.text for progress in said if isinstance(progress, Note)]
    assert (
        "Attempt 2 of 4: in subnet-b; EC2 had no capacity in subnet-a: "
        "We currently do not have sufficient capacity."
    ) in notes


def test_every_attempt_is_a_launch_of_its_own_under_one_name(tmp_path: Path) -> None:
    backend, run = up_without_capacity(tmp_path, failures=2, said=[])

    done = run()

    names = [spec.name for spec in backend.launched]
    assert {name.name for name in names} == {"one"}
    assert len({name.launch_id for name in names}) == len(names) == 3
    assert done.cluster.name == names[-1]
    assert done.spec == backend.launched[-1]


def test_one_cluster_is_gone_before_the_next_is_asked_for(tmp_path: Path) -> None:
    backend, run = up_without_capacity(tmp_path, failures=2, said=[])

    run()

    gone = [cluster for cluster in backend.list_clusters() if cluster.state.is_gone]
    for earlier, later in pairwise(sorted(backend.list_clusters(), key=lambda one: one.created)):
        assert earlier in gone
        assert earlier.ended is not None
        assert earlier.ended < later.created


def test_when_nothing_is_left_to_ask_for_every_attempt_is_listed(tmp_path: Path) -> None:
    backend, run = up_without_capacity(tmp_path, failures=9, said=[])

    with pytest.raises(ClusterFailedError) as caught:
        run()

    assert len(backend.launched) == MOST_ATTEMPTS
    assert f"1. as the profile says: {NO_CAPACITY}" in str(caught.value)
    assert f"2. in subnet-b: {NO_CAPACITY}" in str(caught.value)
    assert f"3. with On-Demand in place of Spot: {NO_CAPACITY}" in str(caught.value)


def test_a_cluster_that_died_of_something_else_is_not_tried_again(tmp_path: Path) -> None:
    backend, run = up_without_capacity(tmp_path, failures=1, said=[], code="BOOTSTRAP_FAILURE")

    with pytest.raises(ClusterFailedError):
        run()

    assert len(backend.launched) == 1


def test_after_an_up_that_gave_up_the_name_is_free(tmp_path: Path) -> None:
    backend, run = up_without_capacity(tmp_path, failures=MOST_ATTEMPTS, said=[])
    with pytest.raises(ClusterFailedError):
        run()

    assert run().cluster.state is ClusterState.WAITING
    assert len(backend.launched) == MOST_ATTEMPTS + 1


def test_a_cluster_that_stays_in_one_state_is_given_up_on(tmp_path: Path) -> None:
    backend = FakeBackend(arrival=(ClusterState.STARTING,))
    target = make_target(kind="aws", backend=backend, clock=backend.clock)

    with pytest.raises(ClusterFailedError, match="STARTING for more than 60 minutes") as caught:
        up(target, resolve_small(tmp_path), name="one")

    assert "selfserve down" in caught.value.hint


def test_what_a_stuck_cluster_waits_for_is_said_in_emrs_words(tmp_path: Path) -> None:
    backend = FakeBackend(arrival=(ClusterState.STARTING,))
    target = make_target(kind="aws", backend=backend, clock=backend.clock)
    provisioning = "Provisioning Amazon EC2 capacity"
    backend.clock.on_sleep.append(
        lambda: backend.move(
            backend.list_clusters()[0].id, ClusterState.STARTING, reason=provisioning
        )
    )

    with pytest.raises(ClusterFailedError, match=f"EMR says: {provisioning}"):
        up(target, resolve_small(tmp_path), name="one")


def test_polling_slows_down_to_spare_emrs_small_rates(tmp_path: Path) -> None:
    backend = FakeBackend(arrival=(ClusterState.STARTING,) * 12 + (ClusterState.WAITING,))
    target = make_target(kind="aws", backend=backend, clock=backend.clock)

    up(target, resolve_small(tmp_path), name="one")

    assert backend.clock.slept[0] == target.pace.quickest
    assert backend.clock.slept[-1] == target.pace.slowest
