"""`selfserve logs`: what a run has written."""

from typing import TYPE_CHECKING, Annotated

import typer

from selfserve.cli.options import invocation
from selfserve.cli.output import pass_through
from selfserve.cli.run_view import run_in_words, run_to_json, step_in_words

if TYPE_CHECKING:  # it loads pydantic
    from selfserve.core.run import StreamName


RunOrCluster = Annotated[
    str,
    typer.Argument(
        metavar="RUN|CLUSTER", help="A run's id, or a cluster for the newest run on it."
    ),
]
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

    Example: selfserve logs r-20261121-093015-4f2a9c -f

    Example: selfserve logs spark-ml --stderr --tail 20
    """
    from selfserve.core.run import StreamName
    from selfserve.usecases.logs import fetch_step, find_logged_run, show_output

    this = invocation(ctx)
    collected: list[bytes] = []
    with this.progress() as line:

        def emit(_: "StreamName", chunk: bytes) -> None:
            line.close()
            if this.output.as_json:
                collected.append(chunk)
            else:
                pass_through(chunk)

        target = this.open_target()
        run = find_logged_run(target, wanted)
        stream = StreamName.STDERR if stderr else StreamName.STDOUT
        result = show_output(
            target,
            run,
            stream=stream,
            emit=emit,
            last_lines=tail,
            keep_following=follow,
            report=line,
        )
    if this.output.as_json:
        text = b"".join(collected).decode(errors="replace")
        this.output.json({**run_to_json(run, result, on=target.label), stream.value: text})
    elif result is not None:
        this.output.say(run_in_words(run, result))
    else:
        this.output.say(step_in_words(run, fetch_step(target, run)))
