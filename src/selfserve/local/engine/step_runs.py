"""Run the steps of one cluster: start, adopt, cancel, and say how they ended.

Methods block; each cluster's own thread calls them, one at a time.
"""

import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from selfserve.errors import SelfserveError
from selfserve.local.control.events import StepExited
from selfserve.local.control.records import ClusterRecord, StepRecord
from selfserve.local.endpoint import BUCKET
from selfserve.local.engine.cluster_folder import ClusterFolder
from selfserve.local.engine.processes import (
    ManagedProcess,
    Marker,
    adopt,
    end,
    find_marked,
    kill,
    recorded_exit,
    send,
    spawn,
)
from selfserve.local.engine.spark_cluster import SparkCluster
from selfserve.local.lake.folders import Lake
from selfserve.local.runtime.install import Runtime
from selfserve.local.steps.command import StepCommand, StepContext
from selfserve.local.steps.files import prepare
from selfserve.local.steps.journal import StepJournal
from selfserve.local.steps.plan import plan_step

_GRACE_S = 5.0
_INHERITED = frozenset(
    {"HOME", "LANG", "LANGUAGE", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER"}
    | {"SSL_CERT_DIR", "SSL_CERT_FILE"}
    | {"ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"}
)
"""On EMR a job sees nothing of the laptop either; above all no AWS credentials."""
WAREHOUSE = f"s3://{BUCKET}/warehouse"


Metastore = Callable[[ClusterRecord, StepRecord, Runtime], str | None]
"""URI of the table catalogue, started if need be; None for a step that has no use for one."""


def no_metastore(_cluster: ClusterRecord, _step: StepRecord, _runtime: Runtime) -> str | None:
    """For engines without a catalogue."""
    return None


@dataclass(frozen=True, slots=True)
class StepTools:
    """What turns a step into a process; replaced in tests."""

    lake: Lake
    endpoint_env: Mapping[str, str] = field(repr=False)
    metastore: Metastore = no_metastore
    plan: Callable[[StepRecord, StepContext], StepCommand] = plan_step
    prepare: Callable[[StepCommand, Lake], None] = prepare


@dataclass(frozen=True, slots=True)
class _Run:
    process: ManagedProcess
    journal: StepJournal


def base_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What processes of a cluster inherit from the daemon."""
    return {
        name: value
        for name, value in environment.items()
        if name.upper() in _INHERITED or name.startswith("LC_")
    }


def process_name(step_id: str) -> str:
    """The name of a step's process in its marker."""
    return f"step-{step_id}"


class StepRuns:
    """The running steps of one cluster. `gone` is called, from another thread, with a step id."""

    def __init__(
        self,
        folder: ClusterFolder,
        tools: StepTools,
        *,
        watch: Callable[[ManagedProcess, Callable[[], None]], None],
        gone: Callable[[str], None],
    ) -> None:
        self._folder = folder
        self._tools = tools
        self._watch = watch
        self._gone = gone
        self._running: dict[str, _Run] = {}

    def start(self, cluster: ClusterRecord, step: StepRecord, spark: SparkCluster) -> None:
        """Start the step's process.

        Raises:
            SelfserveError: this step cannot run here.
            OSError: the disk is full.
        """
        journal = self._journal(cluster, step)
        try:
            process = self._spawn(cluster, step, spark, journal)
        except (SelfserveError, OSError) as error:
            journal.refuse(str(error))
            raise
        self._keep(step.id, _Run(process, journal))

    def _spawn(
        self, cluster: ClusterRecord, step: StepRecord, spark: SparkCluster, journal: StepJournal
    ) -> ManagedProcess:
        folder = self._folder.step(step.id)
        scratch = folder / "scratch"
        scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        uri = self._tools.metastore(cluster, step, spark.runtime)
        command = self._tools.plan(step, self._context(cluster, folder, spark, uri))
        self._tools.prepare(command, self._tools.lake)
        journal.begin(command)
        # So that a driver that is killed leaves nothing in /tmp.
        java_options = {"SPARK_SUBMIT_OPTS": f'"-Djava.io.tmpdir={scratch}"'}
        env = {**java_options, **command.env}
        return spawn(folder, command.argv, env=env, cwd=command.cwd, marker=self._marker(step.id))

    def running(self) -> list[str]:
        """Ids of the steps whose end has not been told yet."""
        return list(self._running)

    def publish_logs(self) -> None:
        """Publish what the running steps have written so far."""
        for run in self._running.values():
            run.journal.publish()

    def adopt(self, cluster: ClusterRecord, step: StepRecord) -> bool:
        """Take over a step that an earlier daemon has started; False if it does not run."""
        process = adopt(self._folder.step(step.id), self._marker(step.id))
        if process is None:
            return False
        self._keep(step.id, _Run(process, self._journal(cluster, step)))
        return True

    def was_begun(self, step: StepRecord) -> bool:
        """Whether its process may have been started before."""
        return (self._folder.step(step.id) / "stdout").exists()

    def cancel(self, step: StepRecord, *, force: bool) -> None:
        """Signal everything that the step has started. Its end is noticed as any other."""
        processes = self._find(step.id)
        if force:
            kill(processes)
        else:
            send(processes, signal.SIGTERM)

    def finish(self, step_id: str) -> StepExited:
        """How a running step whose process is gone has ended; ends what it has left running."""
        return self._finish(step_id, self._running.pop(step_id).journal)

    def finish_unseen(self, cluster: ClusterRecord, step: StepRecord) -> StepExited:
        """The same for a step that ended while there was no daemon."""
        return self._finish(step.id, self._journal(cluster, step))

    def _finish(self, step_id: str, journal: StepJournal) -> StepExited:
        end(lambda: self._find(step_id), grace_s=_GRACE_S)
        code = recorded_exit(self._folder.step(step_id))
        journal.end(code)
        return StepExited(step_id, code, _why(code))

    def _journal(self, cluster: ClusterRecord, step: StepRecord) -> StepJournal:
        return StepJournal(self._folder.step(step.id), self._tools.lake, cluster, step)

    def _keep(self, step_id: str, run: _Run) -> None:
        self._running[step_id] = run
        self._watch(run.process, lambda: self._gone(step_id))

    def _find(self, step_id: str) -> list[psutil.Process]:
        marker = self._marker(step_id)
        return find_marked(marker.home, marker.cluster, marker.process)

    def _marker(self, step_id: str) -> Marker:
        return Marker(self._folder.home, self._folder.cluster_id, process_name(step_id))

    def _context(
        self, cluster: ClusterRecord, folder: Path, spark: SparkCluster, metastore_uri: str | None
    ) -> StepContext:
        runtime, plan = spark.runtime, spark.plan
        return StepContext(
            cluster=cluster,
            spark_home=runtime.spark_home,
            python=runtime.python,
            java_home=runtime.java_home,
            master_url=spark.url,
            secret=spark.sizing.secret,
            spark=runtime.version,
            workers=len(spark.workers),
            most_workers=plan.count,
            worker_cores=plan.cores,
            worker_memory_mib=plan.memory_mib,
            driver_memory_mib=plan.driver_memory_mib,
            work_dir=folder,
            lake_conf=self._tools.lake.spark_conf(),
            warehouse=WAREHOUSE,
            endpoint_env=self._tools.endpoint_env,
            base_env=base_environment(),
            metastore_uri=metastore_uri,
        )


def _why(code: int | None) -> str | None:
    if code is None:
        return (
            "How the step ended is not known: its processes were killed,"
            " or the local endpoint was while it started the step."
        )
    if code < 0:
        return f"The step was ended by {signal.Signals(-code).name}."
    return None
