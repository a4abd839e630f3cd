"""`selfserve result`: how a run ended, and everything that is known of it."""

from typing import Annotated

import typer

from selfserve.cli.options import invocation
from selfserve.cli.run_options import RunOrCluster
from selfserve.cli.run_view import record_in_parts, record_to_json

Wait = Annotated[bool, typer.Option("--wait", help="Return only when the run is over.")]


def result(ctx: typer.Context, wanted: RunOrCluster, *, wait: Wait = False) -> None:
    """Show how a run ended, or how far it is; exit as `submit` would have.

    Exit codes: 0 succeeded or still running, 5 the job failed or was cancelled, 6 the
    cluster failed, 4 nobody knows.

    Example: selfserve result r-20261121-093015-4f2a9c --wait

    Example: selfserve result spark-ml -o json

    Example: selfserve result q-20261121-093015-4f2a9c, the rows of a query again
    """
    from selfserve.cli.query_result import shows_query

    if shows_query(ctx, wanted):
        return
    from selfserve.usecases.records.outcomes import failure_of
    from selfserve.usecases.result import fetch_result

    this = invocation(ctx)
    with this.progress() as report:
        target = this.open_target()
        record = fetch_result(target, wanted, wait=wait, report=report)
    if this.output.as_json:
        this.output.json(record_to_json(record, on=target.label))
    else:
        for name, value in record_in_parts(record, on=target.label):
            this.output.line(f"{name:<13} {value}")
    failure = failure_of(record.submission, record.outcome)
    if failure is not None:
        this.output.say(failure.hint)
        raise typer.Exit(failure.exit_code)
