"""`selfserve sweep` on the command line: what it prints, and how it exits."""

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import Result

from fakes import NOON, MemoryStore
from selfserve.core.sweeping import SweepPolicy
from selfserve.errors import AwsError
from selfserve.usecases.progress import Progress, Waiting
from selfserve.usecases.sweep_watch import watch
from sweeps import PERIOD, Team
from targets import FakeTargets

Run = Callable[..., Result]


@pytest.fixture
def team(tmp_path: Path, targets: FakeTargets) -> Team:
    team = Team(tmp_path / "profiles")
    targets.target = team.target
    return team


def test_every_decision_is_a_line_with_its_reason(run: Run, team: Team) -> None:
    team.start("one", "two")
    team.work(team.ids[1])
    team.sweep_until_warned()
    team.wait(PERIOD)

    result = run("sweep")

    assert result.exit_code == 0
    head, two, one = result.stdout.splitlines()
    assert head.split()[:4] == ["NAME", "OWNER", "STATE", "DECISION"]
    assert "two   ada    WAITING  keep" in two
    assert "1 step running or pending" in two
    assert "one   ada    WAITING  ended" in one
    assert "it has been idle for 1h 5m; its limit is 1h" in one
    assert "Ending one (j-FAKE000000001): it has been idle for 1h 5m" in result.stderr
    assert "On aws: 1 ended, 1 kept." in result.stderr


def test_it_says_when_the_second_look_is_due(run: Run, team: Team) -> None:
    team.start("one", "two")
    team.wait(PERIOD * 10)

    result = run("sweep", "--on", "aws")

    due = (team.clock.now() + PERIOD / 2).astimezone()
    assert "Run it again after " in result.stderr
    assert f"{due:%H:%M} to end 2 clusters, unless used until then" in result.stderr
    assert "selfserve sweep --watch --on aws" in result.stderr


def test_json_for_machines(run: Run, team: Team) -> None:
    team.start("one")
    team.wait(PERIOD * 10)

    document = json.loads(run("sweep", "-o", "json", "-q").stdout)

    assert document["clusters"] == [
        {
            "id": "j-FAKE000000001",
            "name": "one",
            "owner": "ada",
            "profile": "small",
            "state": "WAITING",
            "created": "2026-11-21T12:00:00Z",
            "decision": "warn",
            "reason": "it has been idle for 1h 40m; its limit is 1h",
            "idle_since": "2026-11-21T12:00:00Z",
            "ends_at": "2026-11-21T13:45:00Z",
        }
    ]
    assert document["counts"] == {"warn": 1}
    assert document["next_due"] == "2026-11-21T13:45:00Z"
    assert (document["on"], document["dry_run"], document["failures"]) == ("aws", False, [])


def test_a_dry_run_says_so(run: Run, team: Team) -> None:
    team.start("one")
    team.sweep_until_warned()
    team.wait(PERIOD)

    result = run("sweep", "--dry-run")

    assert "A dry run, nothing was changed. On aws: 1 to end now." in result.stderr
    assert team.live() == team.ids


def test_all_lifts_the_cap(run: Run, team: Team) -> None:
    team.start(*(f"c{number}" for number in range(7)))
    team.sweep_until_warned()
    team.wait(PERIOD)

    assert "On aws: 7 ended." in run("sweep", "--all").stderr


def test_what_aws_refused_is_told_after_what_was_done(run: Run, team: Team) -> None:
    team.start("one", "two")
    team.wait(PERIOD * 10)
    team.backend.refuse("describe", AwsError("Slow down.", hint="Wait."))

    result = run("sweep")

    assert result.exit_code == 3
    assert "1 warned of, 1 not looked at" in result.stderr
    assert "error: AWS has refused part of it: Slow down." in result.stderr


def test_if_nothing_can_be_listed_it_fails(run: Run, team: Team) -> None:
    team.backend.refuse("list_clusters", AwsError("No answer.", hint="Check the network."))

    result = run("sweep")

    assert (result.exit_code, result.stdout) == (3, "")
    assert "error: No answer." in result.stderr


def test_without_clusters_there_is_nothing_to_do(run: Run, team: Team) -> None:
    result = run("sweep")

    assert (result.exit_code, result.stdout) == (0, "")
    assert "On aws: no clusters." in result.stderr
    assert isinstance(team.store, MemoryStore)
    assert team.store.objects == {}


def test_it_starts_no_daemon(run: Run, targets: FakeTargets) -> None:
    targets.is_running = False

    result = run("sweep")

    assert result.exit_code == 0
    assert not targets.is_running
    assert "Nothing runs on this machine" in result.stderr


def test_where_nothing_runs_json_has_the_same_keys(run: Run, targets: FakeTargets) -> None:
    usual = json.loads(run("sweep", "-o", "json", "-q").stdout)
    targets.is_running = False

    nothing = json.loads(run("sweep", "-o", "json", "-q").stdout)

    assert nothing.keys() == usual.keys()
    assert nothing["clusters"] == []


def test_watching_goes_on_after_errors_until_ctrl_c(run: Run, team: Team) -> None:
    team.start("one")
    ticks = iter(range(10_000))

    def act() -> None:
        team.beat()
        tick = next(ticks)
        if tick == 100:
            team.backend.refuse("list_clusters", AwsError("No answer.", hint="Wait."))
        if tick > 400:
            raise KeyboardInterrupt

    team.clock.on_sleep.append(act)
    team.beat()

    result = run("sweep", "--watch", "--every", "10m")

    assert result.exit_code == 0
    assert "Sweeping aws every 10m; end it with Ctrl-C." in result.stderr
    assert "This sweep has failed: No answer." in result.stderr
    assert "On aws: 1 warned of." in result.stderr
    assert "On aws: 1 ended." in result.stderr
    assert result.stderr.endswith("Not sweeping any more.\n")


def test_watching_says_how_much_time_is_left(team: Team) -> None:
    waits: list[Waiting] = []

    def report(progress: Progress) -> None:
        if isinstance(progress, Waiting):
            waits.append(progress)

    watch(team.target, SweepPolicy(), report, swept=lambda _: None, times=2)

    assert {wait.until for wait in waits} == {NOON + PERIOD}


def test_each_sweep_of_a_watch_is_one_line_of_json(run: Run, team: Team) -> None:
    team.start("one")
    ticks = iter(range(60))
    team.clock.on_sleep.append(lambda: _interrupt_after(ticks))

    lines = run("sweep", "--watch", "-o", "json", "-q").stdout.splitlines()

    assert len(lines) == 2
    assert [json.loads(line)["clusters"][0]["name"] for line in lines] == ["one", "one"]


def _interrupt_after(ticks: Iterator[int]) -> None:
    if next(ticks, None) is None:
        raise KeyboardInterrupt


def test_sigterm_ends_the_watch_as_ctrl_c_does(run: Run, team: Team) -> None:
    before = signal.getsignal(signal.SIGTERM)
    team.clock.on_sleep.append(lambda: signal.raise_signal(signal.SIGTERM))

    result = run("sweep", "--watch")

    assert result.exit_code == 0
    assert result.stderr.endswith("Not sweeping any more.\n")
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize("every", ["5", "10s", "often", "25h", "32d"])
def test_a_period_that_makes_no_sense_is_refused(run: Run, every: str) -> None:
    result = run("sweep", "--watch", "--every", every)

    assert result.exit_code == 2
    assert "--every" in result.stderr
