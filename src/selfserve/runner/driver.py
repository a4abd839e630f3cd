"""Spark's entry point on the cluster: supervises the user's job and records how it ends.

    --run s3://BUCKET/…/runs/ID/ --job s3://BUCKET/…/job.py -- ARGS

The job has a process of its own (`job.py`) with its own py4j connection to the
same JVM. So a job that is killed, runs out of memory or calls os._exit ends
with a record like any other, and native code that keeps Python's lock cannot
stop its own output from being read.

`result.json` is written last: who sees it has all the output.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import IO, Any, Callable, Dict, List, Optional, Tuple, cast

from .job import load_failure, run_job
from .output import Shipper, Stream, pump
from .storage import Storage

AS_JOB = "--as-job"
CANCEL_MARKER = "cancel"
LOOK_FOR_CANCEL_EVERY_S = 5.0
KILL_AFTER_S = 10.0  # what a job gets to clean up after SIGTERM


def main(argv: List[str], entry: str, connect: Callable[[str], Storage]) -> int:
    """Run a job and return its exit code; 128 + N when signal N has killed it.

    `entry` is what Python starts to get here again, for the job's own process.
    """
    options = _parse(argv)
    storage = connect(options.run)
    result: Dict[str, Any] = {"started": _now(), "versions": storage.versions()}
    folder = Path(tempfile.mkdtemp(prefix="selfserve-"))
    try:
        job, failure = folder / options.job.rsplit("/", 1)[-1], folder / ".failure.json"
        storage.fetch(options.job, str(job))
        command = [sys.executable, entry, AS_JOB, str(failure), str(job), *options.args]
        code, facts = supervise(command, storage)
        result.update(facts, exception=load_failure(failure))
    finally:
        shutil.rmtree(str(folder), ignore_errors=True)
    exit_code = code if code >= 0 else 128 - code
    result.update(exit_code=exit_code, signal=_signal_name(code), ended=_now())
    _save_result(storage, result)
    storage.close()
    return exit_code


def supervise(command: List[str], storage: Storage) -> Tuple[int, Dict[str, Any]]:
    """Run a process to its end. Returns its code, negative for a signal, and facts about it."""
    with Termination(lambda: bool(storage.exists(CANCEL_MARKER))) as termination:
        environment = dict(os.environ, PYTHONUNBUFFERED="1")
        child = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
        )
        stdout, stderr = cast("IO[bytes]", child.stdout), cast("IO[bytes]", child.stderr)
        with stdout, stderr:
            streams = [Stream("stdout", stdout, 1), Stream("stderr", stderr, 2)]
            shipper = Shipper(storage, streams, _warn)
            job_is_over = threading.Event()
            pumping = threading.Thread(target=pump, args=(streams, job_is_over), name="pump")
            pumping.start()
            shipper.start()
            code = termination.wait(child)
            job_is_over.set()
            pumping.join()
        shipper.finish()
    return code, {
        "application_id": shipper.application_id,
        "output_lost": any(stream.is_lossy for stream in streams),
    }


class Termination:
    """Ends the job when we get SIGTERM or are asked to through S3.

    The latter because EMR's CancelSteps reaches spark-submit, but not a driver
    that runs elsewhere in the cluster.
    """

    def __init__(self, is_cancelled: Callable[[], bool]) -> None:
        self._is_cancelled = is_cancelled
        self._look_at = time.monotonic() + LOOK_FOR_CANCEL_EVERY_S
        self._asked_at: Optional[float] = None
        self._previous: Any = None

    def __enter__(self) -> "Termination":  # noqa: PYI034  typing.Self is newer than our Python
        self._previous = signal.signal(signal.SIGTERM, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGTERM, self._previous)

    def wait(self, child: "subprocess.Popen[bytes]") -> int:
        """Wait for the process, and end it if that is asked for."""
        is_told = False
        while True:
            try:
                return child.wait(timeout=0.5)
            except subprocess.TimeoutExpired:
                self._look_for_cancel()
            if self._asked_at is None:
                continue
            if not is_told:
                child.terminate()
                is_told = True
            elif time.monotonic() > self._asked_at + KILL_AFTER_S:
                child.kill()

    def _ask(self, *_: object) -> None:
        self._asked_at = self._asked_at or time.monotonic()

    def _look_for_cancel(self) -> None:
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + LOOK_FOR_CANCEL_EVERY_S
        try:
            if self._is_cancelled():
                self._ask()
        except Exception as error:  # noqa: BLE001  py4j, Hadoop and S3 raise what they like
            _warn("cannot see whether the run is cancelled: %s" % str(error)[:300])


def _parse(argv: List[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="driver.py")
    parser.add_argument("--run", required=True, help="the run's prefix, with a slash at its end")
    parser.add_argument("--job", required=True, help="the user's file")
    parser.add_argument("args", nargs="*", help="the job's own arguments, after --")
    split = argv.index("--") if "--" in argv else len(argv)
    options = parser.parse_args(argv[:split])
    options.args = argv[split + 1 :]
    return options


def _save_result(storage: Storage, result: Dict[str, Any]) -> None:
    try:
        storage.write("result.json", json.dumps(result, indent=2).encode("utf-8"))
    except Exception as error:  # noqa: BLE001  the job's own exit code still tells how it went
        _warn("cannot write result.json: %s" % str(error)[:300])


def _signal_name(code: int) -> Optional[str]:
    if code >= 0:
        return None
    try:
        return signal.Signals(-code).name
    except ValueError:  # real-time signals have no name
        return "signal %d" % -code


def _now() -> str:
    return datetime.now(timezone.utc).isoformat()


def _warn(text: str) -> None:
    os.write(2, ("selfserve: %s\n" % text).encode("utf-8", "replace"))


def start() -> None:
    """What the archive's `__main__` calls."""
    if sys.argv[1:2] == [AS_JOB]:
        failure_path, job_path = sys.argv[2:4]
        run_job(Path(failure_path), Path(job_path), sys.argv[4:])
        return
    from .hadoop import HadoopStorage  # needs py4j, which only a cluster has

    sys.exit(main(sys.argv[1:], sys.argv[0], HadoopStorage))
