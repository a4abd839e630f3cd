"""`down`: ends what it should, twice if asked twice, and nothing else."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from fakes import FakeBackend, FakeClock
from selfserve.core.cluster import Cluster, ClusterState
from selfserve.core.resolve import Resolved
from selfserve.errors import NotFoundError, RefusedByPolicyError
from selfserve.usecases.down import end_clusters, find_all, find_doomed
from selfserve.usecases.launches.launching import launch
from selfserve.usecases.targets.target import Target
from targets import make_target


class _Mistagged(FakeBackend):
    """Describes every cluster with these tags."""

    tags: Mapping[str, str]

    def describe(self, cluster_id: str) -> Cluster:
        return replace(super().describe(cluster_id), tags=self.tags)


def _down(target: Target, *wanted: str) -> tuple[list[ClusterState], list[str]]:
    doomed = find_doomed(target, wanted)
    ended = end_clusters(target, doomed.clusters)
    return [cluster.state for cluster in ended], list(doomed.gone)


@pytest.mark.parametrize("by", ["name", "id"])
def test_down_ends_a_cluster(target: Target, small: Resolved, by: str) -> None:
    launched = launch(target, small, name="one")

    states, gone = _down(target, "one" if by == "name" else launched.cluster_id)

    assert (states, gone) == ([ClusterState.TERMINATED], [])


def test_down_twice_is_fine(target: Target, small: Resolved, backend: FakeBackend) -> None:
    launch(target, small, name="one")
    _down(target, "one")
    backend.calls.clear()

    states, gone = _down(target, "one")

    assert (states, gone) == ([], ["one"])
    assert "terminate" not in backend.calls


def test_a_name_that_never_was_is_not_found_with_a_guess(target: Target, small: Resolved) -> None:
    launch(target, small, name="training")

    with pytest.raises(NotFoundError, match="did you mean 'training'"):
        find_doomed(target, ["trainning"])


def test_down_looks_at_the_last_days_only(
    target: Target, small: Resolved, backend: FakeBackend
) -> None:
    launch(target, small, name="one")
    _down(target, "one")
    backend.clock.sleep(timedelta(days=30))

    with pytest.raises(NotFoundError):
        find_doomed(target, ["one"])


def test_another_owners_cluster_is_refused_unless_meant(
    target: Target, small: Resolved, backend: FakeBackend
) -> None:
    grace = make_target(user="grace", backend=backend, clock=backend.clock)
    launched = launch(grace, small, name="hers")

    with pytest.raises(RefusedByPolicyError, match="belongs to grace") as caught:
        find_doomed(target, ["hers"])

    assert caught.value.exit_code == 7
    doomed = find_doomed(target, ["hers"], everyone=True)
    assert [cluster.id for cluster in doomed.clusters] == [launched.cluster_id]


def test_all_means_mine_and_everyone_means_everyones(
    target: Target, small: Resolved, backend: FakeBackend
) -> None:
    grace = make_target(user="grace", backend=backend, clock=backend.clock)
    launch(grace, small, name="hers")
    mine = launch(target, small, name="mine")

    assert [cluster.id for cluster in find_all(target).clusters] == [mine.cluster_id]
    assert len(find_all(target, everyone=True).clusters) == 2


def test_a_protected_cluster_is_refused(
    target: Target, small: Resolved, backend: FakeBackend
) -> None:
    launched = launch(target, small, name="one")
    backend.protect(launched.cluster_id)

    with pytest.raises(RefusedByPolicyError, match="protected"):
        find_doomed(target, ["one"])


def test_a_cluster_with_our_name_but_not_our_tags_is_left_alone(small: Resolved) -> None:
    backend = _Mistagged(FakeClock())
    backend.tags = {"owner": "ada"}
    target = make_target(backend=backend, clock=backend.clock)
    launch(target, small, name="one")

    with pytest.raises(RefusedByPolicyError, match="not the tags"):
        find_doomed(target, ["one"])


def test_nothing_is_ended_when_one_of_several_must_not_be(
    target: Target, small: Resolved, backend: FakeBackend
) -> None:
    launch(target, small, name="one")
    protected = launch(target, small, name="two")
    backend.protect(protected.cluster_id)

    with pytest.raises(RefusedByPolicyError):
        _down(target, "one", "two")

    assert "terminate" not in backend.calls
