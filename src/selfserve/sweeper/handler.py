"""AWS Lambda calls `handle` every few minutes: one sweep, and one line of log per cluster.

`template.yaml` sets the environment. What AWS refuses fails the call after all else is
done, as that is what the alarm watches.
"""

import logging
import os
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from selfserve.core.durations import parse_duration
from selfserve.core.sweep_report import SweepLine, SweepReport, Verdict
from selfserve.core.sweeping import SweepPolicy
from selfserve.errors import AwsError
from selfserve.usecases.sweep import sweep
from selfserve.usecases.targets.connecting import connect_aws
from selfserve.usecases.targets.target import AWS, Place

_log = logging.getLogger("selfserve")
_UNCHANGED = {Verdict.KEEP, Verdict.FOREIGN}
_WRONG = {Verdict.REFUSED, Verdict.UNKNOWN}


def handle(event: Mapping[str, object], context: object) -> dict[str, Any]:
    """Sweep, and return the decisions as JSON; `{"dry_run": true}` changes nothing.

    Raises:
        AwsError: the sweep could not do all that it had to; the log says what it did.
    """
    del context  # Lambda's; Any in the answer: JSON
    policy = SweepPolicy(
        period=parse_duration(os.environ["SELFSERVE_SWEEP_PERIOD"]),
        dry_run=event.get("dry_run") is True,
    )
    report = sweep(connect_aws(_place()), policy)
    for line in report.lines:
        level = logging.WARNING if line.verdict in _WRONG else logging.INFO
        _log.log(level, "%s", _to_words(line))
    for note in report.notes:
        _log.info("%s", note)
    for failure in report.failures:
        _log.error("%s", failure)
    if report.failures:
        raise AwsError(
            f"{len(report.failures)} of the sweep's requests failed: {report.failures[0]}",
            hint="See the log for what was done; the next sweep tries the rest again.",
        )
    return _to_answer(report)


def _place() -> Place:
    return Place(
        kind=AWS,
        label=AWS,
        region=os.environ["AWS_REGION"],
        bucket=os.environ["SELFSERVE_BUCKET"],
        installation=os.environ["SELFSERVE_INSTALLATION"],
        user="sweeper",
        find_account=_no_account,
    )


def _no_account() -> str:
    raise ValueError("a sweep does not need the account's number")


def _to_words(line: SweepLine) -> str:
    return f"{line.verdict} {line.id} {line.name} of {line.owner}: {line.reason}"


def _to_answer(report: SweepReport) -> dict[str, Any]:
    """All but the clusters that stay as they are; Lambda's answers end at 6 MB."""
    changed = [line for line in report.lines if line.verdict not in _UNCHANGED]
    return {
        "sweep_id": report.sweep_id,
        "time": report.time.isoformat(),
        "dry_run": report.dry_run,
        "clusters": len(report.lines),
        "decisions": [_to_json(line) for line in changed],
        "notes": list(report.notes),
        "calls": report.calls,
    }


def _to_json(line: SweepLine) -> dict[str, object]:
    return {
        key: value.isoformat() if isinstance(value, datetime) else value
        for key, value in asdict(line).items()
    }
