"""Wait until a cluster takes steps, and ask for other capacity while EC2 has none of this.

What is asked for next is `core.attempts`'s to say. A cluster that failed is gone before
the next is asked for, so there are never two.
"""

from selfserve.core.attempts import (
    MOST_ATTEMPTS,
    Attempt,
    Failure,
    is_for_capacity,
    next_attempt,
)
from selfserve.core.cluster import Cluster
from selfserve.core.launch import LaunchSpec
from selfserve.errors import ClusterFailedError
from selfserve.usecases.launching import Launched, launch_again
from selfserve.usecases.progress import Note, Report
from selfserve.usecases.target import Target
from selfserve.usecases.waiting import cluster_failed, wait_for_cluster, wait_until_gone


def bring_up(target: Target, launched: Launched, *, report: Report) -> tuple[Launched, Cluster]:
    """Wait until the cluster, or one launched in its place, takes steps.

    Raises:
        ClusterFailedError: it ended instead, or is stuck; after several attempts, with each.
    """
    attempts = Attempts()
    while True:
        cluster = wait_for_cluster(
            target, launched.cluster_id, lambda state: not state.is_starting, report=report
        )
        if cluster.state.takes_steps:
            return launched, cluster
        attempt = attempts.after(target, launched.spec, cluster, report=report)
        launched = launch_again(target, attempt.spec, report=report)
        verb = "Joined" if launched.reused else "Asked for"
        report(Note(f"{verb} cluster {attempt.spec.name.name}: {launched.cluster_id}."))


class Attempts:
    """What was tried for one cluster so far."""

    def __init__(self) -> None:
        self._failed: list[Failure] = []
        self._tried = ["as the profile says"]

    def after(
        self, target: Target, spec: LaunchSpec | None, cluster: Cluster, *, report: Report
    ) -> Attempt:
        """What to ask for in place of `cluster`, which is ending, once that is gone.

        Raises:
            ClusterFailedError: another would fail alike, or enough was tried.
        """
        may_be_for_capacity = cluster.reason_code is None or _died_for_capacity(cluster)
        if spec is None or target.is_local or not may_be_for_capacity:
            raise self._failure(cluster)
        cluster = wait_until_gone(target, cluster.id, report=report)
        self._failed.append(Failure(spec, cluster.reason_code, cluster.reason, cluster.subnet))
        attempt = next_attempt(self._failed[0].spec, self._failed)
        if attempt is None:
            raise self._failure(cluster)
        self._tried.append(attempt.what_changed)
        report(
            Note(
                f"Attempt {len(self._tried)} of {MOST_ATTEMPTS}: {attempt.what_changed}; EC2 had "
                f"no capacity{_where(cluster)}: {cluster.reason or cluster.reason_code}"
            )
        )
        return attempt

    def _failure(self, cluster: Cluster) -> ClusterFailedError:
        """EMR's reason; if more than one cluster was tried, the reason of each."""
        last = cluster_failed(cluster)
        if len(self._tried) == 1:
            return last
        reasons = [failure.reason or failure.reason_code for failure in self._failed]
        rows = zip(self._tried, [*reasons, cluster.reason][: len(self._tried)], strict=True)
        lines = [f"  {number}. {tried}: {why}" for number, (tried, why) in enumerate(rows, start=1)]
        return ClusterFailedError(
            f"{last}\nTried {len(self._tried)} times:\n" + "\n".join(lines), hint=last.hint
        )


def _died_for_capacity(cluster: Cluster) -> bool:
    return is_for_capacity(cluster.reason_code, cluster.reason)


def _where(cluster: Cluster) -> str:
    return f" in {cluster.subnet}" if cluster.subnet else ""
