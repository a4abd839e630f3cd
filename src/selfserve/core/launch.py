"""LaunchSpec: everything about one cluster, as plain data, before anything is asked of EMR.

Pure. `core.render` makes it from a profile; `backends.emr.translate` turns it
into a RunJobFlow request; `core.price` estimates it; `plan` shows it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Literal

from selfserve.core.naming import ClusterName

EmrRole = Literal["MASTER", "CORE", "TASK"]


class NodeRole(StrEnum):
    """EMR's node types."""

    PRIMARY = "primary"
    CORE = "core"
    TASK = "task"

    def to_emr(self) -> EmrRole:
        """EMR's own name; it still calls the primary node MASTER."""
        return _EMR_ROLES[self]

    @classmethod
    def from_emr(cls, name: str) -> "NodeRole":
        """Read what `to_emr` gives.

        Raises:
            ValueError: EMR has no such role.
        """
        return cls("primary" if name == "MASTER" else name.lower())


_EMR_ROLES: Mapping[NodeRole, EmrRole] = {
    NodeRole.PRIMARY: "MASTER",
    NodeRole.CORE: "CORE",
    NodeRole.TASK: "TASK",
}


class Market(StrEnum):
    """How EC2 capacity is bought."""

    ON_DEMAND = "on-demand"
    SPOT = "spot"


class ActionOnFailure(StrEnum):
    """What EMR does with the cluster when a step fails."""

    CONTINUE = "CONTINUE"
    CANCEL_AND_WAIT = "CANCEL_AND_WAIT"
    TERMINATE_CLUSTER = "TERMINATE_CLUSTER"


@dataclass(frozen=True, slots=True)
class InstanceChoice:
    """One instance type that a fleet may use, and how many units one of it counts for."""

    instance_type: str
    units: int


@dataclass(frozen=True, slots=True)
class Fleet:
    """An EMR instance fleet; `target_units` is a capacity, not a count of instances."""

    role: NodeRole
    choices: tuple[InstanceChoice, ...]
    target_units: int
    market: Market
    fallback_to_on_demand: bool = False
    """After `spot_timeout` without Spot capacity at launch: On-Demand instead of failing."""
    spot_timeout: timedelta = timedelta(minutes=10)
    disk_gib: int | None = None
    """One gp3 volume of this size per instance; None leaves EMR's default."""


@dataclass(frozen=True, slots=True)
class HandLimits:
    """Between which sizes somebody may set a cluster by hand, in fleet units."""

    minimum_units: int
    maximum_units: int


@dataclass(frozen=True, slots=True)
class Scaling:
    """EMR managed scaling limits in fleet units, core and task together."""

    minimum_units: int
    maximum_units: int
    maximum_on_demand_units: int
    maximum_core_units: int
    by_hand: HandLimits | None = None
    """Set for a cluster that keeps its size until it is resized: both limits are that size."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """One EMR configuration classification."""

    classification: str
    properties: Mapping[str, str]
    nested: tuple["Configuration", ...] = ()


@dataclass(frozen=True, slots=True)
class BootstrapAction:
    """A script that every node runs before applications are installed."""

    name: str
    s3_uri: str
    args: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepSpec:
    """One EMR step: a jar (nearly always command-runner.jar) and its exact arguments."""

    name: str
    args: tuple[str, ...]
    on_failure: ActionOnFailure = ActionOnFailure.CONTINUE
    jar: str = "command-runner.jar"


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """The whole launch. Its cost is bounded: no field that ends a cluster is optional."""

    name: ClusterName
    release: str
    """EMR release label, such as emr-7.14.0."""
    spark: str | None
    """Upstream Spark version of that release; None when Spark is not installed."""
    applications: tuple[str, ...]
    fleets: tuple[Fleet, ...]
    """Primary, core and, where there is one, task; in this order."""
    scaling: Scaling
    idle_timeout: timedelta
    max_age: timedelta
    keep_alive: bool
    """False: EMR ends the cluster after its last step."""
    service_role: str
    instance_profile: str
    log_uri: str
    tags: Mapping[str, str]
    configurations: tuple[Configuration, ...] = ()
    bootstrap: tuple[BootstrapAction, ...] = ()
    steps: tuple[StepSpec, ...] = ()
    step_concurrency: int = 1
    shared: bool = False
    """Whether other people's jobs may join it."""
    subnets: tuple[str, ...] = ()
    security_configuration: str | None = None
    root_volume_gib: int | None = None
    ssh_key: str | None = None
    """The EC2 key pair that the primary node takes; None: it takes none."""
    vars: Mapping[str, str] = field(default_factory=dict)

    def fleet(self, role: NodeRole) -> Fleet | None:
        """The fleet of this role, if the cluster has one."""
        return next((fleet for fleet in self.fleets if fleet.role is role), None)
