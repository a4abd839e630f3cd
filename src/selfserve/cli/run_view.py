"""How a run looks: as JSON, in one line, and in all its parts."""

import shlex
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from selfserve.core.durations import to_words
from selfserve.core.outcome import RunCost, RunOutcome
from selfserve.core.run import Placement, RunResult, Submission

if TYPE_CHECKING:  # use cases load pydantic
    from selfserve.usecases.records.outcomes import RunRecord
    from selfserve.usecases.records.runs import Run

_CENT = Decimal("0.01")


def run_to_json(
    run: "Run", result: RunResult | None, *, on: str, outcome: RunOutcome | None = None
) -> dict[str, object]:
    """Everything about a run that a machine may want to know while it watches it."""
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
        "state": outcome.state if outcome else None,
        "reason": outcome.reason if outcome else None,
        "result": _to_plain(result),
    }


def record_to_json(record: "RunRecord", *, on: str) -> dict[str, object]:
    """All that is known of a run: what every script asks for, then the records as they are."""
    outcome = record.outcome
    return {
        "run_id": record.id,
        "job": record.submission.job,
        "on": on,
        "state": outcome.state,
        "is_over": outcome.state.is_over,
        "reason": outcome.reason,
        "exit_code": outcome.exit_code,
        "submission": _to_plain(record.submission),
        "placement": _to_plain(record.placement),
        "result": _to_plain(record.result),
        "outcome": _to_plain(outcome),
    }


def run_in_words(run: "Run", result: RunResult) -> str:
    """What became of the run, in one line."""
    took = to_words(result.ended - (result.job_started or result.started))
    application = f", Spark application {result.application_id}" if result.application_id else ""
    lost = "; S3 refused a part of its output" if result.output_lost else ""
    if result.failure is None:
        return f"Run {run.id} succeeded in {took}{application}{lost}."
    return f"Run {run.id} failed after {took}{application}: {result.failure}{lost}."


def record_in_words(record: "RunRecord") -> str:
    """What became of the run, or how far it is, in one line."""
    outcome, result = record.outcome, record.result
    if record.run and result and outcome.state in {"SUCCEEDED", "FAILED"}:
        return run_in_words(record.run, result)
    took = outcome.timeline.took if outcome.state in {"FAILED", "CANCELLED", "LOST"} else None
    after = f" after {to_words(took)}" if took else ""
    says_more = outcome.reason and outcome.reason != "it was cancelled"
    reason = f": {outcome.reason}" if says_more else ""
    return f"Run {record.id} {outcome.state.in_words}{after}{reason}."


def record_in_parts(record: "RunRecord", *, on: str) -> Iterator[tuple[str, str]]:
    """The record as names and values, for people."""
    submission, outcome = record.submission, record.outcome
    yield "run", record.id
    yield "job", shlex.join([submission.job, *submission.args])
    yield "state", outcome.state
    if outcome.reason:
        yield "reason", outcome.reason
    if outcome.exit_code is not None:
        yield "exit code", str(outcome.exit_code)
    yield "cluster", _where(submission, outcome, on)
    yield "owner", submission.owner
    yield from _timeline(outcome)
    if outcome.versions:
        yield "versions", ", ".join(f"{name} {value}" for name, value in outcome.versions.items())
    if outcome.application_id:
        yield "application", outcome.application_id
    yield from _shipped(submission)
    yield "cost", cost_in_words(outcome.cost)


def cost_in_words(cost: RunCost | None) -> str:
    """Such as "$0.10 to $0.42"."""
    if cost is None:
        return "not known"
    amount = _amount(cost)
    return amount if cost.is_charged else f"nothing on this machine; AWS would charge {amount}"


def cost_in_brief(cost: RunCost | None) -> str:
    """The same for a table: `-` for what is not known, or not charged."""
    return _amount(cost) if cost is not None and cost.is_charged else "-"


def local_time(moment: datetime) -> str:
    """In the zone of whoever reads it."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"


def _amount(cost: RunCost) -> str:
    low, high = cost.low.quantize(_CENT), cost.high.quantize(_CENT)
    if high < _CENT:
        return "less than $0.01"
    return f"${low}" if low == high else f"${low} to ${high}"


def _where(submission: Submission, outcome: RunOutcome, on: str) -> str:
    name = "its own" if submission.is_transient else submission.cluster
    profile = f", profile {submission.profile}" if submission.profile else ""
    ids = f" ({outcome.cluster_id}, step {outcome.step_id})" if outcome.cluster_id else ""
    return f"{name}{ids}{profile}, on {on}"


def _timeline(outcome: RunOutcome) -> Iterator[tuple[str, str]]:
    timeline = outcome.timeline
    for name, moment in (
        ("submitted", timeline.submitted),
        ("accepted", timeline.accepted),
        ("step started", timeline.step_started),
        ("job started", timeline.job_started),
        ("job ended", timeline.job_ended),
        ("step ended", timeline.step_ended),
    ):
        if moment is not None:
            yield name, local_time(moment)
    if timeline.took is not None:
        yield "took", to_words(timeline.took)


def _shipped(submission: Submission) -> Iterator[tuple[str, str]]:
    program, origin = submission.program, submission.origin
    if program.lock:
        count = "1 package" if len(program.lock) == 1 else f"{len(program.lock)} packages"
        yield "packages", f"{count}{f', {program.lock_uri}' if program.lock_uri else ''}"
    if origin is not None:
        dirty = ", with changes that are not committed" if origin.is_dirty else ""
        yield "git commit", f"{origin.commit}{dirty}"
    if submission.repeats:
        yield "repeats", submission.repeats


def _to_plain(
    record: Submission | Placement | RunResult | RunOutcome | None,
) -> dict[str, object] | None:
    from selfserve.core.run_json import to_plain

    return None if record is None else to_plain(record)
