"""Look for what happens elsewhere while the job runs: a wish to cancel it, and Spark's id for it.

The wish comes through S3 because EMR's CancelSteps reaches spark-submit, but not
a driver that runs elsewhere in the cluster.
"""

import threading
from typing import Callable, Optional

from .java import reason_of
from .storage import Storage, StorageGoneError

CANCEL_MARKER = "cancel"
CANCEL_EVERY = 5  # looks; the other thing to look for is in the JVM, and costs nothing
LOOK_EVERY_S = 1.0
_LAST_LOOK_S = 2.0


class Watch:
    """A thread that calls `on_cancel` once, and learns the application's id."""

    def __init__(
        self, storage: Storage, on_cancel: Callable[[], None], warn: Callable[[str], None]
    ) -> None:
        self.application_id: Optional[str] = None
        self._storage = storage
        self._on_cancel = on_cancel
        self._warn = warn
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Look for the application a last time; a look that hangs is left alone."""
        self._stop.set()
        self._thread.join(_LAST_LOOK_S)

    def sees_cancel(self) -> bool:
        """Whether the run is to be cancelled; looks now."""
        try:
            return self._storage.exists(CANCEL_MARKER)
        except Exception as error:  # noqa: BLE001  py4j, Hadoop and S3 raise what they like
            self._warn(f"cannot see whether the run is cancelled: {reason_of(error)}")
            return False

    def _run(self) -> None:
        looks = 0
        while not self._stop.wait(LOOK_EVERY_S):
            looks += 1
            if not self._look(for_cancel=looks % CANCEL_EVERY == 0):
                return
        self._look(for_cancel=False)

    def _look(self, *, for_cancel: bool) -> bool:
        """Look once; whether there is sense in looking again."""
        try:
            if self.application_id is None:
                self.application_id = self._storage.application_id()
            if for_cancel and self._storage.exists(CANCEL_MARKER):
                self._on_cancel()
        except StorageGoneError:  # the shipper says so
            return False
        except Exception as error:  # noqa: BLE001  py4j, Hadoop and S3 raise what they like
            self._warn(f"cannot see whether the run is cancelled: {reason_of(error)}")
        return True
