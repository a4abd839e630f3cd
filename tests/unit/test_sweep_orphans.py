"""What is left over from lost answers and dead clients is adopted, or ends once it is idle."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from selfserve.core.cluster import ClusterState
from selfserve.core.launch import StepSpec
from selfserve.core.naming import claim_key
from selfserve.core.run import Placement, placement_key
from selfserve.core.run_json import from_json
from selfserve.core.sweeping import SweepPolicy
from selfserve.usecases.launches.claims import Claim
from selfserve.usecases.launches.launching import launch
from sweeps import PERIOD, Team, reasons

RUN = "r-20261121-120000-a1b2c3"
KEY = claim_key("eu-west-1", "main", "ada", "one")


@pytest.fixture
def team(tmp_path: Path) -> Team:
    return Team(tmp_path)


def _twins(team: Team) -> tuple[str, str]:
    """Two live clusters of one name: the first launch's claim was taken for dead, and was not."""
    (first,) = team.start("one")
    team.backend.move(first, ClusterState.TERMINATED)
    team.wait(timedelta(minutes=5))
    (second,) = team.start("one")
    team.backend.move(first, ClusterState.WAITING)
    return first, second


def _claimed(team: Team) -> str:
    return Claim.from_json(team.store.objects[KEY]).launch_id


def _launch_id(team: Team, cluster_id: str) -> str:
    name = team.backend.describe(cluster_id).name
    assert name is not None
    return name.launch_id


def _by_id(team: Team, policy: SweepPolicy | None = None) -> dict[str, str]:
    return {line.id: line.reason for line in team.sweep(policy).lines}


def test_the_cluster_without_the_claim_ends_once_it_is_idle(team: Team) -> None:
    first, second = _twins(team)
    team.wait(PERIOD)
    why = f"another cluster, {second}, has its name, and it has been idle for"

    assert _by_id(team)[first].startswith(why)
    team.sweep_next()

    assert team.live() == [second]


def test_an_orphan_at_work_is_left_to_its_work(team: Team) -> None:
    first, second = _twins(team)
    step_id = team.work(first)
    for _ in range(2):
        team.sweep_next()
    assert team.live() == sorted([first, second])

    team.backend.cancel_steps(first, [step_id])
    team.sweep_next()
    team.sweep_next()
    assert team.live() == [second]


def test_one_that_is_orphaned_is_looked_at_although_no_look_is_due(team: Team) -> None:
    (first,) = team.start("one")
    team.sweep_next()
    team.backend.move(first, ClusterState.TERMINATED)
    (second,) = team.start("one")
    team.backend.move(first, ClusterState.WAITING)

    assert _by_id(team)[first].startswith(f"another cluster, {second}, has its name")


def test_one_that_is_alone_again_is_an_orphan_no_more(team: Team) -> None:
    first, second = _twins(team)
    team.sweep()
    team.backend.move(second, ClusterState.TERMINATED)

    assert reasons(team.sweep()) == {"one": "it has been idle for 5m; its limit is 1h"}
    assert team.live() == [first]


def test_a_name_that_nobody_has_goes_to_the_newest(team: Team) -> None:
    first, second = _twins(team)
    team.store.delete(KEY)

    report = team.sweep()

    assert _claimed(team) == _launch_id(team, second)
    assert report.notes == [f"{second} gets the name one of ada, which nobody had."]
    assert {line.id for line in report.lines if "another cluster" in line.reason} == {first}


def test_a_dry_run_gives_no_names_away(team: Team) -> None:
    _twins(team)
    team.store.delete(KEY)

    report = team.sweep(SweepPolicy(dry_run=True))

    assert KEY not in team.store.objects
    assert "gets the name" in report.notes[0]


def test_while_a_third_launch_has_the_claim_nothing_is_decided(team: Team) -> None:
    _twins(team)
    team.store.put(KEY, Claim("20261121-ffffff", team.clock.now()).to_json())

    assert not any("another cluster" in reason for reason in _by_id(team).values())

    team.wait(timedelta(minutes=15))
    assert any("another cluster" in reason for reason in _by_id(team).values())


def test_a_claim_that_cannot_be_read_is_told_and_nothing_is_decided(team: Team) -> None:
    _twins(team)
    team.store.put(KEY, b"?")

    report = team.sweep()

    assert report.notes == [f"The claim to one of ada cannot be read: {KEY}"]
    assert not any("another cluster" in line.reason for line in report.lines)


def test_clusters_of_two_owners_may_have_one_name(team: Team) -> None:
    team.start("one")
    team.start("one", user="grace")

    assert not any("another cluster" in reason for reason in _by_id(team).values())


def _transient(team: Team) -> str:
    step = StepSpec(f"{RUN} job.py", ("true",))
    launched = launch(team.target, team.small, name=RUN, steps=[step], keep_alive=False)
    return launched.cluster_id


def test_a_run_whose_submitter_died_gets_its_place_written_down(team: Team) -> None:
    cluster_id = _transient(team)
    team.clock.sleep(timedelta(minutes=6))

    report = team.sweep()

    body = team.store.objects[placement_key(RUN)]
    step = team.backend.list_steps(cluster_id)[0]
    assert from_json(Placement, body) == Placement(cluster_id, step.id)
    assert report.notes == [f"Run {RUN} is on {cluster_id}; nobody had written that down."]


def test_a_place_is_looked_for_once(team: Team) -> None:
    _transient(team)
    team.store.put(placement_key(RUN), b"{}")
    team.clock.sleep(timedelta(minutes=6))
    team.sweep()

    team.sweep()

    assert ("exists", placement_key(RUN)) not in team.store.calls
    assert team.store.objects[placement_key(RUN)] == b"{}"


@pytest.mark.parametrize(
    ("minutes", "dry_run"), [(2, False), (6, True)], ids=["its-submitter-may-live", "dry-run"]
)
def test_a_place_is_not_written_down(team: Team, minutes: int, *, dry_run: bool) -> None:
    _transient(team)
    team.clock.sleep(timedelta(minutes=minutes))

    team.sweep(replace(SweepPolicy(), dry_run=dry_run))

    assert placement_key(RUN) not in team.store.objects
