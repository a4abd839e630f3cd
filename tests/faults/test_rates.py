"""EMR admits few requests in a second: commands wait their turn, or say that they were refused."""

import random
from collections.abc import Iterator
from datetime import timedelta

import pytest

from faults.faults import EmrRates
from faults.scene import COMMAND_LINES, Scene
from faults.terminal import Terminal
from faults.truth import runs_of

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def same_chances() -> Iterator[None]:
    """How long botocore waits before it asks again is a matter of chance."""
    state = random.getstate()
    random.seed(2026)
    yield
    random.setstate(state)


def test_looking_again_and_again_takes_longer_and_always_succeeds(terminal: Terminal) -> None:
    scene = Scene(terminal)
    scene.arrange("down")
    scene.arm(rates=EmrRates(scene.account.clock.now))
    started = scene.account.clock.now()

    codes = [terminal.run("status").exit_code for _ in range(20)]

    assert codes == [0] * 20
    assert scene.account.clock.now() - started > timedelta(seconds=20)


def test_submissions_beyond_what_emr_admits_at_once_wait_for_their_turn(
    terminal: Terminal,
) -> None:
    scene = Scene(terminal)
    scene.arrange("submit")
    scene.arm(rates=EmrRates(scene.account.clock.now))
    started = scene.account.clock.now()

    done = [terminal.run(*COMMAND_LINES["submit"]) for _ in range(20)]

    assert [one.exit_code for one in done] == [0] * 20
    made = runs_of(scene.account).keys() - scene.known_runs
    assert made == {one.stdout.strip() for one in done}
    assert scene.account.clock.now() - started > timedelta(seconds=10), "EMR admits ten at once"


@pytest.mark.parametrize("verb", ["up", "submit-alone", "down", "sweep"])
def test_a_command_in_a_busy_account_succeeds_within_a_minute(
    verb: str, terminal: Terminal
) -> None:
    scene = Scene(terminal)
    scene.arrange(verb)
    rates = EmrRates(scene.account.clock.now)
    scene.arm(rates=rates)
    rates.use_up("ListClusters", "DescribeCluster", "ListSteps", "TerminateJobFlows")
    started = scene.account.clock.now()

    done = terminal.run(*COMMAND_LINES[verb])

    assert done.exit_code == 0, done.output
    assert scene.effects(verb)
    assert timedelta(0) < scene.account.clock.now() - started < MINUTE
    scene.assert_all_is_well()
