"""What a step printed, from the logs that EMR copies to S3.

The only output of a step without our runner (SQL), and of a Python job that
failed before the runner could start.
"""

import gzip
import zlib
from datetime import timedelta

from selfserve.core.naming import S3_PREFIX
from selfserve.core.run import Placement, StreamName
from selfserve.errors import NotFoundError
from selfserve.usecases.progress import Note, Report, Waiting, quiet
from selfserve.usecases.target import Target

# What EMR's step controller writes after the process has ended, and what the local one
# writes when it could not even start it.
_LAST_LINES = (b"waitProcessCompletion ended", b"was not started")
_USUAL_LOGS = f"{S3_PREFIX}emr-logs/"
_ARRIVES_WITHIN_LOCALLY = timedelta(seconds=90)
_ARRIVES_WITHIN_ON_AWS = timedelta(minutes=7)  # EMR pushes every five


def wait_for_step_output(
    target: Target, placement: Placement, *, report: Report
) -> dict[StreamName, bytes]:
    """Wait until EMR has copied the logs of a step that is over, and return its output.

    Empty when EMR keeps no logs for the cluster, or they do not come in time.
    """
    folder = _find_folder(target, placement, report)
    if folder is None:
        return {}
    within = _ARRIVES_WITHIN_LOCALLY if target.is_local else _ARRIVES_WITHIN_ON_AWS
    started = target.clock.now()
    for pause in target.pace.steps():
        if _is_final(target, folder):
            break
        if target.clock.now() - started > within:
            report(_not_copied(target, folder))
            break
        usually = None if target.is_local else "up to 5 minutes"
        report(Waiting("EMR to copy the step's output to S3", since=started, usually=usually))
        target.clock.sleep(pause)
    return _read(target, folder)


def read_step_output(
    target: Target, placement: Placement, *, report: Report = quiet
) -> dict[StreamName, bytes]:
    """The output of a step as far as EMR has copied it; says so if that is not all."""
    folder = _find_folder(target, placement, report)
    if folder is None:
        return {}
    if not _is_final(target, folder):
        report(_not_copied(target, folder))
    return _read(target, folder)


def _read(target: Target, folder: str) -> dict[StreamName, bytes]:
    found = {stream: target.store.get(f"{folder}{stream}.gz") for stream in StreamName}
    return {stream: unpack(body) for stream, body in found.items() if body is not None}


def _find_folder(target: Target, placement: Placement, report: Report) -> str | None:
    """Key prefix of the step's logs, or None when they are not in the target's bucket."""
    try:
        log_uri = target.backend.describe(placement.cluster_id).log_uri
    except NotFoundError:  # EMR has forgotten the cluster; profiles usually log there
        log_uri = f"s3://{target.bucket}/{_USUAL_LOGS}"
    bucket, _, prefix = (log_uri or "").partition("://")[2].partition("/")
    if bucket != target.bucket:
        report(Note(f"The output is not in the target's bucket, but in {log_uri or 'none'}."))
        return None
    return f"{prefix.rstrip('/')}/{placement.cluster_id}/steps/{placement.step_id}/".lstrip("/")


def _not_copied(target: Target, folder: str) -> Note:
    return Note(f"EMR has not copied all of the step's logs to s3://{target.bucket}/{folder} yet.")


def _is_final(target: Target, folder: str) -> bool:
    """Whether the logs are complete: EMR also copies them while the step runs."""
    body = target.store.get(f"{folder}controller.gz")
    if body is None:
        return False
    controller = unpack(body)
    return any(line in controller for line in _LAST_LINES)


def unpack(body: bytes) -> bytes:
    """As much as is there, should the copy end in the middle."""
    try:
        return gzip.decompress(body)
    except (EOFError, zlib.error):
        return zlib.decompressobj(wbits=31).decompress(body)
