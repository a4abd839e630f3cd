"""Plan a launch: everything that `up` would ask for, and what it would cost. Changes nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from selfserve.core.diff import Change
from selfserve.core.instances import load_instances
from selfserve.core.launch import LaunchSpec, Market
from selfserve.core.price import CostEstimate, estimate_cost
from selfserve.core.resolve import Resolved
from selfserve.usecases.launches.clusters import find_live
from selfserve.usecases.launches.launching import Intent, check_name, read_intent, what_differs
from selfserve.usecases.targets.target import Place, Target

NOT_LAUNCHED = "not-launched"
"""Stands in for the launch id, which only a launch has."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a launch would be."""

    place: Place
    resolved: Resolved
    spec: LaunchSpec
    estimate: CostEstimate
    """Dollars an hour on AWS; on this machine it is what AWS would charge."""
    not_applied: Sequence[str]
    """What the profile asks for and this machine cannot give."""
    running: str | None = None
    """Id of the live cluster of this name, if there is one."""
    changes: Sequence[Change] = ()
    """How that cluster differs from this plan."""


def plan(place: Place, peeked: Target | None, resolved: Resolved, *, name: str) -> Plan:
    """Plan a launch of `resolved` as `name`.

    `peeked` is the target if it can be looked at without starting anything.

    Raises:
        BadInputError: the profile cannot be rendered, or EMR would refuse the request.
    """
    check_name(name)
    spec = Intent(resolved=resolved, name=name).spec(place, NOT_LAUNCHED)
    live = find_live(peeked, name) if peeked else None
    before = read_intent(peeked, live.name.launch_id) if peeked and live and live.name else None
    return Plan(
        place=place,
        resolved=resolved,
        spec=spec,
        estimate=estimate_cost(spec, load_instances()),
        not_applied=tuple(_not_applied(spec)) if place.is_local else (),
        running=live.id if live else None,
        changes=what_differs(peeked, resolved, before) if peeked and before else (),
    )


def _not_applied(spec: LaunchSpec) -> Iterator[str]:
    """Name what a laptop accepts, checks, and does not do."""
    types = sorted({choice.instance_type for fleet in spec.fleets for choice in fleet.choices})
    yield f"instance types ({', '.join(types)}): nodes are processes, sized to this machine"
    if any(fleet.market is Market.SPOT for fleet in spec.fleets):
        yield "spot capacity: nothing is bought"
    if any(fleet.disk_gib for fleet in spec.fleets) or spec.root_volume_gib:
        yield "disk sizes: this machine's disk is used"
    yield f"IAM roles ({spec.service_role}, {spec.instance_profile})"
    if spec.bootstrap:
        names = ", ".join(action.name for action in spec.bootstrap)
        yield f"bootstrap actions ({names}): root scripts for EMR nodes; max_age is kept without"
    others = [name for name in spec.applications if name not in _RUN_LOCALLY]
    if others:
        yield f"applications ({', '.join(others)}): not started"
    if spec.ssh_key:
        yield f"ssh key ({spec.ssh_key}): nothing is reached by ssh"
    if spec.security_configuration:
        yield f"security configuration ({spec.security_configuration})"


_RUN_LOCALLY = {"Spark", "Hadoop", "Hive"}
