"""What was tried for one cluster that EC2 has no capacity for, told as it goes.

A cluster that failed is gone before the next is asked for, so there are never two.
Must not import `launching`: every submission has an `Attempts`, and few launch anything.
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
from selfserve.usecases.launches.waiting import cluster_failed, wait_until_gone
from selfserve.usecases.progress import Note, Report
from selfserve.usecases.targets.target import Target


class Attempts:
    """What was tried for one cluster so far."""

    def __init__(self) -> None:
        self._failed: list[Failure] = []
        self._tried = ["as the profile says"]

    def after(
        self, target: Target, spec: LaunchSpec | None, cluster: Cluster, *, report: Report
    ) -> Attempt | None:
        """What to ask for in place of `cluster`, which is ending, once that is gone.

        None if another would fail alike, or enough was tried.
        """
        may_be_for_capacity = cluster.reason_code is None or _died_for_capacity(cluster)
        if spec is None or target.is_local or not may_be_for_capacity:
            return None
        cluster = wait_until_gone(target, cluster.id, report=report)
        self._failed.append(Failure(spec, cluster.reason_code, cluster.reason, cluster.subnet))
        attempt = next_attempt(self._failed[0].spec, self._failed)
        if attempt is not None:
            self._tried.append(attempt.what_changed)
            report(
                Note(
                    f"Attempt {len(self._tried)} of {MOST_ATTEMPTS}: {attempt.what_changed}; EC2 "
                    f"had no capacity{_where(cluster)}: {cluster.reason or cluster.reason_code}"
                )
            )
        return attempt

    def failure(self, cluster: Cluster) -> ClusterFailedError:
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
