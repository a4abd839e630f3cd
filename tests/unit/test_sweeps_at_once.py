"""Many machines sweep at once: together they end no more, and nothing twice."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from greenlet import greenlet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selfserve.core.sweep_memory import from_bytes
from selfserve.core.sweeping import SweepPolicy
from selfserve.usecases.sweep import sweep
from sweeps import PERIOD, Team, verdicts

ONE_BY_ONE = SweepPolicy(parallel=1)


@pytest.fixture
def team(tmp_path: Path) -> Team:
    return Team(tmp_path)


class _Interrupted:
    """Lets something happen before the n-th request of the sweep, to EMR or S3."""

    def __init__(self, team: Team, number: int, act: Callable[[], object]) -> None:
        self._left = number
        self.happened = False
        self._act = act
        team.backend.before = self._count
        team.store.before = self._count

    def _count(self, method: str) -> None:
        del method
        self._left -= 1
        if self._left == 0:
            self._act()
            self.happened = True


def _ready_to_end(team: Team, clusters: int) -> None:
    team.start(*(f"c{number:02}" for number in range(clusters)))
    team.sweep_until_warned()
    team.wait(PERIOD)
    team.backend.terminated.clear()


def _requests_of_one(folder: Path, clusters: int) -> int:
    team = Team(folder)
    _ready_to_end(team, clusters)
    team.sweep()
    return len(team.backend.calls) + len(team.store.calls)


def test_wherever_a_second_sweep_comes_between_they_share_the_cap(tmp_path: Path) -> None:
    for number in range(1, _requests_of_one(tmp_path / "count", 8) + 1):
        team = Team(tmp_path / str(number))
        _ready_to_end(team, 8)
        other = _Interrupted(team, number, partial(sweep, team.target, ONE_BY_ONE))

        sweep(team.target, ONE_BY_ONE)

        ended = Counter(one for call in team.backend.terminated for one in call)
        assert other.happened
        assert sum(ended.values()) == 5, f"another sweep before request {number}"
        assert max(ended.values()) == 1


def test_wherever_a_sweep_dies_the_next_ones_finish_its_work(tmp_path: Path) -> None:
    class _KilledError(BaseException):
        pass

    def die() -> None:
        raise _KilledError

    for number in range(1, _requests_of_one(tmp_path / "count", 3) + 1):
        team = Team(tmp_path / str(number))
        _ready_to_end(team, 3)
        _Interrupted(team, number, die)
        with pytest.raises(_KilledError):
            sweep(team.target, ONE_BY_ONE)

        team.wait(PERIOD)
        sweep(team.target, ONE_BY_ONE)

        assert team.live() == [], f"killed before request {number}"


def test_wherever_a_step_comes_between_it_is_not_killed(tmp_path: Path) -> None:
    """A submitter that takes no lease, such as the AWS CLI: until the last look has ended."""
    for number in range(1, _requests_of_one(tmp_path / "count", 1)):
        team = Team(tmp_path / str(number))
        _ready_to_end(team, 1)
        (one,) = team.ids
        _Interrupted(team, number, partial(team.work, one))

        report = sweep(team.target, ONE_BY_ONE)

        calls = team.backend.calls
        is_before_the_look = "list_steps" in calls[calls.index("add_steps") :]
        assert (team.live() == [one]) == is_before_the_look, f"before request {number}"
        assert verdicts(report) == {"c00": "spared" if is_before_the_look else "ended"}


def _pass_on() -> None:
    here = greenlet.getcurrent()
    if here.parent is not None:
        here.parent.switch()


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(turns=st.lists(st.integers(0, 9), max_size=600), clusters=st.sampled_from([4, 12, 40]))
def test_ten_machines_in_any_order_end_what_one_would(
    turns: list[int], clusters: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    team = Team(tmp_path_factory.mktemp("team"))
    _ready_to_end(team, clusters)
    team.backend.before = team.store.before = lambda _: _pass_on()
    machines = [greenlet(lambda: sweep(team.target, ONE_BY_ONE)) for _ in range(10)]

    for turn in [*turns, *(number % 10 for number in range(100_000))]:
        if not machines[turn].dead:
            machines[turn].switch()
        if all(machine.dead for machine in machines):
            break

    ended = Counter(one for call in team.backend.terminated for one in call)
    assert sum(ended.values()) == min(max(5, clusters // 5), clusters)
    assert max(ended.values()) == 1


def test_what_others_have_looked_at_is_not_looked_at_again(team: Team) -> None:
    team.start("one", "two")
    team.sweep_until_warned()

    team.sweep()

    assert team.backend.calls == ["list_clusters"]


def test_a_sweep_that_was_slow_does_not_overwrite_what_others_have_seen(team: Team) -> None:
    (one,) = team.start("one")
    team.wait(timedelta(minutes=30))

    def other() -> None:
        team.clock.sleep(timedelta(minutes=1))
        sweep(team.target, ONE_BY_ONE)

    _Interrupted(team, 6, other)
    sweep(team.target, ONE_BY_ONE)

    memory = from_bytes(team.store.objects[team.memory_key])
    assert memory.clusters[one].looked == team.clock.now()


def test_installations_that_share_a_bucket_do_not_forget_each_other_s_warnings(team: Team) -> None:
    other = replace(team.target, installation="other")
    team.start("one")
    team.sweep_until_warned()
    sweep(other, SweepPolicy())

    assert verdicts(team.sweep_next()) == {"one": "ended"}
