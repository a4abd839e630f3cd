"""The result of a run: everything that is known of it, now or when it is over."""

from selfserve.usecases.follow import wait_for_end
from selfserve.usecases.progress import Report, quiet
from selfserve.usecases.records.outcomes import RunRecord, fetch_record
from selfserve.usecases.records.runs import find_run, find_run_id
from selfserve.usecases.targets.target import Target


def fetch_result(
    target: Target, wanted: str, *, wait: bool = False, report: Report = quiet
) -> RunRecord:
    """The run with this id, or the newest one on the cluster `wanted`; see `find_run_id`.

    With `wait`, not before it is over.

    Raises:
        NotFoundError: there is no such run; with `wait`, also if it never got to EMR.
    """
    record = fetch_record(target, find_run_id(target, wanted), report=report)
    if record.outcome.state.is_over or not wait:
        return record
    run = record.run or find_run(target, record.id)
    finished = wait_for_end(target, run, report=report)
    return RunRecord(run.submission, run.placement, finished.result, finished.outcome)
