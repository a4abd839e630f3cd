"""Start the table catalogue for who is no step of a cluster, such as the SQL worker.

A step brings the Spark of its cluster; here one is chosen.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from selfserve.local.engine.pins import SparkPin, usual_pin
from selfserve.local.lake.catalogue import Catalogue
from selfserve.local.runtime.install import (
    Installed,
    Runtime,
    RuntimeSource,
    ensure_runtime,
    installed_runtimes,
)
from selfserve.local.runtime.spark_needs import parse_version

_log = logging.getLogger(__name__)

_OLDEST_SPARK = (3, 2)
"""Older ones cannot make the folders of tables in the lake; see `Lake.spark_conf`."""


class CatalogueStart:
    """One start at a time, which all who ask meanwhile share."""

    def __init__(
        self,
        catalogue: Catalogue,
        source: RuntimeSource,
        *,
        usual: Callable[[], SparkPin] = usual_pin,
    ) -> None:
        self._catalogue = catalogue
        self._source = source
        self._usual = usual
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._started: Future[str] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="catalogue-start")

    def begin(self) -> Future[str]:
        """Start it if it does not run; the future has its URI, or fails with a SelfserveError."""
        with self._lock:
            if self._started is None or self._started.done():
                self._started = self._thread.submit(self._ensure)
            return self._started

    def ask_to_stop(self) -> None:
        """Cut an installation short. Returns at once; `close` must follow."""
        self._stopping.set()

    def close(self) -> None:
        """Begin nothing more, and wait for the end of what goes on."""
        self._thread.shutdown(cancel_futures=True)

    def _ensure(self) -> str:
        return self._catalogue.running() or self._catalogue.ensure(self._runtime())

    def _runtime(self) -> Runtime:
        usual = self._usual()
        usable = [
            one
            for one in installed_runtimes(self._source)
            if self._catalogue.can_open(one.spark_home)
        ]
        chosen = choose_installed(usable, usual.spark)
        pin = SparkPin(chosen.spark, chosen.python) if chosen else usual
        return ensure_runtime(
            pin.spark,
            pin.python,
            _log.info,
            source=self._source,
            cancelled=self._stopping.is_set,
        )


def choose_installed(installed: Sequence[Installed], usual_spark: str) -> Installed | None:
    """The newest, given newest first; rather not one that is newer than usual.

    A database that a newer Spark has made cannot be opened by the usual one.
    """
    usable = [one for one in installed if parse_version(one.spark) >= _OLDEST_SPARK]
    usual = [one for one in usable if parse_version(one.spark) <= parse_version(usual_spark)]
    return next(iter(usual or usable), None)
