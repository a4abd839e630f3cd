"""The Observer of a place whose engines cannot be seen from outside, such as this machine."""

from collections.abc import Mapping, Sequence

from selfserve.backends.base import YarnSeen
from selfserve.core.cluster import Cluster
from selfserve.core.idle import Session


class NoObserver:
    """Sees no metrics, so YARN's work is known from a cluster's own beat; and no sessions."""

    def yarn(self, cluster_ids: Sequence[str]) -> Mapping[str, YarnSeen]:
        """See `Observer.yarn`."""
        del cluster_ids
        return {}

    def sessions(self, cluster: Cluster) -> list[Session] | None:
        """See `Observer.sessions`."""
        del cluster
        return []
