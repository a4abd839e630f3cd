"""EMR's IsIdle metric and Spark Connect sessions to what `Observer` tells.

Pure. IsIdle is 1 when no YARN application is running or pending and 0 otherwise, a
sample every five minutes; between two samples nothing is known.
https://docs.aws.amazon.com/emr/latest/ManagementGuide/UsingEMR_ViewingMetrics.html
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from selfserve.backends.base import YarnSeen
from selfserve.core.idle import Engine, Session

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef
    from mypy_boto3_emr.type_defs import SessionPaginatorTypeDef

SAMPLED_EVERY = timedelta(minutes=5)

_TELLS_FOR = timedelta(minutes=15)  # samples come with a delay of up to two periods
# Two samples five minutes apart may fall into a period and the one after the next.
_UNBROKEN = 2 * SAMPLED_EVERY

Sample = tuple[datetime, bool]
"""When a period of the metric began, and whether all of its samples say idle."""


def to_idle_query(query_id: str, cluster_id: str) -> "MetricDataQueryTypeDef":
    """Ask for IsIdle; the minimum, as one sample that says busy makes the whole period so."""
    return {
        "Id": query_id,
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/ElasticMapReduce",
                "MetricName": "IsIdle",
                "Dimensions": [{"Name": "JobFlowId", "Value": cluster_id}],
            },
            "Period": SAMPLED_EVERY // timedelta(seconds=1),
            "Stat": "Minimum",
        },
        "ReturnData": True,
    }


def from_samples(times: Sequence[datetime], values: Sequence[float]) -> list[Sample]:
    """Return CloudWatch's two lists as one, oldest first."""
    pairs = zip(times, values, strict=True)
    return sorted((time.astimezone(UTC), value >= 1) for time, value in pairs)


def to_yarn_seen(samples: Sequence[Sample], *, now: datetime) -> YarnSeen | None:
    """What `samples`, oldest first, tell at `now`; None if they are too old to tell anything.

    A gap in the samples ends the idle time: what is not known to be idle is not idle.
    """
    if not samples or now - samples[-1][0] > _TELLS_FOR:
        return None
    newest, is_idle = samples[-1]
    if not is_idle:
        return YarnSeen(idle_since=None, at=newest)
    since = newest
    for (earlier, was_idle), (later, _) in reversed(list(pairwise(samples))):
        if not was_idle or later - earlier > _UNBROKEN:
            break
        since = earlier
    # The sample that first said idle was taken somewhere in its period.
    return YarnSeen(idle_since=min(since + SAMPLED_EVERY, now), at=newest)


def from_sessions(replies: "Iterable[SessionPaginatorTypeDef]") -> Iterator[Session]:
    """Yield the open ones; one on its way up is at work."""
    for reply in replies:
        if reply["State"] == "IDLE":
            since = reply.get("IdleSince")
            yield Session(Engine.SPARK_CONNECT, since.astimezone(UTC) if since else None)
        elif reply["State"] not in _ENDED:
            yield Session(Engine.SPARK_CONNECT, idle_since=None)


_ENDED = {"TERMINATING", "TERMINATED", "FAILED"}
