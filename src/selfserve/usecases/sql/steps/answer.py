"""What the answers of Hive and Spark have in common: a run is waited for, then rows are read."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event

from selfserve.core.cluster import Step, StepState
from selfserve.core.sql.answers import Column, Figures, Progress, Row
from selfserve.errors import InterruptedByUserError, SelfserveError
from selfserve.usecases.cancel import cancel
from selfserve.usecases.follow import FinishedRun, wait_for_end
from selfserve.usecases.launches.waiting import cluster_failed
from selfserve.usecases.progress import Report, Waiting
from selfserve.usecases.records.outcomes import failure_of
from selfserve.usecases.records.runs import Run
from selfserve.usecases.targets.target import Target

_LOOK_EVERY_LOCALLY = timedelta(milliseconds=200)
_LOOK_EVERY_ON_AWS = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Settled:
    """A statement that has succeeded, and how its rows are read."""

    columns: tuple[Column, ...]
    rows: Iterator[Sequence[Row]]
    count: int | None = None
    """Of the rows, if it is known before they are read."""
    bytes_read: int | None = None
    rows_read: int | None = None


class StepAnswer(ABC):
    """An Answer that a run of ours makes; see `core.sql.answers.Answer`."""

    def __init__(self, target: Target, run: Run, text: str, *, report: Report) -> None:
        self._target = target
        self._report = report
        self._text = text
        self._settled: Settled | None = None
        self._progress = Progress(StepState.PENDING)
        self._count = 0
        self._has_been_read = False
        self._is_cancelled = Event()
        self._cluster_state: str | None = None
        self.run = run
        """Which `selfserve logs`, `why` and `cancel` know by its id."""

    @property
    def columns(self) -> Sequence[Column]:
        """Waits for the run's end, and for Hive's for its logs if it has failed.

        Raises:
            SqlError: the engine says that the statement is wrong.
            InterruptedByUserError: it was cancelled.
            ClusterFailedError: the cluster ended, or never started.
        """
        return self._result().columns

    def batches(self) -> Iterator[Sequence[Row]]:
        """All rows, in their order; a file at a time is held, and of it some rows."""
        for batch in self._result().rows:
            if self._is_cancelled.is_set():
                raise _cancelled()
            self._count += len(batch)
            yield batch
        self._has_been_read = True

    def progress(self) -> Progress:
        """The step's state, and how many of Spark's tasks are done."""
        return self._progress

    def figures(self) -> Figures:
        """After the last batch."""
        settled = self._result()
        known = self._count if self._has_been_read else settled.count
        return Figures(known or 0, bytes_read=settled.bytes_read, rows_read=settled.rows_read)

    def cancel(self) -> None:
        """Cancel the run, and wait until it is over; with a result there, only stop reading."""
        if self._is_cancelled.is_set():
            return
        self._is_cancelled.set()
        if self._settled is None:
            cancel(self._target, self.run, report=self._report)

    def _result(self) -> Settled:
        if self._settled is None:
            self._settled = self._wait()
        return self._settled

    def _wait(self) -> Settled:
        target = self._target
        pause = _LOOK_EVERY_LOCALLY if target.is_local else _LOOK_EVERY_ON_AWS
        watch = _StepWatch(target, self.run)
        since = target.clock.now()
        while True:
            # The step first: one that is over has written everything.
            step = watch.look()
            settled = self._look(step)
            if self._is_cancelled.is_set():
                raise _cancelled()
            if settled is not None:
                return settled
            if step.state.is_over:
                return self._conclude(wait_for_end(target, self.run, report=self._report))
            self._report(Waiting(watch.describe(step), since=since, usually=watch.usually()))
            target.clock.sleep(pause)

    def _look(self, step: Step) -> Settled | None:
        """Take note of how far it is; the result, if it is there already."""
        self._progress = Progress(step.state)
        return None

    @abstractmethod
    def _conclude(self, finished: FinishedRun) -> Settled:
        """What a run that is over has left. Raises what it failed of."""

    def _failure(self, finished: FinishedRun) -> SelfserveError | None:
        """The error that the end of the run is, if it is one."""
        if self._is_cancelled.is_set():
            return _cancelled()
        return failure_of(self.run.submission, finished.outcome, finished.cluster)


class _StepWatch:
    """Looks at the step no more often than EMR's rates allow, and at the cluster before it runs."""

    def __init__(self, target: Target, run: Run) -> None:
        self._target = target
        self._run = run
        self._looked_at: datetime | None = None
        self._step: Step | None = None
        self._is_starting = False
        self._where = ""

    def look(self) -> Step:
        """The step as it is, or was a moment ago.

        Raises:
            ClusterFailedError: the cluster has ended, so that the step never runs.
        """
        now = self._target.clock.now()
        is_due = self._looked_at is None or now - self._looked_at >= self._target.pace.quickest
        if self._step is None or is_due:
            placement, backend = self._run.placement, self._target.backend
            self._step = backend.describe_step(placement.cluster_id, placement.step_id)
            if self._step.state is StepState.PENDING:
                self._look_at_cluster()
            self._looked_at = now
        return self._step

    def _look_at_cluster(self) -> None:
        cluster = self._target.backend.describe(self._run.placement.cluster_id)
        if cluster.state.is_gone:
            raise cluster_failed(cluster)
        self._is_starting = cluster.state.is_starting
        reason = f", {cluster.reason}" if cluster.reason else ""
        self._where = f"cluster {cluster.id}: {cluster.state}{reason}"

    def describe(self, step: Step) -> str:
        """What is being waited for."""
        name = self._run.submission.cluster
        if step.state is StepState.PENDING:
            return self._where if self._is_starting else f"the query's turn on cluster {name}"
        return f"the query on cluster {name}"

    def usually(self) -> str | None:
        """How long that usually takes, if anybody knows."""
        return self._target.pace.usually_ready if self._is_starting else None


def _cancelled() -> InterruptedByUserError:
    return InterruptedByUserError(
        "The query was cancelled.", hint="Run it again with: selfserve sql --again"
    )
