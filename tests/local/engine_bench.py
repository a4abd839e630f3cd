"""What tests of the engine need: events to wait for, clusters to ask for, simple steps.

Steps here are planned by this module, not by `steps.py`: the engine's tests stand alone.
"""

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from homes import QUICK_JVM
from local.example_clusters import NOON, starting
from selfserve.core.cluster import ClusterState, StepState
from selfserve.errors import BadInputError
from selfserve.local.control.events import EngineFailed, EngineStopped, Event, StepExited
from selfserve.local.control.records import ClusterRecord, StepRecord
from selfserve.local.engine.machine import Machine
from selfserve.local.engine.pins import SparkPin
from selfserve.local.engine.processes import find_marked
from selfserve.local.engine.spark_engine import SparkEngine
from selfserve.local.engine.step_runs import StepTools
from selfserve.local.home import write_private
from selfserve.local.lake.folders import Lake
from selfserve.local.runtime.install import RuntimeSource
from selfserve.local.steps.command import StepCommand, StepContext

CANNOT_RUN = "cannot-run"
"""The program of a step that `plan` refuses."""
DEADLINE_S = 240.0
PIN = SparkPin("3.5.8", "3.11")
TWO_WORKERS = Machine(cores=2, memory_mib=6144)
E = TypeVar("E", bound=Event)


@dataclass
class Events:
    """What the engine has told, of which cluster."""

    seen: list[tuple[str, Event]] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def notify(self, cluster_id: str, event: Event) -> None:
        with self.changed:
            self.seen.append((cluster_id, event))
            self.changed.notify_all()

    def wait(self, kind: type[E], accept: Callable[[E], bool] = lambda _: True) -> E:
        """The first such event, however long ago; fails at once when the cluster has failed."""

        def found() -> list[E]:
            return [e for _, e in self.seen if isinstance(e, kind) and accept(e)]

        with self.changed:
            self.changed.wait_for(lambda: found() or self._failure(kind), DEADLINE_S)
            assert found(), f"no {kind.__name__} among {self.seen}"
            return found()[0]

    def _failure(self, kind: type[object]) -> bool:
        if kind is EngineStopped:
            return False
        return any(isinstance(event, EngineFailed | EngineStopped) for _, event in self.seen)

    def exit_of(self, step: StepRecord) -> StepExited:
        return self.wait(StepExited, lambda exited: exited.step_id == step.id)


def cluster(
    cluster_id: str = "j-TEST", *, applications: tuple[str, ...] = ("Spark",)
) -> ClusterRecord:
    """A cluster with two core nodes and one task node that has just been asked for."""
    names = [{"Name": name} for name in applications]
    quick = {"Classification": "spark-defaults", "Properties": QUICK_JVM}
    record = starting(Applications=names, LogUri="s3://logs/emr/", Configurations=[quick])
    return replace(record, id=cluster_id)


def up(record: ClusterRecord, *steps: StepRecord) -> ClusterRecord:
    return replace(record, state=ClusterState.RUNNING, steps=steps)


def run_step(*argv: str, step_id: str = "s-RUN") -> StepRecord:
    """A step that is this program."""
    return StepRecord(
        id=step_id,
        name=step_id,
        jar="command-runner.jar",
        args=argv,
        action_on_failure="CONTINUE",
        state=StepState.RUNNING,
        created=NOON,
    )


def spark_step(folder: Path, code: str, step_id: str = "s-SPARK") -> StepRecord:
    """A step that submits this Python code to the cluster."""
    script = folder / f"{step_id}.py"
    script.write_text(code, encoding="utf-8")
    return run_step("spark-submit", str(script), step_id=step_id)


def plan(step: StepRecord, context: StepContext) -> StepCommand:
    """The step's arguments as they are; `spark-submit` is that of the runtime."""
    conf = context.work_dir / "conf"
    program, *rest = step.args
    if program == CANNOT_RUN:
        raise BadInputError("There is no such thing here.", hint="Try another.")
    if program == "spark-submit":
        program = str(context.spark_home / "bin" / "spark-submit")
    settings = {
        "spark.master": context.master_url,
        "spark.authenticate": "true",
        "spark.authenticate.secret": context.secret,
        "spark.executor.memory": "512m",
        "spark.driver.memory": "512m",
    }
    return StepCommand(
        argv=(program, *rest),
        env={
            **context.base_env,
            "JAVA_HOME": str(context.java_home),
            "SPARK_HOME": str(context.spark_home),
            "SPARK_CONF_DIR": str(conf),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_LOCAL_DIRS": str(context.work_dir / "scratch"),
            "PYSPARK_PYTHON": str(context.python),
        },
        cwd=context.work_dir / "cwd",
        private_files={
            conf / "spark-defaults.conf": "".join(f"{k} {v}\n" for k, v in settings.items())
        },
    )


def prepare(command: StepCommand, lake: Lake) -> None:
    del lake
    command.cwd.mkdir(parents=True, exist_ok=True)
    for path, text in command.private_files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_private(path, text)


def make_engine(home: Path, events: Events, *, source: RuntimeSource | None = None) -> SparkEngine:
    lake = Lake(home / "lake")
    return SparkEngine(
        home,
        lake,
        events.notify,
        tools=StepTools(lake, {}, plan=plan, prepare=prepare),
        pin=lambda record: PIN if record.request["Applications"] else None,
        source=source,
        machine=lambda: TWO_WORKERS,
    )


@contextmanager
def engine_at(
    home: Path, *, source: RuntimeSource | None = None
) -> Iterator[tuple[SparkEngine, Events]]:
    """An engine that leaves nothing running."""
    events = Events()
    engine = make_engine(home, events, source=source)
    try:
        yield engine, events
    finally:
        engine.close()
        left = find_marked(home)
        for process in left:
            process.kill()
    assert left == []


def eventually(holds: Callable[[], object], what: str) -> None:
    """Wait until something outside of Python holds."""
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline, f"never: {what}"
        threading.Event().wait(0.05)


def published(home: Path, record: ClusterRecord, step: StepRecord, stream: str) -> str:
    """A log of a step, as S3 clients find it."""
    folder = Lake(home / "lake").path_of(f"s3://logs/emr/{record.id}/steps/{step.id}")
    return gzip.decompress((folder / f"{stream}.gz").read_bytes()).decode()


def stdout_of(home: Path, record: ClusterRecord, step: StepRecord) -> str:
    return (home / "clusters" / record.id / "steps" / step.id / "stdout").read_text("utf-8")
