"""A directory with profiles, a configuration of its own, and targets in memory."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from selfserve.cli.app import app
from targets import FakeTargets, write_profiles

Run = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory; its `cluster_profiles` holds `small`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SELFSERVE_CONFIG", str(tmp_path / "config" / "config.yaml"))
    write_profiles(tmp_path / "cluster_profiles")
    return tmp_path


@pytest.fixture
def targets() -> FakeTargets:
    return FakeTargets()


@pytest.fixture
def run(folder: Path, targets: FakeTargets) -> Run:
    """Run a command line in-process; a bug in a command fails the test."""
    assert folder.is_dir()

    def run_command(*args: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(app, args, input=stdin, obj=targets, catch_exceptions=False)

    return run_command
