"""The Backend protocol: what use cases ask of the place where clusters run.

Methods raise only `SelfserveError` subclasses. Each method is one request (or
the pages of one listing); waiting and retrying are the callers' business.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from selfserve.core.cluster import Cluster, ClusterState, ClusterSummary, NodeCount, Step
from selfserve.core.launch import LaunchSpec, StepSpec


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

    def list_steps(self, cluster_id: str) -> list[Step]:
        """All steps, newest first, as EMR lists them. Raises NotFoundError."""

    def describe_step(self, cluster_id: str, step_id: str) -> Step:
        """Raises NotFoundError."""

    def cancel_steps(self, cluster_id: str, step_ids: Sequence[str]) -> None:
        """Cancel pending and running steps; steps that are over are left alone."""

    def terminate(self, cluster_ids: Sequence[str]) -> None:
        """End clusters. Idempotent: one that is already gone is a success.

        Raises:
            RefusedByPolicyError: a cluster is protected from termination.
        """


class ObjectStore(Protocol):
    """One bucket. Keys are whole keys, without the bucket."""

    @property
    def bucket(self) -> str:
        """The bucket's name."""

    def put(self, key: str, body: bytes, *, only_if_absent: bool = False) -> bool:
        """Store an object; False when `only_if_absent` and the key already exists."""

    def put_file(self, key: str, path: Path) -> None:
        """Store a file of any size; readers see all of it or nothing."""

    def replace(self, key: str, body: bytes, *, etag: str) -> bool:
        """Store an object over the version `etag`; False when it has changed or gone."""

    def get(self, key: str) -> bytes | None:
        """The object's content, or None when there is none."""

    def get_with_etag(self, key: str) -> tuple[bytes, str] | None:
        """Content and ETag, or None when there is none."""

    def exists(self, key: str) -> bool:
        """Whether the key exists."""

    def list_keys(self, prefix: str, *, after: str = "") -> list[str]:
        """Keys below `prefix` in lexical order, those after `after` only."""

    def list_folders(self, prefix: str, *, after: str = "") -> list[str]:
        """Folders right below `prefix`, in lexical order, whatever is in them.

        Each is a whole prefix with a slash at its end. With `after`, only those that
        come after it in that order. The time it takes depends on the number of folders.
        """

    def delete(self, key: str) -> None:
        """Remove the object if it is there."""
