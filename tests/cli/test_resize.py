"""`resize` from the command line, and how a plan tells that a cluster scales."""

import json
import re
from collections.abc import Callable

import pytest
from typer.testing import Result

from fakes import FakeBackend
from targets import FakeTargets, make_target

Run = Callable[..., Result]


def test_resize_tells_before_and_after(run: Run) -> None:
    run("up", "small")

    result = run("resize", "small", "--min", "3", "--max", "12")

    assert result.exit_code == 0
    line = "small  j-FAKE000000001  2 to 10 workers before, 3 to 12 workers now on local\n"
    assert result.stdout == line
    assert "selfserve status small" in result.stderr
    again = run("resize", "small", "--min", "3", "--max", "12")
    assert "3 to 12 workers already" in again.stdout
    assert "by itself" not in again.stderr


def test_resize_prints_json_for_machines(run: Run) -> None:
    run("up", "small")

    result = run("resize", "small", "--workers", "4", "-o", "json")

    assert json.loads(result.stdout) == {
        "name": "small",
        "id": "j-FAKE000000001",
        "on": "local",
        "worker": "r7g.2xlarge",
        "before": {"min": 2.0, "max": 10.0},
        "after": {"min": 4.0, "max": 4.0},
        "changed": True,
        "cost_per_hour": None,
    }


def test_resize_goes_where_on_says(run: Run, targets: FakeTargets) -> None:
    run("up", "small", "--on", "aws")
    run("resize", "small", "--max", "4", "--on", "aws")

    assert targets.asked == ["aws", "aws"]
    backend = targets.target.backend
    assert isinstance(backend, FakeBackend)
    assert backend.calls[-1] == "resize"


def test_resize_tells_what_an_hour_costs_on_aws(run: Run, targets: FakeTargets) -> None:
    targets.target = make_target(kind="aws")
    run("up", "small")

    said = run("resize", "small", "--max", "8")
    document = json.loads(run("resize", "small", "--max", "9", "-o", "json").stdout)
    fixed = run("resize", "small", "--workers", "9")

    ((low, high),) = re.findall(r"It costs \$(\S+) to \$(\S+) an hour now", said.stderr)
    assert 0 < float(low) < float(high)
    assert document["cost_per_hour"]["low"] == low
    dearest = document["cost_per_hour"]["high"]
    assert float(dearest) > float(high)
    assert f"It costs ${dearest} an hour now" in fixed.stderr


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ([], "No size is named"),
        (["--workers", "3", "--min", "2"], "takes neither --min nor --max"),
        (["--workers", "3", "--max", "4"], "takes neither --min nor --max"),
    ],
)
def test_resize_wants_one_size_or_limits(run: Run, options: list[str], problem: str) -> None:
    result = run("resize", "small", *options)

    assert result.exit_code == 2
    assert problem in result.stderr
    assert "selfserve resize --help" in result.stderr


def test_resize_refuses_with_the_exit_codes_of_all_commands(run: Run) -> None:
    run("up", "small")

    assert run("resize", "small", "--min", "9", "--max", "3").exit_code == 2
    assert run("resize", "nothing", "--max", "3").exit_code == 4


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ([], "2 to 10 units, as the load asks"),
        (["--set", "scale=null", "--set", "nodes.task=null"], "2 units, fixed"),
        (["--set", "scale.by=hand"], "3 units, until resized by hand: selfserve resize small"),
    ],
)
def test_a_plan_tells_how_a_cluster_scales(run: Run, settings: list[str], told: str) -> None:
    assert told in run("plan", "small", *settings).stdout


def test_a_second_up_tells_that_a_cluster_was_resized(run: Run) -> None:
    run("up", "small")
    run("resize", "small", "--max", "12")

    assert "scale.max_units: is 12, not 10" in run("up", "small").stderr
