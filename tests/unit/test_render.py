"""A resolved profile becomes a launch: templates, units, scaling, tags, bootstrap actions."""

from dataclasses import replace
from datetime import timedelta

import pytest

from profile_texts import SHA, SMALL, loader, render_values, resolve_small
from selfserve.core.launch import (
    BootstrapAction,
    Configuration,
    HandLimits,
    InstanceChoice,
    LaunchSpec,
    Market,
    NodeRole,
    Scaling,
    StepSpec,
)
from selfserve.core.problems import ProfileError
from selfserve.core.render import bootstrap_scripts, referenced_names, render
from selfserve.core.resolve import resolve


def render_small(extra: str = "", *overrides: str) -> LaunchSpec:
    resolved = resolve_small(extra, *overrides)
    return render(resolved, render_values(resolved))


def test_a_small_profile_renders_in_full() -> None:
    spec = render_small()

    assert str(spec.name) == "selfserve/lab/test/ada/mine/20261121-a1b2c3"
    assert (spec.release, spec.spark, spec.applications) == ("emr-7.14.0", "3.5.8", ("Spark",))
    assert [fleet.role for fleet in spec.fleets] == [NodeRole.PRIMARY, NodeRole.CORE]
    assert (spec.idle_timeout, spec.max_age) == (timedelta(minutes=30), timedelta(hours=12))
    assert (spec.service_role, spec.instance_profile) == ("service", "instance")
    assert spec.log_uri == "s3://lake/logs/"
    assert spec.keep_alive
    assert spec.steps == ()


def test_tags_say_whose_and_what_the_cluster_is() -> None:
    spec = render_small("tags: {owner: '{{ user }}', 'selfserve:owner': mallory}")

    assert spec.tags["owner"] == "ada"
    assert spec.tags["selfserve:owner"] == "ada"
    assert spec.tags["selfserve:max-age"] == "12h"
    assert spec.tags["selfserve:launch-id"] == "20261121-a1b2c3"
    assert len(spec.tags["selfserve:spec"]) == 16


def test_the_fingerprint_ignores_the_launch_id_and_nothing_else() -> None:
    resolved = resolve_small("tags: {id: '{{ launch_id }}'}")
    values = render_values(resolved)
    other = resolve_small("tags: {id: '{{ launch_id }}'}", "nodes.core.count=3")

    first = render(resolved, values).tags["selfserve:spec"]

    assert render(resolved, replace(values, launch_id="z")).tags["selfserve:spec"] == first
    assert render(other, values).tags["selfserve:spec"] != first
    assert render(resolved, replace(values, bucket="b")).tags["selfserve:spec"] != first
    assert render(resolved, values, keep_alive=False).tags["selfserve:spec"] != first


def test_steps_and_their_cluster_are_the_callers() -> None:
    resolved = resolve_small()
    step = StepSpec("job", ("spark-submit", "s3://lake/{{ not a template }}"))

    spec = render(resolved, render_values(resolved), steps=[step], keep_alive=False)

    assert spec.steps == (step,)
    assert not spec.keep_alive


def test_weights_are_vcpus_in_the_unit_that_all_workers_share() -> None:
    spec = render_small(
        "nodes:\n"
        "  core: {types: [r7g.2xlarge, r7g.xlarge], count: 3}\n"
        "  task: {types: [r7g.4xlarge, r6g.2xlarge], market: spot, fallback: on-demand, disk: 64}\n"
        "scale: {min: 4, max: 10}\n"
    )

    core, task = spec.fleet(NodeRole.CORE), spec.fleet(NodeRole.TASK)
    assert core is not None
    assert task is not None
    assert core.choices == (InstanceChoice("r7g.2xlarge", 2), InstanceChoice("r7g.xlarge", 1))
    assert task.choices == (InstanceChoice("r7g.4xlarge", 4), InstanceChoice("r6g.2xlarge", 2))
    assert (core.target_units, core.market) == (6, Market.ON_DEMAND)
    assert (task.target_units, task.market, task.disk_gib) == (4, Market.SPOT, 64)
    assert task.fallback_to_on_demand
    assert spec.scaling == Scaling(8, 20, maximum_on_demand_units=6, maximum_core_units=6)


@pytest.mark.parametrize(
    ("extra", "scaling", "task_units"),
    [
        pytest.param("", Scaling(2, 2, 2, 2), None, id="fixed-size"),
        pytest.param("scale: {min: 1, max: 9}", Scaling(1, 9, 9, 9), None, id="core-only"),
        pytest.param(
            "nodes: {task: {types: [r7g.2xlarge], market: spot}}\nscale: {min: 2, max: 9}",
            Scaling(2, 9, 2, 2),
            1,
            id="a-task-fleet-starts-with-one",
        ),
        pytest.param(
            "nodes: {task: {types: [r7g.2xlarge], market: spot}}\nscale: {min: 6, max: 9}",
            Scaling(6, 9, 2, 2),
            4,
            id="task-nodes-make-up-the-minimum",
        ),
        pytest.param(
            "nodes: {task: {types: [r7g.2xlarge], market: spot, count: 3}}",
            Scaling(5, 5, 2, 2),
            3,
            id="a-count-is-what-it-says",
        ),
        pytest.param(
            "nodes: {task: {types: [r7g.2xlarge]}}\nscale: {min: 2, max: 9}",
            Scaling(2, 9, 9, 2),
            1,
            id="on-demand-task-nodes",
        ),
        pytest.param(
            "nodes: {core: {market: spot}, task: {types: [r7g.2xlarge], market: spot}}\n"
            "scale: {min: 2, max: 9}",
            Scaling(2, 9, 9, 2),
            1,
            id="spot-everywhere",
        ),
        pytest.param(
            "scale: {min: 1, max: 9, by: hand}",
            Scaling(2, 2, 2, 2, by_hand=HandLimits(1, 9)),
            None,
            id="by-hand-it-starts-as-it-is-and-stays",
        ),
        pytest.param(
            "nodes: {task: {types: [r7g.2xlarge], market: spot, count: 2}}\n"
            "scale: {min: 2, max: 9, by: hand}",
            Scaling(4, 4, 2, 2, by_hand=HandLimits(2, 9)),
            2,
            id="by-hand-with-task-nodes",
        ),
    ],
)
def test_managed_scaling_limits(extra: str, scaling: Scaling, task_units: int | None) -> None:
    spec = render_small(extra)

    task = spec.fleet(NodeRole.TASK)
    assert spec.scaling == scaling
    assert (task and task.target_units) == task_units


def test_the_primary_fleet_is_one_unit_of_any_type() -> None:
    spec = render_small("nodes: {primary: {types: [m7g.xlarge, m7g.4xlarge]}}")

    primary = spec.fleet(NodeRole.PRIMARY)
    assert primary is not None
    assert primary.target_units == 1
    assert {choice.units for choice in primary.choices} == {1}


def test_bootstrap_actions_point_at_the_script_by_its_content() -> None:
    resolved = resolve_small("bootstrap: {again: {script: busy-probe.py}}")

    spec = render(resolved, render_values(resolved))

    folder = f"s3://lake/selfserve/bootstrap/{SHA}"
    assert bootstrap_scripts(resolved) == ("max-age.sh", "busy-probe.py")
    assert spec.bootstrap == (
        BootstrapAction("max-age", f"{folder}/max-age.sh", ("43200",)),
        BootstrapAction("busy-probe", f"{folder}/busy-probe.py", ("s3://lake/selfserve/beats/",)),
        BootstrapAction("again", f"{folder}/busy-probe.py"),
    )


def test_nested_classifications_stay_nested() -> None:
    spec = render_small("conf: {spark-env: {export: {P: '{{ user }}'}}, spark-defaults: {a: 1}}")

    nested = Configuration("export", {"P": "ada"})
    assert spec.configurations == (
        Configuration("spark-env", {}, (nested,)),
        Configuration("spark-defaults", {"a": "1"}),
    )


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{{ user }}@{{ region }}", "ada@eu-west-1"),
        ("{{ installation }}/{{ profile }}/{{ name }}/{{ launch_id }}", None),
        ("{{ team | default('unassigned') }}", "unassigned"),
        ("{{ user | upper }}", "ADA"),
        ("{{ 'big' if user == 'ada' else 'small' }}", "big"),
        ("{{ vars.colour }}", "blue-ada"),
        ("no braces { here }", "no braces { here }"),
    ],
)
def test_templates_fill_in_values(text: str, filled: str | None) -> None:
    spec = render_small(f"vars: {{colour: 'blue-{{{{ user }}}}'}}\ntags:\n  a: \"{text}\"")

    assert spec.tags["a"] == (filled or "lab/test/mine/20261121-a1b2c3")
    assert spec.vars == {"colour": "blue-ada"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{{ usr }}", "unknown name 'usr'; did you mean 'user'?"),
        ("{{ usr | upper }}", "unknown name 'usr'; did you mean 'user'?"),
        ("{{ team }}", "team (the team in the target's settings) is not set for this target"),
        ("{{ vars.color }}", "`vars` has no 'color'; did you mean 'colour'?"),
        ("{{ user", "unexpected end of template"),
        ("{{ user | center(9999999) }}", "No filter named 'center'"),
        ("{{ range(3) }}", "unknown name 'range'"),
        ("{{ 'x' * 999999999 }}", "no arithmetic with *"),
        ("{% for x in user %}x{% endfor %}", "no {% %} statements"),
        ("{{ user.__class__.__mro__ }}", "access to attribute '__class__' of 'str'"),
        ("{{ user.foo.bar }}", "has no attribute 'foo'"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
    ],
)
def test_a_template_that_cannot_be_filled_in_is_told_with_its_place(text: str, reason: str) -> None:
    with pytest.raises(ProfileError) as caught:
        render_small(f'vars: {{colour: blue}}\ntags:\n  a: "{text}"')

    (problem,) = caught.value.problems
    assert (problem.place, problem.path) == ("test.yaml:4", "tags.a")
    assert reason in problem.text


def test_all_bad_templates_come_at_once() -> None:
    with pytest.raises(ProfileError) as caught:
        render_small("tags: {a: '{{ b }}', c: '{{ d }}'}", "vars.e={{ f }}")

    assert [found.path for found in caught.value.problems] == ["vars.e", "tags.a", "tags.c"]
    assert caught.value.problems[0].place == "--set"


def test_logs_must_be_in_s3() -> None:
    with pytest.raises(ProfileError, match="logs: must be an s3:// URI, not 'lake/logs'"):
        render_small("logs: '{{ bucket }}/logs'")


def test_the_names_that_a_profile_uses_are_known_before_they_are_fetched() -> None:
    used = referenced_names(resolve_small("tags: {a: '{{ account }}', b: '{{ vars.x }}'}"))

    assert used == {"account", "vars", "bucket", "max_age_seconds"}


def test_a_profile_without_templates_references_its_age_alone() -> None:
    text = SMALL.replace("{{ bucket }}", "b")

    assert referenced_names(resolve("plain", load=loader(plain=text))) == {"max_age_seconds"}
