"""`selfserve local`: the EMR endpoint on this machine."""

from typing import TYPE_CHECKING, Annotated

import typer

from selfserve.cli.options import invocation
from selfserve.errors import BadInputError

if TYPE_CHECKING:  # the use case is imported by the command that runs
    from selfserve.usecases.local import LocalStatus

local_app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="""The EMR endpoint on this machine: real Spark, no AWS account.

    It starts by itself when a command needs it, and ends itself when idle.

    Example: selfserve local status
    """,
)


@local_app.command()
def start(
    ctx: typer.Context,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, show_default="any free one", help="Port on 127.0.0.1."),
    ] = None,
) -> None:
    """Start the endpoint now, rather than on first use.

    Example: selfserve local start --port 4566
    """
    from selfserve.usecases import local

    this = invocation(ctx)
    endpoint = local.start(port=port)
    if this.output.as_json:
        this.output.json({"url": endpoint.url, "pid": endpoint.pid, "home": str(endpoint.home)})
    else:
        this.output.say(f"The local endpoint serves EMR and S3 at {endpoint.url}.")
        this.output.say('Point other tools at it with: eval "$(selfserve local env)"')


@local_app.command()
def stop(ctx: typer.Context) -> None:
    """End the endpoint, its clusters and all their processes. Data in the lake stays.

    Example: selfserve local stop
    """
    from selfserve.usecases import local

    this = invocation(ctx)
    was_running = local.stop()
    if this.output.as_json:
        this.output.json({"was_running": was_running})
    else:
        this.output.say("Stopped." if was_running else "The local endpoint was not running.")


@local_app.command()
def status(ctx: typer.Context) -> None:
    """Show whether the endpoint runs, where, and what it holds. Starts nothing.

    Example: selfserve local status -o json
    """
    from selfserve.usecases import local

    this = invocation(ctx)
    seen = local.status()
    if this.output.as_json:
        this.output.json(_to_json(seen))
        return
    endpoint = seen.endpoint
    rows = [
        ("state", "running" if endpoint else "not running (starts on first use)"),
        ("folder", str(seen.home)),
        ("buckets", ", ".join(seen.buckets) or "none"),
    ]
    if endpoint:
        rows[1:1] = [("url", endpoint.url), ("pid", str(endpoint.pid))]
        rows.append(("live clusters", "\n".join(seen.clusters) or "none"))
    for label, value in rows:
        this.output.line(f"{label + ':':<15}{value}")


@local_app.command()
def env(ctx: typer.Context) -> None:
    """Print the variables that point any AWS tool at the endpoint. Starts it if need be.

    Example: eval "$(selfserve local env)" && aws emr list-clusters
    """
    import shlex

    from selfserve.usecases import local

    this = invocation(ctx)
    variables = local.start().environment()
    if this.output.as_json:
        this.output.json(variables)
        return
    for name, value in variables.items():
        this.output.line(f"export {name}={shlex.quote(value)}")


@local_app.command()
def reset(
    ctx: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """End everything and delete the local target: clusters, history and the lake's data.

    Installed Spark versions stay in the cache.

    Example: selfserve local reset -y
    """
    from selfserve.cli.output import ask, can_ask
    from selfserve.usecases import local

    this = invocation(ctx)
    home = local.status().home
    if not yes:
        if not can_ask():
            raise BadInputError(
                f"This deletes {home}, the lake included.", hint="selfserve local reset -y"
            )
        if not ask(f"Delete {home} and all data in it?"):
            this.output.say("Nothing was deleted.")
            return
    local.reset()
    if this.output.as_json:
        this.output.json({"deleted": str(home)})
    else:
        this.output.say(f"Deleted {home}.")


def _to_json(seen: "LocalStatus") -> dict[str, object]:
    endpoint = seen.endpoint
    return {
        "running": endpoint is not None,
        "url": endpoint.url if endpoint else None,
        "pid": endpoint.pid if endpoint else None,
        "home": str(seen.home),
        "buckets": list(seen.buckets),
        "clusters": list(seen.clusters),
    }
