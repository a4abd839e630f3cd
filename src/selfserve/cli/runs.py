"""`selfserve runs`: what has run, newest first."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from selfserve.cli.options import invocation
from selfserve.cli.run_view import cost_in_brief, local_time, record_to_json
from selfserve.core.durations import to_words
from selfserve.core.outcome import RunState
from selfserve.errors import BadInputError

if TYPE_CHECKING:  # use cases load pydantic
    from selfserve.usecases.records.outcomes import RunRecord

_COLUMNS = ("run", "job", "state", "cluster/profile", "owner", "submitted", "took", "cost")

Profile = Annotated[
    str | None, typer.Option(metavar="NAME", help="Only runs on clusters of this profile.")
]
Owner = Annotated[
    str | None, typer.Option(metavar="USER", show_default="everybody", help="Only this user's.")
]
Mine = Annotated[bool, typer.Option("--mine", help="Only your own.")]
State = Annotated[
    list[str] | None, typer.Option(metavar="STATE", help="Such as FAILED; repeatable.")
]
Since = Annotated[
    str, typer.Option(metavar="AGE", help="How far to look back, such as 90m or 30d.")
]
ClusterName = Annotated[
    str | None, typer.Option("--cluster", "-c", metavar="NAME", help="Only runs on this cluster.")
]
Limit = Annotated[int, typer.Option(min=1, metavar="N", help="Show no more than this.")]


def runs(
    ctx: typer.Context,
    *,
    profile: Profile = None,
    owner: Owner = None,
    mine: Mine = False,
    state: State = None,
    since: Since = "7d",
    cluster: ClusterName = None,
    limit: Limit = 20,
) -> None:
    """Show what has run and what runs: how it ended, when, and what it cost.

    Example: selfserve runs --mine --state FAILED --since 30d
    """
    from selfserve.usecases.history import RunFilter, list_runs

    if mine and owner is not None:
        raise BadInputError("--mine and --owner exclude each other.", hint="Leave one of them out.")
    age, states = _to_age(since), frozenset(_to_state(text) for text in state or [])
    this = invocation(ctx)
    with this.progress() as report:
        target = this.open_target()
        wanted = RunFilter(
            since=age,
            profile=profile,
            owner=target.user if mine else owner,
            cluster=cluster,
            states=states,
        )
        found = list_runs(target, wanted, limit=limit, report=report)
    if this.output.as_json:
        this.output.json([record_to_json(record, on=target.label) for record in found])
    elif found:
        this.output.table(_COLUMNS, [_to_cells(record) for record in found])
        more = " There may be more; see them with --limit." if len(found) == limit else ""
        this.output.say(f"{_count(found)} of the last {since} on {target.label}.{more}")
    else:
        this.output.say(
            f"No such runs in the last {since} on {target.label}. "
            "Look further back with: selfserve runs --since 30d"
        )


def _to_age(text: str) -> timedelta:
    from selfserve.core.durations import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise BadInputError(
            f"--since: {error}", hint="Write: selfserve runs --since 30d"
        ) from error


def _to_state(text: str) -> RunState:
    from selfserve.core.did_you_mean import did_you_mean

    wanted = text.upper().replace("-", "_")
    try:
        return RunState(wanted)
    except ValueError as error:
        raise BadInputError(
            f"No run is ever {text}{did_you_mean(wanted, [state.value for state in RunState])}",
            hint=f"Use one of: {', '.join(RunState)}",
        ) from error


def _to_cells(record: "RunRecord") -> list[str]:
    submission, outcome = record.submission, record.outcome
    own = f"{submission.profile or '-'} (its own)"
    return [
        record.id,
        submission.job,
        outcome.state,
        own if submission.is_transient else submission.cluster,
        submission.owner,
        local_time(submission.created),
        _took(record),
        cost_in_brief(outcome.cost),
    ]


def _took(record: "RunRecord") -> str:
    timeline = record.outcome.timeline
    if timeline.took is not None:
        return to_words(timeline.took)
    if timeline.began is None or record.outcome.state.is_over:
        return "-"
    return f"{to_words(datetime.now(UTC) - timeline.began)} so far"


def _count(found: "list[RunRecord]") -> str:
    return "1 run" if len(found) == 1 else f"{len(found)} runs"
