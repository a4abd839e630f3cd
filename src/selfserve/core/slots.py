"""Room on a cluster: how many more steps it can run at once. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from selfserve.core.cluster import Step
from selfserve.core.lease import ACT_WITHIN, Lease, slots_taken
from selfserve.core.run import run_id_of_step


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """How many steps a cluster runs at a time, and which it had when EMR was asked."""

    number: int
    open_runs: frozenset[str]
    """Runs whose steps are pending or running."""
    listed_runs: frozenset[str]
    """Runs whose steps EMR lists, over or not."""
    other_steps: int
    """Open steps that are no run of ours."""
    seen: datetime

    @classmethod
    def of_steps(cls, steps: Sequence[Step], *, number: int, seen: datetime) -> "Slots":
        """Count them; `steps` are all the open ones, and the newest of the others."""
        runs = [(run_id_of_step(step.name), step.state.is_over) for step in steps]
        return cls(
            number=number,
            open_runs=frozenset(run for run, is_over in runs if run and not is_over),
            listed_runs=frozenset(run for run, _ in runs if run),
            other_steps=sum(not run and not is_over for run, is_over in runs),
            seen=seen,
        )

    def free(self, lease: Lease, now: datetime, *, but_for: str | None = None) -> int:
        """How many are left; what the run `but_for` has taken is left to it."""
        others = tuple(one for one in lease.holds if one.run_id != but_for)
        taken = slots_taken(
            replace(lease, holds=others),
            open_runs=self.open_runs,
            listed_runs=self.listed_runs,
            other_steps=self.other_steps,
            now=now,
        )
        return self.number - taken

    def has_one_for(self, run_id: str, lease: Lease, now: datetime) -> bool:
        """Whether one is certainly free.

        What EMR listed long ago is not certain: a step may have come whose hold is over.
        """
        return now - self.seen <= ACT_WITHIN and self.free(lease, now, but_for=run_id) > 0
