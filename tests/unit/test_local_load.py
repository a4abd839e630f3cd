"""What the Master's web UI tells, and how many Workers the waiting executors would fill.

The page is as Spark 3.1.2, 3.5.8 and 4.1.1 write it; all three say the same here.
"""

from typing import Any

import pytest

from selfserve.local.engine.master_ui import (
    ApplicationState,
    MasterSilentError,
    MasterState,
    WorkerState,
    executors_waiting,
    look,
    read_state,
)
from selfserve.local.engine.spark_daemons import web_ui_port, worker_port

PAGE = """
  <li><strong>User:</strong> ada</li>
  <li><strong>Cores:</strong>
  {cores}
  </li>
  <li>
    <span data-toggle="tooltip" title="Maximum number of executors that this application will use.
       This limit is finite only when
       dynamic allocation is enabled. The number of granted executors may exceed the limit
       ephemerally when executors are being killed.
    " data-placement="top">
                <strong>Executor Limit: </strong>
                {limit}
                ({granted} granted)
              </span>
  </li>
  <li><strong>Executor Memory - Default Resource Profile:</strong> 512.0 MiB</li>
"""
UNLIMITED = "Unlimited (1 granted)"


def master(*, used: int = 0, cores: int = 1, memory_used: int = 0) -> dict[str, Any]:
    """One Worker that is up and one that is not."""
    worker = {
        "id": "worker-20261121120044-127.0.0.1-41409",
        "port": 41409,
        "cores": cores,
        "coresused": used,
        "coresfree": cores - used,
        "memory": 1024,
        "memoryused": memory_used,
        "memoryfree": 1024 - memory_used,
        "state": "ALIVE",
    }
    dead = {**worker, "port": 5, "state": "DEAD"}
    app = {"id": "app-1", "cores": used, "memoryperexecutor": 512, "state": "RUNNING"}
    return {"workers": [worker, dead], "activeapps": [app], "status": "ALIVE"}


@pytest.mark.parametrize(
    ("cores", "limit", "expected"),
    [
        pytest.param("4 (1 granted, 3 left)", "6", (6, 3), id="dynamic"),
        pytest.param("4\n  (1 granted, 3 left)", "Unlimited", (None, 3), id="static"),
        pytest.param(UNLIMITED, "6", (6, None), id="no-end-of-cores"),
        pytest.param(UNLIMITED, "Unlimited", (None, None), id="no-end-of-anything"),
    ],
)
def test_an_applications_page_tells_what_it_still_wants(
    cores: str, limit: str, expected: tuple[int | None, int | None]
) -> None:
    page = PAGE.format(cores=cores, limit=limit, granted=1)

    (application,) = read_state(master(used=1), [page]).applications

    assert (application.executor_limit, application.cores_left) == expected
    assert (application.executors_granted, application.cores_granted) == (1, 1)
    assert application.executor_memory_mib == 512


def test_only_workers_that_are_up_count() -> None:
    (worker,) = read_state(master(used=1, memory_used=512), ["another Spark's page"]).workers

    assert worker == WorkerState(41409, 1, 0, 1024, 512)
    assert worker.has_executors
    assert not WorkerState(41409, 1, 1, 1024, 1024).has_executors


def app(
    *, limit: int | None = None, granted: int | None = 1, left: int | None = None, cores: int = 2
) -> ApplicationState:
    """Each of its executors has two cores and a GiB."""
    return ApplicationState(
        executor_memory_mib=1024,
        cores_granted=cores,
        executors_granted=granted,
        executor_limit=limit,
        cores_left=left,
    )


FULL = WorkerState(1, 4, 0, 4096, 2048)
FREE = WorkerState(2, 4, 4, 4096, 4096)
CROWDED = WorkerState(3, 4, 4, 4096, 512)


@pytest.mark.parametrize(
    ("workers", "applications", "waiting"),
    [
        pytest.param([FULL], [], 0, id="nothing-runs"),
        pytest.param([FULL], [app(limit=1, left=8)], 0, id="has-what-it-wants"),
        pytest.param([FULL], [app(limit=2, left=8)], 1, id="one-executor-waits"),
        pytest.param([FULL], [app(limit=4, left=8)], 2, id="two-executors-fill-a-worker"),
        pytest.param([FULL], [app(limit=9, left=2)], 1, id="no-more-than-it-may-have"),
        pytest.param([FULL], [app(limit=9, left=1)], 0, id="too-few-cores-left-for-one"),
        pytest.param([FULL, FREE], [app(limit=3, left=8)], 0, id="there-is-room"),
        pytest.param([FULL, FREE], [app(limit=4, left=8)], 1, id="there-is-too-little-room"),
        pytest.param([FULL, CROWDED], [app(limit=2, left=8)], 1, id="cores-without-memory"),
        pytest.param([FULL], [app(left=8)], 2, id="without-dynamic-allocation-it-wants-all"),
        pytest.param([FULL], [app()], 0, id="no-limit-and-it-has-something"),
        pytest.param([FULL], [app(granted=0, cores=0)], 1, id="no-limit-and-it-has-nothing"),
        pytest.param([FULL], [app(limit=0, granted=1, left=8)], 0, id="gives-one-back"),
        pytest.param([FULL], [app(limit=2, left=8)] * 2, 2, id="two-applications"),
        pytest.param([], [app(limit=2, left=8)], 0, id="no-worker-to-measure-by"),
    ],
)
def test_waiting_executors_are_counted_in_workers(
    workers: list[WorkerState], applications: list[ApplicationState], waiting: int
) -> None:
    assert executors_waiting(MasterState(tuple(workers), tuple(applications))) == waiting


def test_a_master_that_does_not_answer_tells_nothing() -> None:
    with pytest.raises(MasterSilentError, match="port 1:"):
        look(1)


def test_logs_tell_where_the_daemons_listen() -> None:
    log = (
        "26/11/21 12:00:44 INFO MasterWebUI: Bound MasterWebUI to 127.0.0.1, and started at "
        "http://localhost:34181\n"
        "26/11/21 12:00:44 INFO Worker: Starting Spark worker 127.0.0.1:41409 with 1 cores, "
        "1024.0 MiB RAM\n"
    )

    assert (web_ui_port(log), worker_port(log)) == (34181, 41409)
    assert (web_ui_port(""), worker_port("")) == (None, None)
