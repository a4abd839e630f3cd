"""From a resolved profile to a LaunchSpec: templates filled in, sizes turned into units.

Pure: whatever differs between launches comes in `RenderValues`.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta

from selfserve.core.durations import format_duration
from selfserve.core.launch import BootstrapAction, Configuration, LaunchSpec, StepSpec
from selfserve.core.naming import (
    TAG_IDLE,
    TAG_MAX_AGE,
    TAG_SHARED,
    TAG_SPEC,
    ClusterName,
    bootstrap_key,
)
from selfserve.core.problems import Problem, ProfileError
from selfserve.core.profile import Profile
from selfserve.core.resolve import Resolved
from selfserve.core.sizing import to_fleets, to_scaling
from selfserve.core.templates import Templates, names_in

_NO_LAUNCH_ID = "any"  # stands in for the launch id in the fingerprint


@dataclass(frozen=True, slots=True)
class RenderValues:
    """What a launch adds to its profile."""

    user: str
    team: str | None
    region: str
    account: str | None
    """None when the profile does not use it; see `referenced_names`."""
    bucket: str
    installation: str
    profile: str
    name: str
    launch_id: str
    bootstrap: Mapping[str, str] = field(default_factory=dict)
    """Script file name to the SHA-256 of its content."""
    subnets: tuple[str, ...] = ()
    security_configuration: str | None = None

    def for_templates(self, max_age: timedelta) -> dict[str, object]:
        """The names that templates see; what is not set is left out."""
        names = ("user", "team", "region", "account", "bucket", "installation")
        values = {name: getattr(self, name) for name in (*names, "profile", "name", "launch_id")}
        values["max_age_seconds"] = max_age // timedelta(seconds=1)
        return {name: value for name, value in values.items() if value is not None}


def referenced_names(resolved: Resolved) -> frozenset[str]:
    """The template names that the profile uses."""
    texts = (text for _, text in _texts(resolved.profile))
    return frozenset[str]().union(*map(names_in, texts))


def check_templates(resolved: Resolved) -> None:
    """Fill every template in with a stand-in, to find those that no target could fill in.

    Raises:
        ProfileError: every such place is named.
    """
    stand_ins = RenderValues(
        user="user",
        team="team",
        region="region",
        account="000000000000",
        bucket="bucket",
        installation="installation",
        profile=resolved.name,
        name=resolved.name,
        launch_id=_NO_LAUNCH_ID,
        bootstrap={},
    )
    _fill_in(resolved, stand_ins)


def bootstrap_scripts(resolved: Resolved) -> tuple[str, ...]:
    """File names in bootstrap/ that the profile names, each once."""
    return tuple(dict.fromkeys(action.script for action in resolved.profile.bootstrap.values()))


def render(
    resolved: Resolved,
    values: RenderValues,
    *,
    steps: Sequence[StepSpec] = (),
    keep_alive: bool = True,
) -> LaunchSpec:
    """The whole launch as data.

    Raises:
        ProfileError: a template cannot be filled in; every such place is named.
    """
    anonymous = _to_spec(resolved, replace(values, launch_id=_NO_LAUNCH_ID), keep_alive=keep_alive)
    spec = _to_spec(resolved, values, keep_alive=keep_alive)
    tags = {**spec.tags, TAG_SPEC: _fingerprint(anonymous)}
    return replace(spec, tags=tags, steps=tuple(steps))


def _fingerprint(spec: LaunchSpec) -> str:
    """Equal for launches that ask for the same cluster, whenever and wherever rendered."""
    fields = asdict(spec)
    if spec.ssh_key is None:
        del fields["ssh_key"]  # specs from before there was this field have no other fingerprint
    text = json.dumps(fields, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _to_spec(resolved: Resolved, values: RenderValues, *, keep_alive: bool) -> LaunchSpec:
    profile, release = resolved.profile, resolved.release
    name = ClusterName(
        values.installation, values.profile, values.user, values.name, values.launch_id
    )
    text = _fill_in(resolved, values)
    applications = tuple(map(release.emr_name, profile.applications))
    max_age = profile.shutdown.max_age
    return LaunchSpec(
        name=name,
        release=release.label,
        spark=release.spark if "Spark" in applications else None,
        applications=applications,
        fleets=to_fleets(profile),
        scaling=to_scaling(profile),
        idle_timeout=profile.shutdown.idle,
        max_age=max_age,
        keep_alive=keep_alive,
        service_role=text["iam.service_role"],
        instance_profile=text["iam.instance_profile"],
        log_uri=text["logs"],
        tags={
            **{key: text[f"tags.{key}"] for key in profile.tags},
            **name.tags(),
            # For the sweep, which reads tags and no records: what ends this cluster, and when.
            TAG_IDLE: format_duration(profile.shutdown.idle),
            TAG_MAX_AGE: format_duration(max_age),
            TAG_SHARED: "true" if profile.shared else "false",
        },
        configurations=_configurations(profile, text),
        bootstrap=_bootstrap(profile, values, text),
        step_concurrency=profile.step_concurrency,
        shared=profile.shared,
        subnets=values.subnets,
        security_configuration=values.security_configuration,
        root_volume_gib=profile.root_disk,
        ssh_key=profile.ssh_key,
        vars={key: text[f"vars.{key}"] for key in profile.vars},
    )


def _texts(profile: Profile) -> Iterator[tuple[str, str]]:
    """Every string that may hold a template, with its path; `vars` first, others may use them."""
    yield from ((f"vars.{key}", value) for key, value in profile.vars.items())
    yield "iam.service_role", profile.iam.service_role
    yield "iam.instance_profile", profile.iam.instance_profile
    yield "logs", profile.logs
    yield from ((f"tags.{key}", value) for key, value in profile.tags.items())
    for action_name, action in profile.bootstrap.items():
        path = f"bootstrap.{action_name}.args"
        yield from ((f"{path}[{index}]", value) for index, value in enumerate(action.args))
    for classification, properties in profile.conf.items():
        for key, value in properties.items():
            path = f"conf.{classification}.{key}"
            nested = value.items() if isinstance(value, dict) else [(None, value)]
            yield from ((f"{path}.{inner}" if inner else path, text) for inner, text in nested)


def _fill_in(resolved: Resolved, values: RenderValues) -> dict[str, str]:
    """Path to text, for every string that may hold a template."""
    profile = resolved.profile
    known = values.for_templates(profile.shutdown.max_age)
    own: dict[str, str] = {}
    for_vars, for_rest = Templates(known), Templates({**known, "vars": own})
    filled = {}
    for path, text in _texts(profile):
        place = str(resolved.origin_of(path))
        if path.startswith("vars."):
            filled[path] = for_vars.render(text, place=place, path=path)
            own[path.removeprefix("vars.")] = filled[path]
        else:
            filled[path] = for_rest.render(text, place=place, path=path)
    problems = [*for_vars.problems, *for_rest.problems]
    if not problems and not filled["logs"].startswith("s3://"):
        text = f"must be an s3:// URI, not {filled['logs']!r}"
        problems.append(Problem(str(resolved.origin_of("logs")), "logs", text))
    if problems:
        hint = f"See every value and its origin: selfserve profiles show {resolved.name}"
        raise ProfileError(f"profile {resolved.name}", problems, hint=hint)
    return filled


def _configurations(profile: Profile, text: Mapping[str, str]) -> tuple[Configuration, ...]:
    found = []
    for name, properties in profile.conf.items():
        path = f"conf.{name}"
        plain = {
            key: text[f"{path}.{key}"]
            for key, value in properties.items()
            if isinstance(value, str)
        }
        nested = tuple(
            Configuration(key, {inner: text[f"{path}.{key}.{inner}"] for inner in value})
            for key, value in properties.items()
            if isinstance(value, dict)
        )
        found.append(Configuration(name, plain, nested))
    return tuple(found)


def _bootstrap(
    profile: Profile, values: RenderValues, text: Mapping[str, str]
) -> tuple[BootstrapAction, ...]:
    actions = []
    for name, action in profile.bootstrap.items():
        key = bootstrap_key(values.bootstrap[action.script], action.script)
        args = tuple(text[f"bootstrap.{name}.args[{index}]"] for index in range(len(action.args)))
        actions.append(BootstrapAction(name, f"s3://{values.bucket}/{key}", args))
    return tuple(actions)
