"""`resize`: other limits for a running cluster, whoever may set them, and what is written down."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fakes import FakeBackend, FakeClock
from selfserve.core.beat import Beat, format_beat
from selfserve.core.cluster import Cluster, ClusterState
from selfserve.core.idle import Engine
from selfserve.core.launch import HandLimits, LaunchSpec, Scaling
from selfserve.core.naming import beat_key, launch_key
from selfserve.core.resizing import Size, resized, size_of
from selfserve.core.resolve import Resolved
from selfserve.errors import AwsError, BadInputError, NotFoundError, RefusedByPolicyError
from selfserve.usecases.launches.launching import launch, read_intent, what_differs
from selfserve.usecases.resize import Resized, resize
from selfserve.usecases.targets.target import Target
from specs import CORE, PRIMARY, SPEC
from targets import SMALL, make_target, write_profiles

WITHOUT_TASKS = replace(SPEC, fleets=(PRIMARY, CORE), scaling=Scaling(8, 80, 80, 80))
BY_HAND = replace(
    SPEC,
    applications=("Trino",),
    fleets=(PRIMARY, CORE),
    scaling=Scaling(16, 16, 16, 16, by_hand=HandLimits(8, 64)),
)
PINNED = replace(BY_HAND, applications=("Presto",), scaling=Scaling(16, 16, 16, 16))

TRINO = SMALL.replace("spark: 3.5.6", "release: emr-7.13.0").replace(
    "applications: [Spark]", "applications: [Hadoop, Trino]"
).replace("  task: {types: [r7g.2xlarge], market: spot, fallback: on-demand}\n", "").replace(
    "scale: {min: 2, max: 10}",
    "scale: {min: 1, max: 10, by: hand}",
)  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "asked", "scaling"),
    [
        pytest.param(SPEC, (2, 40), Scaling(16, 320, 16, 16), id="both"),
        pytest.param(SPEC, (None, 5), Scaling(16, 40, 16, 16), id="maximum"),
        pytest.param(SPEC, (4, None), Scaling(32, 160, 16, 16), id="minimum"),
        pytest.param(SPEC, (2, 2), Scaling(16, 16, 16, 16), id="down-to-the-core"),
        pytest.param(WITHOUT_TASKS, (1, 3), Scaling(8, 24, 24, 24), id="a-core-that-scales"),
        pytest.param(
            BY_HAND, (8, 8), Scaling(64, 64, 64, 64, by_hand=HandLimits(8, 64)), id="by-hand"
        ),
        pytest.param(PINNED, (3, 3), Scaling(24, 24, 24, 24), id="presto-of-a-fixed-size"),
    ],
)
def test_limits_in_workers_become_those_of_managed_scaling(
    spec: LaunchSpec, asked: tuple[int | None, int | None], scaling: Scaling
) -> None:
    assert resized(spec, minimum=asked[0], maximum=asked[1]) == scaling


@pytest.mark.parametrize(
    ("spec", "asked", "problem"),
    [
        pytest.param(SPEC, (9, 3), "9 workers is more than the maximum of 3", id="min-above-max"),
        pytest.param(SPEC, (30, None), "is more than the maximum of 20", id="min-above-the-old"),
        pytest.param(SPEC, (0, 3), "at least 1 worker", id="none"),
        pytest.param(WITHOUT_TASKS, (None, -1), "at least 1 worker", id="fewer-than-none"),
        pytest.param(SPEC, (1, None), "below the 2 core workers", id="min-below-the-core"),
        pytest.param(SPEC, (None, 1), "below the 2 core workers", id="max-below-the-core"),
        pytest.param(BY_HAND, (2, 4), "cannot see Trino", id="a-span-by-hand"),
        pytest.param(PINNED, (2, 4), "cannot see Presto", id="a-span-for-presto"),
        pytest.param(
            replace(BY_HAND, applications=("Spark",)), (2, 4), "by: hand", id="a-span-for-spark"
        ),
        pytest.param(BY_HAND, (9, 9), "allows: 1 to 8 workers", id="more-than-the-profile-allows"),
    ],
)
def test_limits_that_cannot_be_are_refused(
    spec: LaunchSpec, asked: tuple[int | None, int | None], problem: str
) -> None:
    with pytest.raises(BadInputError, match=problem):
        resized(spec, minimum=asked[0], maximum=asked[1])


def test_a_size_is_told_in_workers_of_the_first_core_type() -> None:
    assert str(size_of(SPEC)) == "2 to 20 workers"
    assert str(size_of(replace(SPEC, scaling=Scaling(8, 8, 8, 8)))) == "1 worker"
    assert str(size_of(SPEC, Scaling(12, 12, 8, 8))) == "1.5 workers"


def workers(target: Target, cluster_id: str) -> int:
    return sum(count.requested for count in target.backend.nodes(cluster_id)[1:])


@pytest.mark.parametrize("by", ["name", "id"])
def test_resize_sets_limits_and_tells_those_before(
    target: Target, small: Resolved, by: str
) -> None:
    cluster_id = launch(target, small, name="one").cluster_id

    done = resize(target, "one" if by == "name" else cluster_id, minimum=5, maximum=8)

    assert done == Resized("one", cluster_id, "r7g.2xlarge", Size(2, 10), Size(5, 8))
    assert workers(target, cluster_id) == 5


def test_a_cluster_grows_to_many_times_its_maximum_only_if_that_is_meant(
    target: Target, small: Resolved, backend: FakeBackend
) -> None:
    launch(target, small, name="one")

    with pytest.raises(RefusedByPolicyError, match="ten times the maximum that one has, 10") as no:
        resize(target, "one", minimum=101, maximum=101)

    assert "--force" in no.value.hint
    assert "resize" not in backend.calls
    assert resize(target, "one", maximum=100).after == Size(2, 100)
    assert resize(target, "one", maximum=5000, force=True).after == Size(2, 5000)


def test_the_record_tells_the_truth_afterwards(target: Target, small: Resolved) -> None:
    launched = launch(target, small, name="one")

    resize(target, "one", maximum=20)

    spec = read_intent(target, launched.launch_id)
    assert spec is not None
    assert spec.scaling.maximum_units == 20
    (change,) = what_differs(target, small, spec)
    assert (change.path, change.before, change.after) == ("scale.max_units", "20", "10")


def test_resize_twice_is_fine(target: Target, small: Resolved) -> None:
    cluster_id = launch(target, small, name="one").cluster_id

    first = resize(target, "one", minimum=6)
    second = resize(target, "one", minimum=6)

    assert first.after == second.before == second.after
    assert workers(target, cluster_id) == 6


def test_what_emr_refuses_is_not_written_down(
    target: Target, small: Resolved, backend: FakeBackend
) -> None:
    launched = launch(target, small, name="one")
    backend.refuse("resize", AwsError("No.", hint="Later."))

    with pytest.raises(AwsError):
        resize(target, "one", maximum=20)

    assert read_intent(target, launched.launch_id) == launched.spec


def test_another_owners_cluster_is_refused_unless_meant(
    target: Target, small: Resolved, backend: FakeBackend
) -> None:
    grace = make_target(user="grace", backend=backend, clock=backend.clock, store=target.store)  # type: ignore[arg-type]  # a MemoryStore
    launch(grace, small, name="hers")

    with pytest.raises(RefusedByPolicyError, match="belongs to grace"):
        resize(target, "hers", maximum=4)

    assert "resize" not in backend.calls
    assert resize(target, "hers", maximum=4, everyone=True).after == Size(2, 4)


def test_mine_is_meant_before_anybody_elses(
    target: Target, small: Resolved, backend: FakeBackend
) -> None:
    mine = launch(target, small, name="one")
    grace = make_target(user="grace", backend=backend, clock=backend.clock, store=target.store)  # type: ignore[arg-type]  # a MemoryStore
    launch(grace, small, name="one")

    assert resize(target, "one", maximum=4, everyone=True).cluster_id == mine.cluster_id


def test_a_name_that_nothing_has_is_not_found_with_a_guess(target: Target, small: Resolved) -> None:
    launch(target, small, name="training")

    with pytest.raises(NotFoundError, match="did you mean 'training'"):
        resize(target, "trainning", maximum=4)


@pytest.mark.parametrize(
    ("state", "told"),
    [(ClusterState.TERMINATED, "has ended"), (ClusterState.TERMINATING, "is ending")],
)
def test_a_cluster_that_has_ended_is_said_to_have(
    target: Target, small: Resolved, backend: FakeBackend, state: ClusterState, told: str
) -> None:
    launched = launch(target, small, name="one")
    backend.move(launched.cluster_id, state)

    for wanted in ("one", launched.cluster_id):
        with pytest.raises(NotFoundError, match=f"{wanted} {told}") as refusal:
            resize(target, wanted, maximum=4)
        assert refusal.value.hint.endswith(f"selfserve why {wanted}")


def test_without_its_record_nobody_knows_what_a_worker_is(
    target: Target, small: Resolved, backend: FakeBackend
) -> None:
    launched = launch(target, small, name="one")
    target.store.delete(launch_key(launched.launch_id))

    with pytest.raises(NotFoundError, match="record") as caught:
        resize(target, "one", maximum=4)

    assert "put-managed-scaling-policy" in caught.value.hint
    assert "resize" not in backend.calls


class _Mistagged(FakeBackend):
    """Describes every cluster with these tags."""

    tags: Mapping[str, str]

    def describe(self, cluster_id: str) -> Cluster:
        return replace(super().describe(cluster_id), tags=self.tags)


def test_a_cluster_with_our_name_but_not_our_tags_is_left_alone(small: Resolved) -> None:
    backend = _Mistagged(FakeClock())
    backend.tags = {"owner": "ada"}
    target = make_target(backend=backend, clock=backend.clock)
    launch(target, small, name="one")

    with pytest.raises(RefusedByPolicyError, match="not the tags"):
        resize(target, "one", maximum=4)


@pytest.fixture
def trino(target: Target, tmp_path: Path) -> str:
    """Id of a Trino cluster of two workers, one to ten by hand."""
    resolved = write_profiles(tmp_path, trino=TRINO).resolve("trino", [])
    return launch(target, resolved, name="trino").cluster_id


def beat(target: Target, cluster_id: str, queries: int | None) -> None:
    seen = Beat(at_work={Engine.QUERIES: queries, Engine.YARN: 0})
    target.store.put(beat_key(cluster_id), format_beat(seen, target.clock.now()))


def test_a_trino_cluster_grows_by_hand(target: Target, trino: str) -> None:
    assert resize(target, "trino", minimum=6, maximum=6).before == Size(2, 2)
    assert workers(target, trino) == 6


@pytest.mark.parametrize(
    ("queries", "says"), [(3, "3, as last seen"), (None, "not known"), ("no beat", "not known")]
)
def test_a_trino_cluster_shrinks_only_if_no_query_is_known_to_run(
    target: Target, trino: str, queries: Any, says: str
) -> None:
    if queries != "no beat":
        beat(target, trino, queries)

    with pytest.raises(RefusedByPolicyError, match=says) as caught:
        resize(target, "trino", minimum=1, maximum=1)

    assert "--force" in caught.value.hint
    assert workers(target, trino) == 2
    resize(target, "trino", minimum=1, maximum=1, force=True)
    assert workers(target, trino) == 1


def test_a_trino_cluster_without_queries_shrinks(
    target: Target, trino: str, backend: FakeBackend
) -> None:
    beat(target, trino, 0)

    assert resize(target, "trino", minimum=1, maximum=1).after == Size(1, 1)

    resize(target, "trino", minimum=2, maximum=2)
    backend.clock.sleep(timedelta(hours=1))
    with pytest.raises(RefusedByPolicyError, match="not known"):
        resize(target, "trino", minimum=1, maximum=1)
