"""What a step printed, from the logs that EMR copies to S3.

The only output of a step without our runner (SQL), and of a Python job that
failed before the runner could start.
"""

from datetime import timedelta

from selfserve.core.run import Placement, StreamName
from selfserve.usecases.progress import Note, Report, Waiting, quiet
from selfserve.usecases.records.emr_logs import EmrLogs
from selfserve.usecases.records.outcomes import ask_for_cluster
from selfserve.usecases.targets.target import Target

# What EMR's step controller writes after the process has ended, and what the local one
# writes when it could not even start it.
_LAST_LINES = (b"waitProcessCompletion ended", b"was not started")
_ARRIVES_WITHIN_LOCALLY = timedelta(seconds=90)
_ARRIVES_WITHIN_ON_AWS = timedelta(minutes=7)  # EMR pushes every five


def wait_for_step_output(
    target: Target, placement: Placement, *, report: Report
) -> dict[StreamName, bytes]:
    """Wait until EMR has copied the logs of a step that is over, and return its output.

    Empty when EMR keeps no logs for the cluster, or they do not come in time.
    """
    logs = _find_logs(target, placement, report)
    if logs is None:
        return {}
    within = _ARRIVES_WITHIN_LOCALLY if target.is_local else _ARRIVES_WITHIN_ON_AWS
    started = target.clock.now()
    for pause in target.pace.steps():
        if _is_final(logs, placement):
            break
        if target.clock.now() - started > within:
            report(_not_copied(logs, placement))
            break
        usually = None if target.is_local else "up to 5 minutes"
        report(Waiting("EMR to copy the step's output to S3", since=started, usually=usually))
        target.clock.sleep(pause)
    return _read(logs, placement)


def read_step_output(
    target: Target, placement: Placement, *, report: Report = quiet
) -> dict[StreamName, bytes]:
    """The output of a step as far as EMR has copied it; says so if that is not all."""
    logs = _find_logs(target, placement, report)
    if logs is None:
        return {}
    if not _is_final(logs, placement):
        report(_not_copied(logs, placement))
    return _read(logs, placement)


def step_folder(step_id: str) -> str:
    """Where a step's logs are among those of its cluster."""
    return f"steps/{step_id}/"


def _read(logs: EmrLogs, placement: Placement) -> dict[StreamName, bytes]:
    folder = step_folder(placement.step_id)
    found = {stream: logs.read(f"{folder}{stream}.gz") for stream in StreamName}
    return {stream: body for stream, body in found.items() if body is not None}


def _find_logs(target: Target, placement: Placement, report: Report) -> EmrLogs | None:
    """The cluster's logs, or None when they are not in the target's bucket."""
    cluster = ask_for_cluster(target, placement.cluster_id)
    logs = EmrLogs(target, placement.cluster_id, cluster)
    if not logs.is_readable:
        report(Note(f"The output is not in the target's bucket, but in {logs.uri or 'none'}."))
        return None
    return logs


def _not_copied(logs: EmrLogs, placement: Placement) -> Note:
    where = logs.uri_of(step_folder(placement.step_id))
    return Note(f"EMR has not copied all of the step's logs to {where} yet.")


def _is_final(logs: EmrLogs, placement: Placement) -> bool:
    """Whether the logs are complete: EMR also copies them while the step runs."""
    controller = logs.read(f"{step_folder(placement.step_id)}controller.gz") or b""
    return any(line in controller for line in _LAST_LINES)
