"""Watch a run to its end: pass its output on as it appears, then say how it ended."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from selfserve.core.cluster import Cluster, ClusterState, Step, StepState
from selfserve.core.outcome import RunOutcome
from selfserve.core.program import JobKind
from selfserve.core.run import RunResult, StreamName, result_key
from selfserve.usecases.launches.waiting import wait_for_cluster
from selfserve.usecases.progress import Note, Report, Waiting, quiet
from selfserve.usecases.records.outcomes import StoredRun, conclude, read_stored
from selfserve.usecases.records.runs import OutputTail, Run, read_result
from selfserve.usecases.records.step_output import wait_for_step_output
from selfserve.usecases.targets.target import Target

_READ_EVERY_LOCALLY = timedelta(milliseconds=300)
_READ_EVERY_ON_AWS = timedelta(seconds=1)
_CLUSTER_ENDS_WITHIN = timedelta(minutes=10)

Emit = Callable[[StreamName, bytes], None]


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run that is over, and what was seen of its end."""

    run: Run
    outcome: RunOutcome
    result: RunResult | None
    """What the runner has recorded; None without a runner, or if it never got to that."""
    step: Step
    cluster: Cluster


def follow(
    target: Target,
    run: Run,
    *,
    emit: Emit,
    report: Report = quiet,
    tails: Sequence[OutputTail] | None = None,
) -> FinishedRun:
    """Pass the run's output to `emit` until the run is over and nothing of it is left.

    `tails` are the streams wanted, from where they were last read; both, from the start, if
    not given. A cluster that was made for this run is on its way out in the end; on this
    machine, it is gone.
    """
    if tails is None:
        tails = [OutputTail(target.store, run.id, stream) for stream in StreamName]
    output = _Output(tails, emit)
    step = _follow_step(target, run, output, report)
    cluster = target.backend.describe(run.placement.cluster_id)
    if read_result(target.store, run.id) is None and not output.has_begun:
        _emit_step_output(target, run, step, emit, report=report)
    return _finish(target, run, step, cluster, report=report)


def wait_for_end(target: Target, run: Run, *, report: Report = quiet) -> FinishedRun:
    """Wait until the run is over, without its output; otherwise as `follow`."""
    step = _follow_step(target, run, None, report)
    cluster = target.backend.describe(run.placement.cluster_id)
    return _finish(target, run, step, cluster, report=report)


class _Output:
    """The streams of the run, passed on as they grow."""

    def __init__(self, tails: Sequence[OutputTail], emit: Emit) -> None:
        self.has_begun = any(tail.has_begun for tail in tails)
        self._tails = tails
        self._emit = emit

    def pass_on(self) -> None:
        """Emit what is new."""
        for tail in self._tails:
            for chunk in tail.read_new():
                self._emit(tail.stream, chunk)
                self.has_begun = True


def _follow_step(target: Target, run: Run, output: _Output | None, report: Report) -> Step:
    """Wait until the step is over, and all of its output, if wanted, is passed on."""
    watch = _Watch(target, run, wants_output=output is not None)
    started = target.clock.now()
    pause = _READ_EVERY_LOCALLY if target.is_local else _READ_EVERY_ON_AWS
    while True:
        # The output is read after the step: a step that is over has written everything.
        step = watch.look()
        if output is not None:
            output.pass_on()
        if step.state.is_over:
            return step
        if output is None or not output.has_begun:
            report(Waiting(watch.describe(step), since=started, usually=watch.usually(step)))
        elif target.store.exists(result_key(run.id)):
            watch.hurry()
        target.clock.sleep(pause)


def _finish(
    target: Target, run: Run, step: Step, cluster: Cluster, *, report: Report
) -> FinishedRun:
    """Wait for the end of a cluster of its own, and settle how the run ended."""
    if run.submission.is_transient:
        cluster = _wait_for_end(target, cluster, report)
    stored = read_stored(target.store, run.id) or StoredRun(run.submission)
    record = conclude(
        target, replace(stored, placement=run.placement), step, cluster, report=report
    )
    return FinishedRun(run, record.outcome, record.result, step, cluster)


class _Watch:
    """Looks at the step no more often than EMR's rates allow, and at the cluster before it runs."""

    def __init__(self, target: Target, run: Run, *, wants_output: bool) -> None:
        self._target = target
        self._run = run
        self._wants_output = wants_output
        self._every = target.pace.quickest
        self._looked_at: datetime | None = None
        self._step: Step | None = None
        self._cluster: Cluster | None = None

    def look(self) -> Step:
        """The step as it is, or was a moment ago."""
        now = self._target.clock.now()
        is_due = self._looked_at is None or now - self._looked_at >= self._every
        if self._step is None or is_due:
            placement, backend = self._run.placement, self._target.backend
            self._step = backend.describe_step(placement.cluster_id, placement.step_id)
            if self._step.state is StepState.PENDING:
                self._cluster = backend.describe(placement.cluster_id)
            self._looked_at = now
        return self._step

    def hurry(self) -> None:
        """The job has ended, so its step will in a moment."""
        self._every = self._target.pace.quickest / 4

    def describe(self, step: Step) -> str:
        """What the run is waiting for."""
        job = self._run.submission.job
        if step.state is not StepState.PENDING or self._cluster is None:
            is_live = self._run.submission.program.kind is JobKind.PYTHON
            shows_some = is_live and self._wants_output
            return f"the first output of {job}" if shows_some else f"{job} to finish"
        if self._cluster.state.is_starting:
            reason = f", {self._cluster.reason}" if self._cluster.reason else ""
            return f"cluster {self._cluster.id}: {self._cluster.state}{reason}"
        return f"{job}'s turn on cluster {self._run.submission.cluster}"

    def usually(self, step: Step) -> str | None:
        """How long that usually takes, if anybody knows."""
        cluster = self._cluster
        is_starting = cluster is not None and cluster.state.is_starting
        is_first = step.state is StepState.PENDING and is_starting
        return self._target.pace.usually_ready if is_first else None


def _emit_step_output(target: Target, run: Run, step: Step, emit: Emit, *, report: Report) -> None:
    """Pass on what EMR's own logs have: there was no runner, or it did not get far."""
    is_python = run.submission.program.kind is JobKind.PYTHON
    if step.started is None or (is_python and step.state is not StepState.FAILED):
        return
    output = wait_for_step_output(target, run.placement, report=report)
    for stream, body in output.items():
        emit(stream, body)


def _wait_for_end(target: Target, made_for_run: Cluster, report: Report) -> Cluster:
    """Wait until the run's own cluster has begun to end; on this machine, until it is gone."""
    deadline = target.clock.now() + _CLUSTER_ENDS_WITHIN

    def is_ending(state: ClusterState) -> bool:
        is_enough = state.is_gone if target.is_local else not state.is_live
        return is_enough or target.clock.now() > deadline

    cluster = wait_for_cluster(target, made_for_run.id, is_ending, report=report)
    if cluster.state.is_live:
        report(
            Note(f"Cluster {cluster.id} is still up. End it with: selfserve down {cluster.id} -y")
        )
    return cluster
