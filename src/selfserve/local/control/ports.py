"""The seam between the local control plane (model, API, store) and its engine of processes."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from selfserve.local.control.events import Event
from selfserve.local.control.records import ClusterRecord, StepRecord

Notify = Callable[[str, Event], None]
"""Tell the controller what happened to a cluster, by id. May be called from any thread."""


class Nodes(Protocol):
    """What a script on the primary node of each cluster would see and tell."""

    def busy_at(self, cluster_id: str) -> datetime | None:
        """When somebody last touched the cluster's isbusy file; None if nobody has."""

    def beat(self, clusters: Sequence[ClusterRecord], now: datetime) -> None:
        """Tell S3 what is at work, if it is time to. Raises nothing expected."""


class NoNodes:
    """Sees and tells nothing."""

    def busy_at(self, cluster_id: str) -> datetime | None:
        """Nobody has."""

    def beat(self, clusters: Sequence[ClusterRecord], now: datetime) -> None:
        """Nothing."""


class Engine(Protocol):
    """Processes behind the records. Every method returns at once and raises nothing expected.

    Outcomes come back through the `Notify` that the engine was made with:
    start_cluster → EngineProgress…, EngineProvisioned, EngineReady, or EngineFailed;
    stop_cluster → EngineStopped, always; start_step → StepExited, always, once;
    a Master that dies later → EngineFailed.
    """

    def start_cluster(self, cluster: ClusterRecord) -> None:
        """Begin to start Master and Workers."""

    def resize_cluster(self, cluster: ClusterRecord) -> None:
        """Begin to bring the Workers to `cluster.worker_count`."""

    def stop_cluster(self, cluster: ClusterRecord) -> None:
        """Begin to end every process of the cluster. Fine for one that never started."""

    def start_step(self, cluster: ClusterRecord, step: StepRecord) -> None:
        """Begin to run a step."""

    def cancel_step(self, cluster: ClusterRecord, step: StepRecord, *, force: bool) -> None:
        """Signal the step's process group: SIGTERM, or SIGKILL with `force`."""

    def recover(self, clusters: Sequence[ClusterRecord]) -> None:
        """After a crash of the daemon, given all clusters that are not gone.

        Adopts what lives (its outcomes are notified as if nothing had happened),
        notifies EngineFailed or StepExited for what died meanwhile, and ends
        processes of ours that belong to no live cluster.
        """

    def close(self) -> None:
        """End every process and thread of the engine; returns when they are gone."""
