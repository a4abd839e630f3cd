"""A project's package: built from a clean copy by its own backend, unpacked, remembered.

The backend is a file of the project itself, so that nothing is fetched.
"""

import gzip
import shutil
from pathlib import Path

import pytest

from selfserve.errors import BadInputError
from selfserve.packing.code import build_code
from selfserve.packing.listing import list_shipment
from selfserve.packing.project import BuiltProject, build_project
from selfserve.packing.sources import find_job

PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "demo"
version = "1"
"""
BACKEND = """
import os
import pathlib
import sys
import zipfile

TAG = "py3-none-any"

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = f"demo-1-{TAG}.whl"
    info = "demo-1.dist-info"
    with zipfile.ZipFile(pathlib.Path(wheel_directory, name), "w") as wheel:
        for file in sorted(pathlib.Path("demo").rglob("*")):
            if file.is_file():
                wheel.write(file, file.as_posix())
        wheel.writestr("demo/epoch.txt", os.environ["SOURCE_DATE_EPOCH"])
        wheel.writestr("demo-1.data/purelib/moved.py", "")
        wheel.writestr("demo-1.data/scripts/tool", "#!python")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: demo\\nVersion: 1\\n")
        wheel.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\\nTag: {TAG}\\n")
        wheel.writestr(f"{info}/entry_points.txt", "")
        wheel.writestr(f"{info}/RECORD", "")
    pathlib.Path("litter.txt").write_text("a build leaves things behind")
    return name
"""
PROJECT = {
    "pyproject.toml": PYPROJECT,
    "backend.py": BACKEND,
    "demo/__init__.py": "",
    "demo/__main__.py": "",
    "demo/data/table.csv": "a,b",
}


def lay_out(folder: Path, contents: dict[str, str]) -> Path:
    for name, text in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def paths(built: BuiltProject) -> set[str]:
    return {str(file.path) for file in built.files}


def text_of(built: BuiltProject, path: str) -> str:
    return next(file.source for file in built.files if str(file.path) == path).read_text()


def test_a_project_gives_the_files_that_installing_it_would(tmp_path: Path) -> None:
    folder = lay_out(tmp_path / "project", PROJECT)

    built = build_project(folder, tmp_path / "cache")

    assert paths(built) == {
        "demo/__init__.py",
        "demo/__main__.py",
        "demo/data/table.csv",
        "demo/epoch.txt",
        "demo-1.dist-info/METADATA",
        "demo-1.dist-info/WHEEL",
        "demo-1.dist-info/entry_points.txt",
        "moved.py",
    }
    assert text_of(built, "demo/epoch.txt") == "315532800"


def test_a_build_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = lay_out(tmp_path / "project", PROJECT)

    build_project(folder, tmp_path / "cache")

    assert {path for path in folder.rglob("*") if path.is_file()} == {folder / n for n in PROJECT}
    assert len(list((tmp_path / "cache/projects").iterdir())) == 1


def test_an_unchanged_project_is_not_built_again(tmp_path: Path) -> None:
    folder = lay_out(tmp_path / "project", PROJECT)
    first = build_project(folder, tmp_path / "cache")
    mark = next(file.source for file in first.files if str(file.path) == "demo/epoch.txt")
    mark.write_text("not built again")

    second = build_project(folder, tmp_path / "cache")
    lay_out(folder, {"demo/more.py": ""})
    third = build_project(folder, tmp_path / "cache")

    assert text_of(second, "demo/epoch.txt") == "not built again"
    assert paths(third) == {*paths(first), "demo/more.py"}
    assert text_of(third, "demo/epoch.txt") == "315532800"


def test_a_project_in_another_folder_gives_the_same_archive(tmp_path: Path) -> None:
    archives = []
    for place in ("here", "there/deeper"):
        folder = lay_out(tmp_path / place / "project", PROJECT)
        archives.append(build_code(find_job(folder), cache=tmp_path / place / "cache"))

    assert archives[0].sha256 == archives[1].sha256


def test_no_secret_of_a_project_gets_into_what_is_built(tmp_path: Path) -> None:
    marker = "CANARY-77ab21"
    secrets = ["demo/.env", "demo/server.pem", "demo/.aws/credentials", "demo/venv/pyvenv.cfg"]
    folder = lay_out(tmp_path / "project", PROJECT | dict.fromkeys(secrets, marker))
    lay_out(tmp_path, {"outside.txt": marker})
    (folder / "demo/link.txt").symlink_to(tmp_path / "outside.txt")
    job = find_job(folder)

    packed = build_code(job, cache=tmp_path / "cache")
    shipment = list_shipment(job, cache=tmp_path / "cache")

    assert marker.encode() not in gzip.decompress(packed.path.read_bytes())
    cached = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert not [path for path in cached if marker.encode() in path.read_bytes()]
    assert {one.path: one.reason for one in shipment.left_out} == {
        "demo/.aws/": "may hold credentials",
        "demo/.env": "may hold credentials",
        "demo/link.txt": "a link that leaves the folder",
        "demo/server.pem": "may be a private key",
        "demo/venv/": "a virtual environment",
    }


def test_a_script_in_a_project_is_shipped_beside_its_package(tmp_path: Path) -> None:
    folder = lay_out(
        tmp_path / "project",
        PROJECT | {"scripts/job.py": "import demo, near", "scripts/near.py": ""},
    )

    shipment = list_shipment(find_job(folder / "scripts/job.py"), cache=tmp_path / "cache")

    shipped = {str(file.path) for file in shipment.files}
    assert {"job.py", "near.py", "demo/__main__.py", "demo/data/table.csv"} <= shipped


def test_a_file_beside_the_script_comes_before_the_built_one(tmp_path: Path) -> None:
    folder = lay_out(tmp_path / "project", PROJECT | {"__main__.py": "import demo"})

    shipment = list_shipment(find_job(folder), cache=tmp_path / "cache")

    sources = {str(file.path): file.source for file in shipment.files}
    assert sources["demo/__init__.py"] == folder / "demo/__init__.py"
    assert sources["demo/epoch.txt"].is_relative_to(tmp_path / "cache")


def test_a_large_built_package_is_over_the_limit(tmp_path: Path) -> None:
    folder = lay_out(tmp_path / "project", PROJECT | {"demo/big.csv": "x" * 50_000})

    with pytest.raises(BadInputError, match=r"demo/big\.csv"):
        list_shipment(find_job(folder, size_limit=40_000), cache=tmp_path / "cache")


@pytest.mark.parametrize(
    "tag", ["cp311-cp311-linux_x86_64", "py3-none-manylinux_2_28_x86_64", "cp311-abi3-any"]
)
def test_a_project_with_compiled_code_is_refused(tmp_path: Path, tag: str) -> None:
    backend = BACKEND.replace("py3-none-any", tag)
    folder = lay_out(tmp_path / "project", PROJECT | {"backend.py": backend})

    with pytest.raises(BadInputError, match=f"compiled code: demo-1-{tag}.whl"):
        build_project(folder, tmp_path / "cache")

    assert list((tmp_path / "cache/projects").iterdir()) == []


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        pytest.param(
            {"backend.py": "raise RuntimeError('no compiler')"},
            "RuntimeError: no compiler",
            id="a-traceback",
        ),
        pytest.param(
            {"backend.py": "import sys\nsys.exit('error: Two packages.\\n\\nDo this.')"},
            "error: Two packages.",
            id="a-tool-that-explains-at-length",
        ),
        pytest.param(
            {"backend.py": "import sys\nsys.exit('error: no https://joe:secret@h/simple')"},
            "error: no https://***@h/simple",
            id="a-tool-that-tells-a-password",
        ),
        pytest.param(
            {"pyproject.toml": PYPROJECT.replace("version", "versio")},
            "the required `project.version` field is neither set",
            id="uv-itself",
        ),
    ],
)
def test_a_build_that_fails_shows_the_line_that_matters(
    tmp_path: Path, contents: dict[str, str], words: str
) -> None:
    folder = lay_out(tmp_path / "project", PROJECT | contents)

    with pytest.raises(BadInputError, match="cannot be built") as caught:
        build_project(folder, tmp_path / "cache")

    assert words in str(caught.value)
    assert str(caught.value).count("\n") == 0
    assert caught.value.hint.endswith(f"uv build --wheel '{folder}'")
    assert list((tmp_path / "cache/projects").iterdir()) == []


def test_what_an_earlier_build_left_is_not_built_in(tmp_path: Path) -> None:
    stale = {"build/lib/demo/removed.py": "", "demo.egg-info/PKG-INFO": ""}
    backend = BACKEND.replace('Path("demo").rglob("*")', 'Path(".").glob("**/demo/**/*")')
    folder = lay_out(tmp_path / "project", PROJECT | stale | {"backend.py": backend})

    built = build_project(folder, tmp_path / "cache")

    assert not [path for path in paths(built) if "removed" in path]
    assert "demo/data/table.csv" in paths(built)


def test_a_large_file_of_a_project_is_built_in(tmp_path: Path) -> None:
    folder = lay_out(tmp_path / "project", PROJECT | {"demo/big.bin": "x" * 2_000_000})

    built = build_project(folder, tmp_path / "cache")

    shutil.rmtree(folder)
    assert len(text_of(built, "demo/big.bin")) == 2_000_000


def test_setuptools_finds_a_packages_data_without_git(tmp_path: Path) -> None:
    pyproject = PYPROJECT + "[tool.setuptools_scm]\n"
    backend = BACKEND.replace('os.environ["SOURCE_DATE_EPOCH"]', 'open("MANIFEST.in").read()')
    contents = {"pyproject.toml": pyproject, "backend.py": backend, "MANIFEST.in": "prune tests"}
    folder = lay_out(tmp_path / "project", PROJECT | contents)

    built = build_project(folder, tmp_path / "cache")

    assert text_of(built, "demo/epoch.txt") == "prune tests\nglobal-include *\n"
    assert (folder / "MANIFEST.in").read_text() == "prune tests"


def test_what_is_executable_in_a_package_stays_so(tmp_path: Path) -> None:
    folder = lay_out(tmp_path / "project", PROJECT | {"demo/tool.sh": "#!/bin/sh"})
    (folder / "demo/tool.sh").chmod(0o755)

    built = build_project(folder, tmp_path / "cache")

    modes = {str(file.path): file.source.stat().st_mode & 0o100 for file in built.files}
    assert modes["demo/tool.sh"]
    assert not modes["demo/__init__.py"]
