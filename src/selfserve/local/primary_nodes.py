"""What the scripts on a primary node of EMR see and tell, for the clusters of this machine.

`isbusy` may be touched by anybody, to say that the cluster is not idle; it is where EMR
has it, below the cluster's folder. Beats go where the request's busy-probe.py would put
them, so that `selfserve sweep --on local` reads what it reads on AWS.

At work are the steps that run: applications need the cluster's secret, which only steps
are given. Trino, Livy and notebooks are not started here, so none is ever at work.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex

from selfserve.core.beat import Beat, engines_of, format_beat
from selfserve.core.idle import Engine
from selfserve.errors import SelfserveError
from selfserve.local.control.bootstrap_arguments import beats_uri
from selfserve.local.control.model_steps import active_count
from selfserve.local.control.records import ClusterRecord
from selfserve.local.engine.cluster_folder import ClusterFolder
from selfserve.local.lake.folders import Lake

BEAT_EVERY = timedelta(minutes=1)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Told:
    at: datetime
    at_work: int
    last_at_work: datetime | None


class PrimaryNodes:
    """Implements `ports.Nodes` for the clusters in `home`. One thread at a time."""

    def __init__(self, home: Path, lake: Lake) -> None:
        self._home = home.absolute()
        self._lake = lake
        self._told: dict[str, _Told] = {}

    def busy_at(self, cluster_id: str) -> datetime | None:
        """When the cluster's isbusy file was last touched; None if it is not there."""
        try:
            touched = ClusterFolder(self._home, cluster_id).busy_file.stat().st_mtime
        except OSError:
            return None
        return datetime.fromtimestamp(touched, UTC)

    def beat(self, clusters: Sequence[ClusterRecord], now: datetime) -> None:
        """Write a beat for each cluster that is up: once a minute, and when work begins or ends."""
        up = [cluster for cluster in clusters if cluster.state.takes_steps]
        self._told = {c.id: self._told[c.id] for c in up if c.id in self._told}
        for cluster in up:
            uri = beats_uri(cluster.request)
            if uri is not None:
                self._beat(cluster, uri, now)

    def _beat(self, cluster: ClusterRecord, uri: str, now: datetime) -> None:
        before, at_work = self._told.get(cluster.id), active_count(cluster.steps)
        if before and before.at_work == at_work and now - before.at < BEAT_EVERY:
            return
        last = now if at_work else before.last_at_work if before else None
        seen = dict.fromkeys(engines_of(_applications(cluster), cluster.release), 0)
        times = [time for time in (last, self.busy_at(cluster.id)) if time is not None]
        beat = Beat({**seen, Engine.YARN: at_work}, (), max(times, default=None))
        try:
            self._put(f"{uri}{cluster.id}.json", format_beat(beat, now))
        except (SelfserveError, OSError) as error:
            # The next beat is a minute away, and a missing one only means: not known.
            _log.warning("%s: its beat could not be written: %s", cluster.id, error)
        self._told[cluster.id] = _Told(now, at_work, last)

    def _put(self, uri: str, body: bytes) -> None:
        """Store an object of the lake; readers see all of it or nothing."""
        path = self._lake.path_of(uri)
        bucket = path.relative_to(self._lake.root).parts[0]
        if bucket not in self._lake.buckets():
            self._lake.ensure_bucket(bucket)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._home / f".beat.{token_hex(4)}"
        try:
            draft.write_bytes(body)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)


def _applications(cluster: ClusterRecord) -> list[str]:
    return [application["Name"] for application in cluster.request.get("Applications", ())]
