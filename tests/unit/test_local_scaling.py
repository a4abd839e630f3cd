"""Managed scaling of the local target: what the load makes of a cluster's size."""

from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.example_clusters import (
    NOON,
    fleet_config,
    minutes,
    new_step,
    request,
    starting,
    step_config,
    terminating,
    up,
)
from selfserve.local.control.creation import new_cluster
from selfserve.local.control.events import EngineReady, LoadSeen, ResizeEngine, StepsAdded
from selfserve.local.control.load import Load, WorkerSeen
from selfserve.local.control.model import advance, effects_after_restart
from selfserve.local.control.records import ClusterRecord
from selfserve.local.control.scaling import (
    IDLE_TIME,
    Limits,
    decide_size,
    limits_of,
    most_workers,
)
from selfserve.local.control.store import from_json, to_json

NOW = NOON + timedelta(hours=1)
LONG_AGO = NOW - IDLE_TIME
JUST_NOW = NOW - IDLE_TIME + timedelta(milliseconds=1)
BUSY = None


def load(*idle_since: datetime | None, waiting: int = 0, room: int = 8) -> Load:
    """One Worker for each moment since which it is idle; BUSY for one with executors."""
    workers = (WorkerSeen(f"worker-{n}", since) for n, since in enumerate(idle_since, 1))
    return Load(tuple(workers), waiting, room)


def policy(low: int, high: int, **more: Any) -> dict[str, Any]:
    limits = {"MinimumCapacityUnits": low, "MaximumCapacityUnits": high}
    return {"ComputeLimits": {"UnitType": "InstanceFleetUnits", **limits, **more}}


@pytest.mark.parametrize(
    ("seen", "limits", "current", "wanted", "why"),
    [
        pytest.param(load(BUSY), (1, 4), 1, 1, "Nothing waits", id="all-is-well"),
        pytest.param(load(BUSY, waiting=1), (1, 4), 1, 2, "Executors wait", id="one-more"),
        pytest.param(load(BUSY, waiting=9), (1, 4), 1, 4, "Executors wait", id="up-to-the-maximum"),
        pytest.param(
            load(BUSY, waiting=9, room=2), (1, 4), 1, 2, "Executors", id="up-to-what-fits"
        ),
        pytest.param(load(BUSY, waiting=1), (1, 1), 1, 1, "no more", id="at-the-maximum"),
        pytest.param(
            load(BUSY, BUSY, waiting=3, room=2), (1, 9), 3, 3, "no more", id="more-than-fits"
        ),
        pytest.param(load(BUSY, waiting=3), (1, 9), 2, 2, "starting", id="some-still-start"),
        pytest.param(load(), (0, 9), 1, 1, "starting", id="all-still-start"),
        pytest.param(load(BUSY, JUST_NOW), (1, 4), 2, 2, "to spare", id="not-idle-for-long"),
        pytest.param(load(BUSY, LONG_AGO), (1, 4), 2, 1, "without", id="idle-for-long"),
        pytest.param(load(LONG_AGO, BUSY), (1, 4), 2, 1, "without", id="whichever-it-is"),
        pytest.param(load(BUSY, LONG_AGO), (2, 4), 2, 2, "to spare", id="at-the-minimum"),
        pytest.param(
            load(LONG_AGO, LONG_AGO, BUSY, LONG_AGO), (2, 4), 4, 2, "without", id="not-below-it"
        ),
        pytest.param(load(LONG_AGO, LONG_AGO), (1, 4), 2, 1, "without", id="one-always-stays"),
        pytest.param(
            load(LONG_AGO, LONG_AGO, room=2), (2, 9), 5, 2, "without", id="instances-without-one"
        ),
        pytest.param(
            load(BUSY, BUSY, room=2), (2, 9), 5, 5, "to spare", id="they-stay-while-others-work"
        ),
        pytest.param(load(BUSY, BUSY), (1, 1), 1, 1, "to spare", id="one-is-on-its-way-out"),
        pytest.param(
            load(LONG_AGO, LONG_AGO, waiting=1), (1, 2), 2, 2, "no more", id="waiting-keeps-all"
        ),
    ],
)
def test_decide_size(
    seen: Load, limits: tuple[int, int], current: int, wanted: int, why: str
) -> None:
    decided = decide_size(seen, Limits(*limits), NOW, current=current)

    assert decided.workers == wanted
    assert why in decided.reason


def test_workers_stay_while_a_step_waits_for_its_turn() -> None:
    seen = load(LONG_AGO, LONG_AGO)

    decided = decide_size(seen, Limits(1, 4), NOW, current=2, steps_wait=True)

    assert (decided.workers, decided.reason) == (2, "A step waits for its turn.")


MOMENTS = st.sampled_from([BUSY, JUST_NOW, LONG_AGO])


@given(
    workers=st.lists(MOMENTS, max_size=6),
    waiting=st.integers(0, 9),
    room=st.integers(1, 9),
    low=st.integers(1, 5),
    more=st.integers(0, 5),
    above=st.integers(0, 10),
)
def test_never_below_the_busy_nor_beyond_the_limits(
    *, workers: list[datetime | None], waiting: int, room: int, low: int, more: int, above: int
) -> None:
    current = min(low + above, low + more)
    seen = load(*workers[: min(current, room)], waiting=waiting, room=room)

    decided = decide_size(seen, Limits(low, low + more), NOW, current=current).workers

    assert low <= decided <= low + more
    assert decided >= sum(worker.idle_since is BUSY for worker in seen.workers)
    assert decided <= max(current, room)


def scaled(cluster: ClusterRecord, seen: Load, at: datetime = NOW) -> ClusterRecord:
    return advance(cluster, LoadSeen(seen), at)[0]


def running(cluster: ClusterRecord) -> list[tuple[str, str]]:
    return [
        (instance.role.value, instance.market)
        for instance in cluster.instances
        if instance.ended is None
    ]


def test_work_that_waits_adds_task_instances_and_tells_the_engine() -> None:
    cluster = up(ManagedScalingPolicy=policy(3, 6, MaximumOnDemandCapacityUnits=2))

    after, effects = advance(cluster, LoadSeen(load(BUSY, BUSY, BUSY, waiting=2)), minutes(9))

    assert running(after)[-2:] == [("task", "SPOT")] * 2
    assert [group.requested_spot for group in after.groups] == [0, 0, 3]
    assert effects == (ResizeEngine("Executors wait for a Worker with room."),)
    assert {i.ready for i in after.instances if i.created == minutes(9)} == {minutes(9)}


def test_idle_workers_end_the_newest_task_instances_first() -> None:
    cluster = up(ManagedScalingPolicy=policy(1, 6))
    grown = scaled(cluster, load(BUSY, BUSY, BUSY, waiting=1), minutes(9))

    smaller = scaled(grown, load(BUSY, BUSY, LONG_AGO, LONG_AGO))
    smallest = scaled(smaller, load(LONG_AGO, LONG_AGO))

    assert grown.worker_count == 4
    assert [role for role, _ in running(smaller)] == ["primary", "core", "core"]
    assert [role for role, _ in running(smallest)] == ["primary", "core"]


def test_task_nodes_that_have_all_gone_come_back_in_their_market() -> None:
    cluster = up(ManagedScalingPolicy=policy(2, 6))
    without = scaled(cluster, load(BUSY, BUSY, LONG_AGO))

    after = scaled(without, load(BUSY, BUSY, waiting=1))

    assert running(without)[-1] == ("core", "ON_DEMAND")
    assert running(after)[-1] == ("task", "SPOT")


def test_a_weighted_fleet_grows_by_whole_instances() -> None:
    asked = request(ManagedScalingPolicy=policy(8, 31))
    asked["Instances"]["InstanceFleets"] = [
        fleet_config("MASTER", on_demand=1),
        fleet_config("CORE", on_demand=8, weight=8),
    ]
    cluster, _ = advance(new_cluster(asked, now=NOON, randomness=Random(7)), EngineReady(), NOON)

    after = scaled(cluster, load(BUSY, waiting=5))

    assert limits_of(cluster) == Limits(1, 3)
    assert (after.worker_count, after.groups[1].requested_on_demand) == (3, 24)
    assert scaled(after, load(BUSY, LONG_AGO, LONG_AGO)).groups[1].requested_on_demand == 8


@pytest.mark.parametrize(
    "cluster",
    [
        pytest.param(up(), id="no-policy"),
        pytest.param(up(ManagedScalingPolicy=policy(3, 3)), id="pinned"),
        pytest.param(up(ManagedScalingPolicy=policy(1, 99, UnitType="VCPU")), id="vcpus"),
        pytest.param(starting(ManagedScalingPolicy=policy(1, 9)), id="starting"),
        pytest.param(terminating(ManagedScalingPolicy=policy(1, 9)), id="terminating"),
    ],
)
@pytest.mark.parametrize("seen", [load(BUSY, BUSY, BUSY, waiting=3), load(*[LONG_AGO] * 3)])
def test_what_does_not_scale_is_left_alone(cluster: ClusterRecord, seen: Load) -> None:
    assert advance(cluster, LoadSeen(seen), NOW) == (cluster, ())


def test_idle_workers_stay_while_a_step_is_pending() -> None:
    first = up(step_config(), ManagedScalingPolicy=policy(1, 9))
    waiting, _ = advance(first, StepsAdded((new_step(),)), minutes(3))

    assert scaled(waiting, load(*[LONG_AGO] * 3)) == waiting
    assert scaled(first, load(*[LONG_AGO] * 3)).worker_count == 1


def test_a_daemon_that_was_killed_goes_on_with_the_size_that_was_decided() -> None:
    cluster = scaled(up(ManagedScalingPolicy=policy(3, 6)), load(BUSY, BUSY, BUSY, waiting=1))

    kept = from_json(to_json(cluster))

    assert kept.worker_count == 4
    assert effects_after_restart(kept) == (ResizeEngine(),)


@pytest.mark.parametrize(
    ("more", "most"),
    [({}, 3), ({"ManagedScalingPolicy": policy(1, 9)}, 9)],
    ids=["fixed", "scales"],
)
def test_the_machine_is_shared_out_to_as_many_as_may_come(more: dict[str, Any], most: int) -> None:
    assert most_workers(starting(**more)) == most
