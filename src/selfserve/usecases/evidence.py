"""Collect what may tell why a run or a cluster failed: records, EMR's words, logs in S3.

Never waits. A log that EMR has not copied to S3 yet is said to be missing.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from selfserve.core.cluster import Cluster, Step
from selfserve.core.evidence import Evidence, Log, LogSource
from selfserve.core.naming import S3_PREFIX
from selfserve.core.run import JobException, RunResult, StreamName, output_prefix
from selfserve.core.why.texts import ends_of
from selfserve.usecases.runs import OutputTail, Run
from selfserve.usecases.step_output import unpack
from selfserve.usecases.target import Target

_MOST_CONTAINER_LOGS = 20
_MOST_BOOTSTRAP_LOGS = 6
_OUTPUT_LINES = 5000
_USUAL_LOGS = f"{S3_PREFIX}emr-logs/"

_APPLICATION = re.compile(r"\b(?:application_\d+_\d+|app-\d+-\d+)\b")
_CONTAINER_LOG = re.compile(r"/(?P<container>[^/]+)/(?P<stream>stderr|stdout)(?:\.gz)?$")
_OF_DRIVER = re.compile(r"container_(?:e\d+_)?\d+_\d+_\d+_000001$")
_IN_TROUBLE = re.compile(
    r"(?i)(?:lost|killed|failed|exit(?:ed)?|released)[^\n]*?(container_\w+)"
    r"|(container_\w+)[^\n]*?(?:lost|killed|failed|exit(?:ed)?|released)"
)
_INSTANCE = re.compile(r"\bi-[0-9a-f]+\b")
_BOOTSTRAP_LOG = re.compile(r"/bootstrap-actions/\d+/(?:stderr|stdout|controller)(?:\.gz)?$")


@dataclass(frozen=True, slots=True)
class Collected:
    """What was found, and what was looked for in vain."""

    evidence: Evidence
    notes: tuple[str, ...]


def collect_of_run(
    target: Target,
    run: Run,
    *,
    step: Step | None,
    cluster: Cluster | None,
    result: RunResult | None,
) -> Collected:
    """Everything about a run; `step` and `cluster` are None if EMR has forgotten them."""
    logs = _Logs(target, run.placement.cluster_id, cluster)
    job = logs.output_of(run)
    of_step = list(logs.of_step(run.placement.step_id))
    application = _application(result, of_step)
    containers = list(logs.of_containers(application, of_step)) if application else []
    found = _with_result(Evidence(job=run.submission.job), result)
    found = replace(
        found,
        step_state=step.state if step else None,
        step_reason=": ".join(filter(None, (step.failure, step.reason))) if step else "",
        logs=(*job, *of_step, *containers),
    )
    if cluster is not None and cluster.reason_code != "STEP_FAILURE":  # which says no more
        found = _with_cluster(found, cluster)
    if not logs.notes and step is not None and step.started is not None:
        logs.notes.extend(_missing(of_step, containers, application, target))
    return Collected(found, tuple(logs.notes))


def collect_of_cluster(target: Target, cluster: Cluster) -> Collected:
    """Everything about a cluster that did not start, or died."""
    logs = _Logs(target, cluster.id, cluster)
    bootstrap = (
        tuple(logs.of_bootstrap(cluster.reason or ""))
        if cluster.reason_code == "BOOTSTRAP_FAILURE"
        else ()
    )
    if cluster.reason_code == "BOOTSTRAP_FAILURE" and not bootstrap and not logs.notes:
        logs.notes.append("EMR has not copied the logs of the bootstrap action to S3 (yet).")
    return Collected(_with_cluster(Evidence(logs=bootstrap), cluster), tuple(logs.notes))


class _Logs:
    """The logs of one cluster in S3."""

    def __init__(self, target: Target, cluster_id: str, cluster: Cluster | None) -> None:
        self.notes: list[str] = []
        self._store = target.store
        # EMR forgets a cluster after some time; profiles usually log to the same place.
        log_uri = cluster.log_uri if cluster else f"s3://{target.bucket}/{_USUAL_LOGS}"
        bucket, _, prefix = (log_uri or "").partition("://")[2].partition("/")
        self._folder = f"{prefix.rstrip('/')}/{cluster_id}/".lstrip("/")
        self._is_readable = bucket == target.bucket
        if not self._is_readable:
            where = f"in {log_uri}, not in this target's bucket" if log_uri else "kept nowhere"
            self.notes.append(f"EMR's logs could not be read: they are {where}.")

    def output_of(self, run: Run) -> Iterator[Log]:
        """The end of what the job has written to stderr."""
        written = OutputTail(self._store, run.id, StreamName.STDERR).read_last(_OUTPUT_LINES)
        if written:
            name = output_prefix(run.id, StreamName.STDERR)
            yield Log(LogSource.JOB_STDERR, name, written.decode(errors="replace"))

    def of_step(self, step_id: str) -> Iterator[Log]:
        """What EMR and spark-submit have written about the step."""
        for stream, source in (
            ("stderr", LogSource.STEP_STDERR),
            ("controller", LogSource.STEP_CONTROLLER),
        ):
            yield from self._read(f"steps/{step_id}/{stream}.gz", source)

    def of_containers(self, application: str, of_step: Sequence[Log]) -> Iterator[Log]:
        """Logs of the driver's container and of executors: those in trouble first, then new ones.

        At most 20 of them.
        """
        in_trouble = {name for log in of_step for name in _containers_in_trouble(log.text)}
        found = [
            (key, _CONTAINER_LOG.search(key)) for key in self._list(f"containers/{application}/")
        ]
        logs = [(key, match["container"], match["stream"]) for key, match in found if match]
        # Sorting is stable: the last criterion first.
        logs.sort(reverse=True)
        logs.sort(key=lambda log: (not _OF_DRIVER.search(log[1]), log[1] not in in_trouble))
        logs.sort(key=lambda log: log[2] == "stdout")
        for key, container, stream in logs[:_MOST_CONTAINER_LOGS]:
            yield from self._read(key, _container_source(container, stream))

    def of_bootstrap(self, reason: str) -> Iterator[Log]:
        """Logs of bootstrap actions on the node that EMR names, else on any."""
        instance = _INSTANCE.search(reason)
        where = f"node/{instance[0]}/bootstrap-actions/" if instance else "node/"
        keys = [key for key in self._list(where) if _BOOTSTRAP_LOG.search(f"/{key}")]
        keys.sort(key=lambda key: "stderr" not in key)
        for key in keys[:_MOST_BOOTSTRAP_LOGS]:
            yield from self._read(key, LogSource.BOOTSTRAP)

    def _list(self, below: str) -> list[str]:
        """Keys relative to the cluster's logs."""
        if not self._is_readable:
            return []
        keys = self._store.list_keys(f"{self._folder}{below}")
        return [key.removeprefix(self._folder) for key in keys]

    def _read(self, name: str, source: LogSource) -> Iterator[Log]:
        body = self._store.get(f"{self._folder}{name}") if self._is_readable else None
        if body is not None:
            text = (unpack(body) if name.endswith(".gz") else body).decode(errors="replace")
            yield Log(source, name, ends_of(text))


def _with_result(found: Evidence, result: RunResult | None) -> Evidence:
    if result is None:
        return found
    error = result.exception or JobException("", "", "")
    message = error.message
    if result.java_exception and result.java_exception not in message:
        message = f"{message}\nCaused by: {result.java_exception}"
    return replace(
        found,
        exit_code=result.exit_code,
        signal=result.signal,
        exception_type=error.type or None,
        exception_message=message,
        traceback=error.traceback,
    )


def _with_cluster(found: Evidence, cluster: Cluster) -> Evidence:
    return replace(
        found,
        cluster_state=cluster.state,
        cluster_reason_code=cluster.reason_code,
        cluster_reason=cluster.reason or "",
    )


def _application(result: RunResult | None, of_step: Sequence[Log]) -> str | None:
    if result is not None and result.application_id:
        return result.application_id
    found = (_APPLICATION.search(log.text) for log in of_step)
    return next((match[0] for match in found if match), None)


def _containers_in_trouble(text: str) -> Iterator[str]:
    for match in _IN_TROUBLE.finditer(text):
        yield match[1] or match[2]


def _container_source(container: str, stream: str) -> LogSource:
    """In cluster mode the driver is in an application's first container."""
    if stream == "stdout":
        return LogSource.CONTAINER_STDOUT
    return LogSource.STEP_STDERR if _OF_DRIVER.search(container) else LogSource.CONTAINER_STDERR


def _missing(
    of_step: Sequence[Log], containers: Sequence[Log], application: str | None, target: Target
) -> Iterator[str]:
    lag = "" if target.is_local else " (it takes up to five minutes; ask again then)"
    if not of_step:
        yield f"EMR has not copied the step's logs to S3 yet{lag}."
    elif application and not containers:
        yield f"The logs of {application}'s executors are not in S3 yet{lag}."
