"""What differs between two launches, in the words of the spec. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from selfserve.core.durations import format_duration
from selfserve.core.launch import Configuration, Fleet, LaunchSpec
from selfserve.core.naming import (
    TAG_IDLE,
    TAG_LAUNCH_ID,
    TAG_MAX_AGE,
    TAG_SHARED,
    TAG_SPEC,
)


@dataclass(frozen=True, slots=True)
class Change:
    """One value that differs; None on the side that does not have it."""

    path: str
    before: str | None
    after: str | None


def diff_specs(before: LaunchSpec, after: LaunchSpec) -> list[Change]:
    """Every difference, in the order of the spec; the launch id is none."""
    old, new = dict(_entries(before)), dict(_entries(after))
    return [
        Change(path, old.get(path), new.get(path))
        for path in dict.fromkeys((*old, *new))
        if old.get(path) != new.get(path)
    ]


def _entries(spec: LaunchSpec) -> Iterator[tuple[str, str]]:
    """Every value as path and text, without the launch id."""
    for path, value in _values(spec):
        if value is not None:
            yield path, str(value).replace(spec.name.launch_id, "<launch id>")


def _values(spec: LaunchSpec) -> Iterator[tuple[str, object]]:
    for part in ("installation", "profile", "owner", "name"):
        yield part, getattr(spec.name, part)
    yield "release", spec.release
    yield "spark", spec.spark
    yield "applications", ", ".join(spec.applications)
    for fleet in spec.fleets:
        yield from _fleet(f"nodes.{fleet.role}", fleet)
    yield "scale.min_units", spec.scaling.minimum_units
    yield "scale.max_units", spec.scaling.maximum_units
    yield "scale.max_on_demand_units", spec.scaling.maximum_on_demand_units
    yield "scale.max_core_units", spec.scaling.maximum_core_units
    by_hand = spec.scaling.by_hand
    yield "scale.by", "hand" if by_hand else "load"
    yield "scale.by_hand.min_units", by_hand and by_hand.minimum_units
    yield "scale.by_hand.max_units", by_hand and by_hand.maximum_units
    yield "shutdown.idle", format_duration(spec.idle_timeout)
    yield "shutdown.max_age", format_duration(spec.max_age)
    yield "keep_alive", spec.keep_alive
    yield "iam.service_role", spec.service_role
    yield "iam.instance_profile", spec.instance_profile
    yield "logs", spec.log_uri
    ours = {TAG_LAUNCH_ID, TAG_SPEC, TAG_IDLE, TAG_MAX_AGE, TAG_SHARED}
    yield from _mapping("tags", {key: spec.tags[key] for key in spec.tags if key not in ours})
    for configuration in spec.configurations:
        yield from _configuration("conf", configuration)
    for action in spec.bootstrap:
        yield f"bootstrap.{action.name}", " ".join((action.s3_uri, *action.args))
    for index, step in enumerate(spec.steps):
        yield f"steps[{index}]", " ".join((step.name, step.on_failure, step.jar, *step.args))
    yield "step_concurrency", spec.step_concurrency
    yield "shared", spec.shared
    yield "subnets", ", ".join(spec.subnets)
    yield "security_configuration", spec.security_configuration
    yield "root_disk", spec.root_volume_gib
    yield "ssh_key", spec.ssh_key
    yield from _mapping("vars", spec.vars)


def _fleet(path: str, fleet: Fleet) -> Iterator[tuple[str, object]]:
    choices = (f"{choice.instance_type} ({choice.units})" for choice in fleet.choices)
    yield f"{path}.types", ", ".join(choices)
    yield f"{path}.units", fleet.target_units
    yield f"{path}.market", fleet.market
    yield f"{path}.fallback", "on-demand" if fleet.fallback_to_on_demand else None
    yield f"{path}.spot_timeout", format_duration(fleet.spot_timeout)
    yield f"{path}.disk", fleet.disk_gib


def _configuration(path: str, configuration: Configuration) -> Iterator[tuple[str, object]]:
    here = f"{path}.{configuration.classification}"
    yield from _mapping(here, configuration.properties)
    for nested in configuration.nested:
        yield from _configuration(here, nested)


def _mapping(path: str, values: Mapping[str, str]) -> Iterator[tuple[str, object]]:
    yield from ((f"{path}.{key}", value) for key, value in values.items())
