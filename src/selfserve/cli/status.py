"""`selfserve status` and `ls`: what runs, whose it is, what it costs."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from selfserve.cli.options import invocation
from selfserve.core.durations import to_words

if TYPE_CHECKING:
    from selfserve.usecases.status import ClusterRow
    from selfserve.usecases.targets.target import Target

_COLUMNS = (
    "name", "profile", "state", "owner", "age", "idle for", "ends at", "because", "nodes",
    "cost so far", "id",
)  # fmt: skip

NameOrId = Annotated[
    str | None, typer.Argument(metavar="[NAME]", help="One cluster, by name or id.")
]


def status(ctx: typer.Context, name: NameOrId = None) -> None:
    """Show clusters: state, owner, age, when they end and why, nodes and cost so far.

    Example: selfserve status

    Example: selfserve status spark-ml -o json
    """
    this = invocation(ctx)
    with this.progress():
        target = this.open_target()
        rows = _find(target, name)
    if this.output.as_json:
        this.output.json([_to_json(row, on=target.label) for row in rows])
    elif rows:
        this.output.table(_COLUMNS, [_to_cells(row) for row in rows])
        this.output.say(f"{_count(rows)} on {target.label}.")
        for row in rows:
            if row.state.is_gone:
                this.output.say(f"It has ended; see why with: selfserve why {row.id}")
    else:
        this.output.say(f"No clusters on {target.label}. Start one with: selfserve up spark-ml")


def ls(ctx: typer.Context, name: NameOrId = None) -> None:
    """Show clusters; the same as status.

    Example: selfserve ls
    """
    status(ctx, name)


def _find(target: "Target", name: str | None) -> list["ClusterRow"]:
    from selfserve.usecases.status import cluster_status, list_status

    return list_status(target) if name is None else [cluster_status(target, name)]


def _count(rows: Sequence["ClusterRow"]) -> str:
    return "1 cluster" if len(rows) == 1 else f"{len(rows)} clusters"


def _to_cells(row: "ClusterRow") -> list[str]:
    return [
        row.name,
        row.profile,
        row.state,
        row.owner,
        to_words(row.age),
        to_words(row.idle_for) if row.idle_for is not None else "-",
        _local_time(row.ends_at) if row.ends_at else "-",
        row.because or (not row.state.is_live and row.reason) or "-",
        _nodes(row),
        f"${row.cost.low} to ${row.cost.high}" if row.cost else "-",
        row.id,
    ]


def _nodes(row: "ClusterRow") -> str:
    if row.nodes is None:
        return "-"
    return " ".join(
        f"{count.role}:{count.running}"
        + (f" of {count.requested}" if count.requested != count.running else "")
        for count in row.nodes
    )


def _local_time(moment: datetime) -> str:
    here = moment.astimezone()
    is_today = here.date() == datetime.now(UTC).astimezone().date()
    return f"{here:%H:%M}" if is_today else f"{here:%Y-%m-%d %H:%M}"


def _to_json(row: "ClusterRow", *, on: str) -> dict[str, object]:
    return {
        "id": row.id,
        "name": row.name,
        "profile": row.profile,
        "owner": row.owner,
        "on": on,
        "state": row.state,
        "reason": row.reason,
        "created": _utc(row.created),
        "age_s": int(row.age.total_seconds()),
        "idle_for_s": int(row.idle_for.total_seconds()) if row.idle_for is not None else None,
        "ends_at": _utc(row.ends_at) if row.ends_at else None,
        "because": row.because,
        "nodes": [
            {"role": count.role, "running": count.running, "requested": count.requested}
            for count in row.nodes
        ]
        if row.nodes is not None
        else None,
        "cost_so_far": {"low": str(row.cost.low), "high": str(row.cost.high), "currency": "USD"}
        if row.cost
        else None,
        "release": row.spec.release if row.spec else None,
        "spark": row.spec.spark if row.spec else None,
    }


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
