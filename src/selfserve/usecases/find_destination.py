"""Find where a job goes: a live cluster, or a profile from which one is launched for it."""

import platform
from collections.abc import Collection
from dataclasses import replace

from selfserve.core.cluster import Cluster
from selfserve.core.did_you_mean import did_you_mean
from selfserve.core.instances import load_instances
from selfserve.core.launch import LaunchSpec, NodeRole
from selfserve.core.price import estimate_cost
from selfserve.core.program import PythonTarget
from selfserve.core.python_target import architecture_of, machine_target, python_target
from selfserve.core.releases import load_releases
from selfserve.core.resolve import Resolved
from selfserve.core.run import HourlyCost
from selfserve.errors import BadInputError, NotFoundError
from selfserve.local.runtime.python_choice import python_for
from selfserve.usecases.clusters import list_ours
from selfserve.usecases.destination import Destination, LoadProfile
from selfserve.usecases.launching import Intent, read_intent
from selfserve.usecases.target import Place, Target

_NOT_LAUNCHED = "not-launched"


def find_destination(
    target: Target, wanted: str, load_profile: LoadProfile, *, but_not: Collection[str] = ()
) -> Destination:
    """The live cluster that this user calls `wanted`, or anybody's with that id; else the profile.

    The clusters `but_not`, by id, are taken to be gone.

    Raises:
        NotFoundError: there is neither such a cluster nor such a profile.
    """
    cluster = _find_cluster(target, wanted, but_not)
    if cluster is not None:
        return _to_cluster(target, cluster)
    return of_profile(target, _load(target, wanted, load_profile))


def of_profile(place: Place, resolved: Resolved) -> Destination:
    """A cluster of this profile, to be launched for one run alone.

    Raises:
        BadInputError: the profile cannot be rendered.
    """
    spec = Intent(resolved=resolved, name=_NOT_LAUNCHED).spec(place, _NOT_LAUNCHED)
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


def _to_cluster(target: Target, cluster: Cluster) -> Destination:
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


def _find_cluster(target: Target, wanted: str, but_not: Collection[str]) -> Cluster | None:
    for name, cluster in list_ours(target):
        if cluster.id in but_not:
            continue
        if wanted == cluster.id or (target.user, wanted) == (name.owner, name.name):
            return target.backend.describe(cluster.id)
    return None


def _load(target: Target, wanted: str, load_profile: LoadProfile) -> Resolved:
    """The profile called `wanted`; nothing else it could be is left.

    Raises:
        NotFoundError: the message knows of clusters, too.
    """
    try:
        return load_profile(wanted)
    except NotFoundError as error:
        names = [name.name for name, _ in list_ours(target) if name.owner == target.user]
        raise NotFoundError(
            f"Neither a running cluster nor a profile is called {wanted}"
            f"{did_you_mean(wanted, names)}",
            hint=f"{error} See clusters with: selfserve status; profiles with: selfserve profiles",
        ) from error
