"""Find where a job goes: a live cluster, or a profile from which one is launched for it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import partial

from selfserve.core.cluster import Cluster
from selfserve.core.did_you_mean import did_you_mean
from selfserve.core.launch import LaunchSpec
from selfserve.core.resolve import Resolved
from selfserve.errors import BadInputError, NotFoundError
from selfserve.usecases.launches.clusters import list_ours
from selfserve.usecases.placement.destination import Destination, Joining, LoadProfile
from selfserve.usecases.placement.destination_facts import (
    of_cluster,
    of_shared,
    of_spec,
    render_alone,
)
from selfserve.usecases.placement.joining import (
    Joined,
    Ours,
    Shared,
    count_slots,
    find_openings,
    find_shared,
    join_best,
)
from selfserve.usecases.placement.leased_step import Ticket
from selfserve.usecases.placement.pools import Pool
from selfserve.usecases.progress import Progress, Report, quiet
from selfserve.usecases.targets.target import Target


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
            return of_spec(self.target, resolved, wanted), Ticket()
        count = partial(count_slots, self.target, joined.shared)
        ticket = Ticket(held=joined.held, count_slots=count, is_last=joined.is_new)
        return of_shared(self.target, joined.shared), ticket

    def look(self) -> Destination:
        """Where a run would go if it were submitted now; nothing is booked or started.

        Raises: as `book` does.
        """
        ours = list_ours(self.target)
        named = self._find_named(ours)
        if named is not None:
            return named
        resolved, wanted = self._load(ours)
        reasons: list[Progress] = []
        fitting = self._find_shared(wanted, ours, reasons.append)
        openings = find_openings(self.target, fitting, report=self.report, aside=reasons.append)
        best = next(openings, None)
        if best is not None:
            return of_shared(self.target, best.shared)
        for reason in reasons:
            self.report(reason)
        return of_spec(self.target, resolved, wanted)

    def _find_named(self, ours: Ours) -> Destination | None:
        cluster = _find_cluster(self.target, self.wanted, ours, self.but_not)
        if cluster is not None:
            _refuse_joining(self.joining, cluster.name.name if cluster.name else cluster.id)
            return of_cluster(self.target, cluster)
        return None

    def _find_shared(self, wanted: LaunchSpec, ours: Ours, aside: Report) -> Iterable[Shared]:
        if self.joining is Joining.NEVER:
            return ()
        return find_shared(self.target, wanted, ours, but_not=self.but_not, report=aside)

    def _join(
        self, resolved: Resolved, wanted: LaunchSpec, ours: Ours, run_id: str
    ) -> Joined | None:
        if self.joining is not Joining.ALWAYS:
            if self.joining is Joining.NEVER:
                return None
            return join_best(
                self.target, wanted, ours, run_id, but_not=self.but_not, report=self.report
            )
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
        return resolved, render_alone(self.target, resolved)


def _refuse_joining(joining: Joining, cluster: str) -> None:
    """Raises BadInputError if more is said than the name of a cluster that is there."""
    if joining is not Joining.IF_POSSIBLE:
        flag = "--fresh" if joining is Joining.NEVER else "--join"
        raise BadInputError(
            f"{cluster} is a cluster, and {flag} chooses one for a profile.",
            hint=f"Leave {flag} out to submit to {cluster}, or name a profile with -c.",
        )


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
            hint=f"{_full_stop(error)} See clusters with: selfserve status; "
            "profiles with: selfserve profiles",
        ) from error


def _full_stop(error: NotFoundError) -> str:
    text = str(error)
    return text if text.endswith((".", "?", "!")) else f"{text}."
