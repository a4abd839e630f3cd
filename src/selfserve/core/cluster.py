"""A cluster as EMR reports it, in our own types.

Pure. State names and reason codes are EMR's (Cluster, ClusterStatus,
https://docs.aws.amazon.com/emr/latest/APIReference/API_ClusterStatus.html).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from selfserve.core.naming import ClusterName


class ClusterState(StrEnum):
    """EMR's cluster states, in the order a cluster passes them."""

    STARTING = "STARTING"
    BOOTSTRAPPING = "BOOTSTRAPPING"
    RUNNING = "RUNNING"
    WAITING = "WAITING"
    TERMINATING = "TERMINATING"
    TERMINATED = "TERMINATED"
    TERMINATED_WITH_ERRORS = "TERMINATED_WITH_ERRORS"

    @property
    def takes_steps(self) -> bool:
        """Whether a step added now can run at once or after those before it."""
        return self in {ClusterState.RUNNING, ClusterState.WAITING}

    @property
    def is_starting(self) -> bool:
        """Whether the cluster is on its way up."""
        return self in {ClusterState.STARTING, ClusterState.BOOTSTRAPPING}

    @property
    def is_live(self) -> bool:
        """Whether the cluster is starting or up, and not on its way out."""
        return self.is_starting or self.takes_steps

    @property
    def is_gone(self) -> bool:
        """Whether nothing of the cluster runs any more."""
        return self in {ClusterState.TERMINATED, ClusterState.TERMINATED_WITH_ERRORS}


LIVE_STATES = tuple(state for state in ClusterState if state.is_live)


class StepState(StrEnum):
    """EMR's step states."""

    PENDING = "PENDING"
    CANCEL_PENDING = "CANCEL_PENDING"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"
    INTERRUPTED = "INTERRUPTED"

    @property
    def is_over(self) -> bool:
        """Whether the step will never change again."""
        return self not in {StepState.PENDING, StepState.CANCEL_PENDING, StepState.RUNNING}


@dataclass(frozen=True, slots=True)
class ClusterSummary:
    """What a listing tells about a cluster (EMR's ListClusters)."""

    id: str
    raw_name: str
    state: ClusterState
    reason_code: str | None
    reason: str | None
    created: datetime
    ready: datetime | None
    ended: datetime | None

    @property
    def name(self) -> ClusterName | None:
        """Our parts of the name, or None for a cluster that is not ours."""
        return ClusterName.parse(self.raw_name)


@dataclass(frozen=True, slots=True)
class NodeCount:
    """Instances of one role as provisioned now (units for fleets)."""

    role: str
    running: int
    requested: int


@dataclass(frozen=True, slots=True)
class Cluster(ClusterSummary):
    """What EMR's DescribeCluster adds."""

    release: str | None
    applications: Mapping[str, str]
    """Application name to version; the version may be empty."""
    tags: Mapping[str, str]
    log_uri: str | None
    keep_alive: bool
    termination_protected: bool
    step_concurrency: int = 1
    subnet: str | None = None
    """Where EMR has put it."""
    sessions_enabled: bool = False
    """Whether it takes Spark Connect sessions."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step as EMR reports it."""

    id: str
    name: str
    state: StepState
    args: tuple[str, ...]
    reason: str | None
    failure: str | None
    """FailureDetails: reason and message in one line, when EMR could tell."""
    log_file: str | None
    created: datetime | None
    started: datetime | None
    ended: datetime | None
