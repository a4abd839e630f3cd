"""Bring the streams to S3: what is printed after a silence at once, a steady flow in batches.

So a line is there within about a second, and a long run makes about one object
a second and stream.
"""

import threading
import time
from typing import Callable, List

from .java import reason_of
from .output import Stream
from .storage import Storage, StorageGoneError

SHIP_EVERY_S = 0.8
GATHER_S = 0.05  # a line seldom comes alone
RETRY_LIMIT_S = 5.0
LAST_ATTEMPTS_S = 180.0  # for S3 to answer after the job's end, before output is lost


class Shipper:
    """A thread that writes what the streams have taken."""

    def __init__(
        self, storage: Storage, streams: List[Stream], warn: Callable[[str], None]
    ) -> None:
        self._storage = storage
        self._streams = streams
        self._warn = warn
        self._knows_earlier = False
        self._news = threading.Event()
        self._hurry = threading.Event()
        self._nothing_follows = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shipper", daemon=True)

    def start(self) -> None:
        """Begin."""
        for stream in self._streams:
            stream.on_news = self._news.set
        self._thread.start()

    def flush(self, within_s: float) -> None:
        """Write what was taken until now, without regard to the pace."""
        deadline = time.monotonic() + within_s
        self._wake()
        while time.monotonic() < deadline and any(stream.is_behind for stream in self._streams):
            time.sleep(0.005)

    def finish(self) -> None:
        """Write what is left. Call it when nothing more will be taken."""
        self._nothing_follows.set()
        self._wake()
        self._thread.join(LAST_ATTEMPTS_S)
        self._give_up()

    def _wake(self) -> None:
        self._hurry.set()
        self._news.set()

    def _run(self) -> None:
        failures = 0
        while True:
            self._news.wait()
            self._hurry.wait(GATHER_S)
            self._news.clear()
            self._hurry.clear()
            is_last = self._nothing_follows.is_set()
            try:
                is_shipped = self._ship()
            except StorageGoneError as error:
                self._warn(f"{error}; the job's output is no longer written to S3")
                self._give_up()
                return
            if is_shipped and is_last:
                return
            failures = 0 if is_shipped else failures + 1
            self._rest(failures)

    def _rest(self, failures: int) -> None:
        pause = min(RETRY_LIMIT_S, SHIP_EVERY_S * 1.5**failures)
        self._hurry.wait(pause)
        if failures:
            self._news.set()

    def _ship(self) -> bool:
        try:
            self._look_for_earlier()
            for stream in self._streams:
                stream.ship(self._storage.write)
        except StorageGoneError:
            raise
        except Exception as error:  # noqa: BLE001  py4j, Hadoop and S3 raise what they like
            self._warn(f"cannot write the job's output to S3, will try again: {reason_of(error)}")
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
