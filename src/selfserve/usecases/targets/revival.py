"""The local target when its daemon dies: the daemon is started again, and asked again.

Only what may be repeated is: what reads, and what comes to the same done twice.
A launch, a step or a claim is never sent a second time; whoever asked for it
looks for it first.
"""

import errno
import os
import shutil
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from selfserve.aws.s3 import S3Store
from selfserve.backends.emr.backend import EmrBackend
from selfserve.core.cluster import (
    Cluster,
    ClusterState,
    ClusterSummary,
    NodeCount,
    Step,
    StepState,
)
from selfserve.core.launch import LaunchSpec, Scaling, StepSpec
from selfserve.errors import AwsError, NoAnswerError
from selfserve.local.daemon_client import revive
from selfserve.local.endpoint import LocalEndpoint
from selfserve.local.home import Home, cannot_write
from selfserve.usecases.targets.local_clients import local_clients

_T = TypeVar("_T")
_ROOM_BYTES = 65_536  # an object needs more than its own size


class LocalLink:
    """The connections to the endpoint on this machine; new ones when it is a new one."""

    backend: EmrBackend
    store: S3Store

    def __init__(self, endpoint: LocalEndpoint, bucket: str) -> None:
        self._bucket = bucket
        self._connect(endpoint)

    def again(self, ask: Callable[[], _T]) -> _T:
        """The answer, if need be of a daemon that is started for it. `ask` may be called twice."""
        try:
            return ask()
        except NoAnswerError:
            endpoint = revive(self._home)
            if endpoint is None:
                raise
        self._connect(endpoint)
        return ask()

    def raise_if_full(self, size: int, error: AwsError) -> None:
        """S3 has no error for a full disk; this machine knows better why a write failed."""
        if shutil.disk_usage(self._home.lake).free < size + _ROOM_BYTES:
            full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            raise cannot_write(self._home.lake, full) from error

    def _connect(self, endpoint: LocalEndpoint) -> None:
        clients = local_clients(endpoint)
        self._home = Home(endpoint.home)
        self.backend = EmrBackend(clients)
        self.store = S3Store(clients.s3, self._bucket)


class RevivingBackend:
    """The Backend of a link."""

    def __init__(self, link: LocalLink) -> None:
        self._link = link

    def launch(self, spec: LaunchSpec) -> str:
        """See `Backend.launch`."""
        return self._link.backend.launch(spec)

    def add_steps(self, cluster_id: str, steps: Sequence[StepSpec]) -> list[str]:
        """See `Backend.add_steps`."""
        return self._link.backend.add_steps(cluster_id, steps)

    def list_clusters(
        self, *, states: Sequence[ClusterState] = (), created_after: datetime | None = None
    ) -> list[ClusterSummary]:
        """See `Backend.list_clusters`."""
        link = self._link
        return link.again(
            lambda: link.backend.list_clusters(states=states, created_after=created_after)
        )

    def describe(self, cluster_id: str) -> Cluster:
        """See `Backend.describe`."""
        return self._link.again(lambda: self._link.backend.describe(cluster_id))

    def nodes(self, cluster_id: str) -> list[NodeCount]:
        """See `Backend.nodes`."""
        return self._link.again(lambda: self._link.backend.nodes(cluster_id))

    def list_steps(
        self, cluster_id: str, *, states: Sequence[StepState] = (), most: int | None = None
    ) -> list[Step]:
        """See `Backend.list_steps`."""
        link = self._link
        return link.again(lambda: link.backend.list_steps(cluster_id, states=states, most=most))

    def describe_step(self, cluster_id: str, step_id: str) -> Step:
        """See `Backend.describe_step`."""
        return self._link.again(lambda: self._link.backend.describe_step(cluster_id, step_id))

    def cancel_steps(self, cluster_id: str, step_ids: Sequence[str]) -> None:
        """See `Backend.cancel_steps`."""
        self._link.again(lambda: self._link.backend.cancel_steps(cluster_id, step_ids))

    def terminate(self, cluster_ids: Sequence[str]) -> None:
        """See `Backend.terminate`."""
        self._link.again(lambda: self._link.backend.terminate(cluster_ids))

    def resize(self, cluster_id: str, scaling: Scaling) -> None:
        """See `Backend.resize`."""
        self._link.again(lambda: self._link.backend.resize(cluster_id, scaling))


class RevivingStore:
    """The ObjectStore of a link."""

    def __init__(self, link: LocalLink) -> None:
        self._link = link

    @property
    def bucket(self) -> str:
        """See `ObjectStore.bucket`."""
        return self._link.store.bucket

    def put(self, key: str, body: bytes, *, only_if_absent: bool = False) -> bool:
        """See `ObjectStore.put`."""
        try:
            if only_if_absent:  # the second would find the first in its way
                return self._link.store.put(key, body, only_if_absent=True)
            return self._link.again(lambda: self._link.store.put(key, body))
        except AwsError as error:
            self._link.raise_if_full(len(body), error)
            raise

    def put_file(self, key: str, path: Path) -> None:
        """See `ObjectStore.put_file`."""
        try:
            self._link.again(lambda: self._link.store.put_file(key, path))
        except AwsError as error:
            self._link.raise_if_full(path.stat().st_size, error)
            raise

    def get_file(self, key: str, path: Path) -> bool:
        """See `ObjectStore.get_file`."""
        return self._link.again(lambda: self._link.store.get_file(key, path))

    def swap(self, key: str, body: bytes, *, etag: str | None) -> str | None:
        """See `ObjectStore.swap`."""
        return self._link.store.swap(key, body, etag=etag)

    def get(self, key: str) -> bytes | None:
        """See `ObjectStore.get`."""
        return self._link.again(lambda: self._link.store.get(key))

    def get_with_etag(self, key: str) -> tuple[bytes, str] | None:
        """See `ObjectStore.get_with_etag`."""
        return self._link.again(lambda: self._link.store.get_with_etag(key))

    def exists(self, key: str) -> bool:
        """See `ObjectStore.exists`."""
        return self._link.again(lambda: self._link.store.exists(key))

    def list_keys(self, prefix: str, *, after: str = "") -> list[str]:
        """See `ObjectStore.list_keys`."""
        return self._link.again(lambda: self._link.store.list_keys(prefix, after=after))

    def list_modified(self, prefix: str) -> dict[str, datetime]:
        """See `ObjectStore.list_modified`."""
        return self._link.again(lambda: self._link.store.list_modified(prefix))

    def list_folders(self, prefix: str, *, after: str = "") -> list[str]:
        """See `ObjectStore.list_folders`."""
        return self._link.again(lambda: self._link.store.list_folders(prefix, after=after))

    def delete(self, key: str) -> None:
        """See `ObjectStore.delete`."""
        self._link.again(lambda: self._link.store.delete(key))
