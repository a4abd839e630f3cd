"""Turn one look at the Master after the other into the load that managed scaling goes by."""

from collections.abc import Sequence
from datetime import datetime

from selfserve.local.control.clock import Now
from selfserve.local.control.load import Load, WorkerSeen
from selfserve.local.engine.master_ui import executors_waiting
from selfserve.local.engine.spark_cluster import SparkCluster


class LoadWatch:
    """Remembers since when each Worker of one cluster has had no executor.

    Not kept on disk: a daemon that comes after a killed one counts from its own first look.
    """

    def __init__(self, now: Now) -> None:
        self._now = now
        self._idle_since: dict[str, datetime] = {}

    def look(self, spark: SparkCluster) -> Load:
        """What the Workers do now. Raises MasterSilentError."""
        state = spark.look()
        names = spark.workers
        self._note(names, busy=spark.busy(state))
        return Load(
            workers=tuple(WorkerSeen(name, self._idle_since.get(name)) for name in names),
            waiting=executors_waiting(state),
            room=spark.plan.count,
        )

    def _note(self, names: Sequence[str], *, busy: set[str]) -> None:
        now = self._now()
        self._idle_since = {
            name: self._idle_since.get(name, now) for name in names if name not in busy
        }
