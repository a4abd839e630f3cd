"""Bring a named cluster up, or find it up already."""

from collections.abc import Sequence
from dataclasses import dataclass

from selfserve.core.cluster import Cluster
from selfserve.core.diff import Change
from selfserve.core.launch import LaunchSpec
from selfserve.core.naming import ClusterName
from selfserve.core.resolve import Resolved
from selfserve.errors import BadInputError
from selfserve.usecases.launches.bringing_up import bring_up
from selfserve.usecases.launches.clusters import find_live
from selfserve.usecases.launches.launching import (
    Launched,
    check_name,
    launch,
    read_intent,
    what_differs,
)
from selfserve.usecases.progress import Note, Report, quiet
from selfserve.usecases.targets.target import Target


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

    With `wait`, returns when it takes jobs, and asks EC2 for other capacity if it has none
    of this; else as soon as EMR has accepted it.

    Raises:
        BadInputError: the profile or the name cannot be used, or a cluster of another
            profile has the name.
        ClusterFailedError: it could not start.
    """
    check_name(name)
    begun = _find_or_launch(target, resolved, name, report)
    if wait:
        begun, cluster = bring_up(target, begun, report=report)
    else:
        cluster = target.backend.describe(begun.cluster_id)
    spec, reused = begun.spec, begun.reused
    return Up(
        cluster=cluster,
        name=name,
        reused=reused,
        spec=spec,
        changes=what_differs(target, resolved, spec) if reused and spec else (),
    )


def _find_or_launch(target: Target, resolved: Resolved, name: str, report: Report) -> Launched:
    live = find_live(target, name)
    if live is not None and live.name is not None:
        _check_profile(live.name, resolved, target)
        report(Note(f"Cluster {name} is there already: {live.id}, {live.state}."))
        launch_id = live.name.launch_id
        return Launched(live.id, launch_id, read_intent(target, launch_id), reused=True)
    launched = launch(target, resolved, name=name, report=report)
    if launched.spec is not None:
        _check_profile(launched.spec.name, resolved, target)  # it may be another launch's
    verb = "Joined" if launched.reused else "Asked for"
    report(Note(f"{verb} cluster {name} on {target.label}: {launched.cluster_id}."))
    return launched


def _check_profile(there: ClusterName, wanted: Resolved, target: Target) -> None:
    """Not even nearly what is wanted may pass for it, such as Trino for Spark."""
    if there.profile != wanted.name:
        raise BadInputError(
            f"Cluster {there.name} on {target.label} is of profile {there.profile}, "
            f"not {wanted.name}.",
            hint=f"End it first: selfserve down {there.name}; or take another name: "
            f"selfserve up {wanted.name} --name NAME",
        )
