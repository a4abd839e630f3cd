"""How many steps a request and a cluster may have, and which failures they may act on.

Sources: EMR Management Guide, "Submit work to a cluster" and "Considerations
for running multiple steps in parallel".
"""

from collections.abc import Iterator, Sequence, Sized

from selfserve.aws.emr_rules.limits import Json, outside, too_many
from selfserve.core.releases import release_number

ACTIVE_STEPS = 256
"""How many steps of a cluster may be pending or running at once."""


def steps_problems(
    steps: Sequence[Json], label: str | None, *, concurrency: int, active: int = 0
) -> Iterator[str]:
    """New steps of a cluster that has `active` unfinished ones already."""
    yield from request_size_problems("Steps", steps, label)
    if active and active + len(steps) > ACTIVE_STEPS:
        yield (
            f"Steps: {active} are pending or running and {len(steps)} would be added, "
            f"but a cluster has at most {ACTIVE_STEPS}"
        )
    if concurrency <= 1:
        return
    for index, step in enumerate(steps):
        action = step.get("ActionOnFailure", "CONTINUE")
        if action != "CONTINUE":
            yield (
                f"Steps[{index}].ActionOnFailure: only CONTINUE is accepted while "
                f"StepConcurrencyLevel is {concurrency}, not {action}"
            )


def request_size_problems(path: str, steps: Sized, label: str | None) -> Iterator[str]:
    """How many steps one request may add or cancel."""
    number = release_number(label) if label else None
    most = 100 if number and number >= (7, 14, 0) else ACTIVE_STEPS
    yield from too_many(path, steps, most, " in one request")


def concurrency_problems(request: Json) -> Iterator[str]:
    """RunJobFlow's and ModifyCluster's StepConcurrencyLevel."""
    yield from outside("StepConcurrencyLevel", request.get("StepConcurrencyLevel"), 1, 256)
