"""What a step printed, from the logs that EMR copies to S3.

The only output of a step without our runner (SQL), and of a Python job that
failed before the runner could start.
"""

import gzip
import zlib
from datetime import timedelta

from selfserve.core.cluster import Cluster
from selfserve.core.run import StreamName
from selfserve.usecases.progress import Note, Report, Waiting
from selfserve.usecases.target import Target

# What EMR's step controller writes after the process has ended, and what the local one
# writes when it could not even start it.
_LAST_LINES = (b"waitProcessCompletion ended", b"was not started")
_ARRIVES_WITHIN_LOCALLY = timedelta(seconds=90)
_ARRIVES_WITHIN_ON_AWS = timedelta(minutes=7)  # EMR pushes every five


def wait_for_step_output(
    target: Target, cluster: Cluster, step_id: str, *, report: Report
) -> dict[StreamName, bytes]:
    """Wait until EMR has copied the logs of a step that is over, and return its output.

    Empty when EMR keeps no logs for the cluster, or they do not come in time.
    """
    folder = _folder(target, cluster, step_id)
    if folder is None:
        report(
            Note(f"The output is not in the target's bucket, but in {cluster.log_uri or 'none'}.")
        )
        return {}
    within = _ARRIVES_WITHIN_LOCALLY if target.is_local else _ARRIVES_WITHIN_ON_AWS
    started = target.clock.now()
    for pause in target.pace.steps():
        if _is_final(target, folder):
            break
        if target.clock.now() - started > within:
            report(
                Note(f"EMR has not copied the step's logs to s3://{target.bucket}/{folder} yet.")
            )
            break
        usually = None if target.is_local else "up to 5 minutes"
        report(Waiting("EMR to copy the step's output to S3", since=started, usually=usually))
        target.clock.sleep(pause)
    return read_step_output(target, cluster, step_id)


def read_step_output(target: Target, cluster: Cluster, step_id: str) -> dict[StreamName, bytes]:
    """The output of a step as far as EMR has copied it."""
    folder = _folder(target, cluster, step_id)
    if folder is None:
        return {}
    found = {stream: target.store.get(f"{folder}{stream}.gz") for stream in StreamName}
    return {stream: _unpack(body) for stream, body in found.items() if body is not None}


def _folder(target: Target, cluster: Cluster, step_id: str) -> str | None:
    """Key prefix of the step's logs, or None when they are not in the target's bucket."""
    bucket, _, prefix = (cluster.log_uri or "").partition("://")[2].partition("/")
    if bucket != target.bucket:
        return None
    return f"{prefix.rstrip('/')}/{cluster.id}/steps/{step_id}/".lstrip("/")


def _is_final(target: Target, folder: str) -> bool:
    """Whether the logs are complete: EMR also copies them while the step runs."""
    body = target.store.get(f"{folder}controller.gz")
    if body is None:
        return False
    controller = _unpack(body)
    return any(line in controller for line in _LAST_LINES)


def _unpack(body: bytes) -> bytes:
    """As much as is there, should the copy end in the middle."""
    try:
        return gzip.decompress(body)
    except (EOFError, zlib.error):
        return zlib.decompressobj(wbits=31).decompress(body)
