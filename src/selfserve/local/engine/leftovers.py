"""End what a daemon that is gone has left running: clusters, steps, rclone, the catalogue."""

from pathlib import Path

import psutil

from selfserve.local.engine.processes import end, find_marked
from selfserve.local.lake.service import find_services

_GRACE_S = 5.0


def find_leftovers(home: Path) -> list[psutil.Process]:
    """Every running process that was started for this home, except the daemon itself."""
    return [*find_marked(home), *find_services(home)]


def end_leftovers(home: Path) -> None:
    """End them all; returns when none is left."""
    end(lambda: find_leftovers(home), grace_s=_GRACE_S)
