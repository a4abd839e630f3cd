"""`selfserve queries`: what was asked, of whom, and what came of it; and saved queries."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from selfserve.cli.options import invocation
from selfserve.core.durations import parse_duration
from selfserve.core.quantities import format_seconds, format_size
from selfserve.errors import BadInputError

if TYPE_CHECKING:
    from selfserve.core.sql.records import QueryRecord
    from selfserve.usecases.sql.saved_queries import SavedEntry

_COLUMNS = ("id", "state", "started", "took", "rows", "read", "cost", "owner", "by", "query")
_WIDTH = 60

Since = Annotated[str, typer.Option(metavar="7d", help="How old queries may be.")]
Mine = Annotated[bool, typer.Option("--mine", help="Only your own.")]
Saved = Annotated[bool, typer.Option("--saved", help="List the saved queries instead.")]
Limit = Annotated[int, typer.Option(metavar="N", min=1, help="At most so many.")]


def queries(
    ctx: typer.Context,
    *,
    since: Since = "7d",
    mine: Mine = False,
    saved: Saved = False,
    limit: Limit = 20,
) -> None:
    """List the queries that were run, newest first; or those that are saved.

    Example: selfserve queries --mine --since 1d

    Example: selfserve queries --saved
    """
    from selfserve.usecases.sql.opening import open_book

    this = invocation(ctx)
    if saved:
        _list_saved(ctx)
        return
    try:
        window = parse_duration(since)
    except ValueError as error:
        raise BadInputError(f"--since: {error}", hint="selfserve queries --since 30d") from error
    book, owner = open_book(this.targets, this.on)
    found = []
    for record in book.list(since=window, now=datetime.now(UTC)):
        if not mine or record.owner == owner:
            found.append(record)
        if len(found) == limit:
            break
    if this.output.as_json:
        from selfserve.core.sql.records import to_plain

        this.output.json([to_plain(record) for record in found])
    elif found:
        this.output.table(_COLUMNS, [_to_cells(record) for record in found])
        this.output.say("See rows again with: selfserve result ID")
    else:
        this.output.say('No queries yet. Run one: selfserve sql "select 1"')


def _list_saved(ctx: typer.Context) -> None:
    from selfserve.usecases.sql.saved_queries import list_saved

    this = invocation(ctx)
    found = list_saved()
    if this.output.as_json:
        this.output.json([_saved_to_json(entry) for entry in found])
    elif found:
        this.output.table(("query", "description", "parameters"), list(map(_saved_cells, found)))
        this.output.say("Run one: selfserve sql @NAME --param PARAMETER=VALUE")
    else:
        this.output.say("No saved queries. Put .sql files into a folder: queries/")


def _saved_cells(entry: "SavedEntry") -> tuple[str, str, str]:
    if entry.query is None:
        return f"@{entry.name}", f"(cannot be read: {entry.problem})", ""
    wanted = (f"{name} {of.type}" for name, of in entry.query.parameters.items())
    return f"@{entry.name}", entry.query.description, ", ".join(wanted)


def _saved_to_json(entry: "SavedEntry") -> dict[str, object]:
    query = entry.query
    return {
        "name": entry.name,
        "path": str(entry.path),
        "where": entry.where,
        "description": query.description if query else None,
        "parameters": {n: str(of.type) for n, of in query.parameters.items()} if query else {},
        "problem": entry.problem or None,
    }


def _to_cells(record: "QueryRecord") -> list[str]:
    took = (record.ended - record.created).total_seconds() if record.ended else None
    text = " ".join(record.text.split())
    return [
        record.query_id,
        record.state,
        f"{record.created.astimezone():%Y-%m-%d %H:%M}",
        "-" if took is None else format_seconds(took),
        "-" if record.rows is None else f"{record.rows:,}",
        "-" if record.bytes_read is None else format_size(record.bytes_read),
        f"${record.cost:.4f}" if record.cost else "-",
        record.owner,
        record.answered_by,
        text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…",
    ]
