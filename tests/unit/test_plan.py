"""`plan`: the truth about a launch, without a launch."""

from pathlib import Path

import pytest

from fakes import FakeBackend
from selfserve.errors import BadInputError
from selfserve.usecases.plan import NOT_LAUNCHED, plan
from selfserve.usecases.up import up
from targets import make_target, resolve_small


def test_a_plan_needs_no_connection(tmp_path: Path) -> None:
    planned = plan(make_target(), None, resolve_small(tmp_path), name="one")

    assert planned.spec.name.launch_id == NOT_LAUNCHED
    assert planned.running is None


def test_a_plan_changes_nothing(tmp_path: Path) -> None:
    backend = FakeBackend()
    target = make_target(kind="aws", backend=backend)

    plan(target, target, resolve_small(tmp_path), name="one")

    assert backend.calls == ["list_clusters"]
    assert target.store.list_keys("") == []


def test_a_plan_is_what_up_launches(tmp_path: Path) -> None:
    backend = FakeBackend()
    target = make_target(backend=backend, clock=backend.clock)
    resolved = resolve_small(tmp_path)

    planned = plan(target, target, resolved, name="one")
    up(target, resolved, name="one")
    again = plan(target, target, resolved, name="one")

    assert planned.spec.fleets == backend.launched[0].fleets
    assert again.running is not None
    assert again.changes == []


def test_a_plan_shows_what_differs_from_the_running_cluster(tmp_path: Path) -> None:
    target = make_target()
    up(target, resolve_small(tmp_path), name="one")

    planned = plan(target, target, resolve_small(tmp_path, "shutdown.idle=10m"), name="one")

    assert [(change.path, change.after) for change in planned.changes] == [("shutdown.idle", "10m")]


def test_a_plan_for_this_machine_names_what_is_not_applied(tmp_path: Path) -> None:
    local = plan(make_target(), None, resolve_small(tmp_path), name="one")
    aws = plan(make_target(kind="aws"), None, resolve_small(tmp_path), name="one")

    said = "\n".join(local.not_applied)
    for what in ("instance types", "spot", "IAM roles", "bootstrap actions"):
        assert what in said
    assert aws.not_applied == ()


def test_a_plan_bounds_the_hourly_cost(tmp_path: Path) -> None:
    estimate = plan(make_target(kind="aws"), None, resolve_small(tmp_path), name="one").estimate

    assert estimate.low is not None
    assert estimate.high is not None
    assert 0 < estimate.low < estimate.high


def test_a_name_that_no_cluster_can_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="cannot be a cluster's name"):
        plan(make_target(), None, resolve_small(tmp_path), name="no spaces")
