"""The product with one safeguard taken out: schedules must notice each of them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from unittest.mock import patch

from hypothesis import strategies as st

from schedules.plans import CONTENDED, CROWDED, JOINED, NAMED, RUSHED, SLEEPY, STALLED, Plan
from schedules.wire import WireBackend
from selfserve.backends.base import Backend
from selfserve.core import lease as lease_module
from selfserve.core import sweep_memory
from selfserve.core.idle import Decision, IdleAction
from selfserve.core.lease import Ending, Hold, Lease, hold
from selfserve.core.slots import Slots
from selfserve.errors import OutcomeUnknownError
from selfserve.usecases.launches import claims
from selfserve.usecases.placement import leased_step
from selfserve.usecases.placement.leases import NONE_YET, Held, Version
from selfserve.usecases.sweeping import activity, ending
from selfserve.usecases.targets.target import Target


@dataclass(frozen=True, slots=True)
class Mutation:
    """What is replaced, the plans that notice it soonest, and by which words."""

    name: str
    plans: st.SearchStrategy[Plan]
    noticed: str
    changes: tuple[tuple[object, str, Callable[..., Any]], ...]

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The product without the safeguard."""
        with ExitStack() as stack:
            for where, what, by in self.changes:
                stack.enter_context(patch.object(where, what, by))
            yield


def _always_end(*_: object) -> Decision:
    return Decision(IdleAction.END, "it must be")


def _no_holds(lease: Lease, now: datetime) -> tuple[Hold, ...]:
    del lease, now
    return ()


def _begin_ending_anyway(lease: Lease, sweep_id: str, now: datetime, **_: object) -> Lease:
    return Lease(lease.fence + 1, lease.holds, Ending(sweep_id, now))


def _hold_nothing(target: Target, cluster_id: str, run_id: str, **_: object) -> Held:
    """A submitter that takes no lease."""
    version = Version(hold(Lease(), run_id, target.user, target.clock.now()), None)
    return Held(
        cluster_id=cluster_id,
        run_id=run_id,
        version=version,
        since=target.clock.now(),
        taken_at=0.0,
    )


def _take_lease_unseen(ender: Any, cluster_id: str) -> Version:
    """A sweep that takes no lease."""
    del ender, cluster_id
    return NONE_YET


def _no(*_: object, **__: object) -> bool:
    return False


def _many(live: int) -> int:
    return 100 + live


def _yes(*_: object, **__: object) -> bool:
    return True


def _take_unconditionally(target: Target, name: str, launch_id: str) -> bool:
    body = claims.Claim(launch_id, target.clock.now()).to_json()
    return target.store.put(claims._key(target, name), body)


def _twice(real: Callable[..., Any]) -> Callable[..., Any]:
    """A request that is simply repeated when its answer is lost."""

    def ask(backend: Backend, *given: Any) -> Any:
        try:
            return real(backend, *given)
        except OutcomeUnknownError:
            return real(backend, *given)

    return ask


KILL = "FALSE KILL"
MUTATIONS = (
    Mutation(
        "a-sweep-ends-what-it-has-warned-of", RUSHED, KILL, ((ending, "decide_idle", _always_end),)
    ),
    Mutation(
        "a-sweep-ignores-holds",
        RUSHED,
        KILL,
        (
            (ending, "live_holds", _no_holds),
            (ending, "begin_ending", _begin_ending_anyway),
            (activity, "live_holds", _no_holds),
        ),
    ),
    Mutation(
        "a-sweep-takes-no-lease", RUSHED, KILL, ((ending.Ender, "_take_lease", _take_lease_unseen),)
    ),
    Mutation("a-sweep-acts-on-old-looks", STALLED, KILL, ((ending.Ender, "_is_old", _no),)),
    Mutation(
        "a-submitter-takes-no-lease",
        RUSHED,
        KILL,
        ((leased_step, "take_hold", _hold_nothing), (leased_step, "may_act", _yes)),
    ),
    Mutation("a-submitter-ignores-endings", RUSHED, KILL, ((lease_module, "is_ending", _no),)),
    Mutation("a-submitter-acts-late", SLEEPY, KILL, ((leased_step, "may_act", _yes),)),
    Mutation(
        "a-claim-is-unconditional", NAMED, "a second", ((claims, "_take", _take_unconditionally),)
    ),
    Mutation(
        "a-launch-is-repeated",
        NAMED,
        "again",
        ((WireBackend, "launch", _twice(WireBackend.launch)),),
    ),
    Mutation(
        "a-step-is-added-again",
        CONTENDED,
        "steps",
        ((WireBackend, "add_steps", _twice(WireBackend.add_steps)),),
    ),
    Mutation("slots-are-not-counted", JOINED, "to join", ((Slots, "has_one_for", _yes),)),
    Mutation(
        "there-is-no-cap", CROWDED, "clusters ended", ((sweep_memory, "most_endings", _many),)
    ),
)
