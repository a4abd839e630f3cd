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

_FAST = 100_000_000
"""Bytes of Parquet a second and vCPU: decompress and decode a few plain columns. On one core of
our machine DuckDB does 60 to 250 MB/s of TPC-H's columns (benchmarks/sql_estimate.py)."""
_SLOW = 10_000_000
"""The same where joins, sorts and strings weigh in: TPC-H's heavier queries take 5 to 10 times
the time of a plain scan of what they read."""
_OVERHEAD_S: dict[Engine | None, tuple[float, float]] = {
    None: (0.1, 1.0),  # the embedded engine: open the files
    Engine.TRINO: (0.5, 5.0),  # plan, list files, start splits
    Engine.PRESTO: (0.5, 5.0),
    Engine.SPARK: (20.0, 90.0),  # a step: EMR starts it within seconds, then YARN, then Spark
    Engine.HIVE: (20.0, 120.0),  # the same, and a Tez application
}
_HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Pace:
    """Who answers. `engine` None: the embedded engine, on this machine."""

    engine: Engine | None
    vcpus_low: int | None
    """Of all workers at the cluster's least size; None: not known."""
    vcpus_high: int | None
    hourly_cost: HourlyCost | None = None

    @property
    def is_free(self) -> bool:
        """Whether nobody is paid: nothing but this machine is used."""
        return self.engine is None

    @classmethod
    def of_this_machine(cls, vcpus: int) -> "Pace":
        """The embedded engine with this many cores."""
        return cls(None, vcpus, vcpus)

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
    """What the whole cluster costs meanwhile, from low to high, whoever else uses it.

    Twice as many workers take half the time at twice the rate, so each size has its own
    time and rate; the low end is the cheapest of the two sizes, the high end the dearest.
    """
    if pace.hourly_cost is None or pace.vcpus_low is None or pace.vcpus_high is None:
        return None, None
    sizes = (pace.vcpus_low, pace.hourly_cost.low), (pace.vcpus_high, pace.hourly_cost.high)
    return (
        min(_money(_fast(amount, pace, vcpus), rate) for vcpus, rate in sizes),
        max(_money(_slow(amount, pace, vcpus), rate) for vcpus, rate in sizes),
    )


def _fast(amount: int, pace: Pace, vcpus: int) -> float:
    return _OVERHEAD_S[pace.engine][0] + amount / (_FAST * vcpus)


def _slow(amount: int, pace: Pace, vcpus: int) -> float:
    return _OVERHEAD_S[pace.engine][1] + amount / (_SLOW * vcpus)


def _money(seconds: float, hourly: Decimal) -> Decimal:
    return (Decimal(seconds) * hourly / _HOUR_S).quantize(Decimal("0.0001"))
