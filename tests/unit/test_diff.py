"""What differs between two launches; and a launch as JSON and back."""

from dataclasses import replace

import pytest

from profile_texts import render_values, resolve_small
from selfserve.core.diff import Change, diff_specs
from selfserve.core.launch import LaunchSpec, StepSpec
from selfserve.core.launch_json import spec_from_json, spec_to_json
from selfserve.core.render import render

EXTRA = "tags: {id: 'x-{{ launch_id }}'}\nconf: {spark-env: {export: {A: b}}}\n"


def launch(extra: str = "", *overrides: str, launch_id: str = "one") -> LaunchSpec:
    resolved = resolve_small(EXTRA + extra, *overrides)
    return render(resolved, render_values(resolved, launch_id))


def test_the_launch_id_is_no_difference() -> None:
    assert diff_specs(launch(launch_id="one"), launch(launch_id="two")) == []


@pytest.mark.parametrize(
    ("override", "changes"),
    [
        (
            "nodes.core.count=3",
            [
                Change("nodes.core.units", "2", "3"),
                Change("scale.min_units", "2", "3"),
                Change("scale.max_units", "2", "3"),
                Change("scale.max_on_demand_units", "2", "3"),
                Change("scale.max_core_units", "2", "3"),
            ],
        ),
        ("shutdown.idle=2h", [Change("shutdown.idle", "30m", "2h")]),
        ("conf.spark-env.export.A=c", [Change("conf.spark-env.export.A", "b", "c")]),
        ("conf.spark-env.export.B=c", [Change("conf.spark-env.export.B", None, "c")]),
        ("tags.id=null", [Change("tags.id", "x-<launch id>", None)]),
        ("root_disk=20", [Change("root_disk", None, "20")]),
        ("ssh_key=analysts", [Change("ssh_key", None, "analysts")]),
        (
            "nodes.core.types=[r6g.2xlarge]",
            [Change("nodes.core.types", "r7g.2xlarge (1)", "r6g.2xlarge (1)")],
        ),
    ],
)
def test_each_change_is_told_once(override: str, changes: list[Change]) -> None:
    assert diff_specs(launch(), launch("", override)) == changes


def test_a_launch_survives_json() -> None:
    steps = (StepSpec("job", ("spark-submit", "s3://lake/a.py")),)
    spec = replace(launch(), steps=steps, subnets=("subnet-1",))

    assert spec_from_json(spec_to_json(spec)) == spec


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"name": 3}'])
def test_what_is_no_launch_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a launch spec"):
        spec_from_json(text)
