"""`selfserve profiles`: which there are, what they say, whether they are right."""

from typing import Annotated

import typer

from selfserve.cli.options import invocation
from selfserve.cli.profile_options import ProfileName, Set, profile_book, resolve_profile
from selfserve.errors import BadInputError

profiles_app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    invoke_without_command=True,
    help="""Cluster profiles: list them, show what they say, check them.

    Found in ./cluster_profiles, then in your configuration folder, then among those
    that come with selfserve.

    Example: selfserve profiles list
    """,
)


@profiles_app.callback()
def profiles(ctx: typer.Context) -> None:
    """Without a command of its own, it lists them."""
    if ctx.invoked_subcommand is None:
        list_profiles(ctx)


@profiles_app.command("list")
def list_profiles(ctx: typer.Context) -> None:
    """List the profiles that can be launched, and where they were found.

    Example: selfserve profiles list
    """
    this = invocation(ctx)
    entries = profile_book().entries()
    if this.output.as_json:
        this.output.json(
            [
                {
                    "name": entry.name,
                    "description": entry.description,
                    "where": entry.where,
                    "path": str(entry.path),
                }
                for entry in entries
            ]
        )
        return
    rows = [(entry.name, entry.description, f"{entry.where}: {entry.path}") for entry in entries]
    this.output.table(("name", "description", "found"), rows)


@profiles_app.command()
def show(ctx: typer.Context, profile: ProfileName, overrides: Set = None) -> None:
    """Show the merged profile, and the file and line that each value is from.

    Example: selfserve profiles show spark-ml
    """
    from selfserve.usecases.profiles import list_values

    this = invocation(ctx)
    resolved = resolve_profile(profile, overrides)
    values = list_values(resolved)
    if this.output.as_json:
        this.output.json(
            {
                "name": resolved.name,
                "extends": list(resolved.chain[1:]),
                "release": resolved.release.label,
                "values": {
                    value.path: {"value": value.text, "origin": value.origin} for value in values
                },
            }
        )
        return
    rows = [(value.path, value.text, value.origin) for value in values]
    this.output.table(("key", "value", "from"), rows)
    release = resolved.release
    this.output.say(
        f"{' extends '.join(resolved.chain)}. It launches {release.label}: "
        f"Spark {release.spark or '-'}, Python {release.python}, Java {release.java}."
    )


@profiles_app.command()
def validate(
    ctx: typer.Context,
    profiles: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PROFILE]...", help="Names or files; all that are found if none."),
    ] = None,
) -> None:
    """Check profiles, and tell everything that is wrong at once.

    Example: selfserve profiles validate

    Example: selfserve profiles validate cluster_profiles/mine.yaml
    """
    this = invocation(ctx)
    verdicts = profile_book().validate(profiles or ())
    wrong = [verdict for verdict in verdicts if verdict.problems]
    if this.output.as_json:
        this.output.json(
            [
                {
                    "path": str(verdict.path),
                    "ok": not verdict.problems,
                    "problems": [str(problem) for problem in verdict.problems],
                }
                for verdict in verdicts
            ]
        )
    else:
        for verdict in verdicts:
            this.output.line(f"{'wrong' if verdict.problems else 'ok   '}  {verdict.path}")
            for problem in verdict.problems:
                this.output.line(f"       {problem}")
    if wrong:
        raise BadInputError(
            f"{len(wrong)} of {len(verdicts)} profiles cannot be used.",
            hint="Each problem is listed with its file and line; put them right.",
        )


@profiles_app.command()
def schema(ctx: typer.Context) -> None:
    """Print the JSON Schema of a profile, for your editor.

    Example: selfserve profiles schema > profile.schema.json
    """
    from selfserve.core.profile import profile_schema

    invocation(ctx).output.json(profile_schema())
