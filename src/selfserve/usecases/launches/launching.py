"""Launch a cluster: exactly one per intent, although RunJobFlow has no idempotency token.

Before EMR is asked, the intent is written down under a launch id that is part
of the cluster's name. When an answer is lost, the cluster is looked for by that
id and adopted. A named cluster also needs the claim to its name (`claims.py`).
"""

import contextlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from selfserve.core.attempts import with_launch_id
from selfserve.core.cluster import ClusterSummary
from selfserve.core.diff import Change, diff_specs
from selfserve.core.launch import LaunchSpec, StepSpec
from selfserve.core.launch_json import spec_from_json, spec_to_json
from selfserve.core.naming import bootstrap_key, is_name_part, launch_key
from selfserve.core.render import RenderValues, bootstrap_scripts, referenced_names, render
from selfserve.core.resolve import Resolved
from selfserve.errors import (
    AwsError,
    BadInputError,
    ClusterFailedError,
    OutcomeUnknownError,
    SelfserveError,
)
from selfserve.usecases.launches.claims import CLOCKS_DIFFER, claim_name, holds_name, release_name
from selfserve.usecases.launches.clusters import list_ours
from selfserve.usecases.launches.shipped import read_bootstrap_script
from selfserve.usecases.placement.leases import end_unused
from selfserve.usecases.progress import Note, Report, Waiting, quiet
from selfserve.usecases.targets.clock import Clock
from selfserve.usecases.targets.target import Place, Target


@dataclass(frozen=True, slots=True)
class Launched:
    """A cluster that was asked for, or that was there already."""

    cluster_id: str
    launch_id: str
    spec: LaunchSpec | None
    """None for a cluster that was there already and whose intent record is lost."""
    reused: bool


@dataclass(frozen=True, slots=True)
class LaunchedShared:
    """A cluster that was asked for, for whoever comes."""

    cluster_id: str
    spec: LaunchSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What is wanted, before it has a launch id."""

    resolved: Resolved
    name: str
    steps: tuple[StepSpec, ...] = ()
    keep_alive: bool = True

    def spec(self, place: Place, launch_id: str) -> LaunchSpec:
        """The launch spec at `place`; asks for the account only if the profile names it."""
        needs_account = "account" in referenced_names(self.resolved)
        values = RenderValues(
            user=place.user,
            team=place.team,
            region=place.region,
            account=place.account() if needs_account else None,
            bucket=place.bucket,
            installation=place.installation,
            profile=self.resolved.name,
            name=self.name,
            launch_id=launch_id,
            bootstrap=_hashes(bootstrap_scripts(self.resolved)),
            subnets=place.subnets,
            security_configuration=place.security_configuration,
        )
        spec = render(self.resolved, values, steps=self.steps, keep_alive=self.keep_alive)
        # Its only step ends it, which EMR takes with one step at a time only.
        return spec if self.keep_alive else replace(spec, step_concurrency=1)


def launch(
    target: Target,
    resolved: Resolved,
    *,
    name: str,
    steps: Sequence[StepSpec] = (),
    keep_alive: bool = True,
    report: Report = quiet,
) -> Launched:
    """Ask for a cluster and return at once; it is usually still STARTING.

    With `keep_alive` the cluster has this user's `name` to itself: if one is live
    already, or is being launched at this moment, that one is returned instead.
    Without, the cluster lives for `steps` only and `name` is taken to be unique.

    Raises:
        BadInputError: the profile cannot be rendered, or EMR would refuse the request.
        OutcomeUnknownError: EMR's answer was lost and no such cluster has appeared.
    """
    check_name(name)
    check_name(resolved.name)
    intent = Intent(resolved=resolved, name=name, steps=tuple(steps), keep_alive=keep_alive)
    launch_id = new_launch_id(target.clock)
    spec = intent.spec(target, launch_id)
    _upload_bootstrap(target, bootstrap_scripts(resolved))
    if keep_alive:
        return _launch_named(target, spec, report)
    return Launched(_start(target, spec, report), launch_id, spec, reused=False)


def launch_shared(
    target: Target, resolved: Resolved, launch_id: str, *, report: Report
) -> LaunchedShared:
    """Ask for a cluster that others may join, under a name that nobody else can want.

    Not idempotent: the caller sees to it that only one of those who want it asks.

    Raises: as `launch` does.
    """
    profile = resolved.profile.model_copy(update={"shared": True})
    intent = Intent(resolved=replace(resolved, profile=profile), name=f"shared-{launch_id}")
    spec = intent.spec(target, launch_id)
    _upload_bootstrap(target, bootstrap_scripts(resolved))
    return LaunchedShared(_start(target, spec, report), spec)


def launch_again(target: Target, spec: LaunchSpec, *, report: Report) -> Launched:
    """Ask for a cluster in place of one that has failed and is gone, under a new launch id.

    A named one may meet another launch of its name, and is then joined as in `launch`.

    Raises: as `launch` does.
    """
    renewed = with_launch_id(spec, new_launch_id(target.clock))
    if spec.keep_alive:
        return _launch_named(target, renewed, report)
    cluster_id = _start(target, renewed, report)
    return Launched(cluster_id, renewed.name.launch_id, renewed, reused=False)


def check_name(name: str) -> None:
    """Raises BadInputError for a name that no cluster can have."""
    if not is_name_part(name):
        raise BadInputError(
            f"{name!r} cannot be a cluster's name.",
            hint="Use up to 48 letters, digits and . _ @ -, beginning with a letter or digit.",
        )


def new_launch_id(clock: Clock) -> str:
    """An id that nobody else has, such as 20261121-a1b2c3; sorts by day."""
    return f"{clock.now():%Y%m%d}-{secrets.token_hex(3)}"


def read_intent(target: Target, launch_id: str) -> LaunchSpec | None:
    """The spec that a cluster was launched with, or None when its record is gone."""
    body = target.store.get(launch_key(launch_id))
    return None if body is None else spec_from_json(body.decode())


def what_differs(target: Target, resolved: Resolved, running: LaunchSpec) -> list[Change]:
    """How the running cluster differs from what `resolved` would launch under its name."""
    wanted = Intent(resolved=resolved, name=running.name.name)
    return diff_specs(running, wanted.spec(target, running.name.launch_id))


def _launch_named(target: Target, spec: LaunchSpec, report: Report) -> Launched:
    name, launch_id = spec.name.name, spec.name.launch_id
    live = claim_name(target, name, launch_id, report=report)
    if live is not None:
        return _join(target, live)
    try:
        cluster_id = _start(target, spec, report)
    except OutcomeUnknownError:
        raise  # the claim stays: the next `up` waits for the cluster that may yet come
    except SelfserveError:
        with contextlib.suppress(AwsError):  # the claim stops counting by itself
            release_name(target, name, launch_id)
        raise
    if _still_holds_name(target, spec, cluster_id, report):
        return Launched(cluster_id, launch_id, spec, reused=False)
    return _yield_name(target, spec, cluster_id, report)


def _still_holds_name(target: Target, spec: LaunchSpec, cluster_id: str, report: Report) -> bool:
    """Whether nobody has overtaken us; if that cannot be seen, a sweep will end the second."""
    try:
        return holds_name(target, spec.name.name, spec.name.launch_id)
    except AwsError as error:
        report(Note(f"Going on with {cluster_id}, though its name could not be checked: {error}"))
        return True


def _yield_name(target: Target, spec: LaunchSpec, cluster_id: str, report: Report) -> Launched:
    """We were so slow that another launch took the name over: keep the other's cluster."""
    name = spec.name.name
    if end_unused(target, cluster_id, spec.name.launch_id):
        report(Note(f"Another launch of {name} was faster; {cluster_id} is ended again."))
    else:
        report(Note(f"Another launch of {name} was faster; {cluster_id} ends when it is idle."))
    live = claim_name(target, name, spec.name.launch_id, report=report)
    if live is not None:
        return _join(target, live)
    release_name(target, name, spec.name.launch_id)
    raise ClusterFailedError(
        f"Two launches of {name} met, and neither cluster is left.",
        hint="Run the same command again.",
    )


def _join(target: Target, live: ClusterSummary) -> Launched:
    launch_id = live.name.launch_id if live.name else ""
    return Launched(live.id, launch_id, read_intent(target, launch_id), reused=True)


def _start(target: Target, spec: LaunchSpec, report: Report) -> str:
    """Write the intent down, ask for the cluster, and find it if the answer is lost."""
    launch_id = spec.name.launch_id
    record = spec_to_json(spec).encode()
    if not target.store.put(launch_key(launch_id), record, only_if_absent=True):
        raise AwsError(
            f"Launch id {launch_id} is taken already.", hint="Run the same command again."
        )
    try:
        return target.backend.launch(spec)
    except OutcomeUnknownError as error:
        try:
            cluster_id = _find_launched(target, spec, report)
        except AwsError:
            cluster_id = None  # so nobody knows, as the first error says
        if cluster_id is None:
            raise
        report(Note(f"{error} It did: going on with {cluster_id}."))
        return cluster_id


def _find_launched(target: Target, spec: LaunchSpec, report: Report) -> str | None:
    """Look for the cluster of this launch until it would have appeared."""
    started = target.clock.now()
    while target.clock.now() - started <= target.pace.appears_within:
        ours = list_ours(target, states=(), created_after=started - CLOCKS_DIFFER)
        for name, cluster in ours:
            if name.launch_id == spec.name.launch_id:
                return cluster.id
        report(Waiting(f"a sign of cluster {spec.name.name}; EMR's answer was lost", since=started))
        target.clock.sleep(target.pace.quickest)
    return None


def _upload_bootstrap(target: Target, scripts: Sequence[str]) -> None:
    for script in scripts:
        content = read_bootstrap_script(script)
        key = bootstrap_key(sha256(content).hexdigest(), script)
        if not target.store.exists(key):
            target.store.put(key, content)


def _hashes(scripts: Sequence[str]) -> Mapping[str, str]:
    return {script: sha256(read_bootstrap_script(script)).hexdigest() for script in scripts}
