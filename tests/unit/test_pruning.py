"""What the cache of archives forgets, and what it keeps."""

import os
from pathlib import Path

import pytest

from selfserve.packing.code import build_code
from selfserve.packing.pruning import Limits, prune
from selfserve.packing.sources import find_job

DAY_S = 24 * 3600


def age(path: Path, seconds: float) -> Path:
    then = path.stat().st_mtime - seconds
    os.utime(path, (then, then))
    return path


def test_pruning_takes_the_longest_unused_first_and_nothing_in_use(tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    packages.mkdir()
    ages_s = {"ancient": 61 * DAY_S, "old": 3 * DAY_S, "recent": 2 * 3600, "in-use": 60}
    for name, seconds in ages_s.items():
        (packages / f"{name}.tar.gz").write_bytes(bytes(100))
        age(packages / f"{name}.tar.gz", seconds)

    prune(tmp_path, limits=Limits(total_bytes=250))
    after_first = sorted(path.name for path in packages.iterdir())
    prune(tmp_path, limits=Limits(total_bytes=1))

    assert after_first == ["in-use.tar.gz", "recent.tar.gz"]
    assert [path.name for path in packages.iterdir()] == ["in-use.tar.gz"]


@pytest.mark.parametrize(
    ("name", "is_kept"),
    [
        pytest.param("scratch/killed", False, id="a-killed-build-of-dependencies"),
        pytest.param("projects/.building-1", False, id="a-killed-build-of-a-project"),
        pytest.param("packages/.packing-1", False, id="half-an-archive"),
        pytest.param("packages/.note-1", False, id="half-a-note"),
        pytest.param("projects/0c0ffee0", True, id="a-built-project"),
        pytest.param("packages/0c0ffee0.json", True, id="a-note"),
        pytest.param("dependencies/0c0ffee0.json", True, id="a-resolution"),
    ],
)
def test_drafts_go_after_a_day_and_the_rest_after_two_months(
    tmp_path: Path, name: str, *, is_kept: bool
) -> None:
    path = tmp_path / name
    path.mkdir(parents=True)
    age(path, 2 * DAY_S)

    prune(tmp_path)
    was_kept = path.exists()
    path.mkdir(exist_ok=True)
    age(path, 61 * DAY_S)
    prune(tmp_path)

    assert was_kept is is_kept
    assert not path.exists()


def test_what_is_being_built_stays(tmp_path: Path) -> None:
    (tmp_path / "scratch/running").mkdir(parents=True)

    prune(tmp_path)

    assert (tmp_path / "scratch/running").exists()


def test_a_job_that_is_submitted_again_keeps_its_archive(tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text("print('hello')\n")
    job, cache = find_job(tmp_path / "job.py"), tmp_path / "cache"
    packed = build_code(job, cache=cache)
    age(packed.path, 61 * DAY_S)
    build_code(job, cache=cache)

    prune(cache)

    assert packed.path.exists()
