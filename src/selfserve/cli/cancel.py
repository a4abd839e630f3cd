"""`selfserve cancel`: end a run."""

from typing import Annotated

import typer

from selfserve.cli.options import invocation
from selfserve.cli.run_view import record_in_words, record_to_json
from selfserve.errors import InterruptedByUserError

RunId = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or its beginning.")]
Everyone = Annotated[bool, typer.Option("--everyone", help="Also if it is another owner's run.")]


def cancel(ctx: typer.Context, run: RunId, *, everyone: Everyone = False) -> None:
    """Cancel a run, and wait until it is over. One that is over already is a success.

    A cluster that was made for the run ends with it; any other stays.

    Example: selfserve cancel r-20261121-093015-4f2a9c
    """
    from selfserve.usecases.cancel import cancel_run
    from selfserve.usecases.records.runs import complete_run_id

    this = invocation(ctx)
    target = this.open_target()
    run_id = complete_run_id(target, run)
    try:
        with this.progress() as report:
            cancelled = cancel_run(target, run_id, everyone=everyone, report=report)
    except KeyboardInterrupt as error:
        raise InterruptedByUserError(
            "Interrupted. What has been asked to end goes on ending.",
            hint=f"See how far it is: selfserve result {run_id}",
        ) from error
    record = cancelled.record
    if this.output.as_json:
        was_over = {"was_over": cancelled.was_over}
        this.output.json({**record_to_json(record, on=target.label), **was_over})
    elif cancelled.was_over:
        this.output.say(f"There is nothing to cancel. {record_in_words(record)}")
    else:
        this.output.say(record_in_words(record))
