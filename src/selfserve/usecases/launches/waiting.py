"""Wait for clusters, and say what went wrong when they do not come.

Botocore's own waiters stop after 30 minutes and say nothing meanwhile.
"""

from collections.abc import Callable
from datetime import timedelta

from selfserve.core.cluster import Cluster, ClusterState, ClusterSummary
from selfserve.errors import ClusterFailedError
from selfserve.usecases.progress import Report, Waiting
from selfserve.usecases.targets.target import Target

_DEADLINES = {  # far beyond what is usual; EMR itself gives up on capacity after its own timeouts
    ClusterState.STARTING: timedelta(minutes=60),
    ClusterState.BOOTSTRAPPING: timedelta(minutes=60),
    ClusterState.TERMINATING: timedelta(minutes=30),
}

Until = Callable[[ClusterState], bool]


def wait_until_gone(target: Target, cluster_id: str, *, report: Report) -> Cluster:
    """Wait until nothing of the cluster runs any more.

    Raises:
        ClusterFailedError: it is stuck.
    """
    return wait_for_cluster(target, cluster_id, lambda state: state.is_gone, report=report)


def wait_for_cluster(target: Target, cluster_id: str, until: Until, *, report: Report) -> Cluster:
    """Look at the cluster, ever less often, until its state pleases `until`.

    Raises:
        ClusterFailedError: it stayed in one state past that state's deadline.
    """
    cluster = target.backend.describe(cluster_id)
    started = state_since = target.clock.now()  # after the first answer, which may set the clock
    for pause in target.pace.steps():
        if until(cluster.state):
            return cluster
        if target.clock.now() - state_since > _DEADLINES.get(cluster.state, timedelta.max):
            raise _stuck(cluster)
        report(Waiting(_what(cluster), since=started, usually=_usually(target, cluster)))
        target.clock.sleep(pause)
        previous = cluster.state
        cluster = target.backend.describe(cluster_id)
        if cluster.state is not previous:
            state_since = target.clock.now()
    raise AssertionError("a pace has no end")


def cluster_failed(cluster: ClusterSummary) -> ClusterFailedError:
    """The error for a cluster that ended when it was needed, with EMR's own reason."""
    code = f" ({cluster.reason_code})" if cluster.reason_code else ""
    reason = cluster.reason or "EMR gave no reason"
    return ClusterFailedError(
        f"Cluster {_call(cluster)} is {cluster.state}: {reason}{code}",
        hint=_WHAT_TO_DO.get(
            cluster.reason_code or "", f"See its last state with: selfserve status {cluster.id}"
        ),
    )


_WHAT_TO_DO = {  # by EMR's ClusterStateChangeReasonCode
    "VALIDATION_ERROR": "Correct the profile, then check it with: selfserve plan PROFILE",
    "BOOTSTRAP_FAILURE": "Read the script's stderr in the cluster's log folder: <logs>/<cluster "
    "id>/node/<instance id>/bootstrap-actions/",
    "INSTANCE_FLEET_TIMEOUT": "EC2 had no such capacity; add instance types to the profile, or "
    "let spot fall back to on-demand.",
    "INSTANCE_FAILURE": "Start it again; if it happens twice, try other instance types.",
    "INTERNAL_ERROR": "Start it again.",
    "USER_REQUEST": "Somebody ended it; start it again with: selfserve up PROFILE",
    "ALL_STEPS_COMPLETED": "It did its steps and ended; start another with: selfserve up PROFILE",
}


def _stuck(cluster: Cluster) -> ClusterFailedError:
    deadline = _DEADLINES[cluster.state] // timedelta(minutes=1)
    reason = f" EMR says: {cluster.reason}" if cluster.reason else ""
    return ClusterFailedError(
        f"Cluster {_call(cluster)} has been {cluster.state} for more than {deadline} minutes."
        f"{reason}",
        hint=f"End it with: selfserve down {cluster.id}",
    )


def _what(cluster: Cluster) -> str:
    reason = f", {cluster.reason}" if cluster.reason else ""
    return f"cluster {_call(cluster)}: {cluster.state}{reason}"


def _usually(target: Target, cluster: Cluster) -> str | None:
    if cluster.state.is_starting:
        return target.pace.usually_ready
    if cluster.state is ClusterState.TERMINATING and not target.is_local:
        return "1 to 5 minutes"
    return None


def _call(cluster: ClusterSummary) -> str:
    """The name that users know, and the id."""
    return f"{cluster.name.name} ({cluster.id})" if cluster.name else cluster.id
