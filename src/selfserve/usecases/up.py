"""Bring a named cluster up, or find it up already."""

from collections.abc import Sequence
from dataclasses import dataclass

from selfserve.core.cluster import Cluster
from selfserve.core.diff import Change
from selfserve.core.launch import LaunchSpec
from selfserve.core.resolve import Resolved
from selfserve.usecases.clusters import find_live
from selfserve.usecases.launching import check_name, launch, read_intent, what_differs
from selfserve.usecases.progress import Note, Report, quiet
from selfserve.usecases.target import Target
from selfserve.usecases.waiting import wait_until_ready


@dataclass(frozen=True, slots=True)
class Up:
    """The cluster that has the name now."""

    cluster: Cluster
    name: str
    reused: bool
    spec: LaunchSpec | None
    """What it was launched with; None when it was there and its record is lost."""
    changes: Sequence[Change] = ()
    """How a reused cluster differs from what was asked for."""


def up(
    target: Target,
    resolved: Resolved,
    *,
    name: str,
    wait: bool = True,
    report: Report = quiet,
) -> Up:
    """Start this user's cluster `name`, or reuse the one that is live.

    With `wait`, returns when it takes jobs; else as soon as EMR has accepted it.

    Raises:
        BadInputError: the profile or the name cannot be used.
        ClusterFailedError: it could not start.
    """
    check_name(name)
    live = find_live(target, name)
    if live is not None and live.name is not None:
        cluster_id, reused = live.id, True
        spec = read_intent(target, live.name.launch_id)
        report(Note(f"Cluster {name} is there already: {live.id}, {live.state}."))
    else:
        launched = launch(target, resolved, name=name, report=report)
        cluster_id, spec, reused = launched.cluster_id, launched.spec, launched.reused
        verb = "Joined" if reused else "Asked for"
        report(Note(f"{verb} cluster {name} on {target.label}: {cluster_id}."))
    return Up(
        cluster=(
            wait_until_ready(target, cluster_id, report=report)
            if wait
            else target.backend.describe(cluster_id)
        ),
        name=name,
        reused=reused,
        spec=spec,
        changes=what_differs(target, resolved, spec) if reused and spec else (),
    )
