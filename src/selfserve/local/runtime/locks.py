"""A lock that several processes and threads honour, and that goes with its holder."""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from selfserve.packing.uv_tool import Cancelled, raise_if_cancelled

_LOOK_S = 0.2


@contextmanager
def locked(folder: Path, waiting: Callable[[], None], cancelled: Cancelled) -> Iterator[int]:
    """Hold the lock of `folder`; `waiting` is called once if somebody else holds it.

    Yields the lock's descriptor. The lock lasts as long as anybody has it open.

    Raises:
        ClusterFailedError: cancelled while waiting.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w", encoding="utf-8") as lock:
        is_first_try = True
        while not _take(lock.fileno()):
            if is_first_try:
                waiting()
                is_first_try = False
            raise_if_cancelled(cancelled)
            time.sleep(_LOOK_S)
        yield lock.fileno()


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
