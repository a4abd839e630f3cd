"""The endpoint on this machine: start it, stop it, tell about it, wipe it."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from selfserve.errors import ClusterFailedError
from selfserve.local import daemon_client
from selfserve.local.endpoint import LocalEndpoint
from selfserve.local.home import local_home


@dataclass(frozen=True, slots=True)
class LocalStatus:
    """What is true of the local target now."""

    home: Path
    endpoint: LocalEndpoint | None
    buckets: tuple[str, ...]
    clusters: tuple[str, ...]
    """Names of the clusters that are not gone; empty when the daemon is not running."""


def start(*, port: int | None = None) -> LocalEndpoint:
    """Start the daemon, or find it running.

    Raises:
        ClusterFailedError: it cannot start, or runs on another port than the one asked for.
    """
    endpoint = daemon_client.ensure_running(port=port)
    if port is not None and not endpoint.url.endswith(f":{port}"):
        raise ClusterFailedError(
            f"The local endpoint is already running at {endpoint.url}.",
            hint=f"Stop it first: selfserve local stop && selfserve local start --port {port}",
        )
    return endpoint


def stop() -> bool:
    """End the daemon, its clusters and every process of theirs; False when nothing ran."""
    return daemon_client.stop()


def status() -> LocalStatus:
    """Look, without starting anything."""
    home = local_home()
    endpoint = daemon_client.running(home)
    buckets = sorted(p.name for p in home.lake.iterdir()) if home.lake.is_dir() else []
    return LocalStatus(
        home=home.root,
        endpoint=endpoint,
        buckets=tuple(buckets),
        clusters=_live_clusters(endpoint) if endpoint else (),
    )


def reset() -> Path:
    """Stop everything and remove the local target's folder, lake and history included.

    Installed Spark versions are kept: they are a cache, not state.
    """
    home = local_home()
    daemon_client.stop(home)
    if home.root.is_dir():
        shutil.rmtree(home.root)
    return home.root


def _live_clusters(endpoint: LocalEndpoint) -> tuple[str, ...]:
    from selfserve.backends.emr.backend import EmrBackend
    from selfserve.core.cluster import LIVE_STATES
    from selfserve.usecases.targets.local_clients import local_clients

    backend = EmrBackend(local_clients(endpoint))
    return tuple(cluster.raw_name for cluster in backend.list_clusters(states=LIVE_STATES))
