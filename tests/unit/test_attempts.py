"""When EC2 lacks capacity, other zones, types and markets are asked for, in this order."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profile_strategies import Files, profile_files
from profile_texts import render_values
from selfserve.aws.emr_rules.rules import rule_problems
from selfserve.backends.emr.translate import to_run_job_flow
from selfserve.core.attempts import (
    MOST_ATTEMPTS,
    Failure,
    is_for_capacity,
    next_attempt,
    with_launch_id,
)
from selfserve.core.launch import Fleet, InstanceChoice, LaunchSpec, Market, NodeRole
from selfserve.core.naming import TAG_LAUNCH_ID
from selfserve.core.render import render
from selfserve.core.resolve import resolve
from specs import SPEC

NO_CAPACITY = "We currently do not have sufficient capacity."
OVER_QUOTA = "You have requested more vCPU capacity than your current vCPU limit allows."


def fleet(role: NodeRole, *types: str, market: Market = Market.ON_DEMAND) -> Fleet:
    choices = tuple(InstanceChoice(name, 1) for name in types)
    spot = market is Market.SPOT
    return Fleet(role, choices, 4, market, fallback_to_on_demand=spot)


PRIMARY = fleet(NodeRole.PRIMARY, "m7g.xlarge")
CORE = fleet(NodeRole.CORE, "r7g.xlarge", "r6g.xlarge")
SPOT = fleet(NodeRole.TASK, "r7g.xlarge", "r6g.xlarge", market=Market.SPOT)


def asked_for(*fleets: Fleet, subnets: Sequence[str] = ()) -> LaunchSpec:
    return replace(SPEC, fleets=fleets, subnets=tuple(subnets))


def attempts(
    first: LaunchSpec, *, code: str = "INSTANCE_FLEET_TIMEOUT", reason: str = NO_CAPACITY
) -> list[str]:
    """What is tried, if every attempt fails alike in the first of its subnets."""
    failed = [Failure(first, code, reason, next(iter(first.subnets), None))]
    tried = []
    while (attempt := next_attempt(first, failed)) is not None:
        tried.append(attempt.what_changed)
        subnet = next(iter(attempt.spec.subnets), None)
        failed.append(Failure(attempt.spec, code, reason, subnet))
    return tried


@pytest.mark.parametrize(
    ("first", "reason", "tried"),
    [
        pytest.param(
            asked_for(PRIMARY, CORE, SPOT, subnets=["a", "b", "c"]),
            NO_CAPACITY,
            ["in b or c", "with r6g.xlarge first", "with On-Demand in place of Spot"],
            id="zones-then-types-then-market",
        ),
        pytest.param(
            asked_for(PRIMARY, PRIMARY, subnets=["a", "b", "c", "d", "e"]),
            NO_CAPACITY,
            ["in b, c, d or e", "in c, d or e", "in d or e"],
            id="zones-as-long-as-there-is-nothing-else",
        ),
        pytest.param(
            asked_for(PRIMARY, CORE, subnets=["a", "b", "c"]),
            NO_CAPACITY,
            ["in b or c", "in c", "with r6g.xlarge first"],
            id="an-attempt-is-kept-for-the-types",
        ),
        pytest.param(
            asked_for(PRIMARY, CORE, SPOT),
            "Insufficient r7g.xlarge capacity (InsufficientInstanceCapacity).",
            ["without r7g.xlarge", "with On-Demand in place of Spot"],
            id="less-the-type-that-is-named",
        ),
        pytest.param(
            asked_for(PRIMARY, CORE),
            "m7g.xlarge is not available, no capacity",
            ["with r6g.xlarge first"],
            id="an-only-type-stays",
        ),
        pytest.param(
            asked_for(PRIMARY, SPOT),
            NO_CAPACITY,
            ["with On-Demand in place of Spot", "with r6g.xlarge first"],
            id="the-order-of-types-means-nothing-to-spot",
        ),
        pytest.param(
            asked_for(PRIMARY, replace(SPOT, fallback_to_on_demand=False)),
            NO_CAPACITY,
            [],
            id="only-spot-as-the-profile-says",
        ),
        pytest.param(
            asked_for(PRIMARY, CORE, subnets=["a", "b"]),
            OVER_QUOTA,
            ["with r6g.xlarge first"],
            id="a-quota-is-the-same-in-every-zone",
        ),
        pytest.param(asked_for(PRIMARY), NO_CAPACITY, [], id="nothing-else-to-ask-for"),
    ],
)
def test_each_attempt_changes_as_little_as_possible(
    first: LaunchSpec, reason: str, tried: list[str]
) -> None:
    assert attempts(first, reason=reason) == tried


@pytest.mark.parametrize(
    ("code", "reason", "is_capacity"),
    [
        ("INSTANCE_FLEET_TIMEOUT", None, True),
        ("INSTANCE_FAILURE", "The master failed.", True),
        ("VALIDATION_ERROR", "Insufficient capacity for m7g.xlarge", True),
        ("VALIDATION_ERROR", "InsufficientInstanceCapacity", True),
        ("VALIDATION_ERROR", "The type is not supported in your requested Availability Zone", True),
        ("VALIDATION_ERROR", "Max spot instance count exceeded", True),
        ("VALIDATION_ERROR", "The requested number of instances exceeds your EC2 quota", True),
        ("VALIDATION_ERROR", OVER_QUOTA, True),
        ("VALIDATION_ERROR", "The subnet has insufficient free addresses", True),
        ("INTERNAL_ERROR", "EC2 does not have enough capacity", True),
        ("INTERNAL_ERROR", "Internal error", False),
        ("VALIDATION_ERROR", "Invalid InstanceProfile: EMR_EC2_DefaultRole", False),
        ("VALIDATION_ERROR", "The VPC/subnet configuration was invalid", False),
        ("VALIDATION_ERROR", None, False),
        ("BOOTSTRAP_FAILURE", "On the master instance, bootstrap action 1 failed", False),
        ("STEP_FAILURE", "no capacity", False),
        ("USER_REQUEST", "Terminated by user request", False),
        (None, NO_CAPACITY, False),
    ],
)
def test_only_a_lack_of_capacity_is_worth_another_attempt(
    code: str | None,
    reason: str | None,
    is_capacity: bool,  # noqa: FBT001  a column of the table
) -> None:
    assert is_for_capacity(code, reason) is is_capacity


def test_nothing_else_is_tried_when_capacity_is_not_the_reason() -> None:
    first = asked_for(PRIMARY, CORE, SPOT, subnets=["a", "b"])

    assert attempts(first, code="BOOTSTRAP_FAILURE") == []


def test_where_nobody_knows_which_zone_failed_other_types_are_next() -> None:
    first = asked_for(PRIMARY, CORE, subnets=["a", "b"])

    attempt = next_attempt(first, [Failure(first, "INSTANCE_FLEET_TIMEOUT", None, None)])

    assert attempt is not None
    assert attempt.spec.fleets[1].choices == tuple(reversed(CORE.choices))
    assert attempt.spec.subnets == ("a", "b")


def test_on_demand_in_place_of_spot_is_within_the_limits_of_scaling() -> None:
    first = asked_for(PRIMARY, SPOT)

    attempt = next_attempt(first, [Failure(first, "INSTANCE_FLEET_TIMEOUT", None, None)])

    assert attempt is not None
    assert attempt.spec.fleets[1].market is Market.ON_DEMAND
    assert attempt.spec.scaling.maximum_on_demand_units >= SPOT.target_units


def test_a_launch_under_another_id_differs_in_nothing_else() -> None:
    renewed = with_launch_id(SPEC, "l-2")

    assert renewed.name.launch_id == renewed.tags[TAG_LAUNCH_ID] == "l-2"
    tags = {**renewed.tags, TAG_LAUNCH_ID: SPEC.name.launch_id}
    assert replace(renewed, name=SPEC.name, tags=tags) == replace(
        SPEC, tags={**SPEC.tags, **SPEC.name.tags()}
    )


@settings(max_examples=200)
@given(files=profile_files(), subnets=st.integers(0, 5), names_a_type=st.booleans())
def test_emr_takes_every_attempt_of_every_profile(
    *, files: Files, subnets: int, names_a_type: bool
) -> None:
    resolved = resolve(files.leaf, load=files.load)
    values = replace(
        render_values(resolved), subnets=tuple(f"subnet-{number}" for number in range(subnets))
    )
    first = render(resolved, values)
    reason = f"no capacity for {first.fleets[1].choices[0].instance_type}" if names_a_type else None
    failed = [Failure(first, "INSTANCE_FAILURE", reason, next(iter(first.subnets), None))]

    while (attempt := next_attempt(first, failed)) is not None:
        assert rule_problems("RunJobFlow", to_run_job_flow(attempt.spec)) == []
        assert attempt.spec not in [failure.spec for failure in failed]
        subnet = next(iter(attempt.spec.subnets), None)
        failed.append(Failure(attempt.spec, "INSTANCE_FAILURE", reason, subnet))

    assert len(failed) <= MOST_ATTEMPTS
