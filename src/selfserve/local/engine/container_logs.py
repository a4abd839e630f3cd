"""Executors' logs, put where EMR puts those of YARN's containers.

`<LogUri>/<cluster>/containers/<application>/<container>/{stdout,stderr}.gz`. Here
Spark's Workers have them in `worker-N/work/<application>/<executor>`. Publishing
again replaces what has grown since, so it may be done at any time, and twice.
"""

import logging
import re
from pathlib import Path

from selfserve.errors import SelfserveError
from selfserve.local.engine.cluster_folder import ClusterFolder
from selfserve.local.lake.folders import Lake
from selfserve.local.steps.logs import compress, log_folder

MOST_BYTES = 8 << 20
"""Of one log: what an executor that writes without end could cost in time and disk."""
_STREAMS = ("stdout", "stderr")
_APPLICATION = re.compile(r"app-(\d+)-(\d+)")
_DRIVERS_OWN = 1
_log = logging.getLogger(__name__)


class ContainerLogs:
    """The executors' logs of one cluster; without a LogUri they stay where they are."""

    def __init__(self, folder: ClusterFolder, lake: Lake, log_uri: str | None) -> None:
        self._folder = folder
        self._lake = lake
        self._log_uri = log_uri
        self._published: dict[Path, int] = {}

    def publish(self) -> None:
        """Publish what has grown. A log that cannot be is told of in the daemon's log only."""
        if self._log_uri is None:
            return
        for log in executor_logs(self._folder):
            try:
                self._publish_one(self._log_uri, log)
            except (SelfserveError, OSError) as error:
                _log.warning("log %s of %s: %s", log, self._folder.cluster_id, error)

    def _publish_one(self, log_uri: str, log: Path) -> None:
        size = log.stat().st_size
        if size == self._published.get(log, 0):
            return
        cluster = log_folder(log_uri, self._lake) / self._folder.cluster_id
        application, executor = log.parts[-3:-1]
        container = container_name(application, executor)
        target = cluster / "containers" / application / container / f"{log.name}.gz"
        compress(log, target, most_bytes=MOST_BYTES)
        self._published[log] = size


def executor_logs(folder: ClusterFolder) -> list[Path]:
    """Every stdout and stderr that Workers keep of executors, of whatever application."""
    found = (path for path in folder.root.glob("worker-*/work/app-*/*/std*"))
    return sorted(path for path in found if path.name in _STREAMS and _is_executors(path))


def container_name(application: str, executor: str) -> str:
    """A name as YARN's, `container_<application's numbers>_<attempt>_<number>`.

    Spark counts executors from 0; YARN's first container is the driver's.
    """
    numbers = "_".join(application.split("-")[1:])
    return f"container_{numbers}_01_{int(executor) + 1 + _DRIVERS_OWN:06d}"


def _is_executors(path: Path) -> bool:
    application, executor = path.parts[-3:-1]
    return _APPLICATION.fullmatch(application) is not None and executor.isdigit()
