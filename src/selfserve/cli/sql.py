"""`selfserve sql`: run SQL and see a table."""

import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selfserve.cli.options import Invocation, invocation
from selfserve.cli.output import can_ask
from selfserve.errors import BadInputError

if TYPE_CHECKING:
    from selfserve.cli.sql_console import Console
    from selfserve.usecases.sql.orders import Script


class SqlFormat(StrEnum):
    """How rows are printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


Text = Annotated[
    str | None,
    typer.Argument(
        metavar="[SQL | @SAVED]",
        help="Statements; @NAME for a saved query; - for standard input. Without any: a prompt.",
    ),
]
File = Annotated[
    Path | None, typer.Option("--file", "-f", metavar="FILE", help="Run the statements of a file.")
]
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        "-c",
        metavar="NAME",
        show_default="adhoc-presto",
        help="A cluster's name, or a profile: adhoc-presto, hive-batch, spark-ml or your own.",
    ),
]
Params = Annotated[
    list[str] | None,
    typer.Option(
        "--param",
        "-p",
        metavar="NAME=VALUE",
        help="A value for the place :NAME, as in day=2026-01-01; repeatable.",
    ),
]
Schema = Annotated[
    str | None,
    typer.Option(metavar="NAME", show_default="default", help="Where tables are looked for."),
]
Format = Annotated[
    SqlFormat | None,
    typer.Option("--output", "-o", metavar="table|csv|json|parquet", help="How to print rows."),
]
Out = Annotated[
    str | None,
    typer.Option(metavar="PLACE", help="Write the rows to a file or to s3://bucket/key."),
]
Force = Annotated[bool, typer.Option("--force", help="Let --out replace a file.")]
Again = Annotated[
    bool, typer.Option("--again", help="Repeat a query by its id; without one, your last.")
]
ExplainCost = Annotated[
    bool,
    typer.Option("--explain-cost", help="Say what it would read, take and cost; run nothing."),
]
MaxBytes = Annotated[
    str | None, typer.Option(metavar="50GB", help="Refuse statements that would read more.")
]
Laptop = Annotated[
    str | None,
    typer.Option(
        metavar="1GB",
        envvar="SELFSERVE_SQL_LAPTOP",
        show_envvar=False,
        help="Answer queries on AWS that read no more on this machine, without a cluster "
        "(or SELFSERVE_SQL_LAPTOP).",
    ),
]
Limit = Annotated[int, typer.Option(metavar="N", min=0, help="How many rows a terminal shows.")]
Vertical = Annotated[
    bool, typer.Option("--vertical", "-x", help="Show each row as a block of lines.")
]


def sql(
    ctx: typer.Context,
    text: Text = None,
    *,
    file: File = None,
    cluster: Cluster = None,
    param: Params = None,
    schema: Schema = None,
    output_format: Format = None,
    out: Out = None,
    force: Force = False,
    again: Again = False,
    explain_cost: ExplainCost = False,
    max_bytes: MaxBytes = None,
    laptop: Laptop = None,
    limit: Limit = 40,
    vertical: Vertical = False,
) -> None:
    """Run SQL on Trino, Presto, Hive or Spark, and see a table.

    Example: selfserve sql "select 42 as answer"

    Example: selfserve sql -f report.sql --param day=2026-01-01 -o csv > report.csv

    Example: selfserve sql @top_films --param country=DE

    Example: selfserve sql --explain-cost "select count(*) from sales.films"
    """
    from selfserve.cli.sql_console import Console, Outlet, terminated_as_interrupted
    from selfserve.usecases.sql.opening import Where, open_session

    this = invocation(ctx)
    script = _script(this, text, file, again=again)
    outlet = Outlet.of(_format(this, output_format), out=out, force=force)
    most_bytes = _amount("--max-bytes", max_bytes)
    where = Where(
        on=this.on,
        cluster=cluster or (script.cluster if script else None),
        laptop_bytes=_amount("--laptop", laptop),
        engine=script.engine if script else None,
    )
    with terminated_as_interrupted(), this.progress() as report:
        session = open_session(this.targets, where, report=report)
        report.close()
        console = Console(
            this,
            session,
            outlet,
            schema=schema or (script.schema if script else None),
            max_bytes=most_bytes,
            limit=limit,
            vertical=vertical or None,
        )
        try:
            _run(console, script, param or [], explain_cost=explain_cost)
        finally:
            session.road.close()


def _run(
    console: "Console", script: "Script | None", given: list[str], *, explain_cost: bool
) -> None:
    if script is None:
        from selfserve.cli.sql_prompt_session import prompt

        _refuse_at_prompt({"--explain-cost": explain_cost, "--param": given})
        prompt(console)
    elif explain_cost:
        console.explain_cost(script, given)
    else:
        console.run(script, given)


def _refuse_at_prompt(given: Mapping[str, object]) -> None:
    """Raises BadInputError for what says something about statements, where none is given."""
    for option, value in given.items():
        if value:
            raise BadInputError(
                f"{option} is about a statement, and none is given.",
                hint=f'Give it: selfserve sql {option} … "select …"',
            )


def _amount(option: str, given: str | None) -> int | None:
    """The bytes that an option names, before anything is started."""
    if given is None:
        return None
    from selfserve.core.sql.estimates.limit import parse_bytes

    try:
        return parse_bytes(given)
    except BadInputError as error:
        raise BadInputError(f"{option}: {error}", hint=error.hint) from error


def _script(
    this: Invocation, text: str | None, file: Path | None, *, again: bool
) -> "Script | None":
    """What to run; None: ask for it at a prompt."""
    from selfserve.usecases.sql.orders import Script, read_script, repeated_script, saved_script

    if file is not None and (text is not None or again):
        raise BadInputError(
            "Statements are given twice: by --file and in the command.",
            hint=f"Give one of them: selfserve sql -f {file}",
        )
    if again:
        from selfserve.usecases.sql.opening import open_book

        book, owner = open_book(this.targets, this.on)
        return repeated_script(book.read(text) if text else book.newest(owner=owner))
    if file is not None and str(file) != "-":
        return read_script(file)
    if text is not None and text.startswith("@"):
        return saved_script(text[1:])
    if text is not None and text != "-":
        return Script(text=text)
    if file is None and text is None and can_ask():
        return None
    return Script(text=sys.stdin.read())


def _format(this: Invocation, given: SqlFormat | None) -> SqlFormat | None:
    """`-o` after the command; before it, only what every command takes."""
    return given or (SqlFormat.JSON if this.output.as_json else None)
