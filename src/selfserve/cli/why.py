"""`selfserve why`: the root cause, what shows it, and what to do next."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from selfserve.cli.hints import with_target
from selfserve.cli.options import invocation
from selfserve.cli.output import Output
from selfserve.core.why.verdict import Quote, Verdict

if TYPE_CHECKING:  # use cases load pydantic
    from selfserve.usecases.why import Diagnosis

RunOrCluster = Annotated[
    str, typer.Argument(metavar="RUN|CLUSTER", help="A run's id, or a cluster's name or id.")
]


def why(ctx: typer.Context, wanted: RunOrCluster) -> None:
    """Say why a run or a cluster failed: the cause, what shows it, and the next step.

    Example: selfserve why r-20261121-093015-4f2a9c

    Example: selfserve why spark-ml -o json
    """
    from selfserve.usecases.why import why as use_case

    this = invocation(ctx)
    with this.progress() as line:
        target = this.open_target()
        diagnosis = use_case(target, wanted, report=line)
    if this.output.as_json:
        this.output.json(_to_json(diagnosis, on=target.label))
        return
    this.output.line(with_target(diagnosis.summary, this.on))
    if diagnosis.verdict is not None:
        show_verdict(this.output, diagnosis.verdict, on=this.on)
    for note in diagnosis.notes:
        this.output.say(f"note: {note}")


def show_verdict(
    output: Output, verdict: Verdict, *, on: str | None = None, as_talk: bool = False
) -> None:
    """Print a verdict as data, or as talk where stdout is the job's own."""
    text = "\n".join(_lines(verdict))
    if as_talk:
        output.say(text)
    else:
        output.line(with_target(text, on))


def verdict_to_json(verdict: Verdict) -> dict[str, object]:
    """A verdict for machines."""
    return {
        "kind": verdict.kind,
        "is_known": verdict.is_known,
        "cause": verdict.cause,
        "evidence": [
            {"source": quote.source, "name": quote.name or None, "lines": list(quote.lines)}
            for quote in verdict.quotes
        ],
        "next_step": verdict.next_step,
        "command": verdict.command,
    }


def _lines(verdict: Verdict) -> Iterator[str]:
    yield f"cause: {verdict.cause}"
    for quote in verdict.quotes:
        yield f"  {_heading(quote)}:"
        yield from (f"    {line}" for line in quote.lines)
    yield f"next: {verdict.next_step}"
    if verdict.command is not None:
        yield f"  {verdict.command}"


def _heading(quote: Quote) -> str:
    return f"{quote.source} ({quote.name})" if quote.name else quote.source


def _to_json(diagnosis: "Diagnosis", *, on: str) -> dict[str, object]:
    verdict = diagnosis.verdict
    return {
        "run_id": diagnosis.run_id,
        "cluster_id": diagnosis.cluster_id,
        "on": on,
        "summary": diagnosis.summary,
        "verdict": verdict_to_json(verdict) if verdict else None,
        "notes": list(diagnosis.notes),
    }
