"""The job's stdout and stderr: copied to where they would have gone, and to S3 every second.

Each batch becomes an object of its own, numbered in order of writing and never
changed, so a reader need only list what comes after the last one it has seen.
"""

import os
import selectors
import threading
import time
from typing import IO, Callable, List, Optional

from .storage import Storage

SHIP_EVERY_S = 1.0
LINGER_S = 5.0  # how long a process that outlives the job may go on writing
OBJECT_LIMIT = 4 << 20
BACKLOG_LIMIT = 64 << 20
ATTEMPTS = 30  # failures in a row before output is no longer kept for S3
LAST_ATTEMPTS = 3


class Stream:
    """One of the two streams, and what S3 still lacks of it.

    `take` and `ship` are called from different threads.
    """

    def __init__(self, name: str, source: IO[bytes], copy_to: int) -> None:
        self.name = name
        self.source = source
        self.is_lossy = False
        self._copy_to = copy_to
        self._backlog = bytearray()
        self._has_given_up = False
        self._changed = threading.Condition()
        self._number = 0

    def resume_after(self, names: List[str]) -> None:
        """Write after these objects: an earlier attempt of the same run has left them."""
        self._number = max([int(name) for name in names if name.isdigit()] or [0])

    def take(self, chunk: bytes) -> None:
        """Pass output on. Waits while S3 is far behind, as a slow terminal would."""
        self._copy(chunk)
        with self._changed:
            self._changed.wait_for(lambda: self._has_given_up or len(self._backlog) < BACKLOG_LIMIT)
            if self._has_given_up:
                self.is_lossy = True
            else:
                self._backlog += chunk

    def ship(self, write: Callable[[str, bytes], None]) -> None:
        """Write everything taken so far. What fails is kept for the next time."""
        while self._backlog:
            body = bytes(self._backlog[:OBJECT_LIMIT])
            write("%s/%s" % (self.name, object_name(self._number + 1)), body)
            self._number += 1
            with self._changed:
                del self._backlog[: len(body)]
                self._changed.notify_all()

    def give_up(self) -> None:
        """Keep nothing more for S3: a job must not wait for ever on its own log."""
        with self._changed:
            self._has_given_up = True
            self.is_lossy = self.is_lossy or bool(self._backlog)
            self._backlog.clear()
            self._changed.notify_all()

    def _copy(self, chunk: bytes) -> None:
        try:
            while chunk:
                chunk = chunk[os.write(self._copy_to, chunk) :]
        except OSError:
            # Whoever read it has gone; S3 is the reader that counts.
            self._copy_to = os.open(os.devnull, os.O_WRONLY)


def object_name(number: int) -> str:
    """Names whose lexical order is the order of writing, however many there are."""
    return "%06d" % number if number < 10**6 else "x%012d" % number


class Shipper:
    """Brings the streams to S3 every second; learns Spark's application id on the way."""

    def __init__(
        self, storage: Storage, streams: List[Stream], warn: Callable[[str], None]
    ) -> None:
        self.application_id: Optional[str] = None
        self._storage = storage
        self._streams = streams
        self._warn = warn
        self._knows_earlier = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shipper", daemon=True)

    def start(self) -> None:
        """Begin; the first objects are written after a second."""
        self._thread.start()

    def finish(self) -> None:
        """Write what is left. Call it when nothing more will be taken."""
        self._stop.set()
        self._thread.join()
        for _ in range(LAST_ATTEMPTS):
            if self._ship():
                return
            time.sleep(SHIP_EVERY_S)
        self._give_up()

    def _run(self) -> None:
        failures = 0
        while not self._stop.wait(SHIP_EVERY_S):
            failures = 0 if self._ship() else failures + 1
            if failures == ATTEMPTS:
                self._give_up()

    def _ship(self) -> bool:
        try:
            self._look_for_earlier()
            for stream in self._streams:
                stream.ship(self._storage.write)
            self.application_id = self.application_id or self._storage.application_id()
        except Exception as error:  # noqa: BLE001  py4j, Hadoop and S3 raise what they like
            self._warn("cannot write the job's output to S3: %s" % str(error)[:300])
            return False
        return True

    def _look_for_earlier(self) -> None:
        if not self._knows_earlier:
            for stream in self._streams:
                stream.resume_after(self._storage.names(stream.name))
            self._knows_earlier = True

    def _give_up(self) -> None:
        for stream in self._streams:
            stream.give_up()


def pump(streams: List[Stream], job_is_over: threading.Event) -> None:
    """Read the streams until they end, or fall silent after the job's end.

    They outlast the job when a process that it has started lives on.
    """
    deadline = float("inf")
    with selectors.DefaultSelector() as selector:
        for stream in streams:
            selector.register(stream.source, selectors.EVENT_READ, stream)
        while selector.get_map():
            ready = selector.select(timeout=0.2)
            if job_is_over.is_set():
                deadline = min(deadline, time.monotonic() + LINGER_S)
                if not ready or time.monotonic() > deadline:
                    return
            for key, _ in ready:
                _read_once(selector, key)


def _read_once(selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    chunk = os.read(key.fd, 1 << 16)
    if chunk:
        key.data.take(chunk)
    else:
        selector.unregister(key.fileobj)
