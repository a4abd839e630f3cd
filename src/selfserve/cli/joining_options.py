"""Options of `submit` about clusters that several people use."""

from dataclasses import dataclass
from typing import Annotated

import typer

from selfserve.errors import BadInputError
from selfserve.usecases.placement.destination import Joining

Fresh = Annotated[
    bool,
    typer.Option("--fresh", help="With a profile: a cluster of the job's own, whatever is up."),
]
Join = Annotated[
    bool,
    typer.Option(
        "--join",
        help="With a profile: a shared cluster; if there is none to join, start one that "
        "others can join, as many jobs at a time as step_concurrency in the profile says.",
    ),
]


@dataclass(frozen=True, slots=True)
class Where:
    """Where the user wants the job to run."""

    cluster: str | None
    """What stands after -c."""
    joining: Joining


def to_where(cluster: str | None, *, fresh: bool, join: bool) -> Where:
    """Raises BadInputError for flags that exclude each other."""
    if fresh and join:
        raise BadInputError(
            "--fresh and --join exclude each other.",
            hint="Take --fresh for a cluster of the job's own, --join for one that others use.",
        )
    if fresh:
        return Where(cluster, Joining.NEVER)
    return Where(cluster, Joining.ALWAYS if join else Joining.IF_POSSIBLE)
