"""A target in memory, a submitted job, and what the runner on the cluster would do."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fakes import FakeBackend, MemoryStore
from selfserve.core.cluster import StepState
from selfserve.core.run import StreamName
from selfserve.usecases.follow import FinishedRun, follow
from selfserve.usecases.progress import Progress
from selfserve.usecases.records.runs import Run
from selfserve.usecases.submit import Job, submit
from selfserve.usecases.up import up
from targets import make_target, resolve_small

OUT, ERR = StreamName.STDOUT, StreamName.STDERR


class House:
    """A target, a submitted job, and what the runner on the cluster would do."""

    def __init__(self, folder: Path, *, kind: str = "local", on: str | None = "mine") -> None:
        self.backend = FakeBackend(step_path=(StepState.PENDING,))
        self.store = MemoryStore()
        clock = self.backend.clock
        self.target = make_target(kind=kind, backend=self.backend, store=self.store, clock=clock)
        self.small = resolve_small(folder / "profiles")
        self.job = folder / "train.py"
        self.job.touch()
        if on is not None:
            up(self.target, self.small, name=on)
        self.cluster = on or "small"
        self.emitted: list[tuple[StreamName, bytes]] = []
        self.said: list[Progress] = []

    def submit(self) -> Run:
        return submit(
            self.target, Job(self.job), cluster=self.cluster, load_profile=lambda _: self.small
        )

    def follow(self, run: Run) -> FinishedRun:
        return follow(self.target, run, emit=self.emit, report=self.said.append)

    def emit(self, stream: StreamName, chunk: bytes) -> None:
        self.emitted.append((stream, chunk))

    def at_sleeps(self, *acts: Callable[[], object]) -> None:
        """Do one of these at each sleep of the follower."""
        left = list(acts)

        def act() -> None:
            if left:
                left.pop(0)()

        self.backend.clock.on_sleep.append(act)

    def succeed(self, run: Run) -> None:
        self.record(run)
        self.step(run, StepState.COMPLETED)

    def write(self, run: Run, stream: str, number: int, body: bytes) -> None:
        self.store.put(f"selfserve/runs/{run.id}/{stream}/{number:06d}", body)

    def record(self, run: Run, **facts: Any) -> None:
        result = {
            "exit_code": 0,
            "signal": None,
            "exception": None,
            "started": "2026-11-21T12:00:00+00:00",
            "ended": "2026-11-21T12:01:00+00:00",
            **facts,
        }
        self.store.put(f"selfserve/runs/{run.id}/result.json", json.dumps(result).encode())

    def step(self, run: Run, *path: StepState) -> None:
        self.backend.move_step(run.placement.cluster_id, run.placement.step_id, *path)

    def pass_step(self, run: Run, *path: StepState) -> None:
        """Let the step pass through `path` before anybody else looks."""
        self.step(run, *path)
        for _ in path:
            self.backend.describe_step(run.placement.cluster_id, run.placement.step_id)

    def step_log(self, run: Run, name: str, body: bytes) -> None:
        folder = f"selfserve/emr-logs/{run.placement.cluster_id}/steps/{run.placement.step_id}"
        self.store.put(f"{folder}/{name}.gz", gzip.compress(body))
