"""Run the job's process to its end, whatever ends it, while its output goes to S3."""

import queue
import resource
import signal
import subprocess
import sys
import threading
import time
from typing import IO, Any, Callable, Optional, cast

from .errors import TerminatedError
from .failure import load_failure
from .output import Stream, pump
from .preparation import Prepared
from .result import SIGTERM_CODE, Ending, exit_code_of, now, signal_of, warn
from .shipping import Shipper
from .storage import Storage
from .watch import Watch

KILL_AFTER_S = 10.0  # what a job gets to clean up after SIGTERM
FLUSH_LIMIT_S = 2.0

_ENDED, _CANCEL, _SIGTERM = "ended", "cancel", "SIGTERM"


class Termination:
    """What SIGTERM does: ends the preparation, or is told to the supervisor of the job."""

    def __init__(self) -> None:
        self._events: "Optional[queue.SimpleQueue[str]]" = None
        self._previous: Any = None
        self._is_told = False

    def __enter__(self) -> "Termination":  # noqa: PYI034  typing.Self is newer than our Python
        self._previous = signal.signal(signal.SIGTERM, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGTERM, self._previous)

    def tell(self, events: "queue.SimpleQueue[str]") -> None:
        """From now on, put the signal there."""
        self._events = events

    def _on_signal(self, *_: object) -> None:
        if self._events is not None:
            self._events.put(_SIGTERM)  # a SimpleQueue may be used in a signal handler
        elif not self._is_told:
            self._is_told = True
            raise TerminatedError


class Supervisor:
    """One job's process, from its start to its end."""

    def __init__(
        self,
        prepared: Prepared,
        storage: Storage,
        save_early: Callable[[Ending], None],
        termination: Termination,
    ) -> None:
        self._prepared = prepared
        self._save_early = save_early
        self._events: "queue.SimpleQueue[str]" = queue.SimpleQueue()
        termination.tell(self._events)
        self._watch = Watch(storage, lambda: self._events.put(_CANCEL), warn)
        self._started = now()
        self._is_cancelled = False
        self._is_terminated = False
        self._child = subprocess.Popen(
            prepared.command,
            env=prepared.environment,
            stdin=subprocess.DEVNULL,  # nobody will ever type anything
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        stdout, stderr = (
            cast("IO[bytes]", self._child.stdout),
            cast("IO[bytes]", self._child.stderr),
        )
        redactor = prepared.redactor
        self._streams = [
            Stream("stdout", stdout, 1, redactor.stream()),
            Stream("stderr", stderr, 2, redactor.stream()),
        ]
        self._shipper = Shipper(storage, self._streams, warn)

    def run(self) -> Ending:
        """Return how the job has ended. Its process does not outlive this call."""
        job_is_over = threading.Event()
        pumping = threading.Thread(target=pump, args=(self._streams, job_is_over), name="pump")
        try:
            pumping.start()
            self._shipper.start()
            self._watch.start()
            threading.Thread(target=self._await_child, name="child", daemon=True).start()
            code = self._wait()
        finally:
            self._child.kill()  # does nothing to one that has ended
            job_is_over.set()
        pumping.join()
        self._watch.stop()
        self._shipper.finish()
        for stream in self._streams:
            stream.source.close()
        return self._ending(code)

    def _await_child(self) -> None:
        self._child.wait()
        self._events.put(_ENDED)

    def _wait(self) -> int:
        kill_at: Optional[float] = None
        while True:
            try:
                limit = None if kill_at is None else max(0.0, kill_at - time.monotonic())
                event = self._events.get(timeout=limit)
            except queue.Empty:
                self._child.kill()
                kill_at = None
                continue
            if event == _ENDED:
                return self._child.wait()
            self._prepare_for_end(event)
            if kill_at is None:
                kill_at = time.monotonic() + KILL_AFTER_S
                self._child.terminate()

    def _prepare_for_end(self, event: str) -> None:
        if event == _CANCEL:
            self._is_cancelled = True
        elif not self._is_terminated:
            # YARN kills us 250 ms later: what we know is written before anything else.
            self._is_terminated = True
            self._shipper.flush(FLUSH_LIMIT_S)
            self._save_early(self._provisional_ending())
            # EMR's CancelSteps sends the signal soon after our client has left the marker.
            if not self._is_cancelled and self._watch.sees_cancel():
                self._is_cancelled = True
                self._save_early(self._provisional_ending())

    def _provisional_ending(self) -> Ending:
        return Ending(
            exit_code=SIGTERM_CODE,
            signal=_SIGTERM,
            job_started=self._started,
            cancelled=self._is_cancelled,
            application_id=self._watch.application_id,
            provisional=True,
        )

    def _ending(self, code: int) -> Ending:
        failure = (load_failure(self._prepared.failure) if code else None) or {}
        java_exception = failure.pop("java_exception", None)
        return Ending(
            exit_code=exit_code_of(code),
            signal=_SIGTERM if self._is_terminated else signal_of(code),
            job_started=self._started,
            cancelled=self._is_cancelled,
            exception=failure or None,
            java_exception=java_exception,
            application_id=self._watch.application_id,
            max_rss_bytes=_max_rss_of_children(),
            output_lost=any(stream.is_lossy for stream in self._streams),
        )


def _max_rss_of_children() -> int:
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return largest if sys.platform == "darwin" else largest * 1024  # KiB on Linux
