"""The rows of a query again, for `selfserve result QUERY`."""

import time

import typer

from selfserve.cli.options import invocation


def shows_query(ctx: typer.Context, wanted: str) -> bool:
    """Show the rows of the query `wanted`, without running it; False if it is no query's id."""
    if not wanted.startswith("q-"):
        return False
    from selfserve.cli.sql_table import show_answer, write_answer
    from selfserve.core.sql.results.result_format import ResultFormat
    from selfserve.usecases.sql.history.kept import open_kept
    from selfserve.usecases.sql.opening import open_book

    this, started = invocation(ctx), time.monotonic()
    book, _ = open_book(this.targets, this.on)
    with open_kept(book, wanted) as (record, answer):
        this.output.say(f"{record.query_id}, run {record.created.astimezone():%Y-%m-%d %H:%M}:")
        if this.output.as_json:
            write_answer(answer, ResultFormat.JSON, None, started=started, quiet=this.quiet)
        else:
            show_answer(answer, this.output, started=started, quiet=this.quiet)
    return True
