"""End the clusters of ours that are idle, too old, stuck or orphaned, and explain each decision.

Safe to run from many machines at once: what they know they share (`sweep_memory`),
and each end is under a lease (`ending`). A cluster of which nothing is due costs no
request beyond the listing of all.

Needs botocore and the standard library only: it also runs in AWS Lambda.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from selfserve.core.cluster import ClusterState, ClusterSummary
from selfserve.core.idle import Decision, IdleAction
from selfserve.core.naming import ClusterName
from selfserve.core.sweep_memory import (
    Known,
    Memory,
    allowance,
    counts,
    forget_gone,
    give_back,
    is_being_ended,
    reserve,
    take_in,
)
from selfserve.core.sweep_report import SweepLine, SweepReport, Verdict, to_line
from selfserve.core.sweeping import (
    Look,
    SweepPolicy,
    after_running,
    retell,
    screen,
    to_foreign,
    to_known,
)
from selfserve.errors import AwsError
from selfserve.usecases.launches.clusters import list_ours
from selfserve.usecases.progress import Note, Report, Waiting, quiet
from selfserve.usecases.sweeping.ending import Ender, Outcome
from selfserve.usecases.sweeping.first_looks import FirstLooks
from selfserve.usecases.sweeping.orphans import find_orphans, place_lost_runs
from selfserve.usecases.sweeping.signs import Signs, gather_signs
from selfserve.usecases.sweeping.sweep_memory import SharedMemory
from selfserve.usecases.targets.target import Target

_ENDED_AT_ONCE = 100
_SIGNS_HOLD_FOR = 20
"""So many last looks: EMR admits one in two seconds, and a query may begin meanwhile."""
_LOOKED_AT_ONCE = 200
"""After so many looks they are written down, so that little is lost if the sweep dies. Lambda
ends it after 15 minutes, in which EMR's default rates admit 450 looks."""


def sweep(target: Target, policy: SweepPolicy, report: Report = quiet) -> SweepReport:
    """Look at what is due, and end what is to end. What AWS refuses does not stop the rest.

    Raises:
        AwsError: the clusters cannot be listed, or what sweeps know of each other not read.
    """
    return _Sweep(target, policy, report).run()


class _Sweep:
    """One sweep under way."""

    def __init__(self, target: Target, policy: SweepPolicy, report: Report) -> None:
        self._target = target
        self._policy = policy
        self._report = report
        self._id = f"sweep-{secrets.token_hex(6)}"
        self._ours = list_ours(target)
        self._listed = target.clock.now()
        self._named = {cluster.id: (name, cluster) for name, cluster in self._ours}
        self._memory = SharedMemory(target, self._id, writes=not policy.dry_run)
        self._lines: dict[str, SweepLine] = {}
        self._looks: dict[str, Known] = {}
        self._adopted: dict[str, datetime] = {}
        self._orphaned: Mapping[str, str] = {}
        self._notes: list[str] = []
        self._failures: list[str] = []
        self._calls = 1

    def run(self) -> SweepReport:
        """All of it."""
        if self._memory.damage is not None:
            self._notes.append(f"What sweeps knew could not be read: {self._memory.damage}")
        self._find_orphans()
        first, last = self._screen()
        self._end(last)
        self._look(first)
        self._place_runs()
        self._write_down()
        return self._to_report()

    def _find_orphans(self) -> None:
        found = find_orphans(
            self._target, self._ours, dry_run=self._policy.dry_run, failed=self._failures.append
        )
        self._orphaned = found.reasons
        self._notes.extend(found.notes)

    def _screen(self) -> tuple[list[str], list[str]]:
        """The clusters to be looked at for the first and for the last time; others get a line."""
        now, memory = self._target.clock.now(), self._memory.content
        first: list[str] = []
        last: list[str] = []
        for _, cluster in self._ours:
            known = memory.clusters.get(cluster.id)
            if is_being_ended(memory, cluster.id, now, self._policy.period):
                self._tell_being_ended(cluster.id)
                continue
            screened = screen(cluster, known, self._policy, now)
            look = self._look_due(cluster, known, screened.look)
            if look is Look.LAST:
                last.append(cluster.id)
            elif look is Look.FIRST:
                first.append(cluster.id)
            else:
                self._tell_unlooked(cluster, known, screened.decision, now)
        ends = {one: memory.clusters[one].ends_at or now for one in last}
        return first, sorted(last, key=lambda one: (ends[one], one))

    def _look_due(self, cluster: ClusterSummary, known: Known | None, look: Look) -> Look:
        """A look that is not due is, once it turns out or is no longer true that it is orphaned."""
        if cluster.state is ClusterState.RUNNING or known is None:
            return look
        if look is Look.NONE and known.orphaned != self._orphaned.get(cluster.id):
            return Look.FIRST
        return look

    def _tell_unlooked(
        self, cluster: ClusterSummary, known: Known | None, decision: Decision, now: datetime
    ) -> None:
        verdict = Verdict.KEEP if decision.action is IdleAction.KEEP else Verdict.WARN
        if known is not None and not known.is_ours:
            verdict = Verdict.FOREIGN
        self._tell(cluster.id, verdict, decision)
        if known is not None and cluster.state is ClusterState.RUNNING:
            policy = self._policy.to_idle_policy()
            self._looks[cluster.id] = after_running(cluster, known, policy, now)

    def _end(self, due: Sequence[str]) -> None:
        """End those that are to end, oldest end first, as many as this period still admits."""
        listed = {cluster.id: cluster for _, cluster in self._ours}
        ender = Ender(self._target, self._id, self._policy, listed)
        left = list(due)
        try:
            while left and (granted := self._reserve(left)):
                left = [one for one in left if one not in granted and one not in self._lines]
                for start in range(0, len(granted), _SIGNS_HOLD_FOR):
                    self._end_some(ender, granted[start : start + _SIGNS_HOLD_FOR])
        except AwsError as error:
            self._failures.append(str(error))
        self._failures.extend(ender.failures)
        self._calls += ender.calls
        for cluster_id in due:
            if cluster_id not in self._lines:
                self._tell_later(cluster_id)

    def _end_some(self, ender: Ender, some: Sequence[str]) -> None:
        outcomes = ender.end(some, self._signs(some), looking=self._looking("last looks"))
        taken = [self._take_outcome(outcome) for outcome in outcomes]
        spared = [one for one in taken if one is not None]
        self._memory.change(lambda memory: give_back(memory, spared, self._id))

    def _reserve(self, due: Sequence[str]) -> list[str]:
        """Write down which are about to be ended, before anything is: the others see it."""
        now, period = self._target.clock.now(), self._policy.period

        def by(memory: Memory) -> Memory:
            free = [one for one in due if not is_being_ended(memory, one, now, period)]
            most = _ENDED_AT_ONCE
            if not self._policy.all_at_once:
                most = min(most, allowance(memory, len(self._ours), now, period))
            return reserve(memory, free[:most], self._id, now, period)

        endings = self._memory.change(by).endings
        for cluster_id in due:
            intended = endings.get(cluster_id)
            if intended and intended.sweep_id != self._id and counts(intended, now, period):
                self._tell_being_ended(cluster_id)
        return [one for one in due if one in endings and endings[one].sweep_id == self._id]

    def _take_outcome(self, outcome: Outcome) -> str | None:
        """Write its line; the id of one that was spared, and may be reserved again."""
        self._tell(outcome.cluster_id, outcome.verdict, outcome.decision)
        if outcome.verdict in {Verdict.ENDED, Verdict.ENDING, Verdict.END}:
            if outcome.verdict is Verdict.ENDED:
                name, cluster = self._named[outcome.cluster_id]
                why = outcome.decision.reason
                self._report(Note(f"Ending {name.name} ({cluster.id}): {why}."))
            return None
        now = self._target.clock.now()
        if outcome.verdict is Verdict.FOREIGN:
            self._looks[outcome.cluster_id] = to_foreign(outcome.decision.reason, now)
        elif outcome.activity is not None and outcome.policy is not None:
            known = to_known(outcome.decision, outcome.activity, outcome.policy, now)
            self._looks[outcome.cluster_id] = known
        return outcome.cluster_id

    def _look(self, due: Sequence[str]) -> None:
        for start in range(0, len(due), _LOOKED_AT_ONCE):
            some = due[start : start + _LOOKED_AT_ONCE]
            looks = FirstLooks(self._target, self._policy.to_idle_policy())
            try:
                looks.take(some, self._signs(some), looking=self._looking("first looks"))
                self._looks.update(looks.known)
                if len(due) > _LOOKED_AT_ONCE:
                    self._memory.change(lambda memory: take_in(memory, self._looks, {}))
            except AwsError as error:
                self._failures.append(str(error))
            self._failures.extend(looks.failures)
            self._calls += looks.calls
            for cluster_id in some:
                verdict, decision = looks.found.get(cluster_id, _NOT_LOOKED_AT)
                self._tell(cluster_id, verdict, decision)

    def _signs(self, cluster_ids: Sequence[str]) -> dict[str, Signs]:
        known = self._memory.content.clusters
        self._calls += 1
        found = gather_signs(
            self._target,
            cluster_ids,
            known,
            parallel=self._policy.parallel,
            failed=self._failures.append,
        )
        return {
            cluster_id: replace(signs, orphaned=self._orphaned.get(cluster_id))
            for cluster_id, signs in found.items()
        }

    def _place_runs(self) -> None:
        known, failed = self._memory.content.adopted, self._failures.append
        placed = place_lost_runs(
            self._target, self._ours, known, policy=self._policy, failed=failed
        )
        self._adopted = dict.fromkeys(placed.cluster_ids, self._target.clock.now())
        self._notes.extend(placed.notes)

    def _write_down(self) -> None:
        live, listed, period = set(self._named), self._listed, self._policy.period

        def by(memory: Memory) -> Memory:
            newer = take_in(memory, self._looks, self._adopted)
            return forget_gone(newer, live, listed, period)

        try:
            self._memory.change(by)
        except AwsError as error:
            self._failures.append(str(error))

    def _looking(self, what: str) -> Callable[[str], None]:
        started = self._target.clock.now()

        def looking(cluster_id: str) -> None:
            name: ClusterName = self._named[cluster_id][0]
            text = f"EMR to tell of {name.name} ({cluster_id}; {what})"
            self._report(Waiting(text, since=started))

        return looking

    def _tell_being_ended(self, cluster_id: str) -> None:
        why = "a sweep has told it to end; it is not gone yet"
        self._tell(cluster_id, Verdict.ENDING, Decision(IdleAction.END, why))

    def _tell_later(self, cluster_id: str) -> None:
        why = "enough have been ended for now, so that a later sweep ends it"
        known = self._memory.content.clusters.get(cluster_id)
        if known is None:
            self._tell(cluster_id, Verdict.LATER, Decision(IdleAction.END, why))
            return
        cluster, now = self._named[cluster_id][1], self._target.clock.now()
        decision = retell(cluster, known, self._policy.to_idle_policy(), now)
        decision = replace(decision, reason=f"{decision.reason}; {why}")
        self._tell(cluster_id, Verdict.LATER, decision)

    def _tell(self, cluster_id: str, verdict: Verdict, decision: Decision) -> None:
        self._lines[cluster_id] = to_line(*self._named[cluster_id], verdict, decision)

    def _to_report(self) -> SweepReport:
        return SweepReport(
            sweep_id=self._id,
            time=self._target.clock.now(),
            lines=[self._lines[cluster.id] for _, cluster in self._ours],
            dry_run=self._policy.dry_run,
            notes=self._notes,
            failures=list(dict.fromkeys(self._failures)),
            calls=self._calls,
        )


_NOT_LOOKED_AT = (
    Verdict.UNKNOWN,
    Decision(IdleAction.KEEP, "it could not be looked at, as AWS has refused"),
)
