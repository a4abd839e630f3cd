"""`sweep`: what nobody uses ends, what is in use never does, and the rest costs no request."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from fakes import NOON
from selfserve.backends.base import YarnSeen
from selfserve.core.cluster import Cluster, ClusterState, StepState
from selfserve.core.idle import Engine, Session
from selfserve.core.lease import LEASE_TIME, Lease, from_bytes, hold, is_ending, to_bytes
from selfserve.core.naming import TAG_LAUNCH_ID, lease_key
from selfserve.core.sweep_report import Verdict
from selfserve.core.sweeping import SweepPolicy
from selfserve.errors import AwsError
from sweeps import PERIOD, STEP, STEP_PATH, Team, nothing, reasons, verdicts

MINUTE = timedelta(minutes=1)


@pytest.fixture
def team(tmp_path: Path) -> Team:
    return Team(tmp_path)


def test_an_idle_cluster_ends_at_the_second_look(team: Team) -> None:
    team.start("one")

    first = team.sweep_until_warned()
    second = team.sweep_next()

    assert verdicts(first) == {"one": "warn"}
    assert verdicts(second) == {"one": "ended"}
    assert reasons(second) == {"one": "it has been idle for 1h 5m; its limit is 1h"}
    assert team.live() == []


@pytest.mark.parametrize("offset", range(0, 10, 3))
def test_it_ends_within_a_period_of_its_limit(team: Team, offset: int) -> None:
    team.start("one")
    team.wait(offset * MINUTE)
    while team.live():
        team.sweep_next()

    assert NOON + 60 * MINUTE <= team.clock.now() < NOON + 71 * MINUTE


def test_a_cluster_of_which_nothing_is_due_costs_no_request(team: Team) -> None:
    team.start(*(f"c{number}" for number in range(7)))
    team.sweep_next()

    report = team.sweep_next()

    assert team.backend.calls == ["list_clusters"]
    assert team.store.calls == [("get_with_etag", team.memory_key)]
    assert set(verdicts(report).values()) == {"keep"}
    assert reasons(report)["c0"] == "it has been idle for 20m; its limit is 1h"


def test_a_cluster_that_runs_something_costs_no_request(team: Team) -> None:
    (one,) = team.start("one")
    team.work(one)
    team.backend.move(one, ClusterState.RUNNING)
    team.wait(timedelta(days=3))

    report = team.sweep()

    assert team.backend.calls == ["list_clusters"]
    assert reasons(report) == {"one": "EMR says that it is running something"}


def test_one_that_was_seen_running_is_looked_at_only_when_it_may_end_again(team: Team) -> None:
    (one,) = team.start("one")
    team.sweep_until_warned()
    team.backend.move(one, ClusterState.RUNNING)
    team.sweep_next()
    team.backend.move(one, ClusterState.WAITING)

    for _ in range(4):
        assert verdicts(team.sweep_next()) == {"one": "keep"}
        assert team.backend.calls == ["list_clusters"]
    assert verdicts(team.sweep_next()) == {"one": "warn"}


def test_behind_a_page_of_new_steps_an_older_one_may_be_at_work(team: Team) -> None:
    (one,) = team.start("one")
    team.backend.add_steps(one, [STEP])
    for _ in STEP_PATH:
        (over,) = team.backend.list_steps(one)
    team.sweep_until_warned()
    team.backend.listed_as = lambda _: [replace(over, created=team.clock.now())] * 50
    team.backend.seen_as = lambda cluster: replace(cluster, state=ClusterState.RUNNING)

    report = team.sweep_next()

    assert reasons(report) == {"one": "EMR says that it is running something"}
    assert team.live() == [one]


def test_a_victim_costs_two_looks_and_a_tenth_of_a_termination(team: Team) -> None:
    team.start(*(f"c{number}" for number in range(20)))
    team.sweep_until_warned()
    assert len(team.backend.calls) == 1 + 2 * 20

    team.sweep_next(SweepPolicy(all_at_once=True))

    assert len(team.backend.calls) == 1 + 20 + 2
    assert [len(ids) for ids in team.backend.terminated] == [10, 10]


def test_a_step_that_comes_after_the_warning_saves_the_cluster(team: Team) -> None:
    (one,) = team.start("one")
    team.sweep_until_warned()
    team.work(one)

    report = team.sweep_next()

    assert verdicts(report) == {"one": "spared"}
    assert reasons(report) == {"one": "1 step running or pending"}
    assert not is_ending(from_bytes(team.store.objects[lease_key(one)]), team.clock.now())


def test_a_step_that_came_and_went_begins_another_idle_time(team: Team) -> None:
    (one,) = team.start("one")
    team.sweep_until_warned()
    step_id = team.backend.add_steps(one, [STEP])[0]
    team.backend.move_step(one, step_id, StepState.COMPLETED)

    report = team.sweep_next()

    assert verdicts(report) == {"one": "spared"}
    assert reasons(report) == {"one": "it has been idle for 0s; its limit is 1h"}
    assert report.lines[0].ends_at is not None
    assert report.lines[0].ends_at > team.clock.now() + 50 * MINUTE


def _hold(team: Team, cluster_id: str, run_id: str = "r-20261121-130000-a1b2c3") -> None:
    held = hold(Lease(), run_id, "grace", team.clock.now())
    team.store.put(lease_key(cluster_id), to_bytes(held, by=run_id))


def test_a_submitters_lease_saves_the_cluster(team: Team) -> None:
    (one,) = team.start("one")
    team.sweep_until_warned()
    team.wait(PERIOD)
    _hold(team, one)

    report = team.sweep()

    assert verdicts(report) == {"one": "spared"}
    assert reasons(report) == {"one": "somebody is submitting to the cluster"}
    assert "describe" not in team.backend.calls


def test_a_lease_that_has_run_out_does_not(team: Team) -> None:
    (one,) = team.start("one")
    team.sweep_until_warned(idle=56 * MINUTE)
    _hold(team, one)
    team.wait(LEASE_TIME)

    assert verdicts(team.sweep()) == {"one": "ended"}


def test_a_lease_whose_step_is_over_does_not(team: Team) -> None:
    (one,) = team.start("one")
    step = replace(STEP, name="r-20261121-130000-a1b2c3 job.py")
    step_id = team.backend.add_steps(one, [step])[0]
    team.backend.move_step(one, step_id, StepState.COMPLETED)
    team.backend.list_steps(one)
    team.sweep_until_warned()
    team.wait(PERIOD)
    _hold(team, one)

    assert verdicts(team.sweep()) == {"one": "ended"}


def test_a_lease_that_another_write_came_before_is_tried_again(team: Team) -> None:
    (one,) = team.start("one")
    team.sweep_until_warned()

    def write_first(method: str) -> None:
        if method == "swap" and (lease_key(one)) in [key for _, key in team.store.calls]:
            let_go = to_bytes(Lease(fence=1), by="a run that was refused")
            team.store.objects.setdefault(lease_key(one), let_go)

    team.wait(PERIOD)
    team.store.before = write_first
    report = team.sweep()

    assert team.store.calls.count(("swap", lease_key(one))) == 2
    assert verdicts(report) == {"one": "ended"}


def test_a_lease_that_cannot_be_read_keeps_the_cluster(team: Team) -> None:
    (one, _) = team.start("one", "two")
    team.wait(55 * MINUTE)
    team.store.put(lease_key(one), b"{}")

    report = team.sweep()

    assert verdicts(report) == {"one": "keep", "two": "warn"}
    assert "cannot be read" in report.failures[0]


def test_while_the_last_look_is_taken_submitters_meet_the_sweep(team: Team) -> None:
    (one,) = team.start("one")
    team.sweep_until_warned()
    seen: list[bool] = []

    def look(method: str) -> None:
        if method in {"describe", "list_steps", "terminate"}:
            lease = from_bytes(team.store.objects[lease_key(one)])
            seen.append(is_ending(lease, team.clock.now()))

    team.backend.before = look
    team.sweep_next()

    assert seen == [True, True]


@pytest.mark.parametrize("pause", [MINUTE, 3 * MINUTE])
def test_what_was_seen_too_long_ago_is_looked_at_again(team: Team, pause: timedelta) -> None:
    (one, two) = team.start("one", "two")
    team.sweep_until_warned()
    slow = iter([True])

    def throttle(method: str) -> None:
        if method == "list_steps" and next(slow, False):
            team.clock.time += pause
            team.work(one)

    team.backend.before = throttle
    report = team.sweep_next()

    assert verdicts(report) == {"one": "spared", "two": "ended"}
    assert team.live() == [one]
    assert two not in team.live()


def test_if_aws_is_always_slow_nothing_ends(team: Team) -> None:
    team.start("one")
    team.sweep_until_warned()
    team.wait(PERIOD)

    def throttle(method: str) -> None:
        if method == "list_steps":
            team.clock.time += 3 * MINUTE

    team.backend.before = throttle
    report = team.sweep()

    assert verdicts(report) == {"one": "spared"}
    assert reasons(report) == {"one": "AWS answers too slowly to end it safely"}


def test_what_yarn_does_is_unknown_without_a_beat_and_keeps_the_cluster(team: Team) -> None:
    (one,) = team.start("one")
    team.silent.add(one)
    team.wait(timedelta(hours=5))

    report = team.sweep()

    assert reasons(report) == {"one": "it is not known whether a YARN application is at work"}
    assert verdicts(team.sweep_next()) == {"one": "keep"}


def test_an_engine_at_work_keeps_the_cluster_and_counts_as_its_last_use(team: Team) -> None:
    (one,) = team.start("one")
    team.at_work[one] = 1
    team.wait(timedelta(hours=5))
    assert reasons(team.sweep()) == {"one": "1 YARN application at work"}

    team.at_work[one] = 0
    team.wait(55 * MINUTE)

    assert reasons(team.sweep()) == {"one": "it has been idle for 55m; its limit is 1h"}


class _Metrics:
    """An Observer that tells this of every cluster."""

    def __init__(self, seen: YarnSeen, sessions: list[Session] | None = None) -> None:
        self._seen = seen
        self._sessions = sessions

    def yarn(self, cluster_ids: Sequence[str]) -> Mapping[str, YarnSeen]:
        return dict.fromkeys(cluster_ids, self._seen)

    def sessions(self, cluster: Cluster) -> list[Session] | None:
        del cluster
        return self._sessions


def _observed(team: Team, idle_since: datetime | None, at: datetime) -> str:
    (one,) = team.start("one")
    team.silent.add(one)
    team.target = replace(team.target, observer=_Metrics(YarnSeen(idle_since, at), []))
    team.wait(timedelta(hours=2))
    return reasons(team.sweep())["one"]


def test_emrs_metric_tells_of_yarn_where_there_is_no_beat(team: Team) -> None:
    at = NOON + 115 * MINUTE

    assert _observed(team, NOON, at) == "it has been idle for 2h; its limit is 1h"


def test_a_metric_that_says_busy_keeps_the_cluster(team: Team) -> None:
    assert _observed(team, None, NOON + 115 * MINUTE) == "1 YARN application at work"


def test_an_idle_shell_is_at_work_to_the_metric_and_not_to_the_beat(team: Team) -> None:
    team.start("one")
    team.target = replace(team.target, observer=_Metrics(YarnSeen(None, NOON + 50 * MINUTE), []))

    assert verdicts(team.sweep_until_warned()) == {"one": "warn"}


def test_a_metric_that_is_old_tells_nothing(team: Team) -> None:
    unknown = "it is not known whether a YARN application is at work"

    assert _observed(team, NOON, NOON + 100 * MINUTE) == unknown


def test_sessions_that_cannot_be_told_keep_the_cluster(team: Team) -> None:
    team.start("one")
    team.target = replace(team.target, observer=_Metrics(YarnSeen(NOON, NOON), None))
    team.wait(timedelta(hours=2))

    unknown = "it is not known whether a Spark Connect session is at work"
    assert reasons(team.sweep()) == {"one": unknown}


def test_an_open_session_keeps_the_cluster(team: Team) -> None:
    team.start("one")
    at_work = [Session(Engine.SPARK_CONNECT, None)]
    team.target = replace(team.target, observer=_Metrics(YarnSeen(NOON, NOON), at_work))
    team.wait(timedelta(hours=2))

    assert reasons(team.sweep()) == {"one": "1 Spark Connect session at work"}


class _NoMetrics(_Metrics):
    def yarn(self, cluster_ids: Sequence[str]) -> Mapping[str, YarnSeen]:
        del cluster_ids
        raise AwsError("CloudWatch refuses.", hint="Ask for cloudwatch:GetMetricData.")


def test_without_the_metrics_the_beats_still_count(team: Team) -> None:
    team.start("one")
    team.target = replace(team.target, observer=_NoMetrics(YarnSeen(NOON, NOON), []))

    report = team.sweep_until_warned()

    assert verdicts(report) == {"one": "warn"}
    assert report.failures == ["CloudWatch refuses."]


def test_a_protected_cluster_is_kept_until_it_is_not(team: Team) -> None:
    (one,) = team.start("one")
    team.backend.protect(one)
    team.wait(timedelta(days=2))

    assert reasons(team.sweep()) == {"one": "it is protected from termination"}
    assert verdicts(team.sweep_next()) == {"one": "keep"}
    assert team.backend.calls == ["list_clusters"], "it is looked at every hour"

    team.backend.protect(one, protected=False)
    team.wait(50 * MINUTE)
    team.sweep()
    assert verdicts(team.sweep_next()) == {"one": "ended"}


def test_one_that_is_protected_at_the_last_moment_does_not_save_the_others(team: Team) -> None:
    (one, two, three) = team.start("one", "two", "three")
    team.sweep_until_warned()

    def protect(method: str) -> None:
        if method == "terminate":
            team.backend.protect(two)

    team.backend.before = protect
    report = team.sweep_next()

    assert verdicts(report) == {"one": "ended", "two": "refused", "three": "ended"}
    assert team.live() == [two]
    assert {one, three}.isdisjoint(team.live())


def test_a_name_without_our_tags_is_not_enough(team: Team) -> None:
    team.start("one")
    team.backend.seen_as = lambda cluster: replace(
        cluster, tags={**cluster.tags, TAG_LAUNCH_ID: "another"}
    )
    team.wait(timedelta(days=2))

    report = team.sweep()

    assert verdicts(report) == {"one": "foreign"}
    assert reasons(report) == {"one": "it has a name of ours, but not our tags"}
    team.sweep_next()
    assert team.backend.calls == ["list_clusters"]


def test_tags_that_go_after_the_warning_save_the_cluster(team: Team) -> None:
    (one,) = team.start("one")
    team.sweep_until_warned()
    team.backend.seen_as = lambda cluster: replace(cluster, tags={})
    team.wait(31 * MINUTE)  # nobody has swept for longer than a look holds

    assert verdicts(team.sweep()) == {"one": "foreign"}
    assert team.live() == [one]


def test_a_cluster_stuck_on_its_way_up_ends(team: Team) -> None:
    team.backend.arrival = ()
    team.start("one")
    team.wait(40 * MINUTE)
    assert reasons(team.sweep()) == {"one": "it is starting"}
    assert team.backend.calls == ["list_clusters"]

    assert verdicts(team.sweep_next()) == {"one": "warn"}
    assert verdicts(team.sweep_next()) == {"one": "ended"}


def test_a_dry_run_changes_nothing_at_all(team: Team) -> None:
    (one,) = team.start("one")
    dry = SweepPolicy(dry_run=True)
    team.wait(55 * MINUTE)
    before = dict(team.store.objects)
    assert verdicts(team.sweep(dry)) == {"one": "warn"}
    assert {key for key in team.store.objects if key not in before} == set()

    team.sweep()
    team.wait(PERIOD)
    before = dict(team.store.objects)
    report = team.sweep(dry)

    assert verdicts(report) == {"one": "end"}
    assert team.store.objects == before
    assert {method for method, _ in team.store.calls} <= {"get", "get_with_etag", "list_modified"}
    assert team.live() == [one]


def test_what_aws_refuses_does_not_stop_the_rest(team: Team) -> None:
    team.start("one", "two")
    team.wait(55 * MINUTE)
    team.backend.refuse("describe", AwsError("Slow down.", hint="Wait."))

    report = team.sweep()

    assert sorted(verdicts(report).values()) == ["unknown", "warn"]
    assert report.failures == ["Slow down."]


def test_after_three_refusals_in_a_row_aws_is_left_alone(team: Team) -> None:
    team.start(*(f"c{number}" for number in range(9)))
    team.wait(55 * MINUTE)

    def refuse(method: str) -> None:
        if method == "describe":
            raise AwsError("The token has expired.", hint="aws sso login")

    team.backend.before = refuse
    report = team.sweep()

    assert set(verdicts(report).values()) == {"unknown"}
    assert report.failures == ["The token has expired."]


@pytest.mark.parametrize("effect", ["kept", "none"])
def test_a_lost_answer_to_a_termination_is_told_and_looked_after(team: Team, effect: str) -> None:
    (one,) = team.start("one")
    team.sweep_until_warned()

    def lose(method: str) -> None:
        if method == "terminate":
            if effect == "kept":
                team.backend.move(one, ClusterState.TERMINATING)
            raise AwsError("No answer.", hint="Wait.")

    team.backend.before = lose
    report = team.sweep_next()
    assert verdicts(report) == {"one": "ending"}
    assert report.failures == ["No answer."]

    team.backend.before = nothing
    assert verdicts(team.sweep_next()) == ({} if effect == "kept" else {"one": "ended"})


def test_one_that_ignores_its_end_is_ended_again_and_not_forgotten(team: Team) -> None:
    (one,) = team.start("one")
    team.sweep_until_warned()
    team.sweep_next()
    team.backend.move(one, ClusterState.WAITING)  # as if TerminateJobFlows had done nothing

    team.wait(PERIOD / 2)
    report = team.sweep()
    assert reasons(report) == {"one": "a sweep has told it to end; it is not gone yet"}
    assert team.live() == [one]

    team.wait(PERIOD)
    team.sweep()
    assert team.live() == []


def test_no_more_than_a_fifth_ends_in_one_period(team: Team) -> None:
    team.start(*(f"c{number:02}" for number in range(40)))
    team.sweep_until_warned()

    report = team.sweep_next()

    assert len(report.having(Verdict.ENDED)) == 8
    assert len(report.having(Verdict.LATER)) == 32
    assert "enough have been ended" in report.having(Verdict.LATER)[0].reason


def test_five_may_always_end(team: Team) -> None:
    team.start(*(f"c{number:02}" for number in range(6)))
    team.sweep_until_warned()

    assert len(team.sweep_next().having(Verdict.ENDED)) == 5
    assert len(team.sweep_next().having(Verdict.ENDED)) == 1


def test_one_that_is_spared_leaves_its_place_to_another(team: Team) -> None:
    ids = team.start(*(f"c{number:02}" for number in range(8)))
    team.sweep_until_warned()
    for busy in ids[:3]:
        team.work(busy)

    report = team.sweep_next()

    assert len(report.having(Verdict.SPARED)) == 3
    assert len(report.having(Verdict.ENDED)) == 5


def test_a_query_that_begins_while_many_others_are_ended_is_seen(team: Team) -> None:
    team.start(*(f"c{number:02}" for number in range(40)))
    team.sweep_until_warned()

    def take_a_while(method: str) -> None:
        if method == "list_steps":
            team.clock.sleep(timedelta(seconds=2))  # EMR's default rate
            team.at_work[team.ids[-1]] = 1
            team.beat()

    team.backend.before = take_a_while
    report = team.sweep_next(SweepPolicy(all_at_once=True))

    assert verdicts(report)["c39"] == "spared"
    assert len(report.having(Verdict.ENDED)) == 39


def test_what_a_newer_selfserve_has_written_down_is_left_alone(team: Team) -> None:
    team.start("one")
    newer = json.dumps({"format": 99}).encode()
    team.store.objects[team.memory_key] = newer

    with pytest.raises(AwsError) as raised:
        team.sweep()

    assert "update" in raised.value.hint
    assert team.store.objects[team.memory_key] == newer


def test_what_sweeps_knew_may_be_damaged(team: Team) -> None:
    team.start("one")
    team.sweep_until_warned()
    team.store.put(team.memory_key, b"[]")

    report = team.sweep_next()

    assert verdicts(report) == {"one": "warn"}
    assert "could not be read" in report.notes[0]
    assert verdicts(team.sweep_next()) == {"one": "ended"}


def test_a_sweep_needs_nothing_but_the_standard_library_and_botocore() -> None:
    blocked = ("pydantic", "typer", "rich", "yaml", "jinja2", "boto3", "platformdirs", "httpx")
    program = f"""
import sys
for name in {blocked!r}:
    sys.modules[name] = None
import selfserve.usecases.sweep, selfserve.usecases.targets.connecting
import selfserve.backends.emr.backend, selfserve.backends.emr.observer, selfserve.aws.s3
"""

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr
