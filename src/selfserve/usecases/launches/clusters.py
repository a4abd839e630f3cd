"""Tell our clusters from the account's others, and find one among them by its name."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from selfserve.core.cluster import LIVE_STATES, Cluster, ClusterState, ClusterSummary
from selfserve.core.did_you_mean import did_you_mean
from selfserve.core.naming import TAG_INSTALLATION, TAG_LAUNCH_ID, ClusterName
from selfserve.errors import BadInputError, NotFoundError
from selfserve.usecases.targets.target import Target

RECENT = timedelta(days=7)
"""How long a cluster that has ended is still found by its name."""


def list_ours(
    target: Target,
    *,
    states: Sequence[ClusterState] = LIVE_STATES,
    created_after: datetime | None = None,
) -> list[tuple[ClusterName, ClusterSummary]]:
    """This installation's clusters in `states`, newest first, each with its parsed name."""
    listed = target.backend.list_clusters(states=states, created_after=created_after)
    named = ((cluster.name, cluster) for cluster in listed)
    return [
        (name, cluster)
        for name, cluster in named
        if name is not None and name.installation == target.installation
    ]


def find_live(target: Target, name: str, *, owner: str | None = None) -> ClusterSummary | None:
    """The newest live cluster that `owner` (this user if None) calls `name`."""
    wanted = (owner or target.user, name)
    ours = list_ours(target)
    return next((cluster for known, cluster in ours if (known.owner, known.name) == wanted), None)


def no_cluster(wanted: str, known: Sequence[ClusterName], target: Target) -> NotFoundError:
    """The error for a name or id that nothing has.

    Raises:
        BadInputError: nothing can have it, as it is empty.
    """
    if not wanted.strip():
        raise BadInputError(
            "An empty text is no cluster's name or id.",
            hint=f"See what is there with: selfserve status --on {target.label}",
        )
    names = {name.name for name in known}
    return NotFoundError(
        f"No cluster is called {wanted} on {target.label}{did_you_mean(wanted, names)}",
        hint=f"See what is there with: selfserve status --on {target.label}",
    )


def is_tagged_ours(target: Target, cluster: Cluster) -> bool:
    """Whether the tags say what the name says: only then may selfserve end the cluster."""
    name = cluster.name
    return (
        name is not None
        and name.installation == target.installation
        and cluster.tags.get(TAG_INSTALLATION) == name.installation
        and cluster.tags.get(TAG_LAUNCH_ID) == name.launch_id
    )
