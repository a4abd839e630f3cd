"""What a job is, which files belong to it, and what never leaves this machine."""

import gzip
import os
import socket
from pathlib import Path

import pytest

from selfserve.core.program import Entry, EntryKind, JobKind
from selfserve.errors import BadInputError
from selfserve.packing import files
from selfserve.packing.code import build_code
from selfserve.packing.listing import list_shipment
from selfserve.packing.sources import JobSource, find_job

PROJECT = """
[build-system]
requires = []
build-backend = "backend"
[project]
name = "demo-app"
version = "1"
"""

MODULE_FILES = ("__init__.py", "__main__.py")


def lay_out(folder: Path, contents: dict[str, str]) -> Path:
    for name, text in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def paths(job: JobSource) -> list[str]:
    return [str(file.path) for file in job.files]


def reasons(job: JobSource) -> dict[str, str]:
    return {one.path: one.reason for one in job.left_out}


# One file


def test_a_script_is_shipped_with_what_it_imports_from_beside_it(tmp_path: Path) -> None:
    lay_out(
        tmp_path,
        {
            "job.py": "import helpers, lib",
            "helpers.py": "",
            "lib/__init__.py": "",
            "lib/table.csv": "a,b",
            "lib/__pycache__/x.pyc": "",
            "other.py": "",
        },
    )

    job = find_job(tmp_path / "job.py")

    assert paths(job) == ["job.py", "helpers.py", "lib/__init__.py", "lib/table.csv"]
    assert reasons(job) == {"lib/__pycache__/": "compiled Python"}
    assert job.entry == Entry(EntryKind.PATH, "job.py")
    assert (job.kind, job.name, job.project) == (JobKind.PYTHON, "job.py", None)
    assert (job.path, job.root) == (tmp_path / "job.py", tmp_path)


@pytest.mark.parametrize(
    ("name", "kind"), [("report.sql", JobKind.SQL), ("R.SQL", JobKind.SQL), ("a.jar", JobKind.JAR)]
)
def test_sql_and_jars_are_shipped_as_they_are(tmp_path: Path, name: str, kind: JobKind) -> None:
    lay_out(tmp_path, {name: "content", "other.py": ""})

    job = find_job(tmp_path / name)

    assert (job.kind, job.entry, job.project) == (kind, None, None)
    assert [(str(file.path), file.size) for file in job.files] == [(name, 7)]


def test_a_relative_path_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(tmp_path, {"job/__main__.py": ""})
    monkeypatch.chdir(tmp_path / "job")

    job = find_job(Path())

    assert (job.path, job.name) == (tmp_path / "job", "job")


def test_a_linked_script_finds_its_modules_where_python_does(tmp_path: Path) -> None:
    lay_out(tmp_path, {"real/job.py": "import helpers", "real/helpers.py": "", "bin/x.py": ""})
    (tmp_path / "bin/linked.py").symlink_to(tmp_path / "real/job.py")

    job = find_job(tmp_path / "bin/linked.py")

    assert paths(job) == ["job.py", "helpers.py"]
    assert (job.name, job.entry) == ("linked.py", Entry(EntryKind.PATH, "job.py"))


# A folder


def test_of_a_folder_everything_is_shipped_that_may_be(tmp_path: Path) -> None:
    lay_out(
        tmp_path,
        {
            "__main__.py": "print(1)",
            "data/table.csv": "a,b",
            "sub/other.py": "",
            ".env": "TOKEN=1",
            ".git/config": "",
            "env/pyvenv.cfg": "",
        },
    )

    job = find_job(tmp_path)

    assert paths(job) == ["__main__.py", "data/table.csv", "sub/other.py"]
    assert reasons(job) == {
        ".env": "may hold credentials",
        ".git/": "version control",
        "env/": "a virtual environment",
    }
    assert job.entry == Entry(EntryKind.PATH, ".")
    assert job.name == tmp_path.name


@pytest.mark.parametrize(
    ("main", "entry", "first"),
    [
        ("import other", Entry(EntryKind.PATH, "."), "__init__.py"),
        ("from . import other", Entry(EntryKind.MODULE, "package"), "package/__init__.py"),
        ("from package.other import x", Entry(EntryKind.MODULE, "package"), "package/__init__.py"),
    ],
)
def test_a_package_that_uses_its_own_name_starts_as_a_module(
    tmp_path: Path, main: str, entry: Entry, first: str
) -> None:
    lay_out(tmp_path / "package", {"__main__.py": main, "__init__.py": "", "other.py": "x = 1"})

    job = find_job(tmp_path / "package")

    assert job.entry == entry
    assert paths(job)[0] == first


# A project


def test_a_projects_package_is_built_and_starts_as_a_module(tmp_path: Path) -> None:
    lay_out(
        tmp_path,
        {
            "pyproject.toml": PROJECT,
            "src/demo_app/__init__.py": "",
            "src/demo_app/__main__.py": "",
            "src/other/__init__.py": "",
            "src/other/__main__.py": "",
            "notes.txt": "",
        },
    )

    job = find_job(tmp_path)

    assert (job.project, job.files) == (tmp_path, ())
    assert job.entry == Entry(EntryKind.MODULE, "demo_app")


def test_a_main_beside_the_projects_package_comes_first(tmp_path: Path) -> None:
    lay_out(
        tmp_path,
        {
            "pyproject.toml": PROJECT,
            "__main__.py": "import helpers, demo_app",
            "helpers.py": "",
            "src/demo_app/__init__.py": "",
            "src/demo_app/__main__.py": "",
        },
    )

    job = find_job(tmp_path)

    assert job.entry == Entry(EntryKind.PATH, ".")
    assert paths(job) == ["__main__.py", "helpers.py"]
    assert job.project == tmp_path


@pytest.mark.parametrize("target", ["demo.cli:main", " demo.cli : main [extra]"])
def test_a_projects_only_script_is_where_it_starts(tmp_path: Path, target: str) -> None:
    lay_out(
        tmp_path,
        {
            "pyproject.toml": PROJECT + f'[project.scripts]\nrun = "{target}"\n',
            "demo/__init__.py": "",
        },
    )

    assert find_job(tmp_path).entry == Entry(EntryKind.FUNCTION, "demo.cli:main")


@pytest.mark.parametrize(
    ("scripts", "contents", "message"),
    [
        pytest.param(
            'a = "demo.cli:a"\nb = "demo.cli:b"', {}, "2 ways: a = demo.cli:a; b", id="two-scripts"
        ),
        pytest.param(
            "",
            {f"{name}/{file}": "" for name in ("one", "two") for file in MODULE_FILES},
            "2 ways: python -m one; python -m two",
            id="two-packages",
        ),
        pytest.param("", {"demo/__init__.py": ""}, "says nowhere where it starts", id="nothing"),
        pytest.param('a = "demo.cli"', {}, "not module:function", id="not-a-function"),
    ],
)
def test_a_project_without_one_clear_start_is_refused_with_the_choices(
    tmp_path: Path, scripts: str, contents: dict[str, str], message: str
) -> None:
    lay_out(tmp_path, {"pyproject.toml": f"{PROJECT}[project.scripts]\n{scripts}"} | contents)

    with pytest.raises(BadInputError, match=message) as caught:
        find_job(tmp_path)

    assert caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[tool.ruff]\nline-length = 100\n", id="settings-of-tools-alone"),
        pytest.param("[project]\nname = 'x'\nversion = '1'\n", id="no-build-system"),
        pytest.param(PROJECT + "[tool.uv]\npackage = false\n", id="uv-shall-not-build-it"),
    ],
)
def test_a_project_without_a_package_is_a_folder(tmp_path: Path, text: str) -> None:
    lay_out(tmp_path, {"pyproject.toml": text, "__main__.py": "", "data.csv": ""})

    job = find_job(tmp_path)

    assert job.project is None
    assert paths(job) == ["__main__.py", "data.csv", "pyproject.toml"]


def test_uv_may_be_told_to_build_a_project_without_a_build_system(tmp_path: Path) -> None:
    text = "[project]\nname = 'x'\nversion = '1'\n[tool.uv]\npackage = true\n"
    lay_out(tmp_path, {"pyproject.toml": text, "x/__init__.py": "", "x/__main__.py": ""})

    assert find_job(tmp_path).project == tmp_path


def test_a_pyproject_that_is_no_toml_is_named(tmp_path: Path) -> None:
    lay_out(tmp_path, {"pyproject.toml": "[project\n", "__main__.py": ""})

    with pytest.raises(BadInputError, match=r"Cannot read .*pyproject\.toml: .*line 1"):
        find_job(tmp_path)


@pytest.mark.parametrize(
    ("script", "text", "has_project"),
    [
        pytest.param("src/demo/job.py", "", True, id="inside-its-package"),
        pytest.param("src/demo/deep/job.py", "", True, id="deep-inside-its-package"),
        pytest.param("scripts/job.py", "from demo.x import y", True, id="imports-its-package"),
        pytest.param("scripts/job.py", "import os", False, id="has-nothing-to-do-with-it"),
        pytest.param(
            "scripts/job.py", "# /// script\n# ///\nimport demo", False, id="has-its-own-metadata"
        ),
        pytest.param("vendored/scripts/job.py", "import demo", False, id="of-another-repository"),
    ],
)
def test_the_project_that_a_script_belongs_to_is_built(
    tmp_path: Path, script: str, text: str, *, has_project: bool
) -> None:
    lay_out(
        tmp_path,
        {
            "pyproject.toml": PROJECT,
            "src/demo/__init__.py": "",
            "vendored/.git/config": "",
            script: text,
        },
    )

    job = find_job(tmp_path / script)

    assert job.project == (tmp_path if has_project else None)
    assert job.entry == Entry(EntryKind.PATH, "job.py")


# Links and other oddities


def test_links_are_followed_inside_the_folder_and_nowhere_else(tmp_path: Path) -> None:
    lay_out(tmp_path, {"job/__main__.py": "", "job/lib/a.py": "x", "job/.git/config": ""})
    lay_out(tmp_path, {"job/.env": "", "outside/secret.txt": ""})
    links = {
        "file": "../job/lib/a.py",
        "folder": "lib",
        "lib/up": "..",
        "lib/self": "self",
        "broken": "nothing",
        "out": "../outside/secret.txt",
        "outfolder": "../outside",
        "absolute": "/etc/hostname",
        "innocent": ".env",
        "config": ".git/config",
        "repository": ".git",
    }
    for name, target in links.items():
        (tmp_path / "job" / name).symlink_to(target)

    job = find_job(tmp_path / "job")

    assert paths(job) == ["__main__.py", "file", "folder/a.py", "lib/a.py"]
    assert reasons(job) == {
        ".env": "may hold credentials",
        ".git/": "version control",
        "absolute": "a link that leaves the folder",
        "broken": "a link that leads nowhere",
        "config": "a link to .git/config: version control",
        "folder/self": "a link that leads nowhere",
        "folder/up": "a link to a folder that it is in",
        "innocent": "a link to .env: may hold credentials",
        "lib/self": "a link that leads nowhere",
        "lib/up": "a link to a folder that it is in",
        "out": "a link that leaves the folder",
        "outfolder": "a link that leaves the folder",
        "repository": "a link to .git: version control",
    }


def test_pipes_and_sockets_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(tmp_path, {"__main__.py": ""})
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")

        job = find_job(tmp_path)

    assert paths(job) == ["__main__.py"]
    assert set(reasons(job)) == {"pipe", "socket"}


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("jub.py", "There is no jub.py in", "Did you mean job.py?"),
        ("absent", "There is no absent in", "ls '"),
        ("absent/job.py", "There is no folder", "pwd"),
        ("empty", "is empty", "selfserve submit"),
        ("scripts", r"has no __main__\.py", "scripts/a.py'"),
        ("data", r"has no __main__\.py", "__main__.py"),
        ("notes.ipynb", r"is a \.ipynb file", "jupyter nbconvert --to script"),
        ("code.zip", r"is a \.zip file", "unzip"),
        ("lib.whl", r"is a \.whl file", "--py-files"),
        ("Makefile", "is a nameless kind of file", "selfserve submit"),
        (".env.py", r"never shipped \(\.env\.py: may hold credentials\)", "mv "),
        ("linked.py", r"never shipped \(\.env: may hold credentials\)", "mv "),
        ("pipe.py", "is not a file", "selfserve submit"),
    ],
)
def test_what_cannot_be_submitted_is_told_with_a_hint(
    tmp_path: Path, name: str, message: str, hint: str
) -> None:
    lay_out(
        tmp_path,
        {"job.py": "", "scripts/a.py": "", "data/x.csv": "", "notes.ipynb": "", "code.zip": ""}
        | {"lib.whl": "", "Makefile": "", ".env": "", ".env.py": ""},
    )
    (tmp_path / "empty").mkdir()
    (tmp_path / "linked.py").symlink_to(".env")
    os.mkfifo(tmp_path / "pipe.py")

    with pytest.raises(BadInputError, match=message) as caught:
        find_job(tmp_path / name)

    assert hint in caught.value.hint


def test_code_over_the_limit_is_refused_with_the_largest_files(tmp_path: Path) -> None:
    lay_out(tmp_path, {"__main__.py": "", "small.txt": "x"})
    for number in range(12):
        (tmp_path / f"data{number:02}.bin").write_bytes(bytes(1000 + number))

    with pytest.raises(BadInputError) as caught:
        find_job(tmp_path, size_limit=10_000)

    lines = str(caught.value).splitlines()
    assert "the limit is" in lines[0]
    assert [line.split()[-1] for line in lines[1:]] == [
        f"data{number:02}.bin" for number in range(11, 1, -1)
    ]
    assert "aws s3 cp" in caught.value.hint


def test_a_folder_of_very_many_files_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_out(tmp_path, {"__main__.py": "", "a": "", "b": ""})
    monkeypatch.setattr(files, "MAX_FILES", 2)

    with pytest.raises(BadInputError, match="more than 2 files"):
        find_job(tmp_path)


@pytest.mark.parametrize("name", ["job/script.py", "job"])
def test_a_job_that_needs_what_is_never_shipped_is_refused(tmp_path: Path, name: str) -> None:
    lay_out(tmp_path, {"job/script.py": "import common", "common/__init__.py": "", "m.py": ""})
    (tmp_path / "job/common").symlink_to(tmp_path / "common")
    (tmp_path / "job/__main__.py").symlink_to(tmp_path / "m.py")

    with pytest.raises(BadInputError, match="never shipped: a link that leaves the folder"):
        find_job(tmp_path / name)


def test_a_name_in_other_letters_is_told(tmp_path: Path) -> None:
    lay_out(tmp_path, {"job.py": ""})

    with pytest.raises(BadInputError, match=r"no 'Job\.py' in exactly these letters"):
        files.Walk(tmp_path).add("Job.py")


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"Cannot read the folder .*: No such file"):
        files.Walk(tmp_path / "gone")


# Packing


def test_packing_an_unchanged_job_again_reads_the_same_archive(tmp_path: Path) -> None:
    lay_out(tmp_path / "job", {"__main__.py": "print(1)"})

    first = build_code(find_job(tmp_path / "job"), cache=tmp_path / "cache")
    before = first.path.stat().st_ino
    again = build_code(find_job(tmp_path / "job"), cache=tmp_path / "cache")

    assert again == first
    assert again.path.stat().st_ino == before


def test_a_changed_job_is_packed_anew(tmp_path: Path) -> None:
    lay_out(tmp_path / "job", {"__main__.py": "print(1)"})
    first = build_code(find_job(tmp_path / "job"), cache=tmp_path / "cache")

    lay_out(tmp_path / "job", {"__main__.py": "print(2)"})
    second = build_code(find_job(tmp_path / "job"), cache=tmp_path / "cache")
    (tmp_path / "job/__main__.py").chmod(0o755)
    third = build_code(find_job(tmp_path / "job"), cache=tmp_path / "cache")

    assert len({first.sha256, second.sha256, third.sha256}) == 3


def test_a_large_file_that_changes_is_noticed(tmp_path: Path) -> None:
    lay_out(tmp_path / "job", {"__main__.py": "", "model.bin": "a" * 2_000_000})
    model = tmp_path / "job/model.bin"
    first = build_code(find_job(tmp_path / "job"), cache=tmp_path / "cache")
    times = model.stat()

    model.write_text("b" * 2_000_000)
    os.utime(model, ns=(times.st_atime_ns, times.st_mtime_ns))
    second = build_code(find_job(tmp_path / "job"), cache=tmp_path / "cache")

    assert first.sha256 != second.sha256


@pytest.mark.parametrize("damage", ["archive-lost", "archive-cut", "note-damaged"])
def test_a_damaged_cache_is_filled_again(tmp_path: Path, damage: str) -> None:
    job = find_job(lay_out(tmp_path / "job", {"__main__.py": "print(1)"}))
    first = build_code(job, cache=tmp_path / "cache")
    body = first.path.read_bytes()
    if damage == "archive-lost":
        first.path.unlink()
    elif damage == "archive-cut":
        first.path.write_bytes(body[:10])
    else:
        next(first.path.parent.glob("*.json")).write_text("[")

    again = build_code(job, cache=tmp_path / "cache")

    assert again == first
    assert again.path.read_bytes() == body


def test_the_same_job_in_another_folder_gives_the_same_archive(tmp_path: Path) -> None:
    contents = {"__main__.py": "import lib", "lib/__init__.py": "", "lib/a.csv": "1"}
    archives = [
        build_code(find_job(lay_out(tmp_path / place, contents)), cache=tmp_path / f"{place}-cache")
        for place in ("here", "there")
    ]

    assert archives[0].sha256 == archives[1].sha256


def test_a_dry_run_lists_what_the_archive_holds(tmp_path: Path) -> None:
    job = find_job(lay_out(tmp_path / "job", {"__main__.py": "1", "b.csv": "22", ".env": ""}))

    shipment = list_shipment(job, cache=tmp_path / "cache")

    assert [(str(file.path), file.size) for file in shipment.files] == [
        ("__main__.py", 1),
        ("b.csv", 2),
    ]
    assert [one.path for one in shipment.left_out] == [".env"]


def test_no_secret_of_a_folder_is_in_its_archive(tmp_path: Path) -> None:
    marker = "CANARY-3f9c1e"
    secrets = [
        ".env", ".env.local", ".git/config", ".aws/credentials", ".ssh/id_ed25519", "server.pem",
        "deep/er/tls.key", "venv/pyvenv.cfg", "venv/lib/a.py", ".netrc", "credentials.json",
        "lib/.env", "lib/__pycache__/a.pyc", "terraform.tfstate", ".kube/config",
    ]  # fmt: skip
    folder = lay_out(tmp_path / "job", {name: f"{marker} {name}" for name in secrets})
    lay_out(folder, {"__main__.py": "import lib", "lib/__init__.py": "", "fine.txt": "shipped"})
    lay_out(tmp_path, {"outside.txt": marker, "far/a.py": marker})
    (folder / "link.txt").symlink_to(tmp_path / "outside.txt")
    (folder / "far").symlink_to(tmp_path / "far")
    (folder / "renamed.txt").symlink_to(".env")

    for job in (folder, folder / "__main__.py"):
        packed = build_code(find_job(job), cache=tmp_path / "cache")

        assert marker.encode() not in gzip.decompress(packed.path.read_bytes())
        assert marker.encode() not in packed.path.read_bytes()
    whole = build_code(find_job(folder), cache=tmp_path / "cache")
    assert b"shipped" in gzip.decompress(whole.path.read_bytes())
