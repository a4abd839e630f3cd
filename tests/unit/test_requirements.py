"""What a job asks for: inline metadata, requirements.txt, pyproject.toml, uv.lock."""

from pathlib import Path

import pytest

from selfserve.core.program import PythonTarget
from selfserve.core.requirements import RequirementsKind, check_python
from selfserve.core.requirements_toml import parse_inline
from selfserve.core.requirements_txt import (
    Line,
    LineKind,
    parse_lock,
    parse_requirements_txt,
    render_lock,
)
from selfserve.errors import BadInputError
from selfserve.packing.requirements import find_requirements

INLINE = """#!/usr/bin/env python3
# /// script
# requires-python = ">=3.9"
# dependencies = [
#   "pandas>=2",
#
#   "requests",
# ]
# ///
print("hello")
"""
TARGET = PythonTarget("3.11", "aarch64-manylinux_2_34")


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_inline_metadata_is_read_whatever_the_line_ends(line_end: str) -> None:
    found = parse_inline(INLINE.replace("\n", line_end), Path("job.py"))

    assert found is not None
    assert found.requires_python == ">=3.9"
    assert found.dependencies == ("pandas>=2", "requests")
    assert str(found) == "inline metadata of job.py, 2 packages"


@pytest.mark.parametrize(
    "script",
    [
        "print('no block')\n",
        "# /// pyproject\n# a = 1\n# ///\n",
        "text = '''\n  # /// script\n'''\n",
    ],
)
def test_a_script_without_the_block_has_no_inline_metadata(script: str) -> None:
    assert parse_inline(script, Path("job.py")) is None


@pytest.mark.parametrize(
    ("script", "message"),
    [
        pytest.param(INLINE + INLINE, "2 blocks", id="twice"),
        pytest.param("x = 1\n# /// script\n# dependencies = []\n", "job.py:2.*closed", id="open"),
        pytest.param("# /// script\n# a = = 1\n# ///\n", "Cannot read the inline", id="not-toml"),
        pytest.param("# /// script\n# dependencies = 'x'\n# ///\n", "wrong type", id="type"),
        pytest.param("# /// script\n# requires-python = 3\n# ///\n", "wrong type", id="version"),
        pytest.param(
            "# /// script\n# dependencies = ['a b']\n# ///\n", "'a b' is not a req", id="text"
        ),
        pytest.param(
            "# /// script\n# dependencies = ['a @ git+https://u:pw@h/r']\n# ///\n",
            r"git\+https://\*\*\*@h/r would have to be built",
            id="git",
        ),
    ],
)
def test_wrong_inline_metadata_is_refused(script: str, message: str) -> None:
    with pytest.raises(BadInputError, match=message) as caught:
        parse_inline(script, Path("job.py"))

    assert "pw" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("pandas>=2,<3  # a comment", LineKind.REQUIREMENT, "pandas>=2,<3"),
        (
            "requests[socks] ; python_version > '3.8'",
            LineKind.REQUIREMENT,
            "requests[socks] ; python_version > '3.8'",
        ),
        ("pandas \\\n  >=2", LineKind.REQUIREMENT, "pandas    >=2"),
        (
            "https://h/six-1.0-py3-none-any.whl",
            LineKind.REQUIREMENT,
            "six @ https://h/six-1.0-py3-none-any.whl",
        ),
        ("-r base.txt", LineKind.INCLUDE, "base.txt"),
        ("--requirement='a b.txt'", LineKind.INCLUDE, "a b.txt"),
        ("-c limits.txt", LineKind.CONSTRAINT, "limits.txt"),
        ("--index-url https://h/simple", LineKind.INDEX, "--index-url https://h/simple"),
        ("-f wheels", LineKind.FIND_LINKS, "wheels"),
        ("-e .", LineKind.OWN_PROJECT, "."),
        (".", LineKind.OWN_PROJECT, "."),
        ("--no-binary :all:", LineKind.OTHER, "--no-binary"),
    ],
)
def test_a_line_of_requirements_txt(text: str, kind: LineKind, expected: str) -> None:
    lines = parse_requirements_txt(f"\n# about\n{text}\n", "r.txt")

    assert lines == [Line(kind, expected, "r.txt:3")]


@pytest.mark.parametrize(
    "text",
    [
        "-e ../other",
        "./wheels/a-1.0-py3-none-any.whl",
        "a-1.0.tar.gz",
        "/opt/a",
        "file:///opt/a-1.0-py3-none-any.whl",
        "git+ssh://git@h/r.git",
        "-e git+https://h/r.git#egg=r",
        "a @ https://h/a-1.0.tar.gz",
        "a @ https://user:pw@h/a-1.0-py3-none-any.whl",
        ".[ml]",
        "pandas>=>2",
    ],
)
def test_what_is_not_a_wheel_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(BadInputError, match=r"^r\.txt:1: ") as caught:
        parse_requirements_txt(text, "r.txt")

    assert "user:pw" not in str(caught.value)
    assert caught.value.hint


def test_hashes_stand_beside_the_requirement_and_come_back_in_a_lock() -> None:
    text = (
        "b==2 \\\n    --hash=sha256:22\n"
        "a==1 ; os_name == 'posix' \\\n    --hash=sha256:12 \\\n    --hash=sha256:11\n"
    )

    pins = parse_lock(text)

    assert pins == {
        "b==2": frozenset({"sha256:22"}),
        "a==1 ; os_name == 'posix'": frozenset({"sha256:11", "sha256:12"}),
    }
    assert render_lock(pins).startswith("a==1 ; os_name == 'posix' \\\n    --hash=sha256:11 \\\n")
    assert parse_lock(render_lock(pins)) == pins


@pytest.mark.parametrize("wanted", [None, "", ">=3.9", "==3.11.*", ">=3.11.4", "<3.12", "~=3.11"])
def test_a_python_that_the_cluster_has_is_fine(wanted: str | None) -> None:
    check_python(wanted, TARGET, Path("job.py"))


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (">=3.12", "requires Python >=3.12, but the cluster's PySpark runs on 3.11"),
        ("<3.11", "runs on 3.11"),
        ("three", "not a range of versions"),
    ],
)
def test_a_python_that_the_cluster_has_not_is_refused(wanted: str, message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        check_python(wanted, TARGET, Path("job.py"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a script, of which every source of requirements is there."""
    put(tmp_path / "job.py", INLINE)
    put(tmp_path / "requirements.txt", "from-text\n")
    put(tmp_path / "uv.lock", "version = 1\n")
    put(
        tmp_path / "pyproject.toml",
        '[project]\nname = "p"\nversion = "1"\nrequires-python = ">=3.10"\n'
        'dependencies = ["from-project"]\n',
    )
    return tmp_path


def test_the_sources_in_the_order_in_which_they_count(project: Path) -> None:
    job, explicit = project / "job.py", put(project / "other" / "need.txt", "explicit\n")
    order = [find_requirements(job, explicit=explicit, project=project)]

    order.append(find_requirements(job, project=project))
    put(job, "print()\n")
    order.append(find_requirements(job, project=project))
    (project / "uv.lock").unlink()
    order.append(find_requirements(job, project=project))
    (project / "pyproject.toml").unlink()
    order.append(find_requirements(job, project=project))
    (project / "requirements.txt").unlink()
    order.append(find_requirements(job, project=project))

    assert [str(found) if found else None for found in order] == [
        "need.txt, 1 package",
        "inline metadata of job.py, 2 packages",
        "uv.lock, 1 package",
        "pyproject.toml, 1 package",
        "requirements.txt, 1 package",
        None,
    ]


def test_a_folder_is_looked_into_and_its_main_may_have_inline_metadata(tmp_path: Path) -> None:
    put(tmp_path / "requirements.txt", "six\n")
    without = find_requirements(tmp_path)
    put(tmp_path / "__main__.py", INLINE)

    within = find_requirements(tmp_path)

    assert without is not None
    assert without.dependencies == ("six",)
    assert within is not None
    assert within.kind is RequirementsKind.INLINE


def test_a_script_with_a_lock_of_its_own_is_pinned_by_it(tmp_path: Path) -> None:
    job = put(tmp_path / "job.py", INLINE)
    lock = put(tmp_path / "job.py.lock", "version = 1\n")

    found = find_requirements(job)

    assert found is not None
    assert found.lock == lock
    assert str(found).endswith("2 packages, pinned by job.py.lock")


def test_a_project_that_leaves_its_dependencies_to_requirements_txt(tmp_path: Path) -> None:
    put(
        tmp_path / "pyproject.toml",
        '[project]\nname = "p"\nrequires-python = ">=3.10"\ndynamic = ["dependencies"]\n',
    )
    put(tmp_path / "requirements.txt", "six\n")

    found = find_requirements(tmp_path / "job.py", project=tmp_path)

    assert found is not None
    assert (found.dependencies, found.requires_python) == (("six",), ">=3.10")


def test_requirements_txt_with_all_that_it_refers_to(tmp_path: Path) -> None:
    put(tmp_path / "pyproject.toml", '[project]\nname = "p"\ndependencies = ["own-need"]\n')
    put(tmp_path / "base" / "base.txt", "-r ../requirements.txt\n-f wheels\nbase-need\n")
    put(tmp_path / "limits.txt", "six<2\n")
    path = put(
        tmp_path / "requirements.txt",
        "-r base/base.txt\n-c limits.txt\n-e .\n--extra-index-url https://joe:pw@h/simple\n"
        "--no-binary :all:\nsix==1.16.0 --hash=sha256:aa --hash=sha256:bb\n",
    )

    found = find_requirements(tmp_path / "job.py", explicit=path)

    assert found is not None
    assert found.dependencies == ("base-need", "own-need", "six==1.16.0")
    assert found.constraints == ("six<2",)
    assert found.hashes == {"six": frozenset({"sha256:aa", "sha256:bb"})}
    assert f"--find-links {tmp_path / 'base' / 'wheels'}" in found.options
    assert found.notes == ("requirements.txt:5: --no-binary is not heeded",)
    assert "pw" not in repr(found)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("missing.txt", None, "no file"),
        ("pylock.toml", "", "cannot be read yet"),
        ("pyproject.toml", "[tool.ruff]\n", "names no packages"),
        ("job.py", "print()\n", "names no packages"),
        ("pyproject.toml", "[project\n", "Cannot read"),
        ("r.txt", "-r gone.txt\n", "gone.txt: No such file"),
        ("r.txt", "-r https://h/r.txt\n", "from the web"),
        (
            "pyproject.toml",
            '[project]\nname="p"\ndependencies=["a"]\n[tool.uv.sources]\na={path="../a"}\n',
            r"\[tool.uv.sources\]",
        ),
        (
            "pyproject.toml",
            '[project]\nname="p"\ndynamic=["dependencies"]\n',
            "leaves its dependencies to the build",
        ),
        ("pyproject.toml", '[project]\nname="p"\ndependencies=["p[ml]"]\n', "asks for itself"),
        (
            "job.py",
            "# /// script\n# dependencies=['a']\n# [[tool.uv.index]]\n# url='https://h'\n# ///\n",
            r"\[tool.uv.index\]",
        ),
    ],
)
def test_files_that_cannot_be_used_are_refused(
    tmp_path: Path, name: str, text: str | None, message: str
) -> None:
    if text is not None:
        put(tmp_path / name, text)

    with pytest.raises(BadInputError, match=message) as caught:
        find_requirements(tmp_path / "job.py", explicit=tmp_path / name)

    assert caught.value.hint
