"""Submit a job: ship it, write down what is asked for, and hand it to EMR as a step.

The step goes to a live cluster, or into the launch of a cluster that lives for
this run only. `follow.py` watches it from then on.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from selfserve.core.cluster import Cluster
from selfserve.core.did_you_mean import did_you_mean
from selfserve.core.launch import StepSpec
from selfserve.core.naming import run_prefix
from selfserve.core.package import Package
from selfserve.core.resolve import Resolved
from selfserve.core.run import (
    JobKind,
    Placement,
    Submission,
    make_run_id,
    to_step,
)
from selfserve.errors import AwsError, NotFoundError, OutcomeUnknownError
from selfserve.usecases.clusters import list_ours
from selfserve.usecases.launching import launch
from selfserve.usecases.packaging import read_package, upload
from selfserve.usecases.progress import Note, Report, Waiting, quiet
from selfserve.usecases.runs import Run, find_step_of_run, save_placement, save_submission
from selfserve.usecases.target import Target

DEFAULT_PROFILES = {JobKind.PYTHON: "spark-ml", JobKind.SQL: "hive-batch"}
_STEP_APPEARS_WITHIN = timedelta(minutes=2)

LoadProfile = Callable[[str], Resolved]


@dataclass(frozen=True, slots=True)
class Job:
    """What the user wants to run."""

    path: Path
    args: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    """Flags of spark-submit, as they stand on its command line."""


def submit(
    target: Target,
    job: Job,
    *,
    cluster: str | None = None,
    load_profile: LoadProfile,
    on_prepared: Callable[[Submission], None] = lambda _: None,
    report: Report = quiet,
) -> Run:
    """Hand `job` to a cluster and return at once; it may have to wait for its turn there.

    `cluster` is the name or id of a live cluster, or else of the profile from which
    one is launched for this run only; without it, the usual profile of such a job.
    `on_prepared` hears of the run before EMR does, in case the rest is interrupted.

    Raises:
        BadInputError: the job, its profile or its cluster cannot be used.
        NotFoundError: there is neither such a cluster nor such a profile.
        OutcomeUnknownError: EMR's answer was lost, and the run has not appeared.
    """
    package = read_package(job.path)
    draft = _draft(target, job, package)
    wanted = cluster or DEFAULT_PROFILES[draft.kind]
    live = _find_cluster(target, wanted)
    if live is not None:
        submission = _for_cluster(draft, live)
        step = to_step(submission, live.applications)
        _record(target, package, submission, on_prepared)
        placement = _add_step(target, live.id, submission, step, report=report)
    else:
        resolved = _load(target, wanted, load_profile)
        submission = replace(draft, profile=resolved.name)
        step = to_step(submission, resolved.profile.applications)
        _record(target, package, submission, on_prepared)
        placement = _launch_for(target, resolved, submission, step, report=report)
    run = Run(submission, placement)
    save_placement(target.store, run)
    return run


def _draft(target: Target, job: Job, package: Package) -> Submission:
    """The submission as it is for a cluster of its own, before its profile is known."""
    now = target.clock.now()
    run_id = make_run_id(now, secrets.token_hex(3))
    return Submission(
        run_id=run_id,
        job=package.job.name,
        kind=package.kind,
        args=job.args,
        flags=job.flags,
        job_uri=package.job.uri(target.bucket),
        runner_uri=package.runner.uri(target.bucket) if package.runner else None,
        run_uri=f"s3://{target.bucket}/{run_prefix(run_id)}",
        cluster=run_id,
        is_transient=True,
        profile=None,
        owner=target.user,
        created=now,
    )


def _for_cluster(draft: Submission, cluster: Cluster) -> Submission:
    name = cluster.name
    return replace(
        draft,
        cluster=name.name if name else cluster.id,
        is_transient=False,
        profile=name.profile if name else None,
    )


def _record(
    target: Target,
    package: Package,
    submission: Submission,
    on_prepared: Callable[[Submission], None],
) -> None:
    upload(package, target.store)
    save_submission(target.store, submission)
    on_prepared(submission)


def _add_step(
    target: Target, cluster_id: str, submission: Submission, step: StepSpec, *, report: Report
) -> Placement:
    try:
        step_id = target.backend.add_steps(cluster_id, [step])[0]
    except OutcomeUnknownError:
        found = _look_for_step(target, cluster_id, submission.run_id, report)
        if found is None:
            raise
        step_id = found
    report(Note(f"Run {submission.run_id}: {submission.job} on cluster {submission.cluster}."))
    return Placement(cluster_id, step_id)


def _launch_for(
    target: Target, resolved: Resolved, submission: Submission, step: StepSpec, *, report: Report
) -> Placement:
    name = submission.cluster
    launched = launch(target, resolved, name=name, steps=[step], keep_alive=False, report=report)
    report(
        Note(
            f"Run {submission.run_id}: {submission.job} on a {resolved.name} cluster of its own, "
            f"{launched.cluster_id}, which ends with it."
        )
    )
    step_id = _look_for_step(target, launched.cluster_id, submission.run_id, report)
    if step_id is None:
        raise AwsError(
            f"EMR does not list the step of run {submission.run_id}.",
            hint=f"Look at its cluster: selfserve status {launched.cluster_id}",
        )
    return Placement(launched.cluster_id, step_id)


def _find_cluster(target: Target, wanted: str) -> Cluster | None:
    """The live cluster that this user calls `wanted`, or anybody's that has it as its id."""
    for name, cluster in list_ours(target):
        if wanted == cluster.id or (target.user, wanted) == (name.owner, name.name):
            return target.backend.describe(cluster.id)
    return None


def _load(target: Target, wanted: str, load_profile: LoadProfile) -> Resolved:
    """The profile called `wanted`; nothing else it could be is left.

    Raises:
        NotFoundError: the message knows of clusters, too.
    """
    try:
        return load_profile(wanted)
    except NotFoundError as error:
        names = [name.name for name, _ in list_ours(target) if name.owner == target.user]
        raise NotFoundError(
            f"Neither a running cluster nor a profile is called {wanted}"
            f"{did_you_mean(wanted, names)}",
            hint=f"{error} See clusters with: selfserve status; profiles with: selfserve profiles",
        ) from error


def _look_for_step(target: Target, cluster_id: str, run_id: str, report: Report) -> str | None:
    """Wait until EMR lists the run's step: it does so soon after it has accepted it."""
    started = target.clock.now()
    for pause in target.pace.steps():
        step = find_step_of_run(target, cluster_id, run_id)
        if step is not None:
            return step.id
        if target.clock.now() - started > _STEP_APPEARS_WITHIN:
            return None
        report(Waiting(f"EMR to list run {run_id}", since=started))
        target.clock.sleep(pause)
    raise AssertionError("a pace has no end")
