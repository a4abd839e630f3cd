"""Sizes of fleets and groups, and managed scaling limits."""

from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.example_clusters import (
    NOON,
    fleet_config,
    gone,
    minutes,
    request,
    starting,
    terminating,
    up,
)
from selfserve.core.launch import NodeRole
from selfserve.local.control.capacity import resize_problem, units, within_limits
from selfserve.local.control.creation import new_cluster
from selfserve.local.control.events import (
    CapacityRequested,
    EngineReady,
    ResizeEngine,
    SettingsChanged,
)
from selfserve.local.control.model import advance
from selfserve.local.control.records import ClusterRecord, Json, NodeGroupRecord

PRIMARY, CORE, TASK = NodeRole.PRIMARY, NodeRole.CORE, NodeRole.TASK


def limits(low: int, high: int, **more: Any) -> dict[str, Any]:
    return {
        "ComputeLimits": {
            "UnitType": "InstanceFleetUnits",
            "MinimumCapacityUnits": low,
            "MaximumCapacityUnits": high,
            **more,
        }
    }


def cluster_with(*fleets: dict[str, Any]) -> ClusterRecord:
    asked = request()
    asked["Instances"]["InstanceFleets"] = [fleet_config("MASTER", on_demand=1), *fleets]
    return new_cluster(asked, now=NOON, randomness=Random(7))


def running(cluster: ClusterRecord) -> Counter[tuple[NodeRole, str]]:
    return Counter((i.role, i.market) for i in cluster.instances if i.ended is None)


def sizes(groups: tuple[NodeGroupRecord, ...]) -> dict[str, tuple[int, int]]:
    return {g.role.value: (g.requested_on_demand, g.requested_spot) for g in groups}


@pytest.mark.parametrize(
    ("on_demand", "weight", "instances"),
    [(4, 1, 4), (4, 2, 2), (5, 2, 3), (1, 8, 1)],
    ids=["unweighted", "weighted", "overshoots-by-less-than-one", "one-is-more-than-enough"],
)
def test_units_become_instances_of_the_first_type(
    on_demand: int, weight: int, instances: int
) -> None:
    cluster = cluster_with(fleet_config("CORE", on_demand=on_demand, weight=weight))

    assert running(cluster)[CORE, "ON_DEMAND"] == instances
    assert {i.instance_type for i in cluster.instances} == {"m7g.xlarge"}


def test_both_markets_of_a_fleet_are_filled() -> None:
    cluster = cluster_with(fleet_config("CORE", on_demand=1, spot=2))

    assert running(cluster) == {
        (PRIMARY, "ON_DEMAND"): 1,
        (CORE, "ON_DEMAND"): 1,
        (CORE, "SPOT"): 2,
    }


def test_growing_adds_instances_that_are_ready_at_once() -> None:
    cluster = up()
    task = cluster.groups[2]

    after, effects = advance(cluster, CapacityRequested(task.id, None, 3), minutes(9))

    assert running(after)[TASK, "SPOT"] == 3
    assert effects == (ResizeEngine(),)
    assert after.worker_count == 5
    assert [(i.created, i.ready) for i in after.instances[-2:]] == [(minutes(9), minutes(9))] * 2
    assert len({i.id for i in after.instances} | {i.ec2_id for i in after.instances}) == 12


def test_shrinking_ends_the_newest_instances_and_growing_again_makes_new_ones() -> None:
    cluster = up()
    core = cluster.groups[1]
    smaller, _ = advance(cluster, CapacityRequested(core.id, 1, None), minutes(9))
    larger, _ = advance(smaller, CapacityRequested(core.id, 2, None), minutes(10))

    of_core = [i for i in larger.instances if i.role is CORE]
    assert [i.ended for i in of_core] == [None, minutes(9), None]
    assert len({i.id for i in of_core}) == 3


def test_the_task_nodes_can_go_altogether() -> None:
    cluster = up()

    after, _ = advance(cluster, CapacityRequested(cluster.groups[2].id, 0, 0), minutes(9))

    assert running(after)[TASK, "SPOT"] == 0


@pytest.mark.parametrize(
    ("index", "on_demand", "spot", "problem"),
    [
        (0, 2, None, "primary"),
        (1, 0, None, "core nodes cannot"),
        (1, 0, 0, "core nodes cannot"),
        (2, None, -1, "negative"),
        (1, 0, 1, None),
        (2, 0, 0, None),
    ],
)
def test_sizes_that_emr_refuses_are_explained_and_not_applied(
    index: int, on_demand: int | None, spot: int | None, problem: str | None
) -> None:
    cluster = up()
    group = cluster.groups[index]

    told = resize_problem(group, on_demand, spot)
    after, _ = advance(cluster, CapacityRequested(group.id, on_demand, spot), minutes(9))

    assert (problem is None) is (told is None)
    assert (problem or "") in (told or "")
    assert (after == cluster) is (problem is not None)


@pytest.mark.parametrize("cluster", [terminating(), gone()], ids=["terminating", "gone"])
def test_a_cluster_on_its_way_out_is_not_resized(cluster: ClusterRecord) -> None:
    event = CapacityRequested(cluster.groups[1].id, 9, None)

    assert advance(cluster, event, minutes(9)) == (cluster, ())


def test_an_unknown_group_is_not_resized() -> None:
    assert advance(up(), CapacityRequested("if-NONE", 9, None), minutes(9)) == (up(), ())


def test_a_size_changed_during_the_start_reaches_the_engine_when_it_is_ready() -> None:
    cluster = starting()
    cluster, effects = advance(
        cluster, CapacityRequested(cluster.groups[1].id, 4, None), minutes(1)
    )
    assert effects == ()

    cluster, effects = advance(cluster, EngineReady(), minutes(2))

    assert effects == (ResizeEngine(),)
    assert {i.ready for i in cluster.instances} == {minutes(2)}


@pytest.mark.parametrize(
    ("core", "task", "policy", "expected"),
    [
        pytest.param((2, 0), (0, 1), limits(2, 20), {"core": (2, 0), "task": (0, 1)}, id="within"),
        pytest.param(
            (2, 0), (0, 1), limits(6, 20), {"core": (2, 0), "task": (0, 4)}, id="task-grows"
        ),
        pytest.param(
            (2, 0), (0, 9), limits(2, 5), {"core": (2, 0), "task": (0, 3)}, id="task-shrinks"
        ),
        pytest.param(
            (5, 0), (0, 9), limits(1, 2), {"core": (2, 0), "task": (0, 0)}, id="task-before-core"
        ),
        pytest.param(
            (5, 0), (0, 2), limits(0, 1), {"core": (1, 0), "task": (0, 0)}, id="one-core-stays"
        ),
        pytest.param(
            (5, 0),
            (0, 2),
            limits(2, 20, MaximumCoreCapacityUnits=3),
            {"core": (3, 0), "task": (0, 2)},
            id="core-limit",
        ),
        pytest.param(
            (2, 0),
            (3, 2),
            limits(2, 20, MaximumOnDemandCapacityUnits=2),
            {"core": (2, 0), "task": (0, 2)},
            id="on-demand-limit",
        ),
        pytest.param(
            (2, 0),
            (1, 0),
            limits(8, 20, MaximumOnDemandCapacityUnits=4),
            {"core": (2, 0), "task": (2, 4)},
            id="spot-beyond-the-on-demand-limit",
        ),
        pytest.param((2, 0), None, limits(4, 20), {"core": (4, 0)}, id="core-grows-without-task"),
        pytest.param(
            (2, 0),
            None,
            limits(4, 20, MaximumCoreCapacityUnits=3),
            {"core": (3, 0)},
            id="core-grows-to-its-limit",
        ),
        pytest.param((2, 0), (0, 1), None, {"core": (2, 0), "task": (0, 1)}, id="no-policy"),
        pytest.param(
            (2, 0),
            (0, 1),
            limits(9, 9, UnitType="VCPU"),
            {"core": (2, 0), "task": (0, 1)},
            id="vcpu-limits-are-left-alone",
        ),
    ],
)
def test_managed_scaling_limits(
    *,
    core: tuple[int, int],
    task: tuple[int, int] | None,
    policy: Json | None,
    expected: dict[str, tuple[int, int]],
) -> None:
    fleets = [fleet_config("CORE", on_demand=core[0], spot=core[1])]
    if task is not None:
        fleets.append(fleet_config("TASK", on_demand=task[0], spot=task[1]))

    after = within_limits(cluster_with(*fleets).groups, policy)

    assert sizes(after) == {"primary": (1, 0), **expected}


def test_a_policy_that_is_put_later_acts_at_once() -> None:
    after, effects = advance(up(), SettingsChanged({"scaling": limits(7, 9)}), minutes(9))

    assert after.worker_count == 7
    assert effects == (ResizeEngine(),)


def test_limits_hold_when_the_cluster_is_made() -> None:
    assert starting(ManagedScalingPolicy=limits(5, 9)).worker_count == 5


UNITS = st.integers(0, 12)


@given(core=st.integers(1, 12), task=UNITS, spot=UNITS, low=UNITS, more=UNITS, od=UNITS, cap=UNITS)
def test_limits_hold_for_every_size(
    *, core: int, task: int, spot: int, low: int, more: int, od: int, cap: int
) -> None:
    groups = cluster_with(
        fleet_config("CORE", on_demand=core), fleet_config("TASK", on_demand=task, spot=spot)
    ).groups
    high = max(1, low + more)
    policy = limits(low, high, MaximumOnDemandCapacityUnits=od, MaximumCoreCapacityUnits=cap)

    after = within_limits(groups, policy)

    workers = [group for group in after if group.role is not PRIMARY]
    assert low <= sum(map(units, workers)) <= high
    assert 1 <= units(workers[0]) <= max(1, cap)
    assert sum(group.requested_on_demand for group in workers) <= max(1, od)
    assert within_limits(after, policy) == after
