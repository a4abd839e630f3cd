"""One look at a cluster: what EMR, the beat, the metric and the lease tell together."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from fakes import NOON
from selfserve.backends.base import YarnSeen
from selfserve.core.beat import Beat
from selfserve.core.idle import Activity, Engine, IdleAction, Session
from selfserve.core.lease import Hold, Lease
from selfserve.core.sweep_memory import Known
from selfserve.core.sweeping import SweepPolicy
from selfserve.usecases.sweeping.activity import look_at
from selfserve.usecases.sweeping.signs import Signs
from sweeps import Team

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
NOW = NOON + 10 * HOUR
IDLE_BEAT = Beat({Engine.YARN: 0})


def _known(looked: datetime, idle_since: datetime | None) -> Known:
    return Known(
        looked=looked,
        next_look=looked,
        action=IdleAction.KEEP,
        reason="-",
        idle_since=idle_since,
        last_at_work=NOON + HOUR,
    )


@pytest.fixture
def team(tmp_path: Path) -> Team:
    team = Team(tmp_path)
    team.start("one")
    team.clock.time = NOW
    return team


def _look(team: Team, signs: Signs) -> Activity:
    return look_at(team.target, team.ids[0], signs, SweepPolicy().to_idle_policy()).activity


@pytest.mark.parametrize(
    ("signs", "at_work"),
    [
        pytest.param(Signs(), None, id="nothing-tells"),
        pytest.param(Signs(beat=IDLE_BEAT), 0, id="beat"),
        pytest.param(Signs(beat=Beat({Engine.YARN: 2})), 2, id="beat-busy"),
        pytest.param(Signs(beat=Beat({Engine.YARN: None})), None, id="beat-cannot-tell"),
        pytest.param(Signs(yarn=YarnSeen(NOON, NOW - 5 * MINUTE)), 0, id="metric"),
        pytest.param(Signs(yarn=YarnSeen(None, NOW - 5 * MINUTE)), 1, id="metric-busy"),
        pytest.param(Signs(yarn=YarnSeen(NOON, NOW - 16 * MINUTE)), None, id="metric-old"),
        pytest.param(
            Signs(beat=Beat({Engine.YARN: None}), yarn=YarnSeen(NOON, NOW)), 0,
            id="the-metric-where-the-beat-cannot-tell",
        ),
        pytest.param(
            Signs(beat=IDLE_BEAT, yarn=YarnSeen(None, NOW)), 0, id="the-beat-before-the-metric"
        ),
    ],
)  # fmt: skip
def test_whether_yarn_is_at_work(team: Team, signs: Signs, at_work: int | None) -> None:
    assert _look(team, signs).at_work == {Engine.YARN: at_work}


@pytest.mark.parametrize(
    ("signs", "last"),
    [
        pytest.param(Signs(beat=IDLE_BEAT), None, id="not-known"),
        pytest.param(
            Signs(beat=Beat({Engine.YARN: 0}, (), NOON + 2 * HOUR)), NOON + 2 * HOUR, id="beat"
        ),
        pytest.param(Signs(beat=Beat({Engine.YARN: 1})), NOW, id="at-work-now"),
        pytest.param(
            Signs(yarn=YarnSeen(NOON + 3 * HOUR, NOW)), NOON + 3 * HOUR, id="metric-idle-since"
        ),
        pytest.param(
            Signs(yarn=YarnSeen(None, NOW - 5 * MINUTE)), NOW, id="metric-busy"
        ),
        pytest.param(
            Signs(
                yarn=YarnSeen(NOON + 3 * HOUR, NOW),
                known=_known(NOON + 4 * HOUR, NOON + HOUR),
            ),
            NOON + HOUR,
            id="idle-at-an-earlier-look-and-at-every-sample-since",
        ),
        pytest.param(
            Signs(
                yarn=YarnSeen(NOON + 3 * HOUR, NOW),
                known=_known(NOON + 2 * HOUR, NOON + HOUR),
            ),
            NOON + 3 * HOUR,
            id="perhaps-at-work-since-the-earlier-look",
        ),
        pytest.param(
            Signs(yarn=YarnSeen(NOON + 3 * HOUR, NOW), known=_known(NOON + 4 * HOUR, None)),
            NOON + 3 * HOUR,
            id="not-known-to-be-idle-at-the-earlier-look",
        ),
    ],
)  # fmt: skip
def test_when_it_was_last_at_work(team: Team, signs: Signs, last: datetime | None) -> None:
    assert _look(team, signs).last_at_work == last


def test_sessions_of_the_beat_count(team: Team) -> None:
    session = Session(Engine.LIVY, NOON)

    assert list(_look(team, Signs(beat=Beat({Engine.YARN: 0}, (session,)))).sessions) == [session]


@pytest.mark.parametrize(
    ("lease", "submitting"),
    [
        pytest.param(Lease(), [], id="nobody"),
        pytest.param(Lease(1, (Hold("r-1", "ada", NOW),)), ["r-1"], id="somebody"),
        pytest.param(Lease(1, (Hold("r-1", "ada", NOW - HOUR),)), [], id="too-long-ago"),
        pytest.param(None, None, id="not-readable"),
    ],
)
def test_who_is_submitting(team: Team, lease: Lease | None, submitting: list[str] | None) -> None:
    assert _look(team, Signs(lease=lease, beat=IDLE_BEAT)).submitting == submitting
