"""The bounds of an hour's cost, and what is said when a price is not known."""

from decimal import Decimal

import pytest

from profile_texts import render_values, resolve_small
from selfserve.core.instances import parse_instances
from selfserve.core.price import CostEstimate, estimate_cost
from selfserve.core.render import render

# Prices that can be added up in the head; the types are real, for the profile's sake.
TABLE = parse_instances("""\
# od_us_east_1_usd_hr: a list of 2026-01-02
# spot_us_east_1_usd_hr: another
# vcpu: not a price
instance_type,family,vcpu,memory_gib,local_nvme_gb,arch,gpu,emr_supported_7_13,emr_min_5x,emr_min_6x,emr_min_7x,od_us_east_1_usd_hr,spot_us_east_1_usd_hr,emr_surcharge_usd_hr,emr_surcharge_basis
m7g.xlarge,m7g,4,16,0,arm64,,yes,,,emr-7.0.0,1,,0.25,
r7g.2xlarge,r7g,8,64,0,arm64,,yes,,,emr-7.0.0,10,4-6,1,
r6g.2xlarge,r6g,8,64,0,arm64,,yes,,,emr-7.0.0,8,5,1,
r7g.4xlarge,r7g,16,128,0,arm64,,yes,,,emr-7.0.0,20,,2,
r6g.4xlarge,r6g,16,128,0,arm64,,yes,,,emr-7.0.0,20,,,
""")
PRIMARY = Decimal("1.25")


def estimate(extra: str) -> CostEstimate:
    resolved = resolve_small(extra)
    return estimate_cost(render(resolved, render_values(resolved)), TABLE)


@pytest.mark.parametrize(
    ("extra", "low", "high"),
    [
        pytest.param("", 22, 22, id="fixed-on-demand"),
        pytest.param("nodes: {core: {market: spot}}", 10, 22, id="spot-or-after-a-fallback"),
        pytest.param("scale: {min: 1, max: 5}", 11, 55, id="minimum-and-maximum-size"),
        pytest.param(
            "nodes: {core: {types: [r7g.2xlarge, r6g.2xlarge]}}", 18, 22, id="cheapest-and-dearest"
        ),
        pytest.param(
            "nodes: {core: {types: [r7g.2xlarge, r7g.4xlarge], count: 3}}",
            33,
            44,
            id="a-large-instance-may-overshoot",
        ),
        pytest.param(
            "nodes: {task: {types: [r7g.2xlarge], market: spot}}\nscale: {min: 3, max: 10}",
            22 + 5,
            22 + 88,
            id="task-nodes-make-up-the-rest",
        ),
    ],
)
def test_bounds(extra: str, low: int, high: int) -> None:
    cost = estimate(extra)

    assert (cost.low, cost.high) == (PRIMARY + low, PRIMARY + high)


def test_an_unknown_spot_price_is_bounded_by_on_demand_and_said() -> None:
    cost = estimate("nodes: {core: {types: [r7g.4xlarge], market: spot}}")

    assert cost.low == PRIMARY + 44
    assert cost.unknown[0].startswith("r7g.4xlarge: no Spot price is known; counted as On-Demand")


def test_a_spot_price_that_does_not_enter_the_low_end_is_not_missed() -> None:
    cost = estimate("nodes: {task: {types: [r7g.4xlarge], market: spot}}\nscale: {min: 2, max: 10}")

    assert not any("Spot" in text for text in cost.unknown)


def test_a_type_without_a_known_surcharge_is_left_out_and_said() -> None:
    cost = estimate("nodes: {core: {types: [r7g.4xlarge, r6g.4xlarge]}}")

    assert cost.high == PRIMARY + 44
    assert cost.unknown[0] == "r6g.4xlarge: EMR's surcharge is not known; left out."


@pytest.mark.parametrize("name", ["r6g.4xlarge", "c7g.xlarge"])
def test_without_any_known_price_there_is_no_figure(name: str) -> None:
    cost = estimate(f"nodes: {{core: {{types: [{name}]}}}}")

    assert (cost.low, cost.high) == (None, None)
    assert cost.unknown[0].startswith(f"{name}: ")


def test_the_estimate_says_when_and_where_its_prices_are_from() -> None:
    cost = estimate("")

    assert (cost.as_of, cost.region) == ("2026-01-02", "us-east-1")
    assert [source.split(":")[0] for source in cost.sources] == [
        "od_us_east_1_usd_hr",
        "spot_us_east_1_usd_hr",
    ]
    assert cost.unknown == ("EBS volumes, S3 and data transfer are not included.",)
