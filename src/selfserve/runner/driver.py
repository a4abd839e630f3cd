"""Spark's entry point on the cluster: prepares and supervises the user's job, records its end.

    driver.py --run s3://BUCKET/…/runs/ID/

Everything else stands in the run's submission.json. The job has a process of its
own (`job.py`) with its own py4j connection to the same JVM. So a job that is
killed, runs out of memory or calls os._exit ends with a record like any other, and
native code that keeps Python's lock cannot stop its own output from being read.
"""

import argparse
import shutil
import sys
import tempfile
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator, List

from .errors import EXIT_CODE, JobNotStartedError, TerminatedError
from .job import load_order, run_job
from .preparation import AS_JOB, prepare
from .result import SIGTERM_CODE, Ending, Record, warn
from .storage import Storage
from .supervision import Supervisor, Termination
from .watch import CANCEL_MARKER


def main(argv: List[str], runner: str, connect: Callable[[str], Storage]) -> int:
    """Run a job and return its exit code; 128 + N when signal N has killed it.

    `runner` is what Python starts to get here again, for the job's own process.
    """
    run = _parse(argv)
    storage = connect(run)
    record = Record(storage)
    with Termination() as termination, _private_folder() as folder:
        try:
            record.look_up_versions()
            if storage.exists(CANCEL_MARKER):
                ending = Ending(exit_code=SIGTERM_CODE, cancelled=True)
            else:
                prepared = prepare(run, storage, folder, runner)
                ending = Supervisor(prepared, storage, record.save, termination).run()
        except TerminatedError:
            ending = Ending(exit_code=SIGTERM_CODE, signal="SIGTERM")
        except Exception as error:  # noqa: BLE001  a full disk, say, or a bug of ours: recorded too
            ending = _ending_by(error)
        record.save(ending)
    storage.close()
    return ending.exit_code


def _ending_by(error: Exception) -> Ending:
    kind, message, text = "selfserve.RunnerError", f"{type(error).__name__}: {error}", ""
    if isinstance(error, JobNotStartedError):
        kind, message = error.kind, str(error)
    else:
        text = traceback.format_exc()
    warn(text or message)
    exception = {"type": kind, "message": message, "traceback": text}
    return Ending(exit_code=EXIT_CODE, exception=exception)


@contextmanager
def _private_folder() -> Iterator[Path]:
    folder = tempfile.mkdtemp(prefix="selfserve-")  # for our eyes only
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _parse(argv: List[str]) -> str:
    parser = argparse.ArgumentParser(prog="driver.py", allow_abbrev=False)
    parser.add_argument("--run", required=True, help="the run's prefix in S3")
    run = str(parser.parse_args(argv).run)
    return run if run.endswith("/") else f"{run}/"


def start() -> None:
    """What the archive's `__main__` calls."""
    if sys.argv[1:2] == [AS_JOB]:
        run_job(load_order(Path(sys.argv[2])))
        return
    from .hadoop import HadoopStorage  # needs py4j, which only a cluster has

    sys.exit(main(sys.argv[1:], sys.argv[0], HadoopStorage))
