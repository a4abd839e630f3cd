"""What the logs of a cluster and of its steps hold as evidence of a failure.

Reads no more of them than can be looked through in a moment.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from selfserve.core.cluster import Cluster
from selfserve.core.evidence import Log, LogSource
from selfserve.core.run import StreamName, output_prefix
from selfserve.core.why.texts import ends_of
from selfserve.usecases.records.emr_logs import EmrLogs
from selfserve.usecases.records.runs import OutputTail, Run
from selfserve.usecases.records.step_output import step_folder
from selfserve.usecases.targets.target import Target

_MOST_CONTAINER_LOGS = 20
_MOST_BOOTSTRAP_LOGS = 6
_OUTPUT_LINES = 5000

_CONTAINER_LOG = re.compile(r"/(?P<container>[^/]+)/(?P<stream>stderr|stdout)(?:\.gz)?$")
_CONTAINER = re.compile(r"\bcontainer_(?:\w+_)?(?P<number>\d+)\b")
_DRIVERS = 1
_EXECUTOR = re.compile(r"\b[Ee]xecutor (?P<number>\d+)\b")
_IN_TROUBLE = re.compile(r"(?i)\b(?:lost|killed|failed|exit(?:ed)?|released)\b")
_INSTANCE = re.compile(r"\bi-[0-9a-f]+\b")
_BOOTSTRAP_LOG = re.compile(r"/bootstrap-actions/\d+/(?:stderr|stdout|controller)(?:\.gz)?$")


class EvidenceLogs:
    """The logs of one cluster in S3, as evidence."""

    def __init__(self, target: Target, cluster_id: str, cluster: Cluster | None) -> None:
        self.notes: list[str] = []
        self._store = target.store
        self._logs = EmrLogs(target, cluster_id, cluster)
        if not self._logs.is_readable:
            uri = self._logs.uri
            where = f"in {uri}, not in this target's bucket" if uri else "kept nowhere"
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
            yield from self._read(f"{step_folder(step_id)}{stream}.gz", source)

    def of_containers(self, application: str, of_step: Sequence[Log]) -> Iterator[Log]:
        """Logs of the driver's container and of executors: those in trouble first, then new ones.

        At most 20 of them, stderr before stdout. Who is in trouble is said by the driver,
        whose log is the step's own or, in cluster mode, that of its container.
        """
        names = self._logs.list_names(f"containers/{application}/")
        logs = [log for name in reversed(names) if (log := _ContainerLog.of_name(name))]
        said = list(of_step)
        for log in logs:
            if log.is_drivers and log.stream == "stderr":
                said += self._read(log.name, log.source)
        yield from said[len(of_step) :]
        in_trouble = {number for log in said for number in _numbers_in_trouble(log, application)}
        left = [log for log in logs if log.source is not LogSource.STEP_STDERR]
        left.sort(key=lambda log: (log.stream == "stdout", log.number not in in_trouble))
        for log in left[: _MOST_CONTAINER_LOGS - len(said) + len(of_step)]:
            yield from self._read(log.name, log.source)

    def of_bootstrap(self, reason: str) -> Iterator[Log]:
        """Logs of bootstrap actions on the node that EMR names, else on any."""
        instance = _INSTANCE.search(reason)
        where = f"node/{instance[0]}/bootstrap-actions/" if instance else "node/"
        names = [name for name in self._logs.list_names(where) if _BOOTSTRAP_LOG.search(f"/{name}")]
        names.sort(key=lambda name: "stderr" not in name)
        for name in names[:_MOST_BOOTSTRAP_LOGS]:
            yield from self._read(name, LogSource.BOOTSTRAP)

    def _read(self, name: str, source: LogSource) -> Iterator[Log]:
        body = self._logs.read(name)
        if body is not None:
            yield Log(source, name, ends_of(body.decode(errors="replace")))


@dataclass(frozen=True, slots=True)
class _ContainerLog:
    """A log of the driver's or an executor's container, by its name."""

    name: str
    number: int
    """Of the container in its application; the driver has the first one in cluster mode."""
    stream: str

    @classmethod
    def of_name(cls, name: str) -> "_ContainerLog | None":
        """None for another file."""
        log = _CONTAINER_LOG.search(name)
        container = _CONTAINER.fullmatch(log["container"]) if log else None
        return cls(name, int(container["number"]), log["stream"]) if log and container else None

    @property
    def is_drivers(self) -> bool:
        return self.number == _DRIVERS

    @property
    def source(self) -> LogSource:
        if self.stream == "stdout":
            return LogSource.CONTAINER_STDOUT
        return LogSource.STEP_STDERR if self.is_drivers else LogSource.CONTAINER_STDERR


def _numbers_in_trouble(said: Log, application: str) -> Iterator[int]:
    """Numbers of the containers that were lost or had failing tasks.

    YARN names a container; Spark names an executor, the first of which is 0 on Spark
    standalone and 1 on YARN, and has the container after the driver's. On YARN that holds
    unless a container was lost before it was used.
    """
    first = 0 if application.startswith("app-") else 1
    for line in said.text.splitlines():
        if _IN_TROUBLE.search(line):
            yield from (int(match["number"]) for match in _CONTAINER.finditer(line))
            for match in _EXECUTOR.finditer(line):
                yield int(match["number"]) - first + _DRIVERS + 1
