"""Read what a run has written, during and after its cluster's life."""

from datetime import timedelta

from selfserve.core.outcome import RunState
from selfserve.core.program import JobKind
from selfserve.core.run import Placement, StreamName
from selfserve.usecases.follow import Emit, follow
from selfserve.usecases.progress import Report, Waiting, quiet
from selfserve.usecases.records.outcomes import RunRecord, fetch_record
from selfserve.usecases.records.runs import OutputTail, Run, find_run, last_lines
from selfserve.usecases.records.step_output import read_step_output, wait_for_step_output
from selfserve.usecases.targets.target import Target

_LOGS_MAY_STILL_COME_FOR = timedelta(minutes=10)
_PLACED_WITHIN = timedelta(minutes=5)  # a submitter has written that down by then, or is dead


def show_output(
    target: Target,
    run_id: str,
    *,
    stream: StreamName,
    emit: Emit,
    tail: int | None = None,
    keep_following: bool = False,
    report: Report = quiet,
) -> RunRecord:
    """Pass on one stream of the run: all of it or the last `tail` lines; then what is added.

    An output is passed on object by object, so its size does not matter.

    Returns:
        How the run ended, or how far it is.

    Raises:
        NotFoundError: there is no such run; or it never gets to EMR, and is to be followed.
    """
    record = fetch_record(target, run_id, report=report)  # before the output: so that is complete
    output = OutputTail(target.store, run_id, stream)
    chunks = output.read_new() if tail is None else [output.read_last(tail)]
    for chunk in filter(None, chunks):
        emit(stream, chunk)
    if record.outcome.state.is_over or not keep_following:
        if not output.has_begun and record.placement is not None and _has_step_log(record):
            written = _read_step_log(target, record, record.placement, stream, report=report)
            if written:
                emit(stream, written if tail is None else last_lines(written, tail))
        return record

    def emit_wanted(name: StreamName, chunk: bytes) -> None:
        if name is stream:
            emit(name, chunk)

    run = record.run or _wait_until_placed(target, record, report)
    finished = follow(target, run, emit=emit_wanted, report=report, tails=[output])
    return RunRecord(run.submission, run.placement, finished.result, finished.outcome)


def _has_step_log(record: RunRecord) -> bool:
    """Whether EMR's log of the step is where the output is: no runner has brought it to S3."""
    state, timeline = record.outcome.state, record.outcome.timeline
    if timeline.step_started is None and state is not RunState.UNKNOWN:
        return False
    is_python = record.submission.program.kind is JobKind.PYTHON
    return not is_python or (record.result is None and state.is_over)


def _read_step_log(
    target: Target, record: RunRecord, placement: Placement, stream: StreamName, *, report: Report
) -> bytes:
    """What EMR's log of the step has; waits for it if the step has just ended."""
    ended = record.outcome.timeline.step_ended
    may_come = ended is not None and target.clock.now() - ended < _LOGS_MAY_STILL_COME_FOR
    read = wait_for_step_output if may_come else read_step_output
    return read(target, placement, report=report).get(stream, b"")


def _wait_until_placed(target: Target, record: RunRecord, report: Report) -> Run:
    """Wait for a submission that is under way at this moment.

    Raises:
        NotFoundError: it does not get to EMR.
    """
    started = target.clock.now()
    while target.clock.now() - record.submission.created < _PLACED_WITHIN:
        report(Waiting(f"EMR to get run {record.id}", since=started))
        target.clock.sleep(target.pace.quickest)
        found = fetch_record(target, record.id, report=report).run
        if found is not None:
            return found
    return find_run(target, record.id)
