"""What a standalone Master tells of its Workers and applications, over its own web UI.

Its JSON does not say how many executors an application still wants; the page of
an application does ("Executor Limit: 6 (1 granted)"): what dynamic allocation
has asked for. The words are the same from Spark 3.0 to 4.1. Where they are not
found, an application waits only while it has nothing at all.

Source: org.apache.spark.deploy.JsonProtocol, org.apache.spark.deploy.master.ui.ApplicationPage
"""

import http.client
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from selfserve.local.engine.spark_daemons import LOOPBACK

_TIMEOUT_S = 2.0
_TAG = re.compile(r"<[^>]*>")
_CORES = re.compile(r"Cores:\s+(?:Unlimited\s+\(\d+ granted\)|\d+\s+\(\d+ granted,\s+(\d+) left\))")
_EXECUTORS = re.compile(r"Executor Limit:\s+(\d+|Unlimited)\s+\((\d+) granted\)")


class MasterSilentError(Exception):
    """The Master does not answer, or not in a way that is known. Look again later."""


@dataclass(frozen=True, slots=True)
class WorkerState:
    """One Worker that the Master counts on."""

    port: int
    """Where it listens: what it calls itself in its log."""
    cores: int
    cores_free: int
    memory_mib: int
    memory_free_mib: int

    @property
    def has_executors(self) -> bool:
        """Whether anything runs on it."""
        return self.cores_free < self.cores or self.memory_free_mib < self.memory_mib


@dataclass(frozen=True, slots=True)
class ApplicationState:
    """One application that has not ended."""

    executor_memory_mib: int
    cores_granted: int
    executors_granted: int | None
    """None if the Master does not say."""
    executor_limit: int | None
    """What dynamic allocation has asked for; None without it."""
    cores_left: int | None
    """What it may still have of spark.cores.max; None without that."""


@dataclass(frozen=True, slots=True)
class MasterState:
    """One look at the Master."""

    workers: tuple[WorkerState, ...]
    applications: tuple[ApplicationState, ...]


def look(port: int) -> MasterState:
    """Ask the Master whose web UI listens on `port` of the loopback.

    Raises:
        MasterSilentError: it gives no answer, or one that cannot be read.
    """
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=_TIMEOUT_S)
    try:
        state = json.loads(_get(connection, "/json/"))
        pages = [_get(connection, f"/app/?appId={app['id']}") for app in state["activeapps"]]
        return read_state(state, pages)
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
        raise MasterSilentError(f"the Master's web UI on port {port}: {error!r}") from error
    finally:
        connection.close()


def read_state(state: Mapping[str, Any], pages: Sequence[str]) -> MasterState:
    """The Master's JSON and the page of each active application, in our own types. Any: JSON."""
    return MasterState(
        workers=tuple(
            WorkerState(
                port=worker["port"],
                cores=worker["cores"],
                cores_free=worker["coresfree"],
                memory_mib=worker["memory"],
                memory_free_mib=worker["memoryfree"],
            )
            for worker in state["workers"]
            if worker["state"] == "ALIVE"
        ),
        applications=tuple(
            _application(app, _TAG.sub(" ", page))
            for app, page in zip(state["activeapps"], pages, strict=True)
        ),
    )


def executors_waiting(state: MasterState) -> int:
    """How many more Workers the executors would fill that no Worker has a place for."""
    return sum(_workers_missing(application, state) for application in state.applications)


def _workers_missing(application: ApplicationState, state: MasterState) -> int:
    if not state.workers:
        return 0
    cores = _executor_cores(application, state.workers[0])
    memory = max(1, application.executor_memory_mib)
    places = sum(
        min(worker.cores_free // cores, worker.memory_free_mib // memory)
        for worker in state.workers
    )
    waiting = _executors_wanted(application, cores) - places
    whole = state.workers[0]
    per_worker = max(1, min(whole.cores // cores, whole.memory_mib // memory))
    return max(0, -(-waiting // per_worker))


def _executors_wanted(application: ApplicationState, cores: int) -> int:
    """Executors beyond those it has."""
    bounds = []
    if application.executor_limit is not None:
        bounds.append(application.executor_limit - (application.executors_granted or 0))
    if application.cores_left is not None:
        bounds.append(application.cores_left // cores)
    if not bounds:  # no limit at all: as long as it has nothing, it waits for something
        return 0 if application.cores_granted else 1
    return max(0, min(bounds))


def _executor_cores(application: ApplicationState, worker: WorkerState) -> int:
    """Cores of one executor; without one to look at, all that a Worker has."""
    granted = application.executors_granted
    if not granted or not application.cores_granted:
        return max(1, worker.cores)
    return max(1, application.cores_granted // granted)


def _application(app: Mapping[str, Any], text: str) -> ApplicationState:
    executors, cores = _EXECUTORS.search(text), _CORES.search(text)
    return ApplicationState(
        executor_memory_mib=app.get("memoryperexecutor") or app.get("memoryperslave") or 1,
        cores_granted=app["cores"],
        executors_granted=int(executors[2]) if executors else None,
        executor_limit=int(executors[1]) if executors and executors[1].isdigit() else None,
        cores_left=int(cores[1]) if cores and cores[1] else None,
    )


def _get(connection: http.client.HTTPConnection, path: str) -> str:
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read().decode("utf-8", errors="replace")
    if response.status != http.client.OK:
        raise ValueError(f"{path}: HTTP status {response.status}")
    return body
