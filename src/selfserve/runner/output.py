"""The job's stdout and stderr: redacted, passed on to where they would have gone, kept for S3.

Each batch becomes an object of its own, numbered in order of writing and never
changed, so a reader need only list what comes after the last one it has seen.
"""

import os
import selectors
import threading
import time
from typing import IO, Callable, List, Optional

from .redaction import RedactedStream

LINGER_S = 5.0  # how long a process that outlives the job may go on writing
OBJECT_LIMIT = 4 << 20
BACKLOG_LIMIT = 16 << 20  # bytes a stream; they count against the memory of Spark's driver
STALL_LIMIT_S = 60.0  # how long a job waits for S3 once the backlog is full
_GAP = "\n[selfserve: {} bytes of output are missing here; S3 did not take them]\n"


class Stream:
    """One of the two streams, and what S3 still lacks of it.

    `take` and `end` are called from one thread, `ship` from another.
    """

    def __init__(
        self, name: str, source: IO[bytes], copy_to: int, redacted: RedactedStream
    ) -> None:
        self.name = name
        self.source = source
        self.is_lossy = False
        self.on_news: Callable[[], None] = lambda: None
        self._copy_to = copy_to
        self._redacted = redacted
        self._backlog = bytearray()
        self._batch = b""
        self._dropped = 0
        self._has_given_up = False
        self._changed = threading.Condition()
        self._number = 0

    @property
    def is_behind(self) -> bool:
        """Whether S3 lacks something."""
        return bool(self._batch or self._backlog)

    def resume_after(self, names: List[str]) -> None:
        """Write after these objects: an earlier attempt of the same run has left them."""
        self._number = max([int(name.lstrip("x")) for name in names if _is_number(name)] or [0])

    def take(self, chunk: bytes) -> None:
        """Pass output on. Waits while S3 is far behind, as a slow terminal would."""
        self._pass_on(self._redacted.feed(chunk))

    def end(self) -> None:
        """Pass on what was held because more might have come."""
        self._pass_on(self._redacted.end())

    def ship(self, write: Callable[[str, bytes], None]) -> None:
        """Write everything taken so far. What fails is kept for the next time.

        A batch that has failed is written again as it was: it may have arrived.
        """
        while self._cut_batch():
            write(f"{self.name}/{object_name(self._number + 1)}", self._batch)
            self._number += 1
            self._batch = b""

    def give_up(self) -> None:
        """Keep nothing more for S3: a job must not wait for ever on its own log."""
        with self._changed:
            self._has_given_up = True
            self.is_lossy = self.is_lossy or self.is_behind
            self._batch = b""
            self._backlog.clear()
            self._changed.notify_all()

    def _pass_on(self, data: bytes) -> None:
        if data:
            self._keep(data)  # first: what anybody has seen is not lost when a signal comes
            self.on_news()
            self._copy(data)

    def _copy(self, data: bytes) -> None:
        try:
            while data:
                data = data[os.write(self._copy_to, data) :]
        except OSError:
            # Whoever read it has gone; S3 is the reader that counts.
            self._copy_to = os.open(os.devnull, os.O_WRONLY)

    def _keep(self, data: bytes) -> None:
        with self._changed:
            # Once it has waited in vain, it does not wait again before S3 has taken something.
            self._changed.wait_for(self._has_room, 0 if self._dropped else STALL_LIMIT_S)
            if self._has_given_up or not self._has_room():
                self._dropped += len(data)
                self.is_lossy = True
                return
            if self._dropped:
                self._backlog += _GAP.format(self._dropped).encode("ascii")
                self._dropped = 0
            self._backlog += data

    def _has_room(self) -> bool:
        return self._has_given_up or len(self._backlog) < BACKLOG_LIMIT

    def _cut_batch(self) -> bytes:
        with self._changed:
            if not self._batch:
                self._batch = bytes(self._backlog[:OBJECT_LIMIT])
                del self._backlog[:OBJECT_LIMIT]
                self._changed.notify_all()
            return self._batch


def object_name(number: int) -> str:
    """Names whose lexical order is the order of writing, however many there are."""
    return f"{number:06d}" if number < 10**6 else f"x{number:012d}"


def pump(streams: List[Stream], job_is_over: threading.Event) -> None:
    """Read the streams until they end, or fall silent after the job's end.

    They outlast the job when a process that it has started lives on.
    """
    with selectors.DefaultSelector() as selector:
        for stream in streams:
            selector.register(stream.source, selectors.EVENT_READ, stream)
        _read_all(selector, job_is_over)
    for stream in streams:
        stream.end()


def _read_all(selector: selectors.BaseSelector, job_is_over: threading.Event) -> None:
    deadline: Optional[float] = None
    while selector.get_map():
        ready = selector.select(timeout=0.2)
        if job_is_over.is_set():
            deadline = deadline or time.monotonic() + LINGER_S
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


def _is_number(name: str) -> bool:
    return name.isdigit() or (name[:1] == "x" and name[1:].isdigit())
