"""What can happen to a local cluster (events), and what must then be done (effects).

Pure data, the alphabet of `model.advance`. The engine and the API send events;
the controller carries effects out through the engine.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from selfserve.local.control.load import Load
from selfserve.local.control.records import StepRecord


@dataclass(frozen=True, slots=True)
class EngineProgress:
    """The engine is working on the start; `message` is shown as the state's reason."""

    message: str


@dataclass(frozen=True, slots=True)
class EngineProvisioned:
    """The Spark runtime is installed and the machine has room: STARTING is over."""


@dataclass(frozen=True, slots=True)
class EngineReady:
    """Master and Workers are up: BOOTSTRAPPING is over."""


@dataclass(frozen=True, slots=True)
class EngineFailed:
    """The cluster could not start, or its Master died. `code` is EMR's reason code."""

    message: str
    code: str = "INTERNAL_ERROR"


@dataclass(frozen=True, slots=True)
class EngineStopped:
    """Every process of the cluster is gone."""


@dataclass(frozen=True, slots=True)
class StepsAdded:
    """New PENDING steps, at the end of the queue."""

    steps: tuple[StepRecord, ...]


@dataclass(frozen=True, slots=True)
class StepExited:
    """The step's process is gone. `exit_code` is negative for a signal, None if unknown."""

    step_id: str
    exit_code: int | None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class StepsCancelRequested:
    """CancelSteps; `force` is EMR's TERMINATE_PROCESS (SIGKILL rather than SIGTERM)."""

    step_ids: tuple[str, ...]
    force: bool = False


@dataclass(frozen=True, slots=True)
class TerminateRequested:
    """TerminateJobFlows by a user (the caller has checked protection)."""


@dataclass(frozen=True, slots=True)
class SettingsChanged:
    """Fields of ClusterRecord that an API call sets: tags, protected, keep_alive, scaling, …."""

    changes: Mapping[str, Any]  # field name to value; the fields have different types


@dataclass(frozen=True, slots=True)
class CapacityRequested:
    """ModifyInstanceFleet or ModifyInstanceGroups: new wanted sizes of one fleet or group."""

    group_id: str
    on_demand: int | None
    spot: int | None


@dataclass(frozen=True, slots=True)
class LoadSeen:
    """The engine has looked at what the Workers do; it does so every few seconds."""

    load: Load


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed: idle timeouts and ages are looked at."""

    busy_at: datetime | None = None
    """When somebody last touched the cluster's isbusy file."""


Event = (
    EngineProgress
    | EngineProvisioned
    | EngineReady
    | EngineFailed
    | EngineStopped
    | StepsAdded
    | StepExited
    | StepsCancelRequested
    | TerminateRequested
    | SettingsChanged
    | CapacityRequested
    | LoadSeen
    | Tick
)


@dataclass(frozen=True, slots=True)
class StartEngine:
    """Install the runtime if need be, then start Master and Workers."""


@dataclass(frozen=True, slots=True)
class ResizeEngine:
    """Bring the Workers to the record's `worker_count`. `reason` is for the log."""

    reason: str | None = None


@dataclass(frozen=True, slots=True)
class StopEngine:
    """End every process of the cluster, steps included."""


@dataclass(frozen=True, slots=True)
class StartStep:
    """Run this step's process."""

    step_id: str


@dataclass(frozen=True, slots=True)
class CancelStep:
    """Signal this step's process group; a StepExited follows."""

    step_id: str
    force: bool = False


Effect = StartEngine | ResizeEngine | StopEngine | StartStep | CancelStep
