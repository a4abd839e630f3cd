"""Other limits for a running cluster: what `resize` may ask for, and what that means for EMR.

Pure. Sizes are workers of the first core type, core and task together, as in a
profile's `scale`; a LaunchSpec counts in units.
"""

from dataclasses import dataclass

from selfserve.core.launch import Fleet, LaunchSpec, NodeRole, Scaling
from selfserve.core.sizing import scaling_between
from selfserve.errors import BadInputError

QUERY_ENGINES = frozenset({"trino", "presto", "prestosql"})
"""Applications that run beside YARN: managed scaling cannot see their work."""


_GROWS_AT_ONCE = 10
"""Times the present maximum: more is as likely a slip of the finger as it is meant."""


@dataclass(frozen=True, slots=True)
class Size:
    """Limits in workers; fractions come of instances larger than one."""

    minimum: float
    maximum: float

    def __str__(self) -> str:
        """Such as `2 to 20 workers`, `1 worker`."""
        if self.minimum != self.maximum:
            return f"{self.minimum:g} to {self.maximum:g} workers"
        return f"{self.maximum:g} worker" + ("" if self.maximum == 1 else "s")


def size_of(spec: LaunchSpec, scaling: Scaling | None = None) -> Size:
    """What `scaling`, or the cluster's own, comes to in workers."""
    scaling, worker = scaling or spec.scaling, _worker_units(spec)
    return Size(scaling.minimum_units / worker, scaling.maximum_units / worker)


def grows_much(before: Size, after: Size) -> bool:
    """Whether such a step is to be meant: each worker is an order of an instance."""
    return after.maximum > _GROWS_AT_ONCE * before.maximum


def worker_type(spec: LaunchSpec) -> str:
    """The instance type that counts as one worker."""
    return _core(spec).choices[0].instance_type


def query_engine(spec: LaunchSpec) -> str | None:
    """The application whose work managed scaling cannot see, if there is one."""
    found = (name for name in spec.applications if name.casefold() in QUERY_ENGINES)
    return next(found, None)


def resized(spec: LaunchSpec, *, minimum: int | None, maximum: int | None) -> Scaling:
    """The cluster's scaling with these limits in workers; None leaves one as it is.

    Raises:
        BadInputError: they contradict each other, the core nodes, or how the cluster scales.
    """
    worker, old, name = _worker_units(spec), spec.scaling, spec.name.name
    low = old.minimum_units if minimum is None else minimum * worker
    high = old.maximum_units if maximum is None else maximum * worker
    for asked in (minimum, maximum):
        _check_core(spec, asked)
    if low > high:
        size = Size(low / worker, high / worker)
        raise BadInputError(
            f"The minimum of {size.minimum:g} workers is more than the maximum of "
            f"{size.maximum:g}.",
            hint=f"Name both: selfserve resize {name} --min N --max N",
        )
    _check_by_hand(spec, low, high)
    return scaling_between(spec.fleets, low, high, by_hand=old.by_hand)


def _check_core(spec: LaunchSpec, asked: int | None) -> None:
    if asked is None:
        return
    if asked < 1:
        raise BadInputError(
            f"A cluster needs at least 1 worker, not {asked}.",
            hint=f"To end it: selfserve down {spec.name.name}",
        )
    if spec.fleet(NodeRole.TASK) is None:
        return
    worker, core = _worker_units(spec), _core(spec).target_units
    if asked * worker < core:
        raise BadInputError(
            f"{asked} is below the {core / worker:g} core workers, which stay: HDFS and "
            "drivers live there.",
            hint=f"Ask for {-(-core // worker)} or more.",
        )


def _check_by_hand(spec: LaunchSpec, low: int, high: int) -> None:
    """What does not follow YARN has one size, which a person sets."""
    name, bounds, engine = spec.name.name, spec.scaling.by_hand, query_engine(spec)
    if (bounds is not None or engine is not None) and low != high:
        why = f"managed scaling cannot see {engine}" if engine else "its profile says `by: hand`"
        raise BadInputError(
            f"{name} has one size at a time: {why}.",
            hint=f"Set it with: selfserve resize {name} --workers N",
        )
    if bounds is not None and not bounds.minimum_units <= low <= bounds.maximum_units:
        worker = _worker_units(spec)
        allowed = Size(bounds.minimum_units / worker, bounds.maximum_units / worker)
        raise BadInputError(
            f"{low / worker:g} is outside what the profile of {name} allows: {allowed}.",
            hint="Choose a size within, or change `scale` in the profile for the next launch.",
        )


def _core(spec: LaunchSpec) -> Fleet:
    core = spec.fleet(NodeRole.CORE)
    if core is None:
        raise ValueError(f"{spec.name} has no core fleet")
    return core


def _worker_units(spec: LaunchSpec) -> int:
    return _core(spec).choices[0].units
