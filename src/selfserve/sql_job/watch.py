"""How far Spark is, and what it has read. Told if it can be: no statement fails for it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from py4j.java_gateway import JavaObject
from pyspark.sql import SparkSession

EVERY_S = 2.0


class Watch:
    """A thread that tells how many tasks of the stages at work are done, while that changes."""

    def __init__(self, spark: SparkSession, tell: Callable[[dict[str, int]], None]) -> None:
        self._tracker = spark.sparkContext.statusTracker()
        self._tell = tell
        self._told: tuple[int, int] = (0, 0)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Watch:  # noqa: PYI034  typing.Self is newer than our Python
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._is_over.wait(EVERY_S):
            try:
                self._look()
            except Exception:  # noqa: BLE001, PERF203  py4j raises what it likes; progress is a courtesy
                return

    def _look(self) -> None:
        stages = map(self._tracker.getStageInfo, self._tracker.getActiveStageIds())
        counts = [(stage.numCompletedTasks, stage.numTasks) for stage in stages if stage]
        seen = (sum(done for done, _ in counts), sum(tasks for _, tasks in counts))
        if counts and seen != self._told:
            self._told = seen
            self._tell({"tasks_done": seen[0], "tasks": seen[1]})


def read_figures(spark: SparkSession) -> dict[str, int | None]:
    """Bytes and rows read from storage, and rows written, by all stages of this application.

    None where Spark does not say, and for rows written if a task was tried twice.
    """
    try:
        context = spark.sparkContext._jsc.sc()  # noqa: SLF001  the status store has no Python
        context.listenerBus().waitUntilEmpty()
        stages = _stages(spark, context.statusStore())
        tried_twice = any(stage.numFailedTasks() or stage.numKilledTasks() for stage in stages)
        read = sum(stage.inputBytes() for stage in stages)
        return {
            "bytes_read": read,
            # Without bytes they are not from storage: those of range(), say, count, too.
            "rows_read": sum(stage.inputRecords() for stage in stages) if read else 0,
            "rows": None if tried_twice else sum(stage.outputRecords() for stage in stages),
        }
    except Exception:  # noqa: BLE001  a Spark that is shaped otherwise; the result is there
        return {"bytes_read": None, "rows_read": None, "rows": None}


def _stages(spark: SparkSession, store: JavaObject) -> list[JavaObject]:
    """All stages, by the method of Spark 3.1 and newer, or else of 3.0."""
    gateway = spark.sparkContext._gateway  # noqa: SLF001
    doubles = gateway.new_array(gateway.jvm.double, 0)
    nothing = gateway.jvm.java.util.ArrayList()
    try:
        found = store.stageList(None, False, False, doubles, nothing)  # noqa: FBT003
    except Exception:  # noqa: BLE001  py4j's word for: there is no such method
        found = store.stageList(None)
    return [found.apply(index) for index in range(found.size())]
