"""`selfserve why`: what it prints, and how it exits."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from fakes import FakeBackend, MemoryStore
from selfserve.cli import app
from selfserve.cli.output import Output
from selfserve.cli.why import show_verdict
from selfserve.core.cluster import StepState
from selfserve.core.why.verdict import Quote, Verdict
from targets import FakeTargets, make_target

Run = Callable[..., Result]

VERDICT = Verdict(
    kind="disk-full",
    cause="A disk is full.",
    quotes=(
        Quote("your traceback", "", ('File "train.py", line 1',)),
        Quote("a log", "x.gz", ("no",)),
    ),
    next_step="Use a larger one.",
    command="selfserve submit train.py -c mine",
)
TEXT = """\
cause: A disk is full.
  your traceback:
    File "train.py", line 1
  a log (x.gz):
    no
next: Use a larger one.
  selfserve submit train.py -c mine{on}
"""


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.COMMANDS, "why", "selfserve.cli.why:why")


@pytest.fixture
def targets() -> FakeTargets:
    """A target whose steps stay pending until a test lets them end."""
    backend = FakeBackend(step_path=(StepState.PENDING,))
    return FakeTargets(make_target(kind="aws", backend=backend, clock=backend.clock))


@pytest.fixture
def failed(run: Run, folder: Path, targets: FakeTargets) -> str:
    """The id of a run that has failed."""
    (folder / "train.py").write_text("import lightgbm")
    assert run("up", "small", "--name", "mine").exit_code == 0
    run_id = run("submit", "train.py", "-c", "mine", "-d").stdout.strip()
    store, backend = targets.target.store, targets.target.backend
    assert isinstance(store, MemoryStore)
    assert isinstance(backend, FakeBackend)
    prefix = f"selfserve/runs/{run_id}"
    result = {
        "exit_code": 1,
        "started": "2026-11-21T12:00:00+00:00",
        "ended": "2026-11-21T12:01:20+00:00",
        "exception": {
            "type": "ModuleNotFoundError",
            "message": "No module named 'lightgbm'",
            "traceback": 'Traceback (most recent call last):\n  File "train.py", line 1, in '
            "<module>\n    import lightgbm\nModuleNotFoundError: No module named 'lightgbm'\n",
        },
    }
    store.put(f"{prefix}/result.json", json.dumps(result).encode())
    placement = json.loads(store.objects[f"{prefix}/placement.json"])
    cluster_id, step_id = placement["cluster_id"], placement["step_id"]
    backend.move_step(cluster_id, step_id, StepState.RUNNING, StepState.FAILED)
    for _ in range(2):
        backend.describe_step(cluster_id, step_id)
    return run_id


def test_why_prints_cause_evidence_and_the_next_step_on_stdout(run: Run, failed: str) -> None:
    done = run("why", failed)

    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0] == f"Run {failed} (train.py) failed."
    assert lines[1].startswith("cause: The cluster's Python has no module lightgbm")
    assert lines[2:6] == [
        "  your traceback:",
        '    File "train.py", line 1, in <module>',
        "      import lightgbm",
        "    ModuleNotFoundError: No module named 'lightgbm'",
    ]
    assert lines[-2].startswith("next: ")
    assert lines[-1] == "  uv add --script train.py lightgbm"
    assert len(lines) <= 25
    assert "note: EMR has not copied the step's logs to S3 yet" in done.stderr


def test_why_as_json_has_all_of_it(run: Run, failed: str) -> None:
    document = json.loads(run("why", failed, "-o", "json").stdout)

    assert document["run_id"] == failed
    assert document["on"] == "aws"
    assert document["verdict"]["kind"] == "module-missing"
    assert document["verdict"]["is_known"] is True
    assert document["verdict"]["evidence"][0]["source"] == "your traceback"
    assert document["verdict"]["command"] == "uv add --script train.py lightgbm"
    assert len(document["notes"]) == 1


def test_why_of_what_has_not_failed_says_so_and_is_fine(run: Run, failed: str) -> None:
    done = run("why", "mine", "--on", "aws")
    document = json.loads(run("why", "mine", "-o", "json").stdout)

    assert done.exit_code == 0
    assert "nothing is wrong with it" in done.stdout
    assert f"selfserve why {failed} --on aws" in done.stdout
    assert document["verdict"] is None


def test_why_of_nothing_is_not_found(run: Run) -> None:
    for wanted in ("r-20261121-120000-ffffff", "nothing"):
        done = run("why", wanted)

        assert done.exit_code == 4
        assert "hint:" in done.stderr
        assert done.stdout == ""


def test_a_verdict_is_data_on_the_target_that_was_given(capsys: pytest.CaptureFixture[str]) -> None:
    show_verdict(Output(), VERDICT, on="aws")

    written = capsys.readouterr()
    assert written.out == TEXT.format(on=" --on aws")
    assert written.err == ""


def test_a_verdict_is_talk_where_stdout_is_the_jobs(capsys: pytest.CaptureFixture[str]) -> None:
    show_verdict(Output(), VERDICT, as_talk=True)

    written = capsys.readouterr()
    assert written.out == ""
    assert written.err == TEXT.format(on="")
