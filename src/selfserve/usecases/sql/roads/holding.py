"""Keep sweeps away from a cluster that a query is being sent to."""

from collections.abc import Iterator
from contextlib import contextmanager

from selfserve.errors import AwsError
from selfserve.usecases.placement.leases import Held, let_go, may_act, take_hold
from selfserve.usecases.targets.target import Target

_MOST_TAKES = 3


@contextmanager
def hold_for_query(target: Target, cluster_id: str, query_id: str) -> Iterator[None]:
    """No sweep ends the cluster while the query begins, nor in its first ten minutes.

    A hold does not last longer (`core.lease`), and is not taken anew. It need not be: a longer
    query is guarded by what is seen on the cluster itself. `bootstrap/busy-probe.py` sees the
    coordinator's queries every minute, and says so to EMR and to sweeps.

    Raises:
        BeingEndedError: a sweep is about to end the cluster, or has.
        AwsError: S3 takes so long that a hold may be over before the query is sent.
    """
    held = _take(target, cluster_id, query_id)
    try:
        yield
    finally:
        let_go(target, held)


def _take(target: Target, cluster_id: str, query_id: str) -> Held:
    """A hold that is young enough to act on."""
    held = None
    for _ in range(_MOST_TAKES):
        remembered = held.version if held else None
        held = take_hold(target, cluster_id, query_id, remembered=remembered)
        if held is None:
            raise ValueError("a hold without a limit to slots is never refused")
        if may_act(target, held):
            return held
    if held is not None:
        let_go(target, held)
    raise AwsError(
        f"S3 takes so long to answer that no query can safely be sent to {cluster_id}.",
        hint="Check the network, then run the same command again.",
    )
