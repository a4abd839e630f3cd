"""What the local endpoint knows about a cluster: plain, immutable records.

Pure data. `model.py` changes them, `store.py` keeps them, `api/` shows
them in EMR's JSON, `engine/` makes processes of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from selfserve.core.cluster import ClusterState, StepState
from selfserve.core.launch import NodeRole

Json = Mapping[str, Any]
"""A part of a request, as EMR's JSON has it; its shape is botocore's service model."""


@dataclass(frozen=True, slots=True)
class InstanceRecord:
    """One pretended EC2 instance; core and task instances each have a Spark Worker."""

    id: str  # ci-…
    ec2_id: str  # i-…
    role: NodeRole
    instance_type: str
    market: str  # ON_DEMAND or SPOT
    group_id: str
    """Id of its fleet (if-…) or group (ig-…)."""
    created: datetime
    ready: datetime | None = None
    ended: datetime | None = None


@dataclass(frozen=True, slots=True)
class NodeGroupRecord:
    """An instance fleet (if-…) or instance group (ig-…) and its wanted size.

    `requested_on_demand` and `requested_spot` are units for fleets and counts for groups.
    """

    id: str
    role: NodeRole
    name: str
    is_fleet: bool
    config: Json
    """The InstanceFleetConfig or InstanceGroupConfig of the request."""
    requested_on_demand: int
    requested_spot: int


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One step. `exit_code` is the process's own; negative for a signal; None if unknown."""

    id: str  # s-…
    name: str
    jar: str
    args: tuple[str, ...]
    action_on_failure: str
    state: StepState
    created: datetime
    started: datetime | None = None
    ended: datetime | None = None
    main_class: str | None = None
    properties: Mapping[str, str] = field(default_factory=dict)
    exit_code: int | None = None
    message: str | None = None
    """Why it failed or was cancelled, in a sentence."""


@dataclass(frozen=True, slots=True)
class ClusterRecord:
    """One cluster. Everything that EMR lets a caller change later is a field of its own."""

    id: str  # j-…
    request: Json
    """The validated RunJobFlow request, unchanged."""
    name: str
    release: str
    state: ClusterState
    created: datetime
    ready: datetime | None = None
    ended: datetime | None = None
    reason_code: str | None = None
    reason: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    keep_alive: bool = False
    protected: bool = False
    step_concurrency: int = 1
    idle_timeout_s: int | None = None
    idle_since: datetime | None = None
    max_age_s: int | None = None
    """What max-age.sh was given; the age counts from `created`."""
    scaling: Json | None = None
    """ManagedScalingPolicy as last put."""
    groups: tuple[NodeGroupRecord, ...] = ()
    instances: tuple[InstanceRecord, ...] = ()
    steps: tuple[StepRecord, ...] = ()
    """Oldest first."""

    @property
    def worker_count(self) -> int:
        """Running core and task instances: the number of Spark Workers to keep."""
        return sum(i.ended is None and i.role is not NodeRole.PRIMARY for i in self.instances)

    def step(self, step_id: str) -> StepRecord | None:
        """The step of this id, if the cluster has it."""
        return next((step for step in self.steps if step.id == step_id), None)
