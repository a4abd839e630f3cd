"""End clusters: first find which and check that we may, then do it."""

from collections.abc import Sequence
from dataclasses import dataclass

from selfserve.core.cluster import Cluster, ClusterState, ClusterSummary, StepState
from selfserve.core.naming import ClusterName
from selfserve.errors import AwsError, NotFoundError, RefusedByPolicyError
from selfserve.usecases.launches.clusters import RECENT, is_tagged_ours, list_ours, no_cluster
from selfserve.usecases.launches.waiting import wait_for_cluster, wait_until_gone
from selfserve.usecases.progress import Note, Report, quiet
from selfserve.usecases.targets.target import Target

_OPEN = tuple(state for state in StepState if not state.is_over)

Named = tuple[ClusterName, ClusterSummary]


@dataclass(frozen=True, slots=True)
class Doomed:
    """What `down` will end, and what it need not."""

    clusters: Sequence[Cluster]
    gone: Sequence[str]
    """Names and ids as the user gave them whose clusters have ended already."""


def find_doomed(target: Target, wanted: Sequence[str], *, everyone: bool = False) -> Doomed:
    """Find clusters by name or id. Changes nothing.

    Names are this user's, or with `everyone` anybody's.

    Raises:
        NotFoundError: nothing has, or recently had, such a name or id.
        RefusedByPolicyError: a cluster is another user's, protected, or not ours by its tags.
    """
    try:
        return _find_doomed(target, wanted, everyone=everyone)
    except (NotFoundError, RefusedByPolicyError) as error:
        if len(wanted) == 1:
            raise
        text = str(error) if str(error).endswith((".", "?")) else f"{error}."
        raise type(error)(f"{text} Nothing was ended.", hint=error.hint) from error


def _find_doomed(target: Target, wanted: Sequence[str], *, everyone: bool) -> Doomed:
    not_gone = list_ours(target, states=[state for state in ClusterState if not state.is_gone])
    doomed: dict[str, ClusterSummary] = {}
    gone: list[str] = []
    for item in wanted:
        matches = _matches(target, not_gone, item, everyone=everyone)
        doomed.update((cluster.id, cluster) for cluster in matches)
        if not matches:
            _check_was_there(target, item, [name for name, _ in not_gone])
            gone.append(item)
    return Doomed([_check_may_end(target, cluster) for cluster in doomed.values()], gone)


def find_all(target: Target, *, everyone: bool = False) -> Doomed:
    """Find every cluster of this user, or with `everyone` of this installation.

    Raises:
        RefusedByPolicyError: one is protected, or not ours by its tags.
    """
    found = list_ours(target, states=[state for state in ClusterState if not state.is_gone])
    mine = [cluster for name, cluster in found if everyone or name.owner == target.user]
    return Doomed([_check_may_end(target, cluster) for cluster in mine], ())


def count_jobs(target: Target, clusters: Sequence[ClusterSummary]) -> dict[str, int | None]:
    """How many steps run or wait on each cluster, by its id; None where EMR does not tell."""
    counts: dict[str, int | None] = {}
    for cluster in clusters:
        try:
            counts[cluster.id] = len(target.backend.list_steps(cluster.id, states=_OPEN))
        except (AwsError, NotFoundError):  # whoever ends a cluster is not kept from it by this
            counts[cluster.id] = None
    return counts


def end_clusters(
    target: Target, clusters: Sequence[ClusterSummary], *, report: Report = quiet
) -> list[Cluster]:
    """End clusters, and wait until they are on their way out; on this machine, until gone.

    Raises:
        RefusedByPolicyError: one has been protected meanwhile.
        ClusterFailedError: one does not end.
    """
    if not clusters:
        return []
    target.backend.terminate([cluster.id for cluster in clusters])
    for cluster in clusters:
        report(Note(f"Ending {cluster.name.name if cluster.name else 'cluster'} ({cluster.id})."))
    if target.is_local:
        return [wait_until_gone(target, cluster.id, report=report) for cluster in clusters]
    return [
        wait_for_cluster(target, cluster.id, lambda state: not state.is_live, report=report)
        for cluster in clusters
    ]


def _matches(
    target: Target, not_gone: Sequence[Named], item: str, *, everyone: bool
) -> list[ClusterSummary]:
    matches = [(name, cluster) for name, cluster in not_gone if item in {name.name, cluster.id}]
    allowed = [cluster for name, cluster in matches if everyone or name.owner == target.user]
    if matches and not allowed:
        raise RefusedByPolicyError(
            f"{item} belongs to {matches[0][0].owner}.",
            hint=f"To end it all the same: selfserve down {item} --everyone",
        )
    return allowed


def _check_was_there(target: Target, item: str, known: Sequence[ClusterName]) -> None:
    """Tell a cluster that has ended from a mistyped name."""
    since = target.clock.now() - RECENT
    for name, cluster in list_ours(target, states=(), created_after=since):
        if item in {name.name, cluster.id}:
            return
    raise no_cluster(item, known, target)


def _check_may_end(target: Target, listed: ClusterSummary) -> Cluster:
    cluster = target.backend.describe(listed.id)
    if not is_tagged_ours(target, cluster):
        raise RefusedByPolicyError(
            f"{cluster.id} has a name of ours, but not the tags: selfserve did not start it so.",
            hint="Look at it, and end it yourself: "
            f"aws emr describe-cluster --cluster-id {cluster.id}",
        )
    if cluster.termination_protected:
        raise RefusedByPolicyError(
            f"{cluster.id} is protected from termination.",
            hint="Lift that first: aws emr modify-cluster-attributes "
            f"--cluster-id {cluster.id} --no-termination-protected",
        )
    return cluster
