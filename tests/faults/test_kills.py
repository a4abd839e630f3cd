"""`kill -9` of each command at every request that changes something, before and after its effect.

The requests are found by counting them: the command is killed at the first, then at
the second, until it gets through. After each, one sweep, and the same command again.
"""

import signal
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from fakes import FakeClock
from faults.faults import ANY_CHANGE, Fault, What
from faults.scene import COMMAND_LINES, Scene
from faults.terminal import Terminal

DEADLINE_S = 120
LEAST_CHANGES = {"up": 5, "submit": 6, "submit-alone": 8, "down": 1, "sweep": 4}
"""So many requests that change something each command makes, or this test has lost its point."""
LONG_ENOUGH = timedelta(hours=1, minutes=8)
"""For a cluster to become due for a sweep; its probe tells of it until then."""


@pytest.mark.parametrize("what", [What.KILL_BEFORE, What.KILL_AFTER], ids=["before", "after"])
@pytest.mark.parametrize("verb", COMMAND_LINES)
def test_a_command_that_is_killed_leaves_nothing_amiss(
    verb: str, what: What, clock: FakeClock, make_terminal: Callable[[], Terminal]
) -> None:
    survived = 0
    for number in count(1):
        clock.time = datetime.now(UTC) - LONG_ENOUGH
        scene = Scene(make_terminal())
        scene.arrange(verb)
        clock.time = datetime.now(UTC)  # which is the process's time
        scene.arm(Fault(at=ANY_CHANGE, what=what, nth=number))

        ended = run_until_killed(scene, verb)

        if ended.returncode == 0:
            break
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        survived = number
        scene.settle()
        scene.assert_all_is_well()
        assert verb != "sweep" or scene.effects("sweep")
        scene.assert_works_again(verb)
    assert survived >= LEAST_CHANGES[verb]


def run_until_killed(scene: Scene, verb: str) -> "subprocess.CompletedProcess[str]":
    """The command as a process; the proxy is told whom to kill."""
    process = scene.terminal.start(*COMMAND_LINES[verb])
    with process:
        scene.account.proxy.victim.set_result(process)
        stdout, stderr = process.communicate(timeout=DEADLINE_S)
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)
