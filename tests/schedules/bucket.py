"""What is in S3."""

from hashlib import md5
from math import inf

from schedules.timeline import Timeline, at
from schedules.truth import TrueEmr
from selfserve.core.beat import Beat, format_beat
from selfserve.core.idle import Engine
from selfserve.core.naming import beat_key

BEAT_PERIOD = 180.0
_BEATS = beat_key("").removesuffix(".json")


class TrueBucket:
    """The objects, strongly consistent as S3 is; an ETag is the content's digest.

    The beats of clusters' probes are made up when somebody reads them.
    """

    def __init__(self, timeline: Timeline, emr: TrueEmr) -> None:
        self.timeline = timeline
        self.objects: dict[str, bytes] = {}
        self.modified: dict[str, float] = {}
        self._emr = emr

    def write(self, key: str, body: bytes) -> str:
        """Store; returns the ETag."""
        self.objects[key] = body
        self.modified[key] = self.timeline.now
        return etag_of(body)

    def read(self, key: str) -> tuple[bytes, str] | None:
        """Content and ETag."""
        if key.startswith(_BEATS):
            self._beat(key.removeprefix(_BEATS).removesuffix(".json"))
        body = self.objects.get(key)
        return None if body is None else (body, etag_of(body))

    def times(self, prefix: str) -> dict[str, float]:
        """When each key below `prefix` was written."""
        if prefix.startswith(_BEATS):
            for cluster_id in self._emr.clusters:
                self._beat(cluster_id)
        return {key: self.modified[key] for key in sorted(self.modified) if key.startswith(prefix)}

    def _beat(self, cluster_id: str) -> None:
        """Write what the cluster's probe has last written, if it has."""
        cluster = self._emr.clusters.get(cluster_id)
        if cluster is None or cluster.ready is None:
            return
        until = min(self.timeline.now, cluster.times[-1] if cluster.ended_by else inf)
        time = cluster.ready + (until - cluster.ready) // BEAT_PERIOD * BEAT_PERIOD
        seen = [step for step in cluster.steps if step.started is not None and step.started <= time]
        at_work = sum(step.ended is None or step.ended > time for step in seen)
        beat = Beat(
            at_work={Engine.YARN: at_work},
            last_at_work=max((at(min(step.ended or time, time)) for step in seen), default=None),
        )
        key = beat_key(cluster_id)
        self.objects[key] = format_beat(beat, at(time))
        self.modified[key] = time

    def remove(self, key: str) -> None:
        """Remove it if it is there."""
        self.objects.pop(key, None)
        self.modified.pop(key, None)

    def write_over(self, key: str, body: bytes, etag: str | None) -> str | None:
        """Store over this version, None for no object; None when the condition does not hold."""
        there = self.objects.get(key)
        if (None if there is None else etag_of(there)) != etag:
            return None
        return self.write(key, body)


def etag_of(body: bytes) -> str:
    """S3's ETag of an object."""
    return md5(body, usedforsecurity=False).hexdigest()
