"""EMR and S3 as a process sees them: through its requests, and out of date (`process.py`)."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from pathlib import Path

from schedules.bucket import TrueBucket
from schedules.chance import spread
from schedules.process import SIGNED_FOR, Process
from schedules.timeline import at
from schedules.truth import TrueCluster, TrueEmr, TrueStep
from selfserve.core.cluster import (
    Cluster,
    ClusterState,
    ClusterSummary,
    NodeCount,
    Step,
    StepState,
)
from selfserve.core.launch import LaunchSpec, Scaling, StepSpec


class WireBackend:
    """A Backend as one process sees it. `lasts`: seconds that its steps run for."""

    def __init__(self, process: Process, emr: TrueEmr, *, lasts: float, may_kill: bool) -> None:
        self._process = process
        self._emr = emr
        self._lasts = lasts
        self._may_kill = may_kill

    def launch(self, spec: LaunchSpec) -> str:
        """See Backend."""
        by, lasts = self._process.name, self._lasts
        return self._process.call(
            "launch", lambda: self._emr.launch(spec, by=by, lasts=lasts), once=True
        )

    def add_steps(self, cluster_id: str, steps: Sequence[StepSpec]) -> list[str]:
        """See Backend."""
        by, lasts = self._process.name, self._lasts
        return self._process.call(
            f"add_steps {cluster_id} {[step.name for step in steps]}",
            lambda: self._emr.add_steps(cluster_id, steps, by=by, lasts=lasts),
            once=True,
        )

    def terminate(self, cluster_ids: Sequence[str]) -> None:
        """See Backend. A request that was thought lost may yet arrive after its repetition."""
        ids, emr, process = tuple(cluster_ids), self._emr, self._process

        def effect() -> None:
            emr.terminate(ids, by=process.name, may_kill=self._may_kill)

        def again(_: None) -> None:
            late = process.timeline.now + spread(process.stream.draw()[0], 1.0, SIGNED_FOR - 120)
            process.timeline.at(late, lambda: process.do_alone(f"terminate {ids}, late", effect))

        process.call(f"terminate {ids}", effect, again=again)

    def list_clusters(
        self, *, states: Sequence[ClusterState] = (), created_after: datetime | None = None
    ) -> list[ClusterSummary]:
        """See Backend."""

        def effect() -> list[ClusterSummary]:
            seen = self._as_of(self._process.weather.listing_lag)
            views = [
                _summary(cluster, state)
                for cluster in reversed(self._emr.clusters.values())
                if (state := cluster.state_at(seen)) is not None and (not states or state in states)
            ]
            if created_after is None:
                return views
            return [view for view in views if view.created > created_after]

        return self._process.call("list_clusters", effect)

    def describe(self, cluster_id: str) -> Cluster:
        """See Backend."""

        def effect() -> Cluster:
            cluster = self._emr.find(cluster_id)
            state = cluster.state_at(self._as_of(5.0)) or cluster.states[0]
            return _described(cluster, state)

        return self._process.call(f"describe {cluster_id}", effect)

    def nodes(self, cluster_id: str) -> list[NodeCount]:
        """See Backend."""
        raise NotImplementedError

    def list_steps(
        self, cluster_id: str, *, states: Sequence[StepState] = (), most: int | None = None
    ) -> list[Step]:
        """See Backend."""

        def effect() -> list[Step]:
            seen = self._as_of(self._process.weather.step_lag)
            views = [
                _step_view(step, state, seen)
                for step in reversed(self._emr.find(cluster_id).steps)
                if (state := step.state_at(seen)) is not None and (not states or state in states)
            ]
            return views[:most]

        return self._process.call(f"list_steps {cluster_id}", effect)

    def describe_step(self, cluster_id: str, step_id: str) -> Step:
        """See Backend."""
        return next(step for step in self.list_steps(cluster_id) if step.id == step_id)

    def cancel_steps(self, cluster_id: str, step_ids: Sequence[str]) -> None:
        """See Backend."""
        raise NotImplementedError

    def resize(self, cluster_id: str, scaling: Scaling) -> None:
        """See Backend."""
        raise NotImplementedError

    def _as_of(self, lag: float) -> float:
        """The moment that an answer with up to this lag tells of."""
        late, how, _ = self._process.stream.draw() if lag else (0.0, 0.0, 0.0)
        return self._emr.timeline.now - (lag * how if late > 0.5 else 0.0)


class WireStore:
    """An ObjectStore as one process sees it."""

    def __init__(self, process: Process, bucket: TrueBucket) -> None:
        self._process = process
        self._bucket = bucket

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return "lake"

    def put(self, key: str, body: bytes, *, only_if_absent: bool = False) -> bool:
        """See ObjectStore."""
        if only_if_absent:
            return self.swap(key, body, etag=None) is not None
        self._process.call(f"put {key}", lambda: self._bucket.write(key, body))
        return True

    def put_file(self, key: str, path: Path) -> None:
        """See ObjectStore."""
        self.put(key, path.read_bytes())

    def get_file(self, key: str, path: Path) -> bool:
        """See ObjectStore."""
        body = self.get(key)
        if body is None:
            return False
        path.write_bytes(body)
        return True

    def swap(self, key: str, body: bytes, *, etag: str | None) -> str | None:
        """See ObjectStore. A repeated write knows its own first attempt, unless that is gone."""
        bucket = self._bucket

        def again(first: str | None) -> str | None:
            return first if first is not None and bucket.objects.get(key) == body else None

        what = f"swap {key}"
        if self._process.log is not None:
            what += f" {body[:300].decode()}"
        return self._process.call(what, lambda: bucket.write_over(key, body, etag), again=again)

    def get(self, key: str) -> bytes | None:
        """See ObjectStore."""
        found = self.get_with_etag(key)
        return None if found is None else found[0]

    def get_with_etag(self, key: str) -> tuple[bytes, str] | None:
        """See ObjectStore."""
        return self._process.call(f"get {key}", lambda: self._bucket.read(key))

    def exists(self, key: str) -> bool:
        """See ObjectStore."""
        return self._process.call(f"exists {key}", lambda: key in self._bucket.objects)

    def list_keys(self, prefix: str, *, after: str = "") -> list[str]:
        """See ObjectStore."""
        objects = self._bucket.objects
        return self._process.call(
            f"list {prefix}",
            lambda: sorted(key for key in objects if key.startswith(prefix) and key > after),
        )

    def list_modified(self, prefix: str) -> dict[str, datetime]:
        """See ObjectStore."""
        times = self._process.call(f"list {prefix}", lambda: self._bucket.times(prefix))
        return {key: at(time) for key, time in times.items()}

    def list_folders(self, prefix: str, *, after: str = "") -> list[str]:
        """See ObjectStore."""
        raise NotImplementedError

    def delete(self, key: str) -> None:
        """See ObjectStore."""
        self._process.call(f"delete {key}", lambda: self._bucket.remove(key))


def _summary(cluster: TrueCluster, state: ClusterState) -> ClusterSummary:
    is_up = not state.is_starting and cluster.ready is not None
    return ClusterSummary(
        id=cluster.id,
        raw_name=str(cluster.spec.name),
        state=state,
        reason_code=None,
        reason=None,
        created=at(cluster.created),
        ready=at(cluster.ready or 0) if is_up else None,
        ended=at(cluster.ended) if state.is_gone and cluster.ended is not None else None,
    )


def _described(cluster: TrueCluster, state: ClusterState) -> Cluster:
    spec, seen = cluster.spec, _summary(cluster, state)
    return Cluster(
        **{field.name: getattr(seen, field.name) for field in fields(seen)},
        release=spec.release,
        applications=dict.fromkeys(spec.applications, ""),
        tags=cluster.tags,
        log_uri=spec.log_uri,
        keep_alive=spec.keep_alive,
        termination_protected=cluster.protected,
        step_concurrency=spec.step_concurrency,
        subnet=next(iter(spec.subnets), None),
    )


def _step_view(step: TrueStep, state: StepState, seen: float) -> Step:
    started = step.started if step.started is not None and step.started <= seen else None
    ended = step.ended if step.ended is not None and step.ended <= seen else None
    return Step(
        id=step.id,
        name=step.name,
        state=state,
        args=(),
        reason=None,
        failure=None,
        log_file=None,
        created=at(step.added),
        started=None if started is None else at(started),
        ended=None if ended is None else at(ended),
    )
