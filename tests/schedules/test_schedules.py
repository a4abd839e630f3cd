"""Launches, submissions, leases and sweeps, in whatever order and weather: the laws hold.

Hypothesis draws the plan of a schedule: who comes when, which clusters are there, what
may go wrong (`plans.py`). A plan is then run with several seeds, each of which settles all
delays, losses, deaths and pauses, and so how the effects of all processes interleave. A
schedule costs some milliseconds; hypothesis would take longer than that to draw the
hundreds of numbers in it. Of a plan that fails hypothesis makes a simpler one, and
`explain` makes as many of the seed's draws kind as it can.

`make prove` runs 100,000 schedules; otherwise there are fewer. What the laws are is in
`laws.py`, what is assumed of AWS in `process.py`. Two things are left out, as nothing that is
in S3 can help there: people who add steps with other tools, and machines that
fall asleep between their last check and the signature of the request (`Weather.stalls`).
"""

import os

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from schedules.mutations import MUTATIONS, Mutation
from schedules.plans import FAMILIES, Plan
from schedules.schedule import explain, run_schedule

SCHEDULES = int(os.environ.get("SELFSERVE_SCHEDULES", "2000"))
SEEDS = 10
"""Schedules of each plan."""
QUIET = settings(
    deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
first_seeds = st.integers(0, 10**6)


@pytest.mark.parametrize("family", FAMILIES)
def test_no_schedule_breaks_a_law(family: str) -> None:
    @settings(
        QUIET,
        max_examples=-(-SCHEDULES // (SEEDS * len(FAMILIES))),
        derandomize="SELFSERVE_SCHEDULES" not in os.environ,
    )
    @given(FAMILIES[family], first_seeds)
    def check(plan: Plan, first_seed: int) -> None:
        for seed in range(first_seed, first_seed + SEEDS):
            if run_schedule(plan, seed).broken:
                raise AssertionError(explain(plan, seed))

    check()


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_schedules_notice_a_safeguard_that_is_missing(mutation: Mutation) -> None:
    def is_noticed(case: tuple[Plan, int]) -> bool:
        plan, first_seed = case
        seeds = range(first_seed, first_seed + SEEDS)
        return any(
            mutation.noticed in law for seed in seeds for law in run_schedule(plan, seed).broken
        )

    with mutation.applied():
        find(
            st.tuples(mutation.plans, first_seeds),
            is_noticed,
            settings=settings(QUIET, max_examples=1000, phases=[Phase.generate]),
        )
