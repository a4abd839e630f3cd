"""What a launch costs per hour, from low to high; what is not known is said, never guessed.

Pure. EC2 plus EMR's surcharge, which does not fall with the Spot price. Prices are
those of us-east-1 in core/data/ec2_instances.csv, as of the date given there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from selfserve.core.instances import InstanceTable
from selfserve.core.launch import Fleet, LaunchSpec, Market, NodeRole

PRICE_REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class CostEstimate:
    """$ per hour. `low` or `high` is None when no type of some fleet has a known price."""

    low: Decimal | None
    high: Decimal | None
    unknown: tuple[str, ...]
    """What the figures leave out, or bound only from above; one sentence each."""
    as_of: str
    sources: tuple[str, ...]
    region: str = PRICE_REGION


def estimate_cost(spec: LaunchSpec, table: InstanceTable) -> CostEstimate:
    """Bound what one hour costs.

    Low: the minimum size, every Spot fleet on Spot, the cheapest type of each fleet.
    High: the maximum size, all On-Demand (as after a fallback), the dearest types.
    """
    unknown: dict[str, None] = {}  # an ordered set
    low, high = Decimal(0), Decimal(0)
    complete = True
    for fleet in spec.fleets:
        least, most = _units(spec, fleet)
        offers = list(_offers(fleet, table, unknown, needs_spot=least > 0))
        low += min((_cost(offer.low, least, offer) for offer in offers), default=Decimal(0))
        high += max((_cost(offer.high, most, offer) for offer in offers), default=Decimal(0))
        complete = complete and bool(offers)
    unknown[_LEFT_OUT] = None
    return CostEstimate(
        low=low if complete else None,
        high=high if complete else None,
        unknown=tuple(unknown),
        as_of=table.as_of,
        sources=table.sources,
    )


@dataclass(frozen=True, slots=True)
class _Offer:
    """$ per hour of one instance of a type that a fleet may use, and what it counts for."""

    low: Decimal
    high: Decimal
    units: int


def _offers(
    fleet: Fleet, table: InstanceTable, unknown: dict[str, None], *, needs_spot: bool
) -> Iterator[_Offer]:
    """The fleet's types with a known price; what is not known goes to `unknown`."""
    for choice in fleet.choices:
        name, found = choice.instance_type, table.get(choice.instance_type)
        if found is None or found.on_demand is None:
            unknown[f"{name}: no price is known; left out."] = None
            continue
        if found.emr_surcharge is None:
            unknown[f"{name}: EMR's surcharge is not known; left out."] = None
            continue
        base = found.on_demand
        if fleet.market is Market.SPOT and found.spot is not None:
            base = found.spot
        elif fleet.market is Market.SPOT and needs_spot:
            unknown[f"{name}: no Spot price is known; counted as On-Demand, an upper bound."] = None
        fee = found.emr_surcharge
        yield _Offer(low=base + fee, high=found.on_demand + fee, units=choice.units)


def _cost(price: Decimal, units: int, offer: _Offer) -> Decimal:
    instances = -(-units // offer.units)  # rounded up, as EMR does
    return instances * price


def _units(spec: LaunchSpec, fleet: Fleet) -> tuple[int, int]:
    """The fewest and the most units of this fleet: core first, task nodes make up the rest."""
    if fleet.role is NodeRole.PRIMARY:
        return 1, 1
    core = spec.fleet(NodeRole.CORE)
    core_target = core.target_units if core else 0
    least_core = min(core_target, spec.scaling.minimum_units)
    most_core = spec.scaling.maximum_core_units
    if fleet.role is NodeRole.CORE:
        return least_core, most_core
    return spec.scaling.minimum_units - least_core, spec.scaling.maximum_units - most_core


_LEFT_OUT = "EBS volumes, S3 and data transfer are not included."
