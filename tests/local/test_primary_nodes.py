"""What a local cluster's pretended primary node sees and tells."""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local.example_clusters import NOON, gone, minutes, starting, step_config, up
from local.fake_engine import HOLD, FakeEngine
from selfserve.core.beat import Beat, parse_beat
from selfserve.core.cluster import ClusterState
from selfserve.core.idle import Engine
from selfserve.local.control.controller import Controller
from selfserve.local.control.records import ClusterRecord
from selfserve.local.control.store import Store
from selfserve.local.engine.cluster_folder import ClusterFolder
from selfserve.local.lake.folders import Lake
from selfserve.local.primary_nodes import PrimaryNodes

PROBE: dict[str, Any] = {
    "BootstrapActions": [
        {
            "Name": "busy-probe",
            "ScriptBootstrapAction": {
                "Path": "s3://b/0f/busy-probe.py",
                "Args": ["s3://lake/selfserve/beats/"],
            },
        }
    ],
    "Applications": [{"Name": "Spark"}, {"Name": "Livy"}],
}
SECOND = timedelta(seconds=1)


class House:
    def __init__(self, home: Path) -> None:
        self.home = home
        self.lake = Lake(home / "lake")
        self.nodes = PrimaryNodes(home, self.lake)

    def object(self, cluster: ClusterRecord) -> Path:
        return self.lake.path_of(f"s3://lake/selfserve/beats/{cluster.id}.json")

    def beat(self, cluster: ClusterRecord, now: datetime) -> Beat | None:
        """What the sweep reads after a look at `now`."""
        self.nodes.beat([cluster], now)
        path = self.object(cluster)
        return parse_beat(path.read_bytes(), now, now) if path.exists() else None

    def touch(self, cluster: ClusterRecord, at: datetime) -> None:
        path = ClusterFolder(self.home, cluster.id).busy_file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (at.timestamp(), at.timestamp()))


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_running_steps_are_at_work_and_what_is_not_started_here_is_not(house: House) -> None:
    beat = house.beat(up(step_config(), **PROBE), minutes(5))

    assert beat == Beat({Engine.YARN: 1, Engine.LIVY: 0}, (), minutes(5))


def test_an_idle_cluster_tells_when_it_last_worked(house: House) -> None:
    busy = up(step_config(), **PROBE)
    house.beat(busy, minutes(5))

    beat = house.beat(replace(busy, state=ClusterState.WAITING, steps=()), minutes(9))

    assert beat == Beat({Engine.YARN: 0, Engine.LIVY: 0}, (), minutes(5))


def test_a_touch_of_isbusy_is_told_as_work(house: House) -> None:
    cluster = up(**PROBE)
    house.touch(cluster, minutes(4))

    beat = house.beat(cluster, minutes(5))

    assert house.nodes.busy_at(cluster.id) == minutes(4)
    assert beat is not None
    assert beat.last_at_work == minutes(4)


def test_without_the_file_nobody_has_said_anything(house: House) -> None:
    assert house.nodes.busy_at("j-1") is None


@pytest.mark.parametrize(
    ("later", "change", "is_written"),
    [
        pytest.param(timedelta(seconds=59), lambda c: c, False, id="told-less-than-a-minute-ago"),
        pytest.param(timedelta(minutes=1), lambda c: c, True, id="a-minute-later"),
        pytest.param(SECOND, lambda c: replace(c, steps=()), True, id="work-has-ended"),
    ],
)
def test_a_beat_is_written(
    house: House, later: timedelta, change: Callable[[Any], Any], *, is_written: bool
) -> None:
    cluster = up(step_config(), **PROBE)
    house.nodes.beat([cluster], minutes(5))
    house.object(cluster).unlink()

    house.nodes.beat([change(cluster)], minutes(5) + later)

    assert house.object(cluster).exists() is is_written


@pytest.mark.parametrize(
    "cluster", [starting(**PROBE), gone(**PROBE), up()], ids=["starting", "gone", "no-probe"]
)
def test_there_is_no_beat_of_a_cluster_that(house: House, cluster: ClusterRecord) -> None:
    assert house.beat(cluster, minutes(5)) is None
    assert house.lake.buckets() == []


def test_a_lake_that_cannot_be_written_is_waited_for(house: House) -> None:
    (house.home / "lake" / "lake").write_text("in the way")
    cluster = up(**PROBE)

    house.nodes.beat([cluster], minutes(5))
    (house.home / "lake" / "lake").unlink()

    assert house.beat(cluster, minutes(6)) is not None
    assert not list(house.home.glob(".beat.*"))


def test_the_controller_looks_and_tells_at_every_tick(house: House) -> None:
    store = Store(house.home / "state.db")
    now = [NOON]
    controller = Controller(store, nodes=house.nodes, now=lambda: now[0])
    controller.attach(FakeEngine(controller.notify, exit_code=HOLD))
    controller.recover()
    request = up(**PROBE).request
    made = controller.create({**request, "AutoTerminationPolicy": {"IdleTimeout": 60}})

    house.touch(made, minutes(3))
    now[0] = minutes(4)
    controller.tick()
    kept = controller.get(made.id)
    now[0] = minutes(8)
    controller.tick()
    ended = controller.get(made.id)
    store.close()

    assert kept is not None
    assert kept.state is ClusterState.WAITING
    assert house.object(made).exists()
    assert ended is not None
    assert ended.state is ClusterState.TERMINATED


def test_times_of_files_are_utc(house: House) -> None:
    cluster = up()
    house.touch(cluster, datetime(2026, 1, 2, 3, tzinfo=UTC))

    assert house.nodes.busy_at(cluster.id) == datetime(2026, 1, 2, 3, tzinfo=UTC)
