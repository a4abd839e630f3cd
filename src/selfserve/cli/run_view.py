"""How a run looks: as JSON, and in one line."""

from typing import TYPE_CHECKING

from selfserve.cli.durations import to_words

if TYPE_CHECKING:  # they load pydantic
    from selfserve.core.cluster import Step
    from selfserve.core.run import RunResult
    from selfserve.usecases.runs import Run


def run_to_json(run: "Run", result: "RunResult | None", *, on: str) -> dict[str, object]:
    """Everything about a run that a machine may want to know."""
    submission = run.submission
    return {
        "run_id": run.id,
        "job": submission.job,
        "args": list(submission.args),
        "on": on,
        "cluster": submission.cluster,
        "cluster_id": run.placement.cluster_id,
        "step_id": run.placement.step_id,
        "profile": submission.profile,
        "owner": submission.owner,
        "submitted": submission.created.isoformat(),
        "result": _result_to_json(result) if result else None,
    }


def run_in_words(run: "Run", result: "RunResult") -> str:
    """What became of the run, in one line."""
    took = to_words(result.ended - result.started)
    application = f", Spark application {result.application_id}" if result.application_id else ""
    lost = "; S3 refused a part of its output" if result.output_lost else ""
    if result.failure is None:
        return f"Run {run.id} succeeded in {took}{application}{lost}."
    return f"Run {run.id} failed after {took}{application}: {result.failure}{lost}."


def step_in_words(run: "Run", step: "Step") -> str:
    """What EMR says of a run that our runner has not told the end of."""
    reason = step.failure or step.reason
    return f"Run {run.id}: its step is {step.state}{f', {reason}' if reason else ''}."


def _result_to_json(result: "RunResult") -> dict[str, object]:
    from selfserve.core.run_json import to_plain

    return to_plain(result)
