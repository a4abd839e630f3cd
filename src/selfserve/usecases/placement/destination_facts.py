"""What a submission must know of a cluster, found out from its profile or its launch record."""

import platform
from dataclasses import replace

from selfserve.core.cluster import Cluster
from selfserve.core.instances import load_instances
from selfserve.core.launch import LaunchSpec, NodeRole
from selfserve.core.price import estimate_cost
from selfserve.core.program import PythonTarget
from selfserve.core.python_target import architecture_of, machine_target, python_target
from selfserve.core.releases import load_releases
from selfserve.core.resolve import Resolved
from selfserve.core.run import HourlyCost
from selfserve.errors import BadInputError
from selfserve.local.runtime.python_choice import python_for
from selfserve.usecases.launches.launching import Intent, read_intent
from selfserve.usecases.placement.destination import Destination
from selfserve.usecases.placement.joining import Shared
from selfserve.usecases.targets.target import Place, Target

_NOT_LAUNCHED = "not-launched"


def of_profile(place: Place, resolved: Resolved) -> Destination:
    """A cluster of this profile, to be launched for one run alone.

    Raises:
        BadInputError: the profile cannot be rendered.
    """
    return of_spec(place, resolved, render_alone(place, resolved))


def render_alone(place: Place, resolved: Resolved) -> LaunchSpec:
    """What a cluster of this profile is like.

    Raises:
        BadInputError: the profile cannot be rendered.
    """
    return Intent(resolved=resolved, name=_NOT_LAUNCHED).spec(place, _NOT_LAUNCHED)


def of_spec(place: Place, resolved: Resolved, spec: LaunchSpec) -> Destination:
    """A cluster of this profile, which renders to `spec`, to be launched for one run alone."""
    return _with_facts(
        Destination(
            applications=spec.applications,
            profile=resolved.name,
            release=spec.release,
            python=None,
            hourly_cost=None,
            resolved=resolved,
        ),
        place,
        spec,
    )


def _with_facts(destination: Destination, place: Place, spec: LaunchSpec) -> Destination:
    known = replace(destination, hourly_cost=cost_of(spec))
    try:
        return replace(known, python=python_of(place, spec))
    except BadInputError as error:
        return replace(known, no_python=str(error))


def python_of(place: Place, spec: LaunchSpec) -> PythonTarget:
    """The Python that jobs run on there.

    Raises:
        BadInputError: there is none, or not one for all nodes.
    """
    release = load_releases().by_label(spec.release)
    if release is None or release.spark is None:
        raise BadInputError(
            f"The Python of {spec.release} is not known.",
            hint="Choose a release with Spark; see them with: selfserve profiles",
        )
    if place.is_local:
        version = python_for(release.spark, release.python)
        return machine_target(
            version,
            machine=platform.machine(),
            system=platform.system(),
            libc_version=platform.libc_ver()[1],
        )
    types = [
        choice.instance_type
        for fleet in spec.fleets
        if fleet.role is not NodeRole.PRIMARY  # jobs run on the others
        for choice in fleet.choices
    ]
    return python_target(release, architecture_of(types))


def cost_of(spec: LaunchSpec) -> HourlyCost | None:
    """What an hour of the cluster costs on AWS, where all prices are known."""
    estimate = estimate_cost(spec, load_instances())
    if estimate.low is None or estimate.high is None:
        return None
    return HourlyCost(estimate.low, estimate.high)


def of_cluster(target: Target, cluster: Cluster) -> Destination:
    """A live cluster that is named."""
    name = cluster.name
    spec = read_intent(target, name.launch_id) if name else None
    found = Destination(
        applications=tuple(cluster.applications),
        profile=name.profile if name else None,
        release=cluster.release,
        python=None,
        hourly_cost=None,
        name=name.name if name else cluster.id,
        cluster_id=cluster.id,
    )
    return _with_facts(found, target, spec) if spec else found


def of_shared(target: Target, shared: Shared) -> Destination:
    """A live cluster that the run joins."""
    name, spec = shared.name, shared.spec
    found = Destination(
        applications=spec.applications,
        profile=name.profile,
        release=spec.release,
        python=None,
        hourly_cost=None,
        name=name.name,
        cluster_id=shared.cluster_id,
        joined=True,
    )
    return _with_facts(found, target, spec)
