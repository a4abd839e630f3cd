"""A mix of clusters, put straight into moto's memory: to launch thousands would take hours.

Ages and idle times are spread evenly by the cluster's number, so that each run, and
each copy, has the same population.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from moto.emr.models import Application, Cluster, emr_backends

from benchmarks.moto_account import ACCOUNT, IDLE, REGION
from selfserve.core.beat import Beat, format_beat
from selfserve.core.idle import Engine
from selfserve.core.naming import TAG_IDLE, TAG_MAX_AGE, ClusterName, beat_key

_LIMIT = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Kind:
    """What some of the clusters are."""

    percent: int
    state: str
    ours: bool = True
    steps: int = 3
    protected: bool = False
    idle: tuple[timedelta, timedelta] = (timedelta(0), timedelta(0))
    """Since when nothing has happened, between these two; for those that wait."""


_HOURS = (timedelta(hours=2), timedelta(hours=5))
_FRESH = (timedelta(minutes=1), timedelta(minutes=35))
_JUST_USED = (timedelta(minutes=1), timedelta(minutes=15))  # not idle for long three sweeps later
_TO_BE_WARNED = (timedelta(minutes=41), timedelta(minutes=48))
"""At the second sweep, ten minutes later, an hour's limit is less than ten minutes off."""

MIXED: Mapping[str, Kind] = {
    "running": Kind(30, "RUNNING", steps=12),
    "running, not ours": Kind(10, "RUNNING", ours=False, steps=12),
    "waiting": Kind(40, "WAITING", steps=6, idle=_FRESH),
    "waiting, not ours": Kind(10, "WAITING", ours=False, idle=_FRESH),
    "starting": Kind(3, "STARTING", steps=0),
    "protected": Kind(2, "WAITING", protected=True, idle=_HOURS),
    IDLE: Kind(5, "WAITING", idle=_HOURS),
}
"""Percent of the live clusters. Of those that are not ours, none has been idle for long: mrjob
would end them too, and has no way to know better."""

IN_BALANCE = {
    **MIXED,
    "waiting": Kind(35, "WAITING", steps=6, idle=_FRESH),
    "to be warned of": Kind(5, "WAITING", steps=6, idle=_TO_BE_WARNED),
}
"""As many come due for a first look as end at their last: what a sweep costs in the long run."""

A_FIFTH_IDLE = {
    **MIXED,
    "waiting": Kind(25, "WAITING", steps=6, idle=_JUST_USED),
    "waiting, not ours": Kind(10, "WAITING", ours=False, idle=_JUST_USED),
    IDLE: Kind(20, "WAITING", idle=_HOURS),
}
MIXES = {"mixed": MIXED, "in-balance": IN_BALANCE, "a-fifth-idle": A_FIFTH_IDLE}

TERMINATED_PERCENT = 20
"""Besides, of the number of live ones."""


def populate(mix: str, live: int, now: datetime) -> dict[str, str]:
    """Make the clusters; returns the kind of each by its id. `now` is naive, as moto's times."""
    kinds: dict[str, str] = {}
    for name, kind in MIXES[mix].items():
        for number in range(live * kind.percent // 100):
            kinds[_make(name, kind, number, now)] = name
    gone = Kind(0, "TERMINATED")
    for number in range(live * TERMINATED_PERCENT // 100):
        kinds[_make("gone", gone, number, now)] = "gone"
    return kinds


def put_beats(cluster_ids: list[str], now: datetime, put: Callable[[str, bytes], None]) -> None:
    """What the probes of these clusters write every five minutes: nothing is at work."""
    body = format_beat(Beat(at_work={Engine.YARN: 0}), now)
    for cluster_id in cluster_ids:
        put(beat_key(cluster_id), body)


def _make(name: str, kind: Kind, number: int, now: datetime) -> str:
    cluster = Cluster(
        emr_backends[ACCOUNT][REGION],
        name=f"etl-{number}",
        log_uri="s3://logs/",
        job_flow_role="EMR_EC2_DefaultRole",
        service_role="EMR_DefaultRole_V2",
        steps=[],
        instance_attrs={"keep_job_flow_alive_when_no_steps": True},
        release_label="emr-7.9.0",
    )
    cluster.applications = [Application("Spark", "3.5.5", [], {})]
    cluster.termination_protected = kind.protected
    if kind.ours:
        named = ClusterName(
            "main", "spark-ml", f"user{number % 40}", _word(name, number), f"l{number}"
        )
        cluster.name = str(named)
        cluster.add_tags({**named.tags(), TAG_IDLE: "1h", TAG_MAX_AGE: "2d"})
    first, last = kind.idle
    _set_times(cluster, kind, now - first - (last - first) * (number % 97) / 97)
    return str(cluster.id)


def _word(name: str, number: int) -> str:
    return f"{name.replace(' ', '-').replace(',', '')}-{number}"


def _set_times(cluster: Cluster, kind: Kind, idle_since: datetime) -> None:
    is_starting, is_gone = kind.state == "STARTING", kind.state == "TERMINATED"
    age = timedelta(minutes=3) if is_starting else timedelta(hours=6)
    cluster.creation_datetime = idle_since - age
    cluster.ready_datetime = None if is_starting else idle_since - timedelta(hours=5, minutes=50)
    cluster.end_datetime = idle_since if is_gone else None
    if kind.steps:
        cluster.add_steps([{"name": f"step {n}"} for n in range(kind.steps)])
    for step in cluster.steps:
        step.state = "COMPLETED"
        step.creation_date_time = step.start_date_time = idle_since - timedelta(hours=1)
        step.end_date_time = idle_since
    if kind.state == "RUNNING":
        cluster.steps[-1].state, cluster.steps[-1].end_date_time = "RUNNING", None
    cluster.state = kind.state
