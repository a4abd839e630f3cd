"""Look at clusters that a sweep does not end yet: it decides, warns, and remembers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from selfserve.core.idle import Decision, IdleAction, IdlePolicy, decide_idle
from selfserve.core.sweep_memory import Known
from selfserve.core.sweep_report import NOT_OUR_TAGS, Verdict
from selfserve.core.sweeping import to_foreign, to_known
from selfserve.errors import AwsError, NotFoundError
from selfserve.usecases.sweeping.activity import look_at
from selfserve.usecases.sweeping.signs import Signs
from selfserve.usecases.targets.target import Target

_GIVE_UP_AFTER = 3


class FirstLooks:
    """The looks of one sweep."""

    def __init__(self, target: Target, policy: IdlePolicy) -> None:
        self._target = target
        self._policy = policy
        self.found: dict[str, tuple[Verdict, Decision]] = {}
        self.known: dict[str, Known] = {}
        self.failures: list[str] = []
        self.calls = 0

    def take(
        self,
        cluster_ids: Sequence[str],
        signs: Mapping[str, Signs],
        *,
        looking: Callable[[str], None],
    ) -> None:
        """Look at each; after three failures in a row AWS is asked no more."""
        failed_in_a_row = 0
        for cluster_id in cluster_ids:
            looking(cluster_id)
            try:
                self._look(cluster_id, signs[cluster_id])
            except NotFoundError:
                gone = Decision(IdleAction.KEEP, "EMR does not know it any more")
                self.found[cluster_id] = (Verdict.GONE, gone)
            except AwsError as error:
                self.failures.append(str(error))
                why = Decision(IdleAction.KEEP, f"it could not be looked at: {error}")
                self.found[cluster_id] = (Verdict.UNKNOWN, why)
                failed_in_a_row += 1
                if failed_in_a_row == _GIVE_UP_AFTER:
                    return
                continue
            failed_in_a_row = 0

    def _look(self, cluster_id: str, signs: Signs) -> None:
        self.calls += 2
        seen = look_at(self._target, cluster_id, signs, self._policy)
        now = self._target.clock.now()
        decision = decide_idle(seen.activity, seen.policy, now)
        if not seen.is_ours:
            known = to_foreign(NOT_OUR_TAGS, now)
            self.known[cluster_id] = known
            self.found[cluster_id] = (Verdict.FOREIGN, known.decision)
            return
        if decision.action is IdleAction.END:  # its time had not come by what was remembered
            decision = replace(decision, action=IdleAction.WARN)
        known = to_known(decision, seen.activity, seen.policy, now)
        if known.warned is not None:
            known = replace(known, applications=seen.applications, release=seen.release)
        self.known[cluster_id] = known
        verdict = Verdict.KEEP if decision.action is IdleAction.KEEP else Verdict.WARN
        self.found[cluster_id] = (verdict, decision)
