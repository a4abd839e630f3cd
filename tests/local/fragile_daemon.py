"""The daemon, but it kills itself (-9) once at every point between two steps of its work.

`python -m local.fragile_daemon --home FOLDER DEATHS`: the points at which one of these
has died are in the file DEATHS, one a line; the next one lives through them.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from selfserve.local import daemon
from selfserve.local.control.records import ClusterRecord
from selfserve.local.control.store import Store
from selfserve.local.engine import cluster_actor, processes, spark_cluster, step_runs
from selfserve.local.engine.cluster_folder import ClusterFolder
from selfserve.local.engine.spark_engine import SparkEngine
from selfserve.local.home import Home
from selfserve.local.lake.rclone import RcloneServer
from selfserve.local.steps.journal import StepJournal


def main() -> int:
    deaths = Path(sys.argv.pop())

    def die_once(point: str) -> None:
        with deaths.open("a+", encoding="utf-8") as file:
            file.seek(0)
            if point not in file.read().splitlines():
                file.write(f"{point}\n")
                file.flush()
                os.kill(os.getpid(), signal.SIGKILL)

    def fragile(owner: Any, name: str, point: str | Callable[..., str]) -> None:
        """Die before or after each call of `owner.name`; `point` says which, and of what."""
        original = getattr(owner, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            where = point if isinstance(point, str) else point(*args, **kwargs)
            if where.startswith("before"):
                die_once(where)
            result = original(*args, **kwargs)
            if where.startswith("after"):
                die_once(where)
            return result

        setattr(owner, name, call)

    fragile(Store, "save", lambda _store, record: f"after saving {seen(record)}")
    fragile(RcloneServer, "start", "after the start of rclone")
    fragile(Home, "announce", "after announcing itself")
    fragile(SparkEngine, "recover", "after recovering")
    fragile(cluster_actor, "end_cluster", "after ending the cluster's processes")
    fragile(ClusterFolder, "clear", "after clearing the cluster's folder")
    fragile(StepJournal, "begin", "after beginning a step's log")
    fragile(StepJournal, "end", "before ending a step's log")
    fragile(StepJournal, "publish", "after publishing a step's log")
    fragile(
        processes, "_write_record", lambda folder, _: f"before writing the id of {kind(folder)}"
    )
    for module in (spark_cluster, step_runs):
        fragile(module, "spawn", lambda folder, *_, **__: f"after starting {kind(folder)}")
    return daemon.main()


def seen(record: ClusterRecord) -> str:
    """The states in `record`."""
    steps = [f"{step.name} {step.state}" for step in record.steps]
    return f"{record.state}: {', '.join(steps) or 'no steps'}"


def kind(folder: Path) -> str:
    """What a process is: `master`, `worker`, or the id of a step."""
    return folder.name.rstrip("0123456789").rstrip("-") if "worker" in folder.name else folder.name


if __name__ == "__main__":
    sys.exit(main())
