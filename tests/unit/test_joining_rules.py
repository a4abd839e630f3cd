"""Which cluster a run may join, one obstacle a row; and how many slots are free there."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from fakes import NOON
from selfserve.core.cluster import Step, StepState
from selfserve.core.joining import has_time_left, why_not
from selfserve.core.launch import (
    BootstrapAction,
    Configuration,
    Fleet,
    InstanceChoice,
    LaunchSpec,
    Market,
    NodeRole,
)
from selfserve.core.lease import ACT_WITHIN, Lease, hold
from selfserve.core.slots import Slots
from specs import CORE, NAME, PRIMARY, SPEC, TASK

WANTED = replace(SPEC, shared=False)
RUNNING = replace(
    SPEC,
    shared=True,
    name=replace(NAME, owner="bob", name="warm", launch_id="20261121-a1b2c3"),
)
PROBE = BootstrapAction("probe", "s3://b/selfserve/bootstrap/aa/busy-probe.py", ("s3://b/beats/",))
Change = Callable[[LaunchSpec], LaunchSpec]


def nodes(role: NodeRole, **changes: object) -> Change:
    """The cluster with one fleet changed."""

    def change(spec: LaunchSpec) -> LaunchSpec:
        fleets = [
            replace(fleet, **changes) if fleet.role is role else fleet  # type: ignore[arg-type]
            for fleet in spec.fleets
        ]
        return replace(spec, fleets=tuple(fleets))

    return change


def scaled(*, maximum_units: int) -> Change:
    """The cluster with other limits."""
    return lambda spec: replace(spec, scaling=replace(spec.scaling, maximum_units=maximum_units))


def having(**changes: object) -> Change:
    """The cluster with other values."""
    return lambda spec: replace(spec, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(having(), id="the-same"),
        pytest.param(having(applications=("Hive", *SPEC.applications)), id="more-applications"),
        pytest.param(having(max_age=timedelta(hours=1)), id="another-age"),
        pytest.param(having(idle_timeout=timedelta(hours=1)), id="another-idle-time"),
        pytest.param(having(subnets=("subnet-9",)), id="another-subnet"),
        pytest.param(having(root_volume_gib=99), id="another-root-disk"),
        pytest.param(having(ssh_key="analysts"), id="another-ssh-key"),
        pytest.param(having(tags={"cost-centre": "other"}), id="other-tags"),
        pytest.param(having(step_concurrency=9), id="more-steps-at-a-time"),
        pytest.param(scaled(maximum_units=320), id="grows-further"),
        pytest.param(nodes(NodeRole.CORE, target_units=32), id="more-core-nodes"),
        pytest.param(
            nodes(NodeRole.CORE, choices=(InstanceChoice("r7g.4xlarge", 16),), disk_gib=400),
            id="larger-core-nodes",
        ),
        pytest.param(having(fleets=(PRIMARY, CORE)), id="core-nodes-for-task-nodes"),
        pytest.param(nodes(NodeRole.TASK, market=Market.ON_DEMAND), id="safer-task-nodes"),
        pytest.param(
            having(configurations=tuple(reversed(SPEC.configurations))), id="in-another-order"
        ),
    ],
)
def test_a_cluster_that_has_what_is_wanted_may_be_joined(change: Change) -> None:
    assert why_not(WANTED, change(RUNNING)) is None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param(having(shared=False), "not shared", id="private"),
        pytest.param(having(keep_alive=False), "one run only", id="transient"),
        pytest.param(having(release="emr-7.5.0"), "runs emr-7.5.0, not emr-7.14.0", id="release"),
        pytest.param(having(applications=("Spark",)), "lacks Livy", id="application"),
        pytest.param(having(instance_profile="Other"), "instance profile Other", id="role"),
        pytest.param(having(security_configuration="x"), "security", id="security"),
        pytest.param(having(bootstrap=()), "bootstrapped", id="no-script"),
        pytest.param(having(bootstrap=(*SPEC.bootstrap, PROBE)), "bootstrapped", id="a-script"),
        pytest.param(having(configurations=()), "configuration", id="no-configuration"),
        pytest.param(
            having(configurations=(*SPEC.configurations, Configuration("x", {"a": "b"}))),
            "configuration",
            id="another-classification",
        ),
        pytest.param(scaled(maximum_units=80), "grows to 80 vCPUs, not 160", id="grows-less"),
        pytest.param(
            nodes(NodeRole.CORE, target_units=8), "8 vCPUs in core nodes, not 16", id="fewer-core"
        ),
        pytest.param(
            nodes(NodeRole.CORE, choices=(InstanceChoice("m7g.2xlarge", 8),)),
            "core nodes with less memory",
            id="less-memory",
        ),
        pytest.param(
            nodes(NodeRole.CORE, choices=(InstanceChoice("r7g.xlarge", 4),)),
            "smaller core nodes",
            id="smaller-nodes",
        ),
        pytest.param(
            nodes(NodeRole.CORE, choices=(InstanceChoice("r5.2xlarge", 8),)),
            "another architecture",
            id="architecture",
        ),
        pytest.param(
            nodes(NodeRole.PRIMARY, choices=(InstanceChoice("c7g.xlarge", 1),)),
            "primary nodes with less memory",
            id="smaller-primary",
        ),
        pytest.param(nodes(NodeRole.CORE, disk_gib=None), "smaller disks", id="no-disk"),
        pytest.param(nodes(NodeRole.CORE, market=Market.SPOT), "core nodes on Spot", id="spot"),
        pytest.param(
            nodes(NodeRole.CORE, choices=(InstanceChoice("x99.huge", 8),)),
            "unknown size",
            id="unknown-type",
        ),
    ],
)
def test_what_stands_in_the_way_is_said(change: Change, why: str) -> None:
    assert why in (why_not(WANTED, change(RUNNING)) or "")


def test_sizes_are_compared_in_vcpus_as_units_differ() -> None:
    def in_units_of_four(fleet: Fleet) -> Fleet:
        choices = tuple(replace(one, units=max(one.units // 4, 1)) for one in fleet.choices)
        units = max(fleet.target_units // 4, 1)
        return replace(fleet, choices=choices, target_units=units)

    coarse = replace(
        RUNNING,
        fleets=(PRIMARY, in_units_of_four(CORE), in_units_of_four(TASK)),
        scaling=replace(RUNNING.scaling, maximum_units=40),
    )

    assert why_not(WANTED, coarse) is None
    assert "grows to 156 vCPUs" in (why_not(WANTED, scaled(maximum_units=39)(coarse)) or "")


def test_types_that_are_not_known_may_be_the_very_same() -> None:
    strange = nodes(NodeRole.CORE, choices=(InstanceChoice("x99.huge", 8),))

    assert why_not(strange(WANTED), strange(RUNNING)) is None


def test_the_launch_id_in_arguments_and_settings_is_no_difference() -> None:
    def with_own_id(spec: LaunchSpec) -> LaunchSpec:
        own = f"s3://b/{spec.name.launch_id}/"
        return replace(
            spec,
            bootstrap=(replace(PROBE, args=(own,)),),
            configurations=(Configuration("x", {"a": own}, (Configuration("y", {"b": own}),)),),
        )

    assert why_not(with_own_id(WANTED), with_own_id(RUNNING)) is None


def test_only_the_age_limit_of_a_cluster_is_its_own_affair() -> None:
    def timed(spec: LaunchSpec, script: str, argument: str) -> LaunchSpec:
        action = BootstrapAction("limit", f"s3://b/selfserve/bootstrap/aa/{script}", (argument,))
        return replace(spec, bootstrap=(action,))

    assert why_not(timed(WANTED, "max-age.sh", "1"), timed(RUNNING, "max-age.sh", "2")) is None
    assert why_not(timed(WANTED, "other.sh", "1"), timed(RUNNING, "other.sh", "2")) is not None


@pytest.mark.parametrize(
    ("age", "expected"),
    [(timedelta(hours=1), True), (timedelta(hours=11, minutes=50), True),
     (timedelta(hours=11, minutes=51), False), (timedelta(hours=13), False)],
)  # fmt: skip
def test_nobody_is_let_onto_a_cluster_whose_time_is_up(age: timedelta, *, expected: bool) -> None:
    assert has_time_left(RUNNING, NOON, NOON + age) is expected


RUN = "r-20261121-120000-00000{}"


def step(name: str, state: StepState) -> Step:
    return Step(
        id="s-1", name=name, state=state, args=(), reason=None, failure=None, log_file=None,
        created=NOON, started=None, ended=None,
    )  # fmt: skip


def test_slots_are_counted_from_steps_and_leases() -> None:
    steps = [
        step(f"{RUN.format(1)} job.py", StepState.RUNNING),
        step(f"{RUN.format(2)} job.py", StepState.COMPLETED),
        step("somebody else's", StepState.PENDING),
        step("somebody else's", StepState.FAILED),
    ]
    lease = Lease()
    for number in (1, 2, 3):
        lease = hold(lease, RUN.format(number), "ada", NOON)

    slots = Slots.of_steps(steps, number=5, seen=NOON)

    assert slots.free(lease, NOON) == 2  # 1 runs, 2 is over, 3 is coming, one is another's
    assert slots.free(lease, NOON, but_for=RUN.format(3)) == 3
    assert slots.free(Lease(), NOON) == 3


def test_a_slot_is_certain_only_while_what_emr_said_is_new() -> None:
    slots = Slots.of_steps([], number=1, seen=NOON)

    assert slots.has_one_for(RUN.format(1), Lease(), NOON + ACT_WITHIN)
    assert not slots.has_one_for(RUN.format(1), Lease(), NOON + ACT_WITHIN + timedelta(seconds=1))
