"""Find where a job goes: a live cluster, or a profile from which one is launched for it."""

import platform
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from functools import partial

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
from selfserve.usecases.destination import Destination, Joining, LoadProfile
from selfserve.usecases.joining import (
    Joined,
    Ours,
    Shared,
    count_slots,
    find_openings,
    find_shared,
    join,
)
from selfserve.usecases.launching import Intent, read_intent
from selfserve.usecases.leased_step import Ticket
from selfserve.usecases.pools import Pool
from selfserve.usecases.progress import Report, quiet
from selfserve.usecases.target import Place, Target

_NOT_LAUNCHED = "not-launched"


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What a run wants, and what is known of where it cannot go."""

    target: Target
    wanted: str
    """The name or id of a cluster, or a profile."""
    load_profile: LoadProfile
    joining: Joining = Joining.IF_POSSIBLE
    but_not: Collection[str] = ()
    """Ids of clusters that have turned the run away: taken to be gone."""
    report: Report = quiet

    def book(self, run_id: str) -> tuple[Destination, Ticket]:
        """Find where the run goes; on a cluster that it joins, a slot is booked for it.

        That is the live cluster that this user calls `wanted`, or anybody's with that id;
        else the profile, as `joining` says.

        Raises:
            NotFoundError: there is neither such a cluster nor such a profile.
            BadInputError: `joining` makes no sense for a cluster that is named.
        """
        ours = list_ours(self.target)
        named = self._find_named(ours)
        if named is not None:
            return named, Ticket()
        resolved, wanted = self._load(ours)
        joined = self._join(resolved, wanted, ours, run_id)
        if joined is None:
            return _of_spec(self.target, resolved, wanted), Ticket()
        count = partial(count_slots, self.target, joined.shared)
        ticket = Ticket(held=joined.held, count_slots=count, is_last=joined.is_new)
        return _to_shared(self.target, joined.shared), ticket

    def look(self) -> Destination:
        """Where a run would go if it were submitted now; nothing is booked or started.

        Raises: as `book` does.
        """
        ours = list_ours(self.target)
        named = self._find_named(ours)
        if named is not None:
            return named
        resolved, wanted = self._load(ours)
        fitting = self._find_shared(wanted, ours)
        openings = find_openings(self.target, fitting, report=self.report)
        best = next((some[0] for some in openings if some), None)
        if best is not None:
            return _to_shared(self.target, best.shared)
        return _of_spec(self.target, resolved, wanted)

    def _find_named(self, ours: Ours) -> Destination | None:
        cluster = _find_cluster(self.target, self.wanted, ours, self.but_not)
        if cluster is not None:
            refuse_joining(self.joining, cluster.name.name if cluster.name else cluster.id)
            return _to_cluster(self.target, cluster)
        return None

    def _find_shared(self, wanted: LaunchSpec, ours: Ours) -> Iterable[Shared]:
        if self.joining is Joining.NEVER:
            return ()
        return find_shared(self.target, wanted, ours, but_not=self.but_not)

    def _join(
        self, resolved: Resolved, wanted: LaunchSpec, ours: Ours, run_id: str
    ) -> Joined | None:
        if self.joining is not Joining.ALWAYS:
            fitting = self._find_shared(wanted, ours)
            return join(self.target, fitting, run_id, report=self.report)
        pool = Pool(
            target=self.target,
            resolved=resolved,
            wanted=wanted,
            run_id=run_id,
            but_not=self.but_not,
            report=self.report,
        )
        return pool.join_or_start(ours)

    def _load(self, ours: Ours) -> tuple[Resolved, LaunchSpec]:
        resolved = _load(self.target, self.wanted, self.load_profile, ours)
        return resolved, _render(self.target, resolved)


def refuse_joining(joining: Joining, cluster: str) -> None:
    """Raises BadInputError if more is said than the name of a cluster that is there."""
    if joining is not Joining.IF_POSSIBLE:
        flag = "--fresh" if joining is Joining.NEVER else "--join"
        raise BadInputError(
            f"{cluster} is a cluster, and {flag} chooses one for a profile.",
            hint=f"Leave {flag} out to submit to {cluster}, or name a profile with -c.",
        )


def of_profile(place: Place, resolved: Resolved) -> Destination:
    """A cluster of this profile, to be launched for one run alone.

    Raises:
        BadInputError: the profile cannot be rendered.
    """
    return _of_spec(place, resolved, _render(place, resolved))


def _render(place: Place, resolved: Resolved) -> LaunchSpec:
    return Intent(resolved=resolved, name=_NOT_LAUNCHED).spec(place, _NOT_LAUNCHED)


def _of_spec(place: Place, resolved: Resolved, spec: LaunchSpec) -> Destination:
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


def _to_shared(target: Target, shared: Shared) -> Destination:
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


def _find_cluster(
    target: Target, wanted: str, ours: Ours, but_not: Collection[str]
) -> Cluster | None:
    for name, cluster in ours:
        if cluster.id in but_not:
            continue
        if wanted == cluster.id or (target.user, wanted) == (name.owner, name.name):
            return target.backend.describe(cluster.id)
    return None


def _load(target: Target, wanted: str, load_profile: LoadProfile, ours: Ours) -> Resolved:
    """The profile called `wanted`; nothing else it could be is left.

    Raises:
        NotFoundError: the message knows of clusters, too.
    """
    try:
        return load_profile(wanted)
    except NotFoundError as error:
        names = [name.name for name, _ in ours if name.owner == target.user]
        raise NotFoundError(
            f"Neither a running cluster nor a profile is called {wanted}"
            f"{did_you_mean(wanted, names)}",
            hint=f"{error} See clusters with: selfserve status; profiles with: selfserve profiles",
        ) from error
