"""How fast an engine reads, and what an hour of its cluster costs: the model behind the range.

Pure. Only bytes are known before a query runs; what is done with them is not. So the range
is wide on purpose: its low end is a plain scan with every worker busy, its high end a query
with joins and sorts on the fewest workers.
"""

from dataclasses import dataclass
from decimal import Decimal

from selfserve.core.instances import InstanceTable
from selfserve.core.launch import LaunchSpec, NodeRole
from selfserve.core.run import HourlyCost
from selfserve.core.sql.engines import Engine


@dataclass(frozen=True, slots=True)
class _Speed:
    """Bytes as stored, a second and vCPU, and seconds before and after; from best to worst."""

    fast: int
    slow: int
    starts_fast_s: float
    starts_slow_s: float


_SPEEDS: dict[Engine | None, _Speed] = {
    # The embedded engine, from files of this machine: TPC-H's 22 queries at scale factor 0.5
    # came to 32 to 245 MB for each second of CPU time, on the machine that we develop on.
    None: _Speed(250_000_000, 30_000_000, 0.1, 1.0),
    # Not measured, but assumed: a vCPU is half a core, and Java decodes more slowly. To plan,
    # list files and start splits takes a few seconds.
    Engine.TRINO: _Speed(100_000_000, 10_000_000, 0.5, 5.0),
    Engine.PRESTO: _Speed(100_000_000, 10_000_000, 0.5, 5.0),
    # Likewise; and they are steps: EMR starts them within seconds, then come YARN's containers.
    Engine.SPARK: _Speed(50_000_000, 5_000_000, 20.0, 90.0),
    Engine.HIVE: _Speed(50_000_000, 5_000_000, 20.0, 120.0),
}
_INTERNET = (125_000_000, 2_500_000)
"""Bytes a second from S3 to a laptop, however many cores it has: from 1 Gbit/s to 20 Mbit/s."""
_INTERNET_PRICE = Decimal("0.09")
"""$ per GB that leaves AWS for the internet: us-east-1, the first 10 TB of a month; the first
100 GB are free, as is reading from inside the region. https://aws.amazon.com/s3/pricing/"""
_HOUR_S = 3600
_SMALLEST = Decimal("0.0001")  # of a $


@dataclass(frozen=True, slots=True)
class Pace:
    """Who answers. `engine` None: the embedded engine, on this machine."""

    engine: Engine | None
    vcpus_low: int | None
    """Of all workers at the cluster's least size; None: not known."""
    vcpus_high: int | None
    hourly_cost: HourlyCost | None = None
    over_internet: bool = False
    """This machine reads files that are in S3."""

    @property
    def is_free(self) -> bool:
        """Whether nobody is paid: nothing but this machine is used."""
        return self.engine is None and not self.over_internet

    @classmethod
    def of_this_machine(cls, vcpus: int, *, from_s3: bool = False) -> "Pace":
        """The embedded engine with this many cores; `from_s3`: over the internet."""
        return cls(None, vcpus, vcpus, over_internet=from_s3)

    @classmethod
    def of_cluster(
        cls, engine: Engine, spec: LaunchSpec, table: InstanceTable, cost: HourlyCost | None
    ) -> "Pace":
        """A cluster of this shape, from its least to its largest size."""
        low, high = _worker_vcpus(spec, table)
        return cls(engine, low, high, cost)


def _worker_vcpus(spec: LaunchSpec, table: InstanceTable) -> tuple[int | None, int | None]:
    """Fewest and most vCPUs of core and task nodes; None if no type of theirs is known."""
    per_unit = [
        found.vcpu / choice.units
        for fleet in spec.fleets
        if fleet.role is not NodeRole.PRIMARY
        for choice in fleet.choices
        if (found := table.get(choice.instance_type)) is not None
    ]
    if not per_unit:
        return None, None
    least, most = spec.scaling.minimum_units, spec.scaling.maximum_units
    return max(1, int(least * min(per_unit))), max(1, int(most * max(per_unit)))


def seconds_for(amount: int, pace: Pace) -> tuple[float | None, float | None]:
    """How long this many bytes take, from low to high."""
    if pace.vcpus_low is None or pace.vcpus_high is None:
        return None, None
    return _fast(amount, pace, pace.vcpus_high), _slow(amount, pace, pace.vcpus_low)


def cost_of(amount: int, pace: Pace) -> tuple[Decimal | None, Decimal | None]:
    """What the whole cluster costs meanwhile, whoever else uses it; or what leaving AWS costs.

    Twice as many workers take half the time at twice the rate, so each size has its own
    time and rate; the low end is the cheapest of the two sizes, the high end the dearest.
    """
    if pace.over_internet:
        return Decimal(0), (amount * _INTERNET_PRICE / 1_000_000_000).quantize(_SMALLEST)
    if pace.hourly_cost is None or pace.vcpus_low is None or pace.vcpus_high is None:
        return None, None
    sizes = (pace.vcpus_low, pace.hourly_cost.low), (pace.vcpus_high, pace.hourly_cost.high)
    return (
        min(_money(_fast(amount, pace, vcpus), rate) for vcpus, rate in sizes),
        max(_money(_slow(amount, pace, vcpus), rate) for vcpus, rate in sizes),
    )


def _fast(amount: int, pace: Pace, vcpus: int) -> float:
    speed = _SPEEDS[pace.engine]
    network_s = amount / _INTERNET[0] if pace.over_internet else 0.0
    return speed.starts_fast_s + max(network_s, amount / (speed.fast * vcpus))


def _slow(amount: int, pace: Pace, vcpus: int) -> float:
    speed = _SPEEDS[pace.engine]
    network_s = amount / _INTERNET[1] if pace.over_internet else 0.0
    return speed.starts_slow_s + max(network_s, amount / (speed.slow * vcpus))


def _money(seconds: float, hourly: Decimal) -> Decimal:
    return (Decimal(seconds) * hourly / _HOUR_S).quantize(_SMALLEST)
