"""End clusters that a sweep has chosen: each under a lease, after one last look.

The lease keeps submitters away between that look and the request that ends the
cluster; whoever holds it already keeps the cluster.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from selfserve.core.cluster import ClusterSummary
from selfserve.core.idle import Activity, Decision, IdleAction, IdlePolicy, decide_idle
from selfserve.core.lease import (
    ACT_WITHIN,
    Lease,
    begin_ending,
    live_holds,
    to_bytes,
)
from selfserve.core.naming import lease_key
from selfserve.core.run import run_id_of_step
from selfserve.core.sweep_report import NOT_OUR_TAGS, Verdict
from selfserve.core.sweeping import SweepPolicy
from selfserve.errors import AwsError, NotFoundError, RefusedByPolicyError
from selfserve.usecases.placement.leases import Version, read_lease, spare
from selfserve.usecases.sweeping.activity import STEPS, Seen, look_again, look_at
from selfserve.usecases.sweeping.signs import Signs
from selfserve.usecases.targets.target import Target

_AT_ONCE = 10  # TerminateJobFlows' limit
_LOOK_HOLDS = timedelta(seconds=45)
"""A look that is older is repeated before the cluster is ended."""
_TRIES = 3
"""A lease that another write has come before is read and tried again."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one cluster that was to end."""

    cluster_id: str
    verdict: Verdict
    decision: Decision
    activity: Activity | None = None
    """None where it could not be looked at."""
    policy: IdlePolicy | None = None


@dataclass(frozen=True, slots=True)
class _Doomed:
    seen: Seen
    decision: Decision
    lease: Version
    since: datetime

    @property
    def id(self) -> str:
        return self.seen.cluster_id

    def outcome(self, verdict: Verdict, decision: Decision | None = None) -> Outcome:
        seen = self.seen
        return Outcome(self.id, verdict, decision or self.decision, seen.activity, seen.policy)


class Ender:
    """Ends clusters of one sweep, which has `listed` them. In a dry run it only looks."""

    def __init__(
        self,
        target: Target,
        sweep_id: str,
        policy: SweepPolicy,
        listed: Mapping[str, ClusterSummary],
    ) -> None:
        self._target = target
        self._listed = listed
        self._sweep_id = sweep_id
        self._policy = policy.to_idle_policy()
        self._dry_run = policy.dry_run
        self._failed_in_a_row = 0
        self.failures: list[str] = []
        self.calls = 0

    def end(
        self,
        cluster_ids: Sequence[str],
        signs: Mapping[str, Signs],
        *,
        looking: Callable[[str], None],
    ) -> list[Outcome]:
        """End each, if the last look says so still. What AWS refuses does not stop the rest."""
        outcomes: list[Outcome] = []
        doomed: list[_Doomed] = []
        for cluster_id in cluster_ids:
            looking(cluster_id)
            found = self._prepare_or_fail(cluster_id, signs[cluster_id])
            if isinstance(found, Outcome):
                outcomes.append(found)
            else:
                doomed.append(found)
            if doomed and (len(doomed) == _AT_ONCE or self._is_old(doomed[0])):
                outcomes += self._carry_out(doomed, signs)
                doomed = []
        return outcomes + self._carry_out(doomed, signs)

    def _is_old(self, doomed: _Doomed) -> bool:
        return self._target.clock.now() - doomed.since > _LOOK_HOLDS

    def _prepare_or_fail(self, cluster_id: str, signs: Signs) -> "_Doomed | Outcome":
        if self._failed_in_a_row >= 3:
            return _outcome(cluster_id, Verdict.UNKNOWN, "AWS has refused too often to go on")
        try:
            found = self._prepare(cluster_id, signs)
        except NotFoundError:
            return _outcome(cluster_id, Verdict.GONE, "EMR does not know it any more")
        except AwsError as error:
            self._failed_in_a_row += 1
            self.failures.append(str(error))
            return _outcome(cluster_id, Verdict.UNKNOWN, f"it could not be looked at: {error}")
        self._failed_in_a_row = 0
        return found

    def _prepare(self, cluster_id: str, signs: Signs) -> "_Doomed | Outcome":
        """Take the lease, then look."""
        since = self._target.clock.now()
        version = Version(Lease(), None) if self._dry_run else self._take_lease(cluster_id)
        if isinstance(version, str):
            return _outcome(cluster_id, Verdict.SPARED, version)
        try:
            return self._look(cluster_id, signs, version, since)
        except (AwsError, NotFoundError):
            self._spare(cluster_id, version)
            raise

    def _look(
        self, cluster_id: str, signs: Signs, version: Version, since: datetime
    ) -> "_Doomed | Outcome":
        if not self._dry_run:
            signs = replace(signs, lease=version.lease)
        seen = look_again(self._target, self._listed[cluster_id], signs, self._policy)
        self.calls += 1 if seen is not None else 2
        if seen is None:
            seen = look_at(self._target, cluster_id, signs, self._policy)
        decision = decide_idle(seen.activity, seen.policy, self._target.clock.now())
        doomed = _Doomed(seen, decision, version, since)
        if not seen.is_ours:
            self._spare(cluster_id, version)
            why = Decision(IdleAction.KEEP, NOT_OUR_TAGS)
            return doomed.outcome(Verdict.FOREIGN, why)
        if decision.action is not IdleAction.END:
            self._spare(cluster_id, version)
            is_gone = not seen.state.is_live
            return doomed.outcome(Verdict.ENDING if is_gone else Verdict.SPARED)
        return doomed

    def _take_lease(self, cluster_id: str) -> Version | str:
        """The lease as it is now this sweep's, or why it cannot be."""
        for _ in range(_TRIES):
            now = self._target.clock.now()
            found = read_lease(self._target, cluster_id)
            listed = self._listed_runs(cluster_id) if live_holds(found.lease, now) else set()
            try:
                taken = begin_ending(found.lease, self._sweep_id, now, listed=listed)
            except ValueError as error:
                return str(error)
            body = to_bytes(taken, by=self._sweep_id)
            etag = self._target.store.swap(lease_key(cluster_id), body, etag=found.etag)
            if etag is not None:
                return Version(taken, etag)
        return "others write its lease at this moment"

    def _listed_runs(self, cluster_id: str) -> set[str]:
        """Runs whose steps EMR lists. The look that follows sees whether they are over."""
        self.calls += 1
        steps = self._target.backend.list_steps(cluster_id, most=STEPS)
        return {run_id for step in steps if (run_id := run_id_of_step(step.name))}

    def _spare(self, cluster_id: str, version: Version) -> None:
        """Let submitters in again. If S3 refuses, the lease runs out by itself."""
        if self._dry_run:
            return
        try:
            spare(self._target, cluster_id, version, by=self._sweep_id)
        except AwsError as error:
            self.failures.append(str(error))

    def _carry_out(self, doomed: Sequence[_Doomed], signs: Mapping[str, Signs]) -> list[Outcome]:
        if self._dry_run:
            return [one.outcome(Verdict.END) for one in doomed]
        fresh = [one for one in doomed if not self._is_old(one)]
        outcomes = self._terminate(fresh)
        for old in doomed:
            if old not in fresh:
                outcomes.append(self._look_again(old, signs[old.id]))
        return outcomes

    def _look_again(self, old: _Doomed, signs: Signs) -> Outcome:
        """AWS was slow: what was seen of the cluster is too old to end it by."""
        again = self._prepare_or_fail(old.id, signs)
        if isinstance(again, Outcome):
            return again
        if self._target.clock.now() - again.since >= ACT_WITHIN:
            self._spare(old.id, again.lease)
            why = replace(again.decision, reason="AWS answers too slowly to end it safely")
            return again.outcome(Verdict.SPARED, why)
        return self._terminate([again])[0]

    def _terminate(self, doomed: Sequence[_Doomed]) -> list[Outcome]:
        """Ask for all at once; if one is refused, for each by itself, to know which."""
        if not doomed:
            return []
        self.calls += 1
        try:
            self._target.backend.terminate([one.id for one in doomed])
        except (RefusedByPolicyError, NotFoundError) as refusal:
            if len(doomed) == 1:
                return [self._refused(doomed[0], refusal)]
            return [outcome for one in doomed for outcome in self._terminate_alone(one)]
        except AwsError as error:
            # Also a refusal: an earlier attempt, whose answer was lost, may have had effect.
            self.failures.append(str(error))
            return [_untold(one, error) for one in doomed]
        return [one.outcome(Verdict.ENDED) for one in doomed]

    def _terminate_alone(self, doomed: _Doomed) -> list[Outcome]:
        if not self._is_old(doomed):
            return self._terminate([doomed])
        self._spare(doomed.id, doomed.lease)
        why = replace(doomed.decision, reason="AWS answers too slowly to end it safely")
        return [doomed.outcome(Verdict.SPARED, why)]

    def _refused(self, doomed: _Doomed, refusal: RefusedByPolicyError | NotFoundError) -> Outcome:
        if isinstance(refusal, NotFoundError):
            return _outcome(doomed.id, Verdict.GONE, "EMR does not know it any more")
        self._spare(doomed.id, doomed.lease)
        why = replace(doomed.decision, action=IdleAction.KEEP, reason=str(refusal).rstrip("."))
        return doomed.outcome(Verdict.REFUSED, why)


def _untold(doomed: _Doomed, error: AwsError) -> Outcome:
    why = replace(doomed.decision, reason=f"it was told to end, but: {error}")
    return doomed.outcome(Verdict.ENDING, why)


def _outcome(cluster_id: str, verdict: Verdict, reason: str) -> Outcome:
    return Outcome(cluster_id, verdict, Decision(IdleAction.KEEP, reason))
