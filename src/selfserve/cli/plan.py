"""`selfserve plan`: the whole launch and its price, before anything is started."""

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import typer

from selfserve.cli.options import Invocation, invocation
from selfserve.cli.profile_options import (
    Idle,
    MaxAge,
    Name,
    ProfileName,
    Set,
    Wish,
)

if TYPE_CHECKING:
    from decimal import Decimal

    from selfserve.core.diff import Change
    from selfserve.core.launch import Fleet, LaunchSpec
    from selfserve.core.price import CostEstimate
    from selfserve.usecases.plan import Plan


def plan(
    ctx: typer.Context,
    profile: ProfileName,
    *,
    name: Name = None,
    overrides: Set = None,
    idle: Idle = None,
    max_age: MaxAge = None,
) -> None:
    """Show what `up` would launch, its hourly cost, and where each value is from. Starts nothing.

    Example: selfserve plan spark-ml --on aws

    Example: selfserve plan spark-ml --set scale.max=40 -o json
    """
    wish = Wish(profile=profile, name=name, settings=overrides or (), idle=idle, max_age=max_age)
    show_plan(invocation(ctx), wish)


def show_plan(this: Invocation, wish: Wish) -> None:
    """Plan and print; `up --dry-run` does the same."""
    from selfserve.usecases import plan as use_case

    resolved = wish.resolve()
    with this.progress():
        place = this.targets.place(this.on)
        planned = use_case.plan(place, this.targets.peek(this.on), resolved, name=wish.cluster)
    if this.output.as_json:
        this.output.json(_to_json(planned))
        return
    for label, text in _summary(planned):
        this.output.line(f"{label + ':' if label else '':<15}{text}")
    this.output.line("")
    this.output.table(("key", "value", "from"), list(_values(planned)))
    this.output.say(f"Nothing was started. Launch it with: {wish.command(on=this.on)}")


def changes_to_json(changes: Sequence["Change"]) -> list[dict[str, str | None]]:
    """How the running cluster differs from what is wanted."""
    return [
        {"path": change.path, "running": change.before, "wanted": change.after}
        for change in changes
    ]


def _summary(planned: "Plan") -> Iterator[tuple[str, str]]:
    from selfserve.core.durations import format_duration

    spec, release = planned.spec, planned.resolved.release
    yield "cluster", f"{spec.name.name}, profile {spec.name.profile}, on {planned.place.label}"
    versions = f"Spark {spec.spark}, " if spec.spark else ""
    yield "release", f"{spec.release} ({versions}Python {release.python}, Java {release.java})"
    yield "applications", ", ".join(spec.applications)
    for fleet in spec.fleets:
        yield str(fleet.role), _fleet(fleet)
    yield "workers", _scaling(spec)
    yield (
        "ends",
        (
            f"after {format_duration(spec.idle_timeout)} idle, "
            f"or at the age of {format_duration(spec.max_age)}"
        ),
    )
    yield "logs", spec.log_uri
    yield "cost an hour", _cost(planned.estimate, is_local=planned.place.is_local)
    yield from (("", sentence) for sentence in planned.estimate.unknown)
    for reason in planned.not_applied:
        yield "not here", reason
    yield from _running(planned)


def _running(planned: "Plan") -> Iterator[tuple[str, str]]:
    """What has the name already, and how it differs."""
    if not planned.running:
        return
    there = next((change.before for change in planned.changes if change.path == "profile"), None)
    if there is not None:
        yield "running", f"{planned.running} has this name, but profile {there}: up would refuse"
        return
    differs = f"differs in {len(planned.changes)} values" if planned.changes else "is the same"
    yield "running", f"{planned.running} has this name; it {differs}"
    for change in planned.changes:
        yield (
            "  differs",
            f"{change.path}: {change.before or 'absent'} -> {change.after or 'absent'}",
        )


def _fleet(fleet: "Fleet") -> str:
    types = " or ".join(choice.instance_type for choice in fleet.choices)
    fallback = ", else on-demand" if fleet.fallback_to_on_demand else ""
    return f"{_units(fleet.target_units)}, {fleet.market}{fallback}: {types}"


def _scaling(spec: "LaunchSpec") -> str:
    """How many workers, and what makes them more or fewer."""
    low, high = spec.scaling.minimum_units, spec.scaling.maximum_units
    if (limits := spec.scaling.by_hand) is not None:
        return (
            f"{_units(high)}, until resized by hand: selfserve resize {spec.name.name} "
            f"--workers N, {limits.minimum_units} to {_units(limits.maximum_units)}"
        )
    return f"{_units(high)}, fixed" if low == high else f"{low} to {_units(high)}, as the load asks"


def _units(count: int) -> str:
    return "1 unit" if count == 1 else f"{count} units"


def _cost(estimate: "CostEstimate", *, is_local: bool) -> str:
    low, high = _money(estimate.low), _money(estimate.high)
    span = f"{low} to {high}" if low != high else low
    text = f"{span} (prices of {estimate.region}, {estimate.as_of})"
    return f"nothing on this machine; on AWS {text}" if is_local else text


def _money(amount: "Decimal | None") -> str:
    return f"${amount:.2f}" if amount is not None else "unknown"


def _values(planned: "Plan") -> Iterator[tuple[str, str, str]]:
    from selfserve.usecases.profiles import list_values

    for value in list_values(planned.resolved):
        yield value.path, value.text, value.origin


def _to_json(planned: "Plan") -> dict[str, object]:
    estimate = planned.estimate
    return {
        "on": planned.place.label,
        "profile": planned.resolved.name,
        "extends": list(planned.resolved.chain[1:]),
        "spec": _spec_json(planned.spec),
        "cost_per_hour": {
            "low": _amount(estimate.low),
            "high": _amount(estimate.high),
            "currency": "USD",
            "region": estimate.region,
            "as_of": estimate.as_of,
            "sources": list(estimate.sources),
            "unknown": list(estimate.unknown),
            "charged": not planned.place.is_local,
        },
        "origins": {path: origin for path, _, origin in _values(planned)},
        "not_applied": list(planned.not_applied),
        "running": planned.running,
        "changes": changes_to_json(planned.changes),
    }


def _amount(amount: "Decimal | None") -> str | None:
    return None if amount is None else str(amount)


def _spec_json(spec: "LaunchSpec") -> object:
    from selfserve.core.launch_json import spec_to_json

    return json.loads(spec_to_json(spec))
