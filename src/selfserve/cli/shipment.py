"""How a dry run of `submit` looks: what would be shipped, and what would be asked for."""

import shlex
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from selfserve.cli.joining_options import Where
from selfserve.cli.options import Invocation
from selfserve.cli.profile_options import resolve_profile
from selfserve.core.program import ArchiveRef, Entry
from selfserve.usecases.placement.destination import Joining

if TYPE_CHECKING:
    from selfserve.usecases.dry_run import DryRun, Shipped
    from selfserve.usecases.submit import Job


def show_dry_run(this: Invocation, job: "Job", where: Where) -> None:
    """Print all that submitting `job` would ship and ask for."""
    from selfserve.usecases.dry_run import dry_run

    with this.progress() as report:
        planned = dry_run(
            this.targets.place(this.on),
            this.targets.peek(this.on),
            job,
            cluster=where.cluster,
            joining=where.joining,
            load_profile=resolve_profile,
            report=report,
        )
    if this.output.as_json:
        this.output.json(_to_json(planned))
        return
    for label, text in _summary(planned):
        this.output.line(f"{label + ':' if label else '':<15}{text}")
    for columns, rows in _tables(planned):
        if rows:
            this.output.line("")
            this.output.table(columns, rows)
    this.output.say("Nothing was uploaded or started.")


def _summary(planned: "DryRun") -> Iterator[tuple[str, str]]:
    submission, program = planned.submission, planned.program
    yield "job", f"{program.name}{f', starts at {_entry(program.entry)}' if program.entry else ''}"
    yield "arguments", shlex.join(submission.args) or "none"
    yield "cluster", _cluster(planned)
    if program.python is not None:
        yield "python", f"{program.python.version} for {program.python.platform}"
    found = planned.packages_from or "none; nothing in or beside the job names any"
    yield "packages", found if program.entry else "none; only Python jobs have some"
    for pin in program.lock:
        yield "", pin
    for secret in submission.secrets:
        yield "secret", f"{secret.name} from {secret.reference}"
    yield "step", shlex.join(planned.step.args)


def _entry(entry: Entry) -> str:
    return "__main__.py" if entry.target == "." else f"{entry.kind} {entry.target}"


def _cluster(planned: "DryRun") -> str:
    destination, on = planned.destination, planned.place.label
    if destination.joined:
        return f"joins {destination.name} ({destination.cluster_id}), shared, on {on}"
    if destination.cluster_id is not None:
        return f"{destination.name} ({destination.cluster_id}), which is running on {on}"
    cost = planned.submission.hourly_cost
    price = f" (${cost.low:.2f} to ${cost.high:.2f} an hour on AWS)" if cost else ""
    if planned.joining is Joining.ALWAYS:
        return f"a shared {destination.profile} cluster, which others can join, on {on}{price}"
    return f"a {destination.profile} cluster for this run alone, on {on}{price}"


def _tables(planned: "DryRun") -> Iterator[tuple[Sequence[str], Sequence[Sequence[str]]]]:
    files = [(f"{file.size:,}", str(file.path)) for file in planned.files]
    yield ("bytes", "file of the job"), files
    yield ("left out", "because it is"), [(one.path, one.reason) for one in planned.left_out]
    objects = [(f"{one.size:,}", one.what, _upload(one), one.uri) for one in planned.objects]
    yield ("bytes", "object", "upload", "uri"), objects


def _upload(one: "Shipped") -> str:
    if one.is_there is None:
        return "unless it is there"
    return "no, it is there" if one.is_there else "yes"


def _to_json(planned: "DryRun") -> dict[str, object]:
    submission, program = planned.submission, planned.program
    destination, cost = planned.destination, submission.hourly_cost
    return {
        "on": planned.place.label,
        "job": program.name,
        "kind": str(program.kind),
        "entry": program.entry
        and {"kind": str(program.entry.kind), "target": program.entry.target},
        "args": list(submission.args),
        "flags": list(submission.flags),
        "step": list(planned.step.args),
        "cluster": destination.name,
        "cluster_id": destination.cluster_id,
        "joined": destination.joined,
        "profile": destination.profile,
        "release": destination.release,
        "cost_per_hour": cost and {"low": str(cost.low), "high": str(cost.high)},
        "python": program.python
        and {"version": program.python.version, "platform": program.python.platform},
        "secrets": [
            {"name": secret.name, "reference": secret.reference} for secret in submission.secrets
        ],
        "files": [{"path": str(file.path), "size": file.size} for file in planned.files],
        "left_out": [{"path": one.path, "reason": one.reason} for one in planned.left_out],
        "code": _archive(program.code),
        "dependencies": _archive(program.dependencies),
        "packages_from": planned.packages_from,
        "packages": list(program.lock),
        "objects": [
            {"what": one.what, "uri": one.uri, "size": one.size, "in_s3": one.is_there}
            for one in planned.objects
        ],
    }


def _archive(archive: ArchiveRef | None) -> dict[str, object] | None:
    if archive is None:
        return None
    return {"uri": archive.uri, "sha256": archive.sha256, "size": archive.size}
