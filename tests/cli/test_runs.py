"""`runs`, `result`, `cancel` and `logs -f`: what they print, and how they exit."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from fakes import FakeBackend, MemoryStore
from selfserve.core.cluster import StepState
from targets import FakeTargets, make_target

Run = Callable[..., Result]


@pytest.fixture
def targets() -> FakeTargets:
    """A target whose steps stay pending until a test lets them end."""
    backend = FakeBackend(step_path=(StepState.PENDING,))
    return FakeTargets(make_target(kind="aws", backend=backend, clock=backend.clock))


@pytest.fixture
def run_id(run: Run, folder: Path) -> str:
    """A run on the cluster `mine` that was submitted and left."""
    (folder / "train.py").write_text("print('hello')")
    assert run("up", "small", "--name", "mine").exit_code == 0
    return run("submit", "train.py", "-c", "mine", "-d", "--", "--rank", "1 0").stdout.strip()


def end(targets: FakeTargets, run_id: str, exit_code: int) -> None:
    """Let the job end."""
    store, backend = targets.target.store, targets.target.backend
    assert isinstance(store, MemoryStore)
    assert isinstance(backend, FakeBackend)
    prefix = f"selfserve/runs/{run_id}"
    record = {
        "exit_code": exit_code,
        "started": "2026-11-21T12:00:00+00:00",
        "job_started": "2026-11-21T12:00:20+00:00",
        "ended": "2026-11-21T12:01:20+00:00",
        "application_id": "app-1",
        "versions": {"spark": "3.5.6"},
    }
    store.put(f"{prefix}/stdout/000001", b"RMSE 0.9\n")
    store.put(f"{prefix}/result.json", json.dumps(record).encode())
    placement = json.loads(store.objects[f"{prefix}/placement.json"])
    state = StepState.FAILED if exit_code else StepState.COMPLETED
    backend.move_step(placement["cluster_id"], placement["step_id"], StepState.RUNNING, state)
    for _ in range(2):
        backend.describe_step(placement["cluster_id"], placement["step_id"])


def let_end_later(targets: FakeTargets, run_id: str, exit_code: int) -> None:
    """Let the job end while somebody waits."""
    backend = targets.target.backend
    assert isinstance(backend, FakeBackend)
    acts = [lambda: end(targets, run_id, exit_code)]
    backend.clock.on_sleep.append(lambda: acts.pop()() if acts else None)


def test_runs_shows_what_has_run(run: Run, targets: FakeTargets, run_id: str) -> None:
    end(targets, run_id, 1)

    done = run("runs")

    head, row = done.stdout.splitlines()
    assert head.split() == [
        *("RUN", "JOB", "STATE", "CLUSTER/PROFILE", "OWNER", "SUBMITTED", "TOOK", "COST")
    ]
    assert row.split()[:5] == [run_id, "train.py", "FAILED", "mine", "ada"]
    assert " 1m " in row
    assert "1 run of the last 7d on aws." in done.stderr


def test_runs_as_json_says_all(run: Run, targets: FakeTargets, run_id: str) -> None:
    end(targets, run_id, 1)

    (found,) = json.loads(run("runs", "-o", "json").stdout)

    assert (found["run_id"], found["state"], found["exit_code"]) == (run_id, "FAILED", 1)
    assert found["submission"]["args"] == ["--rank", "1 0"]
    assert found["outcome"]["cost"]["is_charged"] is True
    assert found["outcome"]["timeline"]["job_started"] == "2026-11-21T12:00:20+00:00"


@pytest.mark.parametrize(
    ("options", "count"),
    [
        pytest.param(("--mine",), 1, id="mine"),
        pytest.param(("--owner", "grace"), 0, id="somebody-elses"),
        pytest.param(("--state", "failed", "--state", "never-started"), 1, id="states"),
        pytest.param(("--state", "SUCCEEDED"), 0, id="another-state"),
        pytest.param(("--profile", "small", "--cluster", "mine"), 1, id="profile-and-cluster"),
        pytest.param(("-c", "other"), 0, id="another-cluster"),
        pytest.param(("--since", "2h"), 1, id="since"),
    ],
)
def test_runs_can_be_filtered(
    run: Run, targets: FakeTargets, run_id: str, options: tuple[str, ...], count: int
) -> None:
    end(targets, run_id, 1)

    done = run("runs", *options, "-o", "json")

    assert len(json.loads(done.stdout)) == count


def test_no_runs_say_where_to_look(run: Run) -> None:
    done = run("runs", "--since", "1h", "--on", "aws")

    assert done.stdout == ""
    assert "No such runs in the last 1h on aws." in done.stderr
    assert "selfserve runs --since 30d --on aws" in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param(("--since", "week"), "'week' is not a duration", id="age"),
        pytest.param(("--state", "FAILD"), "did you mean 'FAILED'", id="state"),
        pytest.param(("--mine", "--owner", "ada"), "exclude each other", id="both-owners"),
        pytest.param(("--limit", "0"), "greater than or equal to 1", id="limit"),
    ],
)
def test_runs_refuses_bad_input_with_a_hint(
    run: Run, options: tuple[str, ...], message: str
) -> None:
    done = run("runs", *options)

    assert done.exit_code == 2
    assert message in done.stderr
    assert "hint:" in done.stderr


@pytest.mark.parametrize(
    ("exit_code", "expected"),
    [pytest.param(0, (0, "SUCCEEDED"), id="success"), pytest.param(3, (5, "FAILED"), id="failure")],
)
def test_result_exits_as_submit_would_have(
    run: Run, targets: FakeTargets, run_id: str, exit_code: int, expected: tuple[int, str]
) -> None:
    end(targets, run_id, exit_code)

    done = run("result", run_id)

    shown = {line[:13].strip(): line[13:].strip() for line in done.stdout.splitlines()}
    assert (done.exit_code, shown["state"]) == expected
    assert shown["job"] == "train.py --rank '1 0'"
    assert shown["application"] == "app-1"
    assert shown["took"] == "1m"
    assert "spark 3.5.6" in shown["versions"]
    assert "$" in shown["cost"]


def test_result_of_a_run_that_goes_on_says_so_and_is_fine(run: Run, run_id: str) -> None:
    done = run("result", "mine")

    assert done.exit_code == 0
    assert run_id in done.stdout
    assert "state         PENDING" in done.stdout


def test_result_waits_when_asked_to(run: Run, targets: FakeTargets, run_id: str) -> None:
    let_end_later(targets, run_id, 3)

    done = run("result", run_id, "--wait", "-o", "json")

    document = json.loads(done.stdout)
    assert done.exit_code == 5
    assert document["state"] == "FAILED"
    assert document["is_over"] is True
    assert document["result"]["exit_code"] == 3
    assert document["submission"]["program"]["lock"] == []
    assert document["placement"]["cluster_id"] == document["outcome"]["cluster_id"]


def test_result_on_this_machine_says_what_aws_would_charge(
    run: Run, folder: Path, targets: FakeTargets
) -> None:
    backend = FakeBackend(step_path=(StepState.PENDING,))
    targets.target = make_target(backend=backend, clock=backend.clock)
    (folder / "train.py").write_text("print('hello')")
    run_id = run("submit", "train.py", "-c", "small", "-d").stdout.strip()
    end(targets, run_id, 0)

    assert "nothing on this machine; AWS would charge" in run("result", run_id).stdout
    assert run("runs").stdout.splitlines()[1].rstrip().endswith("-")


def test_cancel_says_what_became_of_the_run(run: Run, run_id: str) -> None:
    first, second = run("cancel", run_id[:-2]), run("cancel", run_id)

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert f"Run {run_id} was cancelled." in first.stderr
    assert f"There is nothing to cancel. Run {run_id} was cancelled." in second.stderr
    assert "CANCELLED" in run("result", run_id).stdout
    assert run("result", run_id).exit_code == 5


def test_cancel_as_json_says_whether_it_was_over(run: Run, run_id: str) -> None:
    first = json.loads(run("cancel", run_id, "-o", "json").stdout)
    second = json.loads(run("cancel", run_id, "-o", "json").stdout)

    assert (first["state"], first["was_over"]) == ("CANCELLED", False)
    assert (second["state"], second["was_over"]) == ("CANCELLED", True)


def test_cancel_takes_no_cluster_and_not_somebody_elses_run(
    run: Run, targets: FakeTargets, run_id: str
) -> None:
    target = targets.target
    assert isinstance(target.backend, FakeBackend)
    assert isinstance(target.store, MemoryStore)
    targets.target = make_target(
        kind="aws",
        user="grace",
        backend=target.backend,
        store=target.store,
        clock=target.backend.clock,
    )

    assert run("cancel", "mine").exit_code == 4
    refused = run("cancel", run_id)
    assert refused.exit_code == 7
    assert f"selfserve cancel {run_id} --everyone" in refused.stderr
    assert run("cancel", run_id, "--everyone").exit_code == 0


def test_cancel_interrupted_says_that_the_run_goes_on_ending(
    run: Run, targets: FakeTargets, run_id: str
) -> None:
    backend = targets.target.backend
    assert isinstance(backend, FakeBackend)

    def press_ctrl_c(*_: object) -> None:
        raise KeyboardInterrupt

    backend.cancel_steps = press_ctrl_c  # type: ignore[method-assign, assignment]

    done = run("cancel", run_id)

    assert done.exit_code == 130
    assert f"selfserve result {run_id}" in done.stderr


def test_followed_logs_pick_a_detached_run_up_and_exit_as_it_did(
    run: Run, targets: FakeTargets, run_id: str
) -> None:
    let_end_later(targets, run_id, 3)

    done = run("logs", run_id, "-f")
    again = run("logs", run_id, "-f", "--tail", "1")

    assert done.stdout == "RMSE 0.9\n"
    assert done.exit_code == 5
    assert "train.py failed: it exited with code 3" in done.stderr
    assert (again.exit_code, again.stdout) == (5, "RMSE 0.9\n")


def test_logs_without_follow_are_fine_whatever_the_job_did(
    run: Run, targets: FakeTargets, run_id: str
) -> None:
    end(targets, run_id, 3)

    assert run("logs", run_id).exit_code == 0


def test_logs_of_a_silent_run_point_to_its_stderr(
    run: Run, targets: FakeTargets, run_id: str
) -> None:
    end(targets, run_id, 0)
    assert isinstance(targets.target.store, MemoryStore)
    del targets.target.store.objects[f"selfserve/runs/{run_id}/stdout/000001"]

    done = run("logs", run_id)

    assert done.stdout == ""
    assert f"See: selfserve logs {run_id} --stderr" in done.stderr
