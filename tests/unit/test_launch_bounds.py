"""Every request for a cluster says what ends it, whatever its profile says.

A cluster whose client has died is then ended by EMR, or by its own timer.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from profile_strategies import Files, profile_files
from profile_texts import render_values, resolve_small
from selfserve.aws.emr_model import shape_problems
from selfserve.aws.emr_rules.rules import rule_problems
from selfserve.backends.emr.translate import to_run_job_flow
from selfserve.core.durations import parse_duration
from selfserve.core.naming import (
    TAG_IDLE,
    TAG_INSTALLATION,
    TAG_LAUNCH_ID,
    TAG_MAX_AGE,
    TAG_NAME,
    TAG_OWNER,
    TAG_PROFILE,
    TAG_SHARED,
    TAG_SPEC,
)
from selfserve.core.problems import ProfileError
from selfserve.core.render import render
from selfserve.core.resolve import Resolved, resolve
from specs import step

Json = dict[str, Any]  # EMR's JSON, as the test reads it back

_OURS = {
    *(TAG_INSTALLATION, TAG_PROFILE, TAG_OWNER, TAG_NAME, TAG_LAUNCH_ID),
    *(TAG_SPEC, TAG_IDLE, TAG_MAX_AGE, TAG_SHARED),
}
_LIMITS = {
    "UnitType",
    "MinimumCapacityUnits",
    "MaximumCapacityUnits",
    "MaximumOnDemandCapacityUnits",
    "MaximumCoreCapacityUnits",
}
_LONGEST_IDLE_S = 604_800


@settings(max_examples=3_000)
@given(
    files=profile_files(),
    steps=st.integers(0, 2),
    keep_alive=st.booleans(),
    subnets=st.sampled_from([(), ("subnet-1",), ("subnet-1", "subnet-2")]),
)
def test_every_request_bounds_its_own_cost(
    *,
    files: Files,
    steps: int,
    keep_alive: bool,
    subnets: tuple[str, ...],
) -> None:
    resolved = resolve(files.leaf, load=files.load)
    values = replace(render_values(resolved), subnets=subnets)
    jobs = [step(f"job-{number}") for number in range(steps)]

    spec = render(resolved, values, steps=jobs, keep_alive=keep_alive)
    request = cast("Json", to_run_job_flow(spec))

    event(f"{len(files.documents)} files")
    assert shape_problems("RunJobFlow", request) == []
    assert rule_problems("RunJobFlow", request) == []
    assert request["Instances"]["KeepJobFlowAliveWhenNoSteps"] is keep_alive
    assert request["Instances"]["TerminationProtected"] is False
    assert request["LogUri"].startswith("s3://")
    assert_idle_time_is_bounded(request, resolved)
    assert_scaling_is_bounded(request)
    assert_tags_say_whose_it_is(request, resolved)
    assert_timer_keeps_the_maximum_age(request, resolved)


def assert_idle_time_is_bounded(request: Json, resolved: Resolved) -> None:
    timeout = request["AutoTerminationPolicy"]["IdleTimeout"]

    assert 60 <= timeout <= _LONGEST_IDLE_S
    assert timedelta(seconds=timeout) <= resolved.profile.shutdown.idle


def assert_scaling_is_bounded(request: Json) -> None:
    limits = request["ManagedScalingPolicy"]["ComputeLimits"]

    assert set(limits) == _LIMITS
    most = limits["MaximumCapacityUnits"]
    assert 1 <= limits["MinimumCapacityUnits"] <= most
    assert 0 <= limits["MaximumOnDemandCapacityUnits"] <= most
    assert 1 <= limits["MaximumCoreCapacityUnits"] <= most
    workers = request["Instances"]["InstanceFleets"][1:]
    targets = ("TargetOnDemandCapacity", "TargetSpotCapacity")
    assert sum(fleet.get(target, 0) for fleet in workers for target in targets) <= most


def assert_tags_say_whose_it_is(request: Json, resolved: Resolved) -> None:
    tags = {tag["Key"]: tag["Value"] for tag in request["Tags"]}

    assert set(tags) >= _OURS
    assert len(tags) == len(request["Tags"])
    assert parse_duration(tags[TAG_IDLE]) == resolved.profile.shutdown.idle
    assert parse_duration(tags[TAG_MAX_AGE]) == resolved.profile.shutdown.max_age
    assert request["Name"].split("/")[1:] == [
        tags[name] for name in (TAG_INSTALLATION, TAG_PROFILE, TAG_OWNER, TAG_NAME, TAG_LAUNCH_ID)
    ]


def assert_timer_keeps_the_maximum_age(request: Json, resolved: Resolved) -> None:
    scripts = [action["ScriptBootstrapAction"] for action in request["BootstrapActions"]]
    timers = [script for script in scripts if script["Path"].endswith("/max-age.sh")]

    max_age = str(resolved.profile.shutdown.max_age // timedelta(seconds=1))
    assert [timer["Args"] for timer in timers] == [[max_age]]


@pytest.mark.parametrize(
    "bootstrap",
    [
        pytest.param("{max-age: null}", id="without-the-timer"),
        pytest.param("{max-age: {script: other.sh}}", id="another-script-in-its-place"),
    ],
)
def test_a_profile_without_the_timer_is_refused(bootstrap: str) -> None:
    with pytest.raises(ProfileError, match=r"max-age\.sh"):
        resolve_small(f"bootstrap: {bootstrap}")


@pytest.mark.parametrize(
    "args", ["[]", '["31536000"]', '["{{ launch_id }}"]', '["--never", "{{ max_age_seconds }}"]']
)
def test_a_profile_whose_timer_has_another_age_is_refused(args: str) -> None:
    with pytest.raises(ProfileError, match=r"bootstrap\.max-age\.args: needs"):
        resolve_small(f"bootstrap: {{max-age: {{args: {args}}}}}")


def test_a_timer_may_be_spelled_and_named_as_one_likes() -> None:
    own = "{script: max-age.sh, args: ['{{max_age_seconds}}']}"

    assert resolve_small(f"bootstrap: {{max-age: null, mine: {own}}}").profile.bootstrap


def test_a_profile_of_a_release_without_auto_termination_is_refused() -> None:
    with pytest.raises(ProfileError, match=r"6\.0\.1 has no auto-termination"):
        resolve_small("spark: null\nrelease: emr-6.0.1\n")
