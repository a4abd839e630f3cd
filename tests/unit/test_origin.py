"""The commit that a job was submitted from."""

import subprocess
from pathlib import Path

import pytest

from selfserve.usecases.packages.origin import find_origin


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit; git asks nobody's configuration."""
    for name, value in {
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_SYSTEM": "/dev/null",
        "GIT_CEILING_DIRECTORIES": str(tmp_path.parent),
    }.items():
        monkeypatch.setenv(name, value)
    git(tmp_path, "init", "--quiet")
    (tmp_path / "job.py").write_text("print(1)")
    commit(tmp_path)
    return tmp_path


def test_a_clean_checkout_is_its_commit(repository: Path) -> None:
    origin = find_origin(repository / "job.py")

    assert origin is not None
    assert origin.commit == git(repository, "rev-parse", "HEAD")
    assert not origin.is_dirty


@pytest.mark.parametrize("name", ["job.py", "new.py"])
def test_a_changed_or_new_file_makes_it_dirty(repository: Path, name: str) -> None:
    (repository / name).write_text("print(2)")

    origin = find_origin(repository)

    assert origin is not None
    assert origin.is_dirty


def test_outside_a_repository_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))

    assert find_origin(tmp_path) is None


def test_without_git_there_is_none(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository))

    assert find_origin(repository) is None


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def commit(folder: Path) -> None:
    git(folder, "add", ".")
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    git(folder, *who, "commit", "--quiet", "-m", "First")
