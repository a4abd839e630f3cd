"""`selfserve sweep`: end what nobody uses any more, and explain each decision."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selfserve.cli.options import Invocation, invocation
from selfserve.core.durations import format_duration, to_words
from selfserve.errors import AwsError, BadInputError

if TYPE_CHECKING:
    from selfserve.core.sweep_report import SweepLine, SweepReport
    from selfserve.core.sweeping import SweepPolicy
    from selfserve.usecases.targets.target import Target

_COLUMNS = ("name", "owner", "state", "decision", "idle for", "ends at", "why", "id")
_LEAST_PERIOD, _MOST_PERIOD = timedelta(minutes=1), timedelta(days=1)


def sweep(
    ctx: typer.Context,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Sweep again and again, until Ctrl-C.")
    ] = False,
    every: Annotated[
        str, typer.Option("--every", metavar="TIME", help="From one sweep to the next: 1m to 1d.")
    ] = "10m",
    all_at_once: Annotated[
        bool, typer.Option("--all", help="End all that are due, not 20% of the clusters at most.")
    ] = False,
    install: Annotated[
        bool,
        typer.Option("--install", help="Write what runs the sweep in AWS, without a laptop."),
    ] = False,
    into: Annotated[
        Path | None,
        typer.Option(
            "--into",
            metavar="FOLDER",
            show_default="selfserve-sweep",
            help="Where to write it.",
        ),
    ] = None,
) -> None:
    """End clusters that are idle, too old, stuck or orphaned; say why, cluster by cluster.

    Example: selfserve sweep --dry-run

    Example: selfserve sweep --watch --on aws

    Example: selfserve sweep --install --on aws

    A cluster ends at the second of two looks at least 5 minutes apart, never while
    something is, or may be, at work on it or is being submitted to it, and never if it is
    protected or was not started by selfserve. Run it from as many machines as you like.
    """
    from selfserve.core.sweeping import SweepPolicy

    this = invocation(ctx)
    policy = SweepPolicy(period=_parse_period(every), all_at_once=all_at_once, dry_run=dry_run)
    if install or into is not None:
        _install(this, into, policy, alone=install and not (watch or dry_run or all_at_once))
        return
    target = this.targets.peek(this.on)
    if target is None:
        _say_nothing_runs(this)
    elif watch:
        _watch(this, target, policy)
    else:
        _sweep_once(this, target, policy)


def _install(this: Invocation, into: Path | None, policy: "SweepPolicy", *, alone: bool) -> None:
    from selfserve.cli.sweep_install import FOLDER, install

    if not alone:
        raise BadInputError(
            "--install goes with --into and --every only, and --into with --install.",
            hint="selfserve sweep --install --into sweeper --every 10m",
        )
    install(this, into or FOLDER, every=policy.period)


def _parse_period(text: str) -> timedelta:
    from selfserve.core.durations import parse_duration

    try:
        period = parse_duration(text)
    except ValueError as error:
        raise BadInputError(f"--every: {error}", hint="selfserve sweep --every 10m") from error
    if period < _LEAST_PERIOD:
        raise BadInputError(
            f"--every {text} is too short: AWS admits only so many requests.",
            hint=f"Take {format_duration(_LEAST_PERIOD)} or more; 10m is usual.",
        )
    if period > _MOST_PERIOD:
        raise BadInputError(
            f"--every {text} is too long: meanwhile nobody would look at the clusters.",
            hint=f"Take {format_duration(_MOST_PERIOD)} or less; 10m is usual.",
        )
    return period


def _say_nothing_runs(this: Invocation) -> None:
    from selfserve.core.sweep_report import SweepReport

    if this.output.as_json:
        nothing = SweepReport(sweep_id="", time=datetime.now(UTC), lines=())
        this.output.json(_to_json(nothing, on="local"))
    this.output.say("Nothing runs on this machine, so there is nothing to sweep.")


def _sweep_once(this: Invocation, target: "Target", policy: "SweepPolicy") -> None:
    from selfserve.usecases.sweep import sweep as sweep_clusters

    with this.progress() as report:
        found = sweep_clusters(target, policy, report)
    _show(this, target, found)
    if (due := found.next_due) is not None and not policy.dry_run:
        number = _count(len(found.having_warned()))
        this.output.say(
            f"Run it again after {_local_time(due)} to end {number}, unless used until then; "
            "or leave it to: selfserve sweep --watch"
        )
    if found.failures:
        raise AwsError(
            f"AWS has refused part of it: {found.failures[0]}",
            hint="The rest is done. Try again in a minute: selfserve sweep",
        )


def _watch(this: Invocation, target: "Target", policy: "SweepPolicy") -> None:
    from selfserve.usecases.sweep_watch import watch

    this.output.say(
        f"Sweeping {target.label} every {format_duration(policy.period)}; end it with Ctrl-C."
    )
    with _ended_by_sigterm(), this.progress() as report:

        def swept(found: "SweepReport") -> None:
            report.close()
            _show(this, target, found, one_of_several=True)
            for failure in found.failures:
                this.output.say(f"AWS has refused part of it: {failure}")

        try:
            watch(target, policy, report, swept=swept)
        except KeyboardInterrupt:
            report.close()
            this.output.say("Not sweeping any more.")


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """What systemd and `kill` send ends the watch as Ctrl-C does."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _show(
    this: Invocation, target: "Target", found: "SweepReport", *, one_of_several: bool = False
) -> None:
    if this.output.as_json:
        write = this.output.json_line if one_of_several else this.output.json
        write(_to_json(found, on=target.label))
        return
    if found.lines:
        this.output.table(_COLUMNS, [_to_cells(line, found.time) for line in found.lines])
    for note in found.notes:
        this.output.say(note)
    done = ", ".join(_in_words(found)) or "no clusters"
    would = "A dry run, nothing was changed. " if found.dry_run else ""
    this.output.say(f"{would}On {target.label}: {done}.")


def _in_words(found: "SweepReport") -> Iterator[str]:
    """`2 ended, 3 warned of, 40 kept`."""
    from selfserve.core.sweep_report import VERDICT_WORDS

    for verdict, words in VERDICT_WORDS.items():
        if number := len(found.having(verdict)):
            yield f"{number} {words}"


def _to_cells(line: "SweepLine", now: datetime) -> list[str]:
    return [
        line.name,
        line.owner,
        line.state,
        line.verdict,
        to_words(now - line.idle_since) if line.idle_since else "-",
        _local_time(line.ends_at) if line.ends_at else "-",
        line.reason,
        line.id,
    ]


def _local_time(moment: datetime) -> str:
    here = moment.astimezone()
    is_today = here.date() == datetime.now(UTC).astimezone().date()
    return f"{here:%H:%M}" if is_today else f"{here:%Y-%m-%d %H:%M}"


def _to_json(found: "SweepReport", *, on: str) -> dict[str, object]:
    return {
        "sweep_id": found.sweep_id,
        "on": on,
        "time": _utc(found.time),
        "dry_run": found.dry_run,
        "clusters": [_line_to_json(line) for line in found.lines],
        "counts": {verdict: len(found.having(verdict)) for verdict in found.verdicts()},
        "next_due": _utc(found.next_due),
        "notes": list(found.notes),
        "failures": list(found.failures),
        "calls": found.calls,
    }


def _line_to_json(line: "SweepLine") -> dict[str, object]:
    return {
        "id": line.id,
        "name": line.name,
        "owner": line.owner,
        "profile": line.profile,
        "state": line.state,
        "created": _utc(line.created),
        "decision": line.verdict,
        "reason": line.reason,
        "idle_since": _utc(line.idle_since),
        "ends_at": _utc(line.ends_at),
    }


def _utc(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def _count(number: int) -> str:
    return "1 cluster" if number == 1 else f"{number} clusters"
