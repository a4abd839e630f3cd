"""One thread that notices when processes are gone.

Processes that an earlier daemon has started cannot be waited for, only looked
at; so all are looked at, several times a second.
"""

import threading
from collections.abc import Callable

from selfserve.local.engine.processes import ManagedProcess

_LOOK_S = 0.1


class Watcher:
    """Calls back, once, when a watched process is gone. The callback must be quick."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watched: list[tuple[ManagedProcess, Callable[[], None]]] = []
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._look_until_closed, name="watcher", daemon=True)
        self._thread.start()

    def watch(self, process: ManagedProcess, gone: Callable[[], None]) -> None:
        """Call `gone` from the watcher's thread when the process is."""
        with self._lock:
            self._watched.append((process, gone))

    def close(self) -> None:
        """Look for the last time, and stop; returns when the thread is gone."""
        self._closed.set()
        self._thread.join()
        self._look()

    def _look_until_closed(self) -> None:
        while not self._closed.wait(_LOOK_S):
            self._look()

    def _look(self) -> None:
        with self._lock:
            watched = list(self._watched)
        over = [entry for entry in watched if not entry[0].is_alive()]
        with self._lock:
            self._watched = [entry for entry in self._watched if entry not in over]
        for _, gone in over:
            gone()
