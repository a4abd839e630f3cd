"""Collect what may tell why a run or a cluster failed: records, EMR's words, logs in S3.

Never waits. A log that EMR has not copied to S3 yet is said to be missing.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from selfserve.core.cluster import Cluster, Step
from selfserve.core.evidence import Evidence, Log
from selfserve.core.run import JobException, RunResult
from selfserve.usecases.records.evidence_logs import EvidenceLogs
from selfserve.usecases.records.runs import Run
from selfserve.usecases.targets.target import Target

_APPLICATION = re.compile(r"\b(?:application_\d+_\d+|app-\d+-\d+)\b")


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
    logs = EvidenceLogs(target, run.placement.cluster_id, cluster)
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
    logs = EvidenceLogs(target, cluster.id, cluster)
    bootstrap = (
        tuple(logs.of_bootstrap(cluster.reason or ""))
        if cluster.reason_code == "BOOTSTRAP_FAILURE"
        else ()
    )
    if cluster.reason_code == "BOOTSTRAP_FAILURE" and not bootstrap and not logs.notes:
        logs.notes.append("EMR has not copied the logs of the bootstrap action to S3 (yet).")
    return Collected(_with_cluster(Evidence(logs=bootstrap), cluster), tuple(logs.notes))


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


def _missing(
    of_step: Sequence[Log], containers: Sequence[Log], application: str | None, target: Target
) -> Iterator[str]:
    lag = "" if target.is_local else " (it takes up to five minutes; ask again then)"
    if not of_step:
        yield f"EMR has not copied the step's logs to S3 yet{lag}."
    elif application and not containers:
        yield f"The logs of {application}'s executors are not in S3 yet{lag}."
