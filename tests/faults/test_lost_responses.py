"""A thousand submissions over a network that loses what it likes: a thousand steps, no more."""

import random
from collections import Counter

from faults.faults import Fault, What
from faults.scene import MINE
from faults.terminal import Terminal
from faults.truth import assert_nothing_is_amiss, live_named, runs_of
from selfserve.cli.profile_options import resolve_profile
from selfserve.usecases.submit import Job, submit

SUBMISSIONS = 1_000
CLUSTERS = 10
LOST_OF_TEN = 3


def test_a_thousand_submissions_with_lost_answers_are_a_thousand_steps(terminal: Terminal) -> None:
    chance = random.Random(2026)
    terminal.account.engine.exit_code = 0  # steps end at once: EMR admits 256 open ones
    names = [f"{MINE}-{number}" for number in range(CLUSTERS)]
    for name in names:
        terminal.must("up", "small", "--name", name)
    target = terminal.targets.open(None)
    job = Job(terminal.folder / "job.py")
    known: list[str] = []
    lost = Counter[str]()

    for number in range(SUBMISSIONS):
        terminal.account.proxy.arm(*some_faults(chance))
        run = submit(target, job, cluster=names[number % CLUSTERS], load_profile=resolve_profile)
        known.append(run.id)
        lost.update(call.name.split("/")[0] for call, _ in terminal.account.proxy.struck)

    assert lost["AddJobFlowSteps"] >= SUBMISSIONS * LOST_OF_TEN / 20, lost
    assert runs_of(terminal.account) == Counter(known)
    assert len(set(known)) == SUBMISSIONS
    assert [len(live_named(terminal.account, name)) for name in names] == [1] * CLUSTERS
    assert_nothing_is_amiss(terminal.account)


def some_faults(chance: random.Random) -> list[Fault]:
    """Each kind of answer gets lost three times of ten, in one of two ways."""
    ways = (What.RESET_AFTER, What.HALF_ANSWER)
    return [
        Fault(at=at, what=chance.choice(ways))
        for at in ("AddJobFlowSteps", "PUT *.json", "List*", "HEAD *")
        if chance.random() < LOST_OF_TEN / 10
    ]
