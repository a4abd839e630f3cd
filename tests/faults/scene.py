"""Before and after a misfortune: what was there, and what must be there still."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from typer.testing import Result

from faults.account import Account
from faults.faults import EmrRates, Fault, LateListing
from faults.terminal import Terminal
from faults.truth import (
    assert_exit_is_truthful,
    assert_nothing_is_amiss,
    assert_trouble_is_told,
    live_named,
    runs_of,
)
from selfserve.core.cluster import StepState
from selfserve.core.run import placement_key

MINE = "mine"
"""A cluster of the user's that waits for work."""
BUSY = "busy"
"""A cluster of somebody else's that works."""

COMMAND_LINES = {
    "up": ("up", "small"),
    "submit": ("submit", "job.py", "-c", MINE, "-d"),
    "submit-alone": ("submit", "job.py", "-c", "small", "-d"),
    "down": ("down", MINE, "-y"),
    "sweep": ("sweep",),
}
"""Each changes one thing: a cluster by name, a step there, a cluster for one run, an end."""

_VERDICT = re.compile(rf"^{MINE} +\S+ +\S+ +(\S+) ", re.MULTILINE)
"""In the table of a sweep, what becomes of that cluster."""
_PERIOD = timedelta(minutes=10, seconds=30)
_IDLE = timedelta(minutes=56)
"""So long that a sweep warns of the end after an hour, the limit of the profile `small`."""


@dataclass
class Scene:
    """An account at work, and somebody about to change it."""

    terminal: Terminal
    known_runs: frozenset[str] = frozenset()
    """Those that were there before the command."""

    @property
    def account(self) -> Account:
        """What there is."""
        return self.terminal.account

    def arrange(self, verb: str) -> None:
        """Somebody else's work runs; the user has a cluster if the command needs one.

        For a sweep, that has been idle for so long that a sweep has warned of its end, and
        there is a run to be found again.
        """
        self.terminal.must("up", "small", "--name", BUSY, user="bob")
        self.terminal.must("submit", "job.py", "-c", BUSY, "-d", user="bob")
        if verb == "sweep" or MINE in COMMAND_LINES[verb]:
            self.terminal.must("up", "small", "--name", MINE)
        if verb == "sweep":
            self.let_pass(_IDLE)
            self.terminal.must("sweep")
            self._lose_a_run()
            self.let_pass(_PERIOD)
        self.account.empty("selfserve/bootstrap/", "selfserve/packages/")

    def _lose_a_run(self) -> None:
        """Somebody else's run is on a cluster of its own, and nobody has written down where."""
        run_id = self.terminal.must(*COMMAND_LINES["submit-alone"], user="bob").strip()
        self.account.empty(placement_key(run_id))

    def let_pass(self, duration: timedelta) -> None:
        """Time goes by, and the clusters' probes tell what they see."""
        self.account.clock.sleep(duration)
        for cluster in self.account.live():
            self.account.beat(cluster)

    def arm(
        self,
        *faults: Fault,
        late: Sequence[LateListing] = (),
        rates: EmrRates | None = None,
    ) -> None:
        """From now on, let this go wrong."""
        self.known_runs = frozenset(runs_of(self.account))
        self.account.clock.time += timedelta(minutes=1)
        self.account.proxy.arm(*faults, late=late, rates=rates)

    def settle(self, *, sweeps: int = 1) -> None:
        """All is well again, and a sweep comes by."""
        self.arm()
        for _ in range(sweeps):
            self.let_pass(_PERIOD)
            self.terminal.must("sweep")

    def assert_truthful(self, verb: str, done: Result) -> None:
        """What the command said of itself is so."""
        effects = self.effects(verb)
        if verb != "sweep":
            assert_exit_is_truthful(done, self.account, effects=effects)
            return
        assert_trouble_is_told(done)  # to spare a cluster is no failure
        said = _VERDICT.search(done.output)
        if said is not None:
            assert said[1] != "ended" or effects, done.output
            assert said[1] in {"ended", "ending"} or not effects, done.output

    def effects(self, verb: str) -> list[str]:
        """The ids of what the command has made, or the name of what it has ended."""
        if verb == "up":
            return [cluster.id for cluster in live_named(self.account, "small")]
        if verb in {"down", "sweep"}:
            return [] if live_named(self.account, MINE) else [MINE]
        return sorted(runs_of(self.account).keys() - self.known_runs)

    def assert_all_is_well(self) -> None:
        """Nothing is lost or twice, and what was at work is at work."""
        assert_nothing_is_amiss(self.account)
        [busy] = live_named(self.account, BUSY, owner="bob")
        assert [step.state for step in busy.steps] == [StepState.RUNNING]

    def assert_works_again(self, verb: str) -> None:
        """The same command succeeds now, and leaves the account as it should be."""
        self.arm()

        done = self.terminal.run(*COMMAND_LINES[verb])

        assert done.exit_code == 0, done.output
        assert self.effects(verb), done.output
        self.assert_all_is_well()
