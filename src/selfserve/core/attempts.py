"""What to ask for next when EC2 had no capacity for a cluster.

Pure. Other zones first, as they change nothing that the profile says; then its
instance types, less those that EC2 lacks; then On-Demand, where the profile lets Spot
fall back to it. A cluster that fails so is gone by itself, so there are never two.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from selfserve.core.launch import Fleet, InstanceChoice, LaunchSpec, Market, NodeRole
from selfserve.core.naming import ClusterName

MOST_ATTEMPTS = 4

# EMR's ClusterStateChangeReasonCode. The first two say it all, the others in sentences only.
_FOR_CAPACITY = {"INSTANCE_FLEET_TIMEOUT", "INSTANCE_FAILURE"}
_PERHAPS_FOR_CAPACITY = {"VALIDATION_ERROR", "INTERNAL_ERROR"}
_NO_CAPACITY = re.compile(
    r"insufficient.{0,40}capacity|(not have|no|lacks?) (enough |sufficient )?.{0,30}capacity"
    r"|capacity[- ]not[- ]available|unfulfillable|not supported in .{0,30}availability zone"
    r"|(insufficient|not enough) .{0,20}addresses",
    re.IGNORECASE,
)
_OVER_QUOTA = re.compile(
    r"(vcpu|instance|spot).{0,60}(limit|quota|exceed)|(limit|quota).{0,60}(vcpu|instance|spot)",
    re.IGNORECASE,
)
_WORD = re.compile(r"[a-z0-9-]+\.[a-z0-9-]+")


@dataclass(frozen=True, slots=True)
class Failure:
    """A cluster that did not come up."""

    spec: LaunchSpec
    reason_code: str | None
    reason: str | None
    subnet: str | None
    """Where EMR had put it; None if it did not come that far."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What to ask for next."""

    spec: LaunchSpec
    """As the last one but for the change; it still needs a launch id of its own."""
    what_changed: str
    """Such as `in subnet-b`."""


def is_for_capacity(reason_code: str | None, reason: str | None) -> bool:
    """Whether a cluster died because EC2 would not give what it asked for."""
    if reason_code in _FOR_CAPACITY:
        return True
    text = reason or ""
    says_so = _NO_CAPACITY.search(text) or _OVER_QUOTA.search(text)
    return reason_code in _PERHAPS_FOR_CAPACITY and says_so is not None


def next_attempt(first: LaunchSpec, failed: Sequence[Failure]) -> Attempt | None:
    """What to ask for after these failures, oldest first; None when it is time to give up.

    `first` is what the profile asks for.
    """
    last = failed[-1]
    left = MOST_ATTEMPTS - len(failed)
    if left < 1 or not is_for_capacity(last.reason_code, last.reason):
        return None
    further = list(_further_changes(first, failed))
    zones = _other_zones(first, failed)
    if zones is not None and left > len(further):
        return zones
    return further[0] if further else zones


def with_launch_id(spec: LaunchSpec, launch_id: str) -> LaunchSpec:
    """The same launch under another id, in its name and its tags."""
    name: ClusterName = replace(spec.name, launch_id=launch_id)
    return replace(spec, name=name, tags={**spec.tags, **name.tags()})


def _other_zones(first: LaunchSpec, failed: Sequence[Failure]) -> Attempt | None:
    """The subnets where this very capacity was not yet asked for; a quota is the same in all."""
    last = failed[-1]
    if last.subnet is None or _OVER_QUOTA.search(last.reason or ""):
        return None
    tried = {failure.subnet for failure in failed if failure.spec.fleets == last.spec.fleets}
    others = tuple(subnet for subnet in first.subnets if subnet not in tried)
    if not others:
        return None
    return Attempt(replace(last.spec, subnets=others), f"in {_or(others)}")


def _further_changes(first: LaunchSpec, failed: Sequence[Failure]) -> Iterator[Attempt]:
    """Other types, then another market: each once, and in every zone."""
    last = failed[-1]
    choices_before = [_choices(failure.spec) for failure in failed]
    if all(choices == _choices(first) for choices in choices_before):
        yield from _other_types(last, first)
    yield from _on_demand(last.spec, first)


def _other_types(last: Failure, first: LaunchSpec) -> Iterator[Attempt]:
    lacking = set(_WORD.findall((last.reason or "").lower()))
    without = _change_fleets(last.spec, lambda fleet: _without(fleet, lacking))
    if without is not None:
        gone = sorted(lacking & {one.instance_type for one in _all_choices(first)})
        yield Attempt(replace(without, subnets=first.subnets), f"without {_or(gone)}")
        return
    rotated = _change_fleets(last.spec, _with_the_second_first)
    if rotated is not None:
        preferred = _or(dict.fromkeys(_preferred(rotated, last.spec)))
        yield Attempt(replace(rotated, subnets=first.subnets), f"with {preferred} first")


def _on_demand(spec: LaunchSpec, first: LaunchSpec) -> Iterator[Attempt]:
    """Spot fleets become On-Demand, where the profile says that they may."""
    changed = _change_fleets(spec, _bought_on_demand)
    if changed is None:
        return
    bought = sum(
        fleet.target_units
        for fleet in changed.fleets
        if fleet.role is not NodeRole.PRIMARY and fleet.market is Market.ON_DEMAND
    )
    most = max(spec.scaling.maximum_on_demand_units, bought)
    scaling = replace(spec.scaling, maximum_on_demand_units=most)
    changed = replace(changed, scaling=scaling, subnets=first.subnets)
    yield Attempt(changed, "with On-Demand in place of Spot")


def _change_fleets(spec: LaunchSpec, change: Callable[[Fleet], Fleet]) -> LaunchSpec | None:
    """`spec` with every fleet changed; None if that comes to the same."""
    fleets = tuple(map(change, spec.fleets))
    return None if fleets == spec.fleets else replace(spec, fleets=fleets)


def _without(fleet: Fleet, lacking: set[str]) -> Fleet:
    rest = tuple(one for one in fleet.choices if one.instance_type not in lacking)
    return replace(fleet, choices=rest) if rest else fleet


def _with_the_second_first(fleet: Fleet) -> Fleet:
    """EMR keeps to the order for On-Demand only; for Spot it takes what is easiest to get."""
    if fleet.market is Market.SPOT:
        return fleet
    return replace(fleet, choices=(*fleet.choices[1:], *fleet.choices[:1]))


def _bought_on_demand(fleet: Fleet) -> Fleet:
    if fleet.market is not Market.SPOT or not fleet.fallback_to_on_demand:
        return fleet
    return replace(fleet, market=Market.ON_DEMAND)


def _preferred(spec: LaunchSpec, before: LaunchSpec) -> Iterator[str]:
    for fleet, was in zip(spec.fleets, before.fleets, strict=True):
        if fleet != was:
            yield fleet.choices[0].instance_type


def _choices(spec: LaunchSpec) -> list[tuple[InstanceChoice, ...]]:
    return [fleet.choices for fleet in spec.fleets]


def _all_choices(spec: LaunchSpec) -> Iterator[InstanceChoice]:
    for fleet in spec.fleets:
        yield from fleet.choices


def _or(names: Sequence[str] | dict[str, None]) -> str:
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last
