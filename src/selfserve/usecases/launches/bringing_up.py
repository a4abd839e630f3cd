"""Wait until a cluster takes steps, and ask for other capacity while EC2 has none of this.

What is asked for next is `core.attempts`'s to say.
"""

from selfserve.core.cluster import Cluster
from selfserve.usecases.launches.attempts import Attempts
from selfserve.usecases.launches.launching import Launched, launch_again
from selfserve.usecases.launches.waiting import wait_for_cluster
from selfserve.usecases.progress import Note, Report
from selfserve.usecases.targets.target import Target


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
        if attempt is None:
            raise attempts.failure(target.backend.describe(cluster.id))  # by now it may say why
        launched = launch_again(target, attempt.spec, report=report)
        verb = "Joined" if launched.reused else "Asked for"
        report(Note(f"{verb} cluster {attempt.spec.name.name}: {launched.cluster_id}."))
