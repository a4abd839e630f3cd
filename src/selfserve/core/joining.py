"""Whether a run may join a cluster that is up already: what fits. Pure.

`core.slots` says whether there is room.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from selfserve.core.fitting import why_too_small
from selfserve.core.launch import BootstrapAction, Configuration, LaunchSpec

_TIME_LEFT = timedelta(minutes=10)
"""A cluster that is that close to its maximum age takes nobody in: its own timer ends it as
soon as no step runs, and asks no lease."""
_OWN_LIMIT = "/max-age.sh"
"""The script whose arguments say when the cluster ends, not what a job finds on it."""


def why_not(wanted: LaunchSpec, running: LaunchSpec) -> str | None:
    """Why a run that wants a cluster like `wanted` may not join `running`; None if it may.

    A sentence without its subject and its full stop, such as "runs emr-7.5.0, not emr-7.14.0".
    """
    return next(_obstacles(wanted, running), None)


def _obstacles(wanted: LaunchSpec, running: LaunchSpec) -> Iterator[str]:
    if not running.shared:
        yield "is not shared by its owner"
    if not running.keep_alive:
        yield "lives for one run only"
    yield from _other_access(wanted, running)
    yield from _other_software(wanted, running)
    too_small = why_too_small(wanted, running)
    if too_small is not None:
        yield too_small


def _other_access(wanted: LaunchSpec, running: LaunchSpec) -> Iterator[str]:
    if running.instance_profile != wanted.instance_profile:
        yield f"has the instance profile {running.instance_profile}, not {wanted.instance_profile}"
    if running.security_configuration != wanted.security_configuration:
        yield "has another security configuration"


def _other_software(wanted: LaunchSpec, running: LaunchSpec) -> Iterator[str]:
    if running.release != wanted.release:
        yield f"runs {running.release}, not {wanted.release}"
    lacking = [name for name in wanted.applications if name not in running.applications]
    if lacking:
        yield f"lacks {', '.join(lacking)}"
    if _bootstrap(running) != _bootstrap(wanted):
        yield "was bootstrapped by other scripts"
    if _configurations(running) != _configurations(wanted):
        yield "has another configuration"


def _bootstrap(spec: LaunchSpec) -> list[tuple[str, tuple[str, ...]]]:
    """What the scripts do; a URI names its script by its content."""
    return [(action.s3_uri, _args(spec, action)) for action in spec.bootstrap]


def _args(spec: LaunchSpec, action: BootstrapAction) -> tuple[str, ...]:
    if action.s3_uri.endswith(_OWN_LIMIT):
        return ()
    return tuple(_anonymous(spec, arg) for arg in action.args)


def _configurations(spec: LaunchSpec) -> dict[str, object]:
    """By classification: EMR does not mind their order."""
    return {one.classification: _settings(spec, one) for one in spec.configurations}


def _settings(spec: LaunchSpec, one: Configuration) -> tuple[dict[str, str], dict[str, object]]:
    plain = {key: _anonymous(spec, value) for key, value in one.properties.items()}
    return plain, {inner.classification: _settings(spec, inner) for inner in one.nested}


def _anonymous(spec: LaunchSpec, text: str) -> str:
    """Without the launch id, which no two launches have in common."""
    return text.replace(spec.name.launch_id, "<launch id>")


def has_time_left(spec: LaunchSpec, created: datetime, now: datetime) -> bool:
    """Whether the cluster, made at `created`, is far enough from its maximum age."""
    return created + spec.max_age - now >= _TIME_LEFT
