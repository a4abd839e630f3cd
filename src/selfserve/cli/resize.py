"""`selfserve resize`: other limits for a running cluster."""

from typing import TYPE_CHECKING, Annotated

import typer

from selfserve.cli.options import invocation
from selfserve.errors import BadInputError

if TYPE_CHECKING:
    from selfserve.core.price import CostEstimate
    from selfserve.core.resizing import Size
    from selfserve.usecases.resize import Resized


def resize(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A live cluster, by name or id.")],
    *,
    minimum: Annotated[
        int | None, typer.Option("--min", metavar="N", help="Never fewer workers than this.")
    ] = None,
    maximum: Annotated[
        int | None, typer.Option("--max", metavar="N", help="Never more workers than this.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", help="Exactly this many workers.")
    ] = None,
    everyone: Annotated[
        bool, typer.Option("--everyone", help="Another owner's cluster as well as yours.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Shrink it even if queries run, or may run, on it; grow it beyond ten times its "
            "maximum.",
        ),
    ] = False,
) -> None:
    """Set the limits that a running cluster scales between, in workers of its first core type.

    Within them managed scaling follows the load. A cluster of Trino or Presto, whose profile
    says `by: hand`, has the size that --workers gives it.

    On AWS it says what an hour costs from then on.

    Example: selfserve resize spark-ml --min 4 --max 40

    Example: selfserve resize adhoc-presto --workers 6
    """
    has_limits = minimum is not None or maximum is not None
    if workers is not None and has_limits:
        raise BadInputError(
            "--workers is an exact size, and takes neither --min nor --max.",
            hint="See what each is for: selfserve resize --help",
        )
    if workers is None and not has_limits:
        raise BadInputError(
            "No size is named: say --workers N, or --min N, --max N or both.",
            hint="See what each is for: selfserve resize --help",
        )
    from selfserve.usecases import resize as use_case

    this = invocation(ctx)
    target = this.open_target()
    done = use_case.resize(
        target,
        name,
        minimum=minimum if workers is None else workers,
        maximum=maximum if workers is None else workers,
        everyone=everyone,
        force=force,
    )
    if this.output.as_json:
        this.output.json(_to_json(done, on=target.label))
        return
    changed = (
        f"{done.before} before, {done.after} now" if _is_new(done) else f"{done.after} already"
    )
    this.output.line(f"{done.name}  {done.cluster_id}  {changed} on {target.label}")
    if done.per_hour is not None:
        this.output.say(_cost(done.per_hour))
    if _is_new(done):
        this.output.say(f"It gets there by itself. Watch it with: selfserve status {done.name}")


def _is_new(done: "Resized") -> bool:
    return done.before != done.after


def _to_json(done: "Resized", *, on: str) -> dict[str, object]:
    return {
        "name": done.name,
        "id": done.cluster_id,
        "on": on,
        "worker": done.worker_type,
        "before": _size_to_json(done.before),
        "after": _size_to_json(done.after),
        "changed": _is_new(done),
        "cost_per_hour": _cost_to_json(done.per_hour),
    }


def _cost(per_hour: "CostEstimate") -> str:
    if per_hour.low is None or per_hour.high is None:
        return "What it costs now is not known: selfserve has no price of some instance type."
    low, high = f"${per_hour.low:.2f}", f"${per_hour.high:.2f}"
    return (
        f"It costs {low if low == high else f'{low} to {high}'} an hour now "
        f"(prices of {per_hour.region}, {per_hour.as_of})."
    )


def _cost_to_json(per_hour: "CostEstimate | None") -> dict[str, str] | None:
    if per_hour is None or per_hour.low is None or per_hour.high is None:
        return None
    return {"low": f"{per_hour.low:.2f}", "high": f"{per_hour.high:.2f}", "currency": "USD"}


def _size_to_json(size: "Size") -> dict[str, float]:
    return {"min": size.minimum, "max": size.maximum}
