"""Whether one cluster is at least as big as another, for a job that could run on either. Pure.

Units of fleets differ from profile to profile, so sizes are compared in vCPUs. What a
fleet may be made of counts by its smallest: nobody knows which type EC2 has given.
"""

from collections.abc import Iterator
from decimal import Decimal

from selfserve.core.instances import InstanceType, load_instances
from selfserve.core.launch import Fleet, LaunchSpec, Market, NodeRole


def why_too_small(wanted: LaunchSpec, running: LaunchSpec) -> str | None:
    """What `running` has less of, or None; to stand behind "the cluster"."""
    if _unknown_types(wanted) or _unknown_types(running):
        same = wanted.fleets == running.fleets and wanted.scaling == running.scaling
        return None if same else "has instances of unknown size"
    return next(_shortages(wanted, running), None)


def _unknown_types(spec: LaunchSpec) -> bool:
    return not all(_types(fleet) for fleet in spec.fleets)


def _types(fleet: Fleet) -> list[InstanceType]:
    """What it may be made of; nothing if any of that is not in the table."""
    table = load_instances()
    found = [table.get(choice.instance_type) for choice in fleet.choices]
    known = [one for one in found if one is not None]
    return known if len(known) == len(found) else []


def _shortages(wanted: LaunchSpec, running: LaunchSpec) -> Iterator[str]:
    want, have = _most_vcpus(wanted), _most_vcpus(running)
    if have < want:
        yield f"grows to {have} vCPUs, not {want}"
    want, have = _core_vcpus(wanted), _core_vcpus(running)
    if have < want:
        yield f"has {have} vCPUs in core nodes, not {want}"
    for fleet in wanted.fleets:
        # Without task nodes of its own, what would run there runs on core nodes.
        there = running.fleet(fleet.role) or running.fleet(NodeRole.CORE)
        if there is not None:
            yield from _lesser_nodes(fleet, there)
    core, there = wanted.fleet(NodeRole.CORE), running.fleet(NodeRole.CORE)
    if core and there and core.market is Market.ON_DEMAND and there.market is Market.SPOT:
        yield "has core nodes on Spot"


def _lesser_nodes(wanted: Fleet, running: Fleet) -> Iterator[str]:
    want, have = _types(wanted), _types(running)
    role = running.role
    if {one.arch for one in have} != {one.arch for one in want}:
        yield f"has {role} nodes of another architecture"
    if {one.gpu for one in want} - {None} - {one.gpu for one in have}:
        yield f"has {role} nodes without the GPU"
    if min(one.vcpu for one in have) < min(one.vcpu for one in want):
        yield f"has smaller {role} nodes"
    if min(one.memory_gib for one in have) < min(one.memory_gib for one in want):
        yield f"has {role} nodes with less memory"
    if (running.disk_gib or 0) < (wanted.disk_gib or 0):
        yield f"has {role} nodes with smaller disks"


def _most_vcpus(spec: LaunchSpec) -> Decimal:
    return spec.scaling.maximum_units * _vcpus_per_unit(spec)


def _core_vcpus(spec: LaunchSpec) -> Decimal:
    core = spec.fleet(NodeRole.CORE)
    return core.target_units * _vcpus_per_unit(spec) if core else Decimal(0)


def _vcpus_per_unit(spec: LaunchSpec) -> Decimal:
    core = spec.fleet(NodeRole.CORE)
    if core is None:
        return Decimal(0)
    return Decimal(_types(core)[0].vcpu) / core.choices[0].units
