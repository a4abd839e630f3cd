"""The profiles and bootstrap scripts that ship with selfserve keep their promises."""

import re
import subprocess
from pathlib import Path

import pytest

from profile_texts import SHIPPED, load_shipped, render_values
from selfserve.core.instances import load_instances
from selfserve.core.launch import LaunchSpec, Market, NodeRole
from selfserve.core.price import estimate_cost
from selfserve.core.render import bootstrap_scripts, render
from selfserve.core.resolve import resolve

NAMES = sorted(path.stem for path in SHIPPED.glob("*.yaml") if not path.stem.startswith("_"))
SCRIPTS = sorted((SHIPPED.parent / "bootstrap").glob("*.*"))

every_profile = pytest.mark.parametrize("name", NAMES)
every_script = pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)


def launch(name: str) -> LaunchSpec:
    resolved = resolve(name, load=load_shipped)
    return render(resolved, render_values(resolved))


def test_these_are_shipped() -> None:
    assert NAMES == ["adhoc-presto", "hive-batch", "spark-ml"]


@every_profile
def test_a_profile_bounds_its_own_cost(name: str) -> None:
    cost = estimate_cost(launch(name), load_instances())

    assert cost.low is not None
    assert cost.high is not None
    assert 0 < cost.low <= cost.high < 20


@every_profile
def test_a_profile_carries_the_tag_that_the_v2_policies_need(name: str) -> None:
    assert launch(name).tags["for-use-with-amazon-emr-managed-policies"] == "true"


@every_profile
def test_primary_and_core_are_on_demand_and_task_nodes_fall_back(name: str) -> None:
    for fleet in launch(name).fleets:
        assert fleet.market is (Market.SPOT if fleet.role is NodeRole.TASK else Market.ON_DEMAND)
        assert fleet.fallback_to_on_demand is (fleet.role is NodeRole.TASK)
        assert len(fleet.choices) > 1


@every_profile
def test_the_scripts_that_a_profile_names_are_shipped(name: str) -> None:
    scripts = bootstrap_scripts(resolve(name, load=load_shipped))

    assert {"max-age.sh", "busy-probe.py"} <= set(scripts)
    assert set(scripts) <= {script.name for script in SCRIPTS}


@every_profile
def test_every_setting_says_why(name: str) -> None:
    lines = (SHIPPED / f"{name}.yaml").read_text("utf-8").partition("\nconf:\n")[2].splitlines()

    settings = [index for index, line in enumerate(lines) if re.match(r"    \w", line)]
    assert settings
    unexplained = [
        lines[index]
        for index in settings
        if not lines[index - 1].strip().startswith("#") and index - 1 not in settings
    ]
    assert unexplained == []


@every_script
def test_a_script_is_executable_and_strict(script: Path) -> None:
    text = script.read_text("utf-8")

    assert script.stat().st_mode & 0o111
    assert "{{" not in text
    if script.suffix == ".sh":
        assert text.startswith("#!/usr/bin/env bash\n")
        assert "\nset -euo pipefail\n" in text
    else:
        assert text.startswith("#!/usr/bin/env python3\n")


@every_script
def test_a_script_refuses_arguments_it_does_not_understand(script: Path) -> None:
    result = subprocess.run([script, "not a number"], capture_output=True, text=True, check=False)

    assert result.returncode == 2
    assert result.stderr.startswith(f"usage: {script.name}")
