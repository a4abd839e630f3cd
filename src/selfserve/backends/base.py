"""The Backend protocol: what use cases ask of the place where clusters run.

Methods raise only `SelfserveError` subclasses. Each method is one request (or
the pages of one listing); waiting and retrying are the callers' business.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from selfserve.core.cluster import (
    Cluster,
    ClusterState,
    ClusterSummary,
    NodeCount,
    Step,
    StepState,
)
from selfserve.core.idle import Session
from selfserve.core.launch import LaunchSpec, Scaling, StepSpec


@dataclass(frozen=True, slots=True)
class YarnSeen:
    """What EMR's IsIdle metric says of a cluster."""

    idle_since: datetime | None
    """Since when every sample says idle; None while the newest one says busy."""
    at: datetime
    """When the newest sample was taken."""


class Backend(Protocol):
    """Somewhere EMR clusters run."""

    def launch(self, spec: LaunchSpec) -> str:
        """Ask for a cluster and return its id at once, usually still STARTING.

        Not idempotent, never retried: two calls make two clusters.

        Raises:
            OutcomeUnknownError: the answer was lost; look for `spec.name` before asking again.
        """

    def list_clusters(
        self, *, states: Sequence[ClusterState] = (), created_after: datetime | None = None
    ) -> list[ClusterSummary]:
        """Every cluster of the account in these states (all if empty), newest first."""

    def describe(self, cluster_id: str) -> Cluster:
        """Raises NotFoundError."""

    def nodes(self, cluster_id: str) -> list[NodeCount]:
        """Capacity by role, as provisioned and as requested. Raises NotFoundError."""

    def add_steps(self, cluster_id: str, steps: Sequence[StepSpec]) -> list[str]:
        """Append steps and return their ids, in order. Not idempotent, never retried.

        Raises:
            OutcomeUnknownError: look for the steps by name before asking again.
        """

    def list_steps(
        self, cluster_id: str, *, states: Sequence[StepState] = (), most: int | None = None
    ) -> list[Step]:
        """Steps in these states (all if empty), newest first, as EMR lists them.

        With `most`, no more than that many, and no more pages than they need.
        Raises NotFoundError.
        """

    def describe_step(self, cluster_id: str, step_id: str) -> Step:
        """Raises NotFoundError."""

    def cancel_steps(self, cluster_id: str, step_ids: Sequence[str]) -> None:
        """Cancel pending and running steps; steps that are over are left alone."""

    def terminate(self, cluster_ids: Sequence[str]) -> None:
        """End clusters. Idempotent: one that is already gone is a success.

        Raises:
            RefusedByPolicyError: a cluster is protected from termination.
        """

    def resize(self, cluster_id: str, scaling: Scaling) -> None:
        """Set managed scaling's limits; EMR brings the cluster between them. Raises NotFoundError.

        Raises:
            BadInputError: EMR would refuse these limits; nothing was sent.
        """


class Observer(Protocol):
    """What can be seen of a cluster's engines from outside. Cheap, and never certain."""

    def yarn(self, cluster_ids: Sequence[str]) -> Mapping[str, YarnSeen]:
        """By cluster id, for those that EMR's metrics tell of (IsIdle, every five minutes)."""

    def sessions(self, cluster: Cluster) -> list[Session] | None:
        """Its open Spark Connect sessions; None if they cannot be told."""


class ObjectStore(Protocol):
    """One bucket. Keys are whole keys, without the bucket."""

    @property
    def bucket(self) -> str:
        """The bucket's name."""

    def put(self, key: str, body: bytes, *, only_if_absent: bool = False) -> bool:
        """Store an object; False when `only_if_absent` and the key already exists."""

    def put_file(self, key: str, path: Path) -> None:
        """Store a file of any size; readers see all of it or nothing."""

    def get_file(self, key: str, path: Path) -> bool:
        """Write an object of any size to a file; False when there is none."""

    def swap(self, key: str, body: bytes, *, etag: str | None) -> str | None:
        """Store an object over the version `etag`, or with None where there is none yet.

        Returns the new version's ETag, or None when somebody else was faster.
        """

    def get(self, key: str) -> bytes | None:
        """The object's content, or None when there is none."""

    def get_with_etag(self, key: str) -> tuple[bytes, str] | None:
        """Content and ETag, or None when there is none."""

    def exists(self, key: str) -> bool:
        """Whether the key exists."""

    def list_keys(self, prefix: str, *, after: str = "") -> list[str]:
        """Keys below `prefix` in lexical order, those after `after` only."""

    def list_modified(self, prefix: str) -> dict[str, datetime]:
        """Keys below `prefix`, each with when it was last written, by the store's own clock."""

    def list_folders(self, prefix: str, *, after: str = "") -> list[str]:
        """Folders right below `prefix`, in lexical order, whatever is in them.

        Each is a whole prefix with a slash at its end. With `after`, only those that
        come after it in that order. The time it takes depends on the number of folders.
        """

    def delete(self, key: str) -> None:
        """Remove the object if it is there."""
