"""`selfserve down`: end clusters."""

from typing import TYPE_CHECKING, Annotated

import typer

from selfserve.cli.options import Invocation, invocation
from selfserve.errors import BadInputError, InterruptedByUserError

if TYPE_CHECKING:
    from selfserve.usecases.down import Doomed
    from selfserve.usecases.targets.target import Target


def down(
    ctx: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Clusters, by name or id.")
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="All your clusters.")] = False,
    everyone: Annotated[
        bool, typer.Option("--everyone", help="Other owners' clusters as well as yours.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """End clusters. One that has ended already is a success.

    Example: selfserve down spark-ml

    Example: selfserve down --all -y
    """
    from selfserve.usecases import down as use_case

    if bool(names) == every:
        raise BadInputError(
            "Name the clusters to end, or say --all; not both.", hint="selfserve down spark-ml"
        )
    this = invocation(ctx)
    target = this.open_target()
    doomed = (
        use_case.find_doomed(target, names, everyone=everyone)
        if names
        else use_case.find_all(target, everyone=everyone)
    )
    for name in doomed.gone:
        this.output.say(f"{name} has ended already.")
    _say_jobs(this, target, doomed)
    if doomed.clusters and not yes and not _agreed(this, target, doomed):
        this.output.say("Nothing was ended.")
        return
    _end(this, target, doomed)


def _say_jobs(this: Invocation, target: "Target", doomed: "Doomed") -> None:
    """Whoever ends a cluster ends what runs on it."""
    from selfserve.usecases.down import count_jobs

    counts = count_jobs(target, doomed.clusters)
    for cluster in doomed.clusters:
        called = f"{cluster.name.name if cluster.name else 'cluster'} ({cluster.id})"
        match counts[cluster.id]:
            case None:
                this.output.say(f"It is not known whether jobs are on {called}.")
            case 0:
                pass
            case 1:
                this.output.say(f"1 job is running or pending on {called}, and ends with it.")
            case number:
                jobs = f"{number} jobs are running or pending"
                this.output.say(f"{jobs} on {called}, and end with it.")


def _agreed(this: Invocation, target: "Target", doomed: "Doomed") -> bool:
    from selfserve.cli.output import ask, can_ask

    for cluster in doomed.clusters:
        name = f"{cluster.name.name} of {cluster.name.owner}" if cluster.name else "-"
        this.output.say(f"  {name}  {cluster.id}  {cluster.state}")
    if not can_ask():
        raise BadInputError(
            "Nobody is there to confirm.", hint="Say yes beforehand: selfserve down … -y"
        )
    return ask(f"End {_count(doomed)} on {target.label}?")


def _end(this: Invocation, target: "Target", doomed: "Doomed") -> None:
    from selfserve.usecases.down import end_clusters

    try:
        with this.progress() as report:
            ended = end_clusters(target, doomed.clusters, report=report)
    except KeyboardInterrupt as error:
        raise InterruptedByUserError(
            "Interrupted. The clusters have been told to end, and go on ending.",
            hint=f"Watch them with: selfserve status --on {target.label}",
        ) from error
    if this.output.as_json:
        document = [
            {"id": c.id, "name": c.name.name if c.name else None, "state": c.state} for c in ended
        ]
        this.output.json({"ended": document, "already_gone": list(doomed.gone)})
    elif ended:
        this.output.say(f"Ended {_count(doomed)} on {target.label}.")
    elif not doomed.gone:
        this.output.say(f"You have no clusters on {target.label}.")


def _count(doomed: "Doomed") -> str:
    return "1 cluster" if len(doomed.clusters) == 1 else f"{len(doomed.clusters)} clusters"
