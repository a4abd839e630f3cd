"""Whatever goes wrong between the command line and AWS: nothing lost, twice, cut off or made up.

Each row is a misfortune of one command. Afterwards a sweep comes by, and the same
command is typed again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from faults.faults import (
    BAD_GATEWAY,
    CONFLICT,
    EXPIRED,
    FOREVER,
    INTERNAL,
    SLOW_DOWN,
    THROTTLED,
    UNAVAILABLE,
    Fault,
    LateListing,
    Refusal,
    What,
)
from faults.scene import COMMAND_LINES, Scene
from faults.terminal import Terminal

_PATIENCE_S = 1.0  # of clients, where nobody answers


@dataclass(frozen=True)
class Case:
    """A command, what goes wrong, and how the command must end."""

    verb: str
    faults: Sequence[Fault]
    exit_code: int = 0
    late: Sequence[LateListing] = ()
    sweeps: int = 1
    """How many must come by: two where something is left over that one must only warn of."""

    @property
    def is_silent(self) -> bool:
        """Whether somebody waits for an answer that never comes."""
        return any("nobody answers" in fault.what for fault in self.faults)


def lose(at: str, *, times: int = 1) -> Fault:
    """It takes effect, and nobody hears of it."""
    return Fault(at=at, what=What.RESET_AFTER, times=times)


def refuse(at: str, refusal: Refusal, *, nth: int = 1, times: int = 1) -> Fault:
    """It does not take effect, and AWS says why."""
    return Fault(at=at, what=What.REFUSED_BEFORE, refusal=refusal, nth=nth, times=times)


def expire(at: str, *, nth: int = 1) -> Fault:
    """From this call on, AWS takes the credentials no more."""
    what, times = What.REFUSED_BEFORE, FOREVER
    return Fault(at=at, what=what, refusal=EXPIRED, nth=nth, times=times, spreads=True)


def fail(at: str, refusal: Refusal) -> Fault:
    """It takes effect, and AWS says that it has failed."""
    return Fault(at=at, what=What.REFUSED_AFTER, refusal=refusal)


def befall(at: str, what: What) -> Fault:
    """The first such call meets with this."""
    return Fault(at=at, what=what)


LAUNCH, ADD, END = "RunJobFlow", "AddJobFlowSteps", "TerminateJobFlows"
CLAIM, INTENT, SCRIPT = "PUT */names/*", "PUT */launches/*", "PUT */bootstrap/*"
LEASE, MEMORY = "PUT */leases/*", "PUT */sweep/*"
PACKAGE, RUN, PLACE = "PUT */packages/*", "PUT */submission.json", "PUT */placement.json"

EVERYWHERE = {
    "up": {
        "late": Case("up", [befall(LAUNCH, What.LATE)]),
        "dripping": Case("up", [befall(LAUNCH, What.DRIPPING)]),
        "reset": Case("up", [befall(LAUNCH, What.RESET_BEFORE)], 3),
        "lost": Case("up", [lose(LAUNCH)]),
        "half-an-answer": Case("up", [befall(LAUNCH, What.HALF_ANSWER)]),
        "half-a-request": Case("up", [befall(LAUNCH, What.HALF_REQUEST)], 3),
        "silent-before": Case("up", [befall(LAUNCH, What.SILENT_BEFORE)], 3),
        "silent-after": Case("up", [befall(LAUNCH, What.SILENT_AFTER)]),
        "500-before": Case("up", [refuse(LAUNCH, INTERNAL)], 3),
        "500-after": Case("up", [fail(LAUNCH, INTERNAL)]),
        "503-after": Case("up", [fail(LAUNCH, UNAVAILABLE)]),
        "a-gateway's-page-after": Case("up", [fail(LAUNCH, BAD_GATEWAY)]),
        "throttled": Case("up", [refuse(LAUNCH, THROTTLED, times=2)]),
        "throttled-for-ever": Case("up", [refuse(LAUNCH, THROTTLED, times=FOREVER)], 3),
        "expired": Case("up", [refuse(LAUNCH, EXPIRED)], 3),
        "expired-from-the-claim-on": Case("up", [expire(CLAIM)], 3),
        "expired-from-the-launch-on": Case("up", [expire(LAUNCH)], 3),
        "lost-and-expired": Case("up", [lose(LAUNCH), expire("ListClusters", nth=3)], 3),
        "expired-after-the-launch": Case("up", [expire("GET */names/*", nth=2)], 3),
        "launch-twice": Case("up", [befall(LAUNCH, What.TWICE)], sweeps=2),
        "lost-and-listed-late": Case("up", [lose(LAUNCH)], late=[LateListing("ListClusters", 3)]),
        "lost-and-never-listed": Case(
            "up", [lose(LAUNCH)], 3, late=[LateListing("ListClusters", FOREVER)]
        ),
        "lost-and-listing-fails": Case(
            "up", [lose(LAUNCH), refuse("ListClusters", INTERNAL, nth=3, times=FOREVER)], 3
        ),
        "listing-fails-twice": Case("up", [refuse("ListClusters", INTERNAL, times=2)]),
        "listing-fails": Case("up", [refuse("ListClusters", UNAVAILABLE, times=FOREVER)], 3),
        "listing-throttled": Case("up", [refuse("ListClusters", THROTTLED, times=3)]),
        "describing-lost": Case("up", [lose("DescribeCluster")]),
        "describing-fails": Case("up", [refuse("DescribeCluster", INTERNAL, times=FOREVER)], 3),
        "claim-lost": Case("up", [lose(CLAIM)]),
        "claim-silent": Case("up", [befall(CLAIM, What.SILENT_AFTER)]),
        "claim-twice": Case("up", [befall(CLAIM, What.TWICE)]),
        "claim-conflict": Case("up", [refuse(CLAIM, CONFLICT)]),
        "claim-slow-down": Case("up", [refuse(CLAIM, SLOW_DOWN, times=3)]),
        "claim-read-lost": Case("up", [lose("GET */names/*", times=2)]),
        "intent-lost": Case("up", [lose(INTENT)]),
        "intent-half": Case("up", [befall(INTENT, What.HALF_REQUEST)]),
        "intent-twice": Case("up", [befall(INTENT, What.TWICE)], 3),
        "intent-expired": Case("up", [refuse(INTENT, EXPIRED)], 3),
        "intent-fails": Case("up", [refuse(INTENT, INTERNAL, times=FOREVER)], 3),
        "script-cut-half-way": Case("up", [befall(SCRIPT, What.HALF_REQUEST)]),
    },
    "submit": {
        "late": Case("submit", [befall(ADD, What.LATE)]),
        "dripping": Case("submit", [befall(ADD, What.DRIPPING)]),
        "reset": Case("submit", [befall(ADD, What.RESET_BEFORE)], 3),
        "lost": Case("submit", [lose(ADD)]),
        "half-an-answer": Case("submit", [befall(ADD, What.HALF_ANSWER)]),
        "half-a-request": Case("submit", [befall(ADD, What.HALF_REQUEST)], 3),
        "silent-before": Case("submit", [befall(ADD, What.SILENT_BEFORE)], 3),
        "silent-after": Case("submit", [befall(ADD, What.SILENT_AFTER)]),
        "500-before": Case("submit", [refuse(ADD, INTERNAL)], 3),
        "500-after": Case("submit", [fail(ADD, INTERNAL)]),
        "a-gateway's-page-after": Case("submit", [fail(ADD, BAD_GATEWAY)]),
        "throttled": Case("submit", [refuse(ADD, THROTTLED, times=2)]),
        "throttled-for-ever": Case("submit", [refuse(ADD, THROTTLED, times=FOREVER)], 3),
        "expired": Case("submit", [refuse(ADD, EXPIRED)], 3),
        "lost-and-listed-late": Case("submit", [lose(ADD)], late=[LateListing("ListSteps", 3)]),
        "lost-and-never-listed": Case(
            "submit", [lose(ADD)], 3, late=[LateListing("ListSteps", FOREVER)]
        ),
        "lost-and-listing-fails": Case(
            "submit", [lose(ADD), refuse("ListSteps", INTERNAL, times=FOREVER)], 3
        ),
        "package-cut-half-way": Case("submit", [befall(PACKAGE, What.HALF_REQUEST)]),
        "package-lost": Case("submit", [lose(PACKAGE, times=2)]),
        "package-expired": Case("submit", [refuse(PACKAGE, EXPIRED)], 3),
        "package-slow-down": Case("submit", [refuse(PACKAGE, SLOW_DOWN, times=3)]),
        "look-for-package-fails": Case("submit", [refuse("HEAD *", UNAVAILABLE, times=2)]),
        "record-lost": Case("submit", [lose(RUN)]),
        "record-fails": Case("submit", [refuse(RUN, INTERNAL, times=FOREVER)], 3),
        "lease-lost": Case("submit", [lose(LEASE)]),
        "lease-twice": Case("submit", [befall(LEASE, What.TWICE)]),
        "lease-conflict": Case("submit", [refuse(LEASE, CONFLICT)]),
        "lease-fails": Case("submit", [refuse(LEASE, INTERNAL, times=FOREVER)], 3),
        "lease-silent": Case("submit", [befall(LEASE, What.SILENT_AFTER)]),
        "place-lost": Case("submit", [lose(PLACE)]),
        "place-fails": Case("submit", [refuse(PLACE, SLOW_DOWN, times=FOREVER)]),
        "place-expired": Case("submit", [refuse(PLACE, EXPIRED)]),
    },
    "submit-alone": {
        "lost": Case("submit-alone", [lose(LAUNCH)]),
        "reset": Case("submit-alone", [befall(LAUNCH, What.RESET_BEFORE)], 3),
        "silent-after": Case("submit-alone", [befall(LAUNCH, What.SILENT_AFTER)]),
        "500-after": Case("submit-alone", [fail(LAUNCH, INTERNAL)]),
        "lost-and-listed-late": Case(
            "submit-alone",
            [lose(LAUNCH)],
            late=[LateListing("ListClusters", 3), LateListing("ListSteps", 3)],
        ),
        "lost-and-never-listed": Case(
            "submit-alone", [lose(LAUNCH)], 3, late=[LateListing("ListClusters", FOREVER)]
        ),
        "step-never-listed": Case("submit-alone", [], 3, late=[LateListing("ListSteps", FOREVER)]),
        "listing-steps-fails": Case(
            "submit-alone", [refuse("ListSteps", INTERNAL, times=FOREVER)], 3
        ),
        "place-fails": Case("submit-alone", [refuse(PLACE, SLOW_DOWN, times=FOREVER)]),
    },
    "down": {
        "late": Case("down", [befall(END, What.LATE)]),
        "reset": Case("down", [befall(END, What.RESET_BEFORE)]),
        "lost": Case("down", [lose(END)]),
        "half-an-answer": Case("down", [befall(END, What.HALF_ANSWER)]),
        "silent-after": Case("down", [befall(END, What.SILENT_AFTER)]),
        "twice": Case("down", [befall(END, What.TWICE)]),
        "500-before": Case("down", [refuse(END, INTERNAL, times=2)]),
        "500-after": Case("down", [fail(END, INTERNAL)]),
        "throttled": Case("down", [refuse(END, THROTTLED, times=3)]),
        "fails": Case("down", [refuse(END, INTERNAL, times=FOREVER)], 3),
        "throttled-for-ever": Case("down", [refuse(END, THROTTLED, times=FOREVER)], 3),
        "expired": Case("down", [refuse(END, EXPIRED)], 3),
        "listing-fails": Case("down", [refuse("ListClusters", INTERNAL, times=FOREVER)], 3),
        "describing-fails": Case("down", [refuse("DescribeCluster", INTERNAL, nth=2)]),
        "expired-afterwards": Case("down", [refuse("DescribeCluster", EXPIRED, nth=2)], 3),
    },
    "sweep": {
        "late": Case("sweep", [befall(END, What.LATE)]),
        "reset": Case("sweep", [befall(END, What.RESET_BEFORE)]),
        "lost": Case("sweep", [lose(END)]),
        "silent-after": Case("sweep", [befall(END, What.SILENT_AFTER)]),
        "twice": Case("sweep", [befall(END, What.TWICE)]),
        "500-after": Case("sweep", [fail(END, INTERNAL)]),
        "throttled": Case("sweep", [refuse(END, THROTTLED, times=3)]),
        "fails": Case("sweep", [refuse(END, INTERNAL, times=FOREVER)], 3),
        "expired": Case("sweep", [refuse(END, EXPIRED)], 3),
        "listing-fails": Case("sweep", [refuse("ListClusters", INTERNAL, times=FOREVER)], 3),
        "listing-steps-fails": Case("sweep", [refuse("ListSteps", INTERNAL, times=FOREVER)], 3),
        "steps-lost": Case("sweep", [lose("ListSteps")]),
        "memory-lost": Case("sweep", [lose(MEMORY, times=2)]),
        "memory-twice": Case("sweep", [befall(MEMORY, What.TWICE)]),
        "memory-conflict": Case("sweep", [refuse(MEMORY, CONFLICT)]),
        "memory-fails": Case("sweep", [refuse(MEMORY, INTERNAL, times=FOREVER)], 3),
        "memory-unreadable": Case("sweep", [refuse("GET */sweep/*", SLOW_DOWN, times=FOREVER)], 3),
        "lease-lost": Case("sweep", [lose(LEASE)]),
        "lease-twice": Case("sweep", [befall(LEASE, What.TWICE)]),
        "lease-conflict": Case("sweep", [refuse(LEASE, CONFLICT)]),
        "lease-fails": Case("sweep", [refuse(LEASE, INTERNAL, times=FOREVER)], 3),
        "beats-fail": Case("sweep", [refuse("GET */beats/*", INTERNAL, times=FOREVER)], 3),
        "metrics-fail": Case("sweep", [refuse("*GetMetricData*", INTERNAL, times=FOREVER)], 3),
        "expired-from-the-lease-on": Case("sweep", [lose(LEASE), expire("ListSteps")], 3),
        "expired-after-the-end": Case("sweep", [lose(END), expire(END, nth=2)], 3),
    },
}


CASES = [
    pytest.param(case, id=f"{verb}-{name}")
    for verb, cases in EVERYWHERE.items()
    for name, case in cases.items()
]


@pytest.mark.parametrize("case", CASES)
def test_a_misfortune_is_survived(
    case: Case, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    if case.is_silent:
        monkeypatch.setattr("selfserve.aws.session._READ_TIMEOUT_S", _PATIENCE_S)
    scene = Scene(terminal)
    scene.arrange(case.verb)
    scene.arm(*case.faults, late=case.late)

    done = terminal.run(*COMMAND_LINES[case.verb])

    assert {fault for _, fault in terminal.account.proxy.struck} == set(case.faults)
    assert done.exit_code == case.exit_code, done.output
    scene.assert_truthful(case.verb, done)
    scene.settle(sweeps=case.sweeps)
    scene.assert_all_is_well()
    assert case.verb != "sweep" or scene.effects("sweep")
    scene.assert_works_again(case.verb)
