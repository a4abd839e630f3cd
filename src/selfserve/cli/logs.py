"""`selfserve logs`: what a run has written."""

from typing import Annotated

import typer

from selfserve.cli.options import invocation
from selfserve.cli.output import pass_through
from selfserve.cli.run_options import RunOrCluster
from selfserve.cli.run_view import record_in_words, record_to_json
from selfserve.core.run import StreamName

Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run is over.")]
Stderr = Annotated[bool, typer.Option("--stderr", help="The job's stderr instead of its stdout.")]
Tail = Annotated[
    int | None, typer.Option(min=0, metavar="N", help="Only the last N lines of what is there.")
]


def logs(
    ctx: typer.Context,
    wanted: RunOrCluster,
    *,
    follow: Follow = False,
    stderr: Stderr = False,
    tail: Tail = None,
) -> None:
    """Show the output of a run, while it runs or afterwards, and how it ended.

    With -f, exits as the job did.

    Example: selfserve logs r-20261121-093015-4f2a9c -f

    Example: selfserve logs spark-ml --stderr --tail 20
    """
    from selfserve.usecases.logs import show_output
    from selfserve.usecases.records.outcomes import failure_of
    from selfserve.usecases.records.runs import find_run_id

    this = invocation(ctx)
    stream = StreamName.STDERR if stderr else StreamName.STDOUT
    collected: list[bytes] = []
    shown = 0
    with this.progress() as line:

        def emit(_: StreamName, chunk: bytes) -> None:
            nonlocal shown
            shown += len(chunk)
            line.close()
            if this.output.as_json:
                collected.append(chunk)
            else:
                pass_through(chunk)

        target = this.open_target()
        record = show_output(
            target,
            find_run_id(target, wanted),
            stream=stream,
            emit=emit,
            tail=tail,
            keep_following=follow,
            report=line,
        )
    if this.output.as_json:
        text = b"".join(collected).decode(errors="replace")
        this.output.json({**record_to_json(record, on=target.label), stream.value: text})
    elif not shown and not stderr and tail != 0 and record.outcome.state.is_over:
        this.output.say(f"Nothing is on its stdout. See: selfserve logs {record.id} --stderr")
    failure = failure_of(record.submission, record.outcome) if follow else None
    if failure is not None:
        raise failure
    this.output.say(record_in_words(record))
