"""The quick look for requirements misses none that the thorough one finds."""

from pathlib import Path

import pytest

from selfserve.packing.needs import may_need_packages
from selfserve.packing.requirements import find_requirements

INLINE = '# /// script\n# dependencies = ["numpy"]\n# ///\n'
PROJECT = '[project]\nname = "p"\nversion = "1"\ndependencies = ["numpy"]\n'


@pytest.mark.parametrize(
    ("files", "job", "expected"),
    [
        pytest.param({"job.py": "print(1)"}, "job.py", False, id="plain"),
        pytest.param({"job.py": INLINE}, "job.py", True, id="inline"),
        pytest.param({"job.py": "", "requirements.txt": "numpy"}, "job.py", True, id="beside"),
        pytest.param({"d/__main__.py": INLINE}, "d", True, id="folder-inline"),
        pytest.param({"d/__main__.py": "", "d/requirements.txt": "x"}, "d", True, id="in-folder"),
        pytest.param({"d/__main__.py": "", "requirements.txt": "x"}, "d", False, id="not-above"),
    ],
)
def test_the_quick_look_agrees_with_the_thorough_one(
    tmp_path: Path, files: dict[str, str], job: str, *, expected: bool
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    quick = may_need_packages(tmp_path / job, explicit=None, project=None)

    assert quick is expected
    assert (find_requirements(tmp_path / job) is not None) is expected


def test_an_explicit_file_and_a_project_are_always_looked_into(tmp_path: Path) -> None:
    job, project, text = tmp_path / "job.py", tmp_path / "pyproject.toml", tmp_path / "r.txt"
    job.touch()
    project.write_text(PROJECT)
    text.write_text("numpy")

    assert may_need_packages(job, explicit=text, project=None)
    assert may_need_packages(job, explicit=None, project=tmp_path)
    assert find_requirements(job, explicit=text) is not None
    assert find_requirements(job, project=tmp_path) is not None
