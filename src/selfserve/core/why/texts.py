"""The texts that rules look into: where each comes from, and its lines that may matter. Pure.

A log may have hundred megabytes, nearly all of it progress. What ended a job is
said at the log's end, in lines that speak of an error; the rest is not looked at.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from selfserve.core.evidence import Evidence, Log, LogSource
from selfserve.core.why.tracebacks import parse_tracebacks

_HEAD_CHARS = 128 * 1024
_TAIL_CHARS = 2 * 1024 * 1024
_LINES = 2000
_LINE_CHARS = 4000
_WORKER_ERRORS = 20

_TELLING = re.compile(
    r"(?i)error|warn|fatal|caused by|exception|fail|kill|denied|no space|unresolved|not found"
    r"|no such|lost|unable|cannot|can't|invalid|unrecognized|exceed|beyond|exit (?:code|status)"
    r"|exited|no module|not accepted|abort|not exist|refused|timed out|must be|bigger than"
)
_STACK_FRAME = re.compile(r"\s+(?:at |\.\.\. \d+ more|File \")")
_JAVA_FRAME = re.compile(r"(?m)^[ \t]+(?:at [\w.$/<>@-]+\(.*\)|\.\.\. \d+ more)\n?")
_CHANGING = re.compile(r"0x[0-9a-f]+|\d+")


class Place(StrEnum):
    """Where a rule may look."""

    EXCEPTION = "exception"
    """The Python exception that ended the job: "type: message", then its traceback."""
    WORKER = "worker"
    """Exceptions in Python workers on executors, "type: message", a line each."""
    OUTCOME = "outcome"
    """`exit code 137`, `signal SIGKILL`, `step FAILED`, `run LOST`; a line each."""
    STEP = "step"
    """EMR's words on the step."""
    CLUSTER = "cluster"
    """`CODE: message` of EMR's StateChangeReason."""
    JOB_LOG = "job-log"
    DRIVER_LOG = "driver-log"
    EXECUTOR_LOG = "executor-log"
    STEP_LOG = "step-log"
    BOOTSTRAP_LOG = "bootstrap-log"


_PLACES = {
    LogSource.JOB_STDERR: Place.JOB_LOG,
    LogSource.STEP_STDERR: Place.DRIVER_LOG,
    LogSource.STEP_CONTROLLER: Place.STEP_LOG,
    LogSource.CONTAINER_STDERR: Place.EXECUTOR_LOG,
    LogSource.CONTAINER_STDOUT: Place.EXECUTOR_LOG,
    LogSource.BOOTSTRAP: Place.BOOTSTRAP_LOG,
}  # not the job's stdout: what it prints is data, whatever it looks like


@dataclass(frozen=True, slots=True)
class Text:
    """Something that rules look into."""

    place: Place
    source: str
    """For people."""
    name: str
    """Its place in S3, for logs."""
    text: str
    is_final: bool
    """Whether it tells how it all ended; logs also tell what went wrong on the way."""


def to_texts(evidence: Evidence) -> list[Text]:
    """Everything there is to look into, the surest first; logs are reduced to telling lines."""
    said = [
        Text(place, source, "", text, is_final=True)
        for place, source, text in _said(evidence)
        if text
    ]
    logs = [text for log in evidence.logs if log.source in _PLACES for text in _of_log(log)]
    return [*said, *logs]


def telling_lines(log: str) -> list[str]:
    """The lines of a log that may say why something failed, in order, each kind once.

    Lines that differ in numbers only are of one kind; the last one is kept.
    """
    found: dict[str, str] = {}
    for line in ends_of(log).splitlines():
        if _TELLING.search(line) and not _STACK_FRAME.match(line):
            kind = _CHANGING.sub("0", line)[:300]
            found.pop(kind, None)
            found[kind] = line[:_LINE_CHARS]
    return list(found.values())[-_LINES:]


def ends_of(log: str) -> str:
    """The beginning and the end of a log, or all of one that is short."""
    if len(log) <= _HEAD_CHARS + _TAIL_CHARS:
        return log
    return f"{log[:_HEAD_CHARS]}\n{log[-_TAIL_CHARS:]}"


def _of_log(log: Log) -> Iterator[Text]:
    telling = "\n".join(telling_lines(log.text))
    yield Text(_PLACES[log.source], log.source.value, log.name, telling, is_final=False)
    errors = _worker_errors(ends_of(log.text))
    if errors:
        yield Text(Place.WORKER, log.source.value, log.name, errors, is_final=False)


def _worker_errors(text: str) -> str:
    found = [traceback for traceback in parse_tracebacks(text) if traceback.is_workers]
    return "\n".join(traceback.error for traceback in found[-_WORKER_ERRORS:])


def job_stderr(evidence: Evidence) -> Log | None:
    """What the job itself has written to stderr, if that is known."""
    written = (log for log in evidence.logs if log.source is LogSource.JOB_STDERR)
    return next(written, None)


def _said(evidence: Evidence) -> Iterator[tuple[Place, str, str]]:
    if evidence.exception_type and evidence.exception_type != "SystemExit":
        said = f"{evidence.exception_type}: {evidence.exception_message}".removesuffix(": ")
        is_sparks = evidence.exception_type.startswith(("py4j.", "pyspark."))
        whole = _JAVA_FRAME.sub("", f"{said}\n{evidence.traceback}")
        error = "\n".join(line[:_LINE_CHARS] for line in whole.splitlines())
        yield Place.EXCEPTION, "Spark's error" if is_sparks else "the error", error
        inside = (_worker_errors(evidence.exception_message), _worker_errors(evidence.traceback))
        yield Place.WORKER, "the Python worker", "\n".join(filter(None, inside))
    if evidence.cluster_reason_code:  # a cluster that is fine has words, but no code
        reason = f"{evidence.cluster_reason_code}: {evidence.cluster_reason}".removesuffix(": ")
        yield Place.CLUSTER, "EMR on the cluster", reason[:_LINE_CHARS]
    yield Place.STEP, "EMR on the step", evidence.step_reason[:_LINE_CHARS]
    yield Place.OUTCOME, "the job's end", "\n".join(_outcome(evidence))


def _outcome(evidence: Evidence) -> Iterator[str]:
    if evidence.exit_code is not None:
        yield f"exit code {evidence.exit_code}"
    if evidence.exception_type == "SystemExit" and evidence.exception_message.strip():
        yield f"exit message {evidence.exception_message.strip().splitlines()[0][:_LINE_CHARS]}"
    if evidence.signal:
        yield f"signal {evidence.signal}"
    if evidence.step_state:
        yield f"step {evidence.step_state}"
    if evidence.run_state:
        yield f"run {evidence.run_state}"
    if evidence.cluster_state:
        yield f"cluster {evidence.cluster_state}"
