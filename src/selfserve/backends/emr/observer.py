"""What CloudWatch and EMR tell of a cluster's engines, as an Observer.

Thin: `translate_metrics` decides what is asked and what the answers mean.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from selfserve.aws.errors import aws_errors, error_code
from selfserve.aws.session import Clients
from selfserve.backends.base import YarnSeen
from selfserve.backends.emr.translate_metrics import (
    SAMPLED_EVERY,
    Sample,
    from_samples,
    from_sessions,
    to_idle_query,
    to_yarn_seen,
)
from selfserve.core.cluster import Cluster
from selfserve.core.idle import Session

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import GetMetricDataInputPaginateTypeDef

_METRICS_PER_CALL = 500  # GetMetricData's limit; 100,800 samples come in one page
_LOOKS_BACK = timedelta(hours=8)
_LOOKS_FURTHER_BACK = timedelta(days=8)  # EMR's longest idle time is 7 days
_CANNOT_TELL = {"AccessDenied", "AccessDeniedException", "UnknownOperationException"}

_Samples = Mapping[str, list[Sample]]


class EmrObserver:
    """Sees clusters of one account and region from outside."""

    def __init__(self, clients: Clients, now: Callable[[], datetime]) -> None:
        self._clients = clients
        self._now = now

    def yarn(self, cluster_ids: Sequence[str]) -> Mapping[str, YarnSeen]:
        """By cluster id, what IsIdle tells; see `Observer.yarn`. One request for 500 clusters.

        Another one for those that have been idle for as long as the first looks back.

        Raises:
            AwsError: CloudWatch refuses; the caller needs cloudwatch:GetMetricData.
        """
        now = self._now()
        samples = self._samples(cluster_ids, now=now, back=_LOOKS_BACK)
        first_seen = now - _LOOKS_BACK + 2 * SAMPLED_EVERY
        longer = [one for one, found in samples.items() if _idle_since_before(found, first_seen)]
        samples = {**samples, **self._samples(longer, now=now, back=_LOOKS_FURTHER_BACK)}
        seen = {one: to_yarn_seen(found, now=now) for one, found in samples.items()}
        return {one: told for one, told in seen.items() if told is not None}

    def sessions(self, cluster: Cluster) -> list[Session] | None:
        """Its open Spark Connect sessions; see `Observer.sessions`.

        None where this user, or the installed botocore, may not or cannot list them.
        """
        if not (cluster.release or "").startswith("emr-spark-"):
            return []  # older releases have no such sessions
        emr = self._clients.emr
        if "ListSessions" not in emr.meta.service_model.operation_names:
            return None
        if not cluster.sessions_enabled:
            return []
        with aws_errors(f"listing the sessions of {cluster.id}"):
            try:
                pages = emr.get_paginator("list_sessions").paginate(ClusterId=cluster.id)
                return list(from_sessions(one for page in pages for one in page["Sessions"]))
            except ClientError as error:
                if error_code(error) in _CANNOT_TELL:
                    return None
                raise

    def _samples(self, cluster_ids: Sequence[str], *, now: datetime, back: timedelta) -> _Samples:
        found: dict[str, list[Sample]] = {}
        for start in range(0, len(cluster_ids), _METRICS_PER_CALL):
            some = cluster_ids[start : start + _METRICS_PER_CALL]
            found.update(self._samples_of_some(some, now=now, back=back))
        return found

    def _samples_of_some(
        self, cluster_ids: Sequence[str], *, now: datetime, back: timedelta
    ) -> _Samples:
        # An id of a query begins with a lower-case letter and has no hyphen.
        asked = {f"m{number}": one for number, one in enumerate(cluster_ids)}
        request: GetMetricDataInputPaginateTypeDef = {
            "MetricDataQueries": [to_idle_query(query, one) for query, one in asked.items()],
            "StartTime": now - back,
            "EndTime": now,
        }
        found: dict[str, list[Sample]] = defaultdict(list)
        with aws_errors("asking CloudWatch whether clusters are idle"):
            for page in self._clients.cloudwatch.get_paginator("get_metric_data").paginate(
                **request
            ):
                for result in page["MetricDataResults"]:
                    part = from_samples(result["Timestamps"], result["Values"])
                    found[asked[result["Id"]]].extend(part)
        return {one: sorted(samples) for one, samples in found.items()}


def _idle_since_before(samples: Sequence[Sample], time: datetime) -> bool:
    return bool(samples) and samples[0][0] <= time and all(idle for _, idle in samples)
