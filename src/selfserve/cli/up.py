"""`selfserve up`: a cluster by name."""

from typing import TYPE_CHECKING, Annotated

import typer

from selfserve.cli.options import Invocation, invocation
from selfserve.cli.plan import changes_to_json, show_plan
from selfserve.cli.profile_options import (
    Idle,
    MaxAge,
    Name,
    ProfileName,
    Set,
    Wish,
)
from selfserve.errors import InterruptedByUserError

if TYPE_CHECKING:
    from selfserve.usecases.up import Up


Detach = Annotated[
    bool, typer.Option("--detach", "-d", help="Return as soon as the cluster is asked for.")
]
Shared = Annotated[
    bool,
    typer.Option(
        "--shared", help="Let other people's jobs join the cluster; short for --set shared=true."
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show the plan and its cost; start nothing.")
]


def up(
    ctx: typer.Context,
    profile: ProfileName,
    *,
    name: Name = None,
    overrides: Set = None,
    idle: Idle = None,
    max_age: MaxAge = None,
    shared: Shared = False,
    detach: Detach = False,
    dry_run: DryRun = False,
) -> None:
    """Start a cluster from PROFILE and wait until it takes jobs.

    A second `up` of the same name uses the cluster that is there, and says how it differs.
    Where EC2 lacks capacity, it tries other zones, then the profile's other instance types,
    then On-Demand where Spot may fall back to it; with --detach nobody waits to do so.

    Example: selfserve up spark-ml

    Example: selfserve up spark-ml --shared --set step_concurrency=4

    Example: selfserve up spark-ml --name big --set nodes.core.count=4 --idle 15m
    """
    this = invocation(ctx)
    wish = Wish(
        profile=profile,
        name=name,
        settings=overrides or (),
        idle=idle,
        max_age=max_age,
        shared=shared,
    )
    if dry_run:
        show_plan(this, wish)
        return
    from selfserve.usecases import up as use_case

    resolved, wanted = wish.resolve(), wish.cluster
    try:
        with this.progress() as report:
            target = this.open_target()
            done = use_case.up(target, resolved, name=wanted, wait=not detach, report=report)
    except KeyboardInterrupt as error:
        raise InterruptedByUserError(
            f"Interrupted. If cluster {wanted} has been asked for, it goes on starting.",
            hint=f"End it with: selfserve down {wanted} -y",
        ) from error
    _show(this, done, on=target.label)


def _show(this: Invocation, done: "Up", *, on: str) -> None:
    output = this.output
    if output.as_json:
        output.json(_to_json(done, on=on))
        return
    for change in done.changes:
        output.say(f"  {change.path}: is {change.before or 'absent'}, not {change.after or 'set'}")
    if done.changes:
        output.say(
            f"Cluster {done.name} was launched with other settings, listed above; it is used as "
            f"it is. For a new one: selfserve down {done.name}, then up again."
        )
    state = "ready" if done.cluster.state.takes_steps else str(done.cluster.state)
    output.line(f"{done.name}  {done.cluster.id}  {state} on {on}")
    output.say(f"Run a job on it: selfserve submit JOB -c {done.name}")


def _to_json(done: "Up", *, on: str) -> dict[str, object]:
    return {
        "name": done.name,
        "id": done.cluster.id,
        "state": done.cluster.state,
        "on": on,
        "reused": done.reused,
        "release": done.cluster.release,
        "changes": changes_to_json(done.changes),
    }
