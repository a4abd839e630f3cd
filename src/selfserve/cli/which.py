"""`selfserve which`: the engine that fits a query, and why, in two lines."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from selfserve.cli.options import invocation

if TYPE_CHECKING:  # reading a query may load profiles
    from selfserve.core.sql.advice.advice import Advice
    from selfserve.usecases.sql.which import Answered

Source = Annotated[
    str,
    typer.Argument(
        metavar="QUERY.sql|@SAVED|-",
        help="A file, a saved query, or - for standard input.",
    ),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        "-c",
        metavar="NAME",
        show_default="adhoc-presto",
        help="The profile whose SQL the query is written in.",
    ),
]


Params = Annotated[
    list[str] | None,
    typer.Option(
        "--param",
        "-p",
        metavar="NAME=VALUE",
        help="A value for the place :NAME, to measure the query with; repeatable.",
    ),
]


def which(
    ctx: typer.Context, query: Source, *, cluster: Cluster = None, param: Params = None
) -> None:
    """Say which engine fits a query, and why: Trino, Presto, Hive, Spark, or this machine.

    Example: selfserve which report.sql

    Example: selfserve which @top_films -o json
    """
    from selfserve.usecases.sql.estimates.sizing import sizes_on
    from selfserve.usecases.sql.which import which as use_case

    this = invocation(ctx)
    with this.progress():
        answered = use_case(
            query,
            read_input=sys.stdin.read,
            cluster=cluster,
            sizes=sizes_on(this.targets, this.on, param or []),
        )
    if this.output.as_json:
        this.output.json(_to_json(answered))
        return
    this.output.line(f"{_place(answered.advice)}: {answered.advice.why}")
    this.output.line(answered.advice.also)


def _place(advice: "Advice") -> str:
    if advice.engine is None:
        return "No engine"
    return "This machine" if advice.on_laptop else advice.engine.called


def _to_json(answered: "Answered") -> dict[str, object]:
    advice = answered.advice
    return {
        "query": answered.query.name,
        "written_in": answered.written_in,
        "engine": advice.engine,
        "on_this_machine": advice.on_laptop,
        "why": advice.why,
        "also": advice.also,
    }
