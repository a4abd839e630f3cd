"""Building the archive of a job's packages: offline, from wheels that are made here."""

import json
import os
import tarfile
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from selfserve.core.program import PythonTarget
from selfserve.core.python_target import in_words
from selfserve.core.requirements import Requirements, RequirementsKind
from selfserve.errors import BadInputError, NoAnswerError, SelfserveError
from selfserve.packing.dependencies import Dependencies, build_dependencies
from selfserve.packing.pruning import prune
from selfserve.packing.requirements import find_requirements
from selfserve.packing.uv_failures import explain
from selfserve.packing.uv_tool import Cancelled, Uv, UvError, never
from wheels import offline_uv, write_sdist, write_wheel

ARM = PythonTarget("3.11", "aarch64-manylinux_2_34")
X86 = PythonTarget("3.11", "x86_64-manylinux_2_34")
DAY_S = 24 * 3600


class CountingUv(Uv):
    """The real uv, and how often it was started."""

    def __init__(self, index: Path, environment: dict[str, str] | None = None) -> None:
        super().__init__({**offline_uv(index, environment)._environment})
        self.calls = 0

    def run(
        self,
        arguments: Sequence[str],
        cancelled: Cancelled = never,
        *,
        holding: int | None = None,
        folder: Path | None = None,
    ) -> str:
        self.calls += 1
        return super().run(arguments, cancelled, holding=holding, folder=folder)


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """Packages `low`, `high` that needs it, `native` for two CPUs, `spark-tool`, `old`."""
    folder = tmp_path / "index"
    write_wheel(folder, "low", "1.0")
    write_wheel(folder, "low", "1.1")
    write_wheel(folder, "high", "2.0", requires=["low>=1"])
    write_wheel(folder, "native", "1.0", tag="cp311-cp311-manylinux2014_aarch64")
    write_wheel(folder, "native", "1.0", tag="cp311-cp311-manylinux2014_x86_64")
    write_wheel(folder, "x86only", "1.0", tag="cp311-cp311-manylinux2014_x86_64")
    write_wheel(folder, "spark_tool", "1.0", requires=["pyspark>=3"])
    write_wheel(folder, "newer", "1.0")
    write_sdist(folder, "newer", "2.0")
    write_sdist(folder, "source_only", "1.0")
    write_wheel(folder, "needs_source", "1.0", requires=["source-only"])
    return folder


@pytest.fixture
def uv(index: Path) -> CountingUv:
    return CountingUv(index)


def needs(folder: Path, *lines: str) -> Requirements:
    path = folder / "requirements.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    found = find_requirements(folder, explicit=path)
    assert found is not None
    return found


def build(
    requirements: Requirements,
    cache: Path,
    uv: Uv,
    target: PythonTarget = ARM,
    *,
    upgrade: bool = False,
) -> Dependencies:
    built = build_dependencies(
        requirements, target, cache=cache, uv=uv, upgrade=upgrade, report=lambda _: None
    )
    assert built is not None
    return built


def contents(built: Dependencies) -> dict[str, str]:
    with tarfile.open(built.archive.path) as archive:
        files = {member.name: archive.extractfile(member) for member in archive}
        return {name: file.read().decode() for name, file in files.items() if file}


def test_what_is_shipped_is_the_packages_and_nothing_of_this_machine(
    tmp_path: Path, uv: CountingUv
) -> None:
    built = build(needs(tmp_path, "high"), tmp_path / "cache", uv)

    assert sorted(contents(built)) == [
        "SHA256SUMS",
        "high-2.0.dist-info/METADATA",
        "high-2.0.dist-info/RECORD",
        "high-2.0.dist-info/WHEEL",
        "high-2.0.dist-info/entry_points.txt",
        "high/__init__.py",
        "low-1.1.dist-info/METADATA",
        "low-1.1.dist-info/RECORD",
        "low-1.1.dist-info/WHEEL",
        "low-1.1.dist-info/entry_points.txt",
        "low/__init__.py",
    ]
    assert built.pins == ("high==2.0", "low==1.1")
    assert built.lock.startswith("high==2.0 \\\n    --hash=sha256:")
    assert str(tmp_path) not in "".join(contents(built).values())
    assert "bin/" not in contents(built)["low-1.1.dist-info/RECORD"]


def test_two_builds_in_two_places_give_the_same_bytes(tmp_path: Path, index: Path) -> None:
    other_place = tmp_path / "quite" / "another place"
    other_place.mkdir(parents=True)
    first = build(needs(tmp_path, "high", "native"), tmp_path / "cache", CountingUv(index))
    for wheel in index.iterdir():
        os.utime(wheel, (0, 0))  # another day

    second = build(needs(other_place, "high", "native"), other_place / "c", CountingUv(index))

    assert second.archive.sha256 == first.archive.sha256
    assert second.archive.sums_sha256 == first.archive.sums_sha256
    assert second.lock == first.lock
    assert second.archive.path != first.archive.path


def test_packages_that_want_the_same_path_give_the_same_bytes_each_time(
    tmp_path: Path, index: Path
) -> None:
    for name in ("aaa", "zzz"):
        write_wheel(index, name, "1", files={"tests/common.py": f"# of {name}\n"})
    wanted = needs(tmp_path, "aaa", "low", "zzz")

    found = [build(wanted, tmp_path / f"cache{n}", CountingUv(index)) for n in range(3)]

    assert contents(found[0])["tests/common.py"] == "# of zzz\n"
    assert len({one.archive.sha256 for one in found}) == 1


@pytest.mark.parametrize(("target", "cpu"), [(ARM, "aarch64"), (X86, "x86_64")])
def test_the_wheel_is_the_one_for_the_targets_cpu(
    tmp_path: Path, uv: CountingUv, target: PythonTarget, cpu: str
) -> None:
    built = build(needs(tmp_path, "native"), tmp_path / "cache", uv, target)

    assert f"TAG = 'cp311-cp311-manylinux2014_{cpu}'" in contents(built)["native/__init__.py"]


def test_unchanged_requirements_ask_uv_nothing(tmp_path: Path, uv: CountingUv) -> None:
    first = build(needs(tmp_path, "high"), tmp_path / "cache", uv)
    calls = uv.calls

    second = build(needs(tmp_path, "# a comment", "high"), tmp_path / "cache", uv)

    assert second == first
    assert (calls, uv.calls) == (2, 2)


def test_upgrade_takes_what_is_newer_now(tmp_path: Path, index: Path, uv: CountingUv) -> None:
    wanted = needs(tmp_path, "low")
    build(wanted, tmp_path / "cache", uv)
    write_wheel(index, "low", "1.2")
    kept = build(wanted, tmp_path / "cache", uv)

    upgraded = build(wanted, tmp_path / "cache", uv, upgrade=True)

    assert kept.pins == ("low==1.1",)
    assert upgraded.pins == ("low==1.2",)
    assert build(wanted, tmp_path / "cache", uv).pins == ("low==1.2",)


@pytest.mark.parametrize("damage", ["truncated", "removed", "no-entry", "bad-entry"])
def test_a_damaged_cache_is_built_anew(tmp_path: Path, uv: CountingUv, damage: str) -> None:
    first = build(needs(tmp_path, "high"), tmp_path / "cache", uv)
    [entry] = (tmp_path / "cache" / "dependencies").glob("*.json")
    match damage:
        case "truncated":
            os.truncate(first.archive.path, 10)
        case "removed":
            first.archive.path.unlink()
        case "no-entry":
            entry.unlink()
        case _:
            entry.write_text('{"archive": [', encoding="utf-8")

    second = build(needs(tmp_path, "high"), tmp_path / "cache", uv)

    assert second == first
    assert second.archive.path.stat().st_size == second.archive.size


def test_two_at_once_do_not_hurt_each_other(tmp_path: Path, index: Path) -> None:
    wanted = needs(tmp_path, "high")
    found: list[Dependencies] = []
    threads = [
        threading.Thread(
            target=lambda: found.append(build(wanted, tmp_path / "cache", CountingUv(index)))
        )
        for _ in range(3)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [found[0]] * 3
    assert len(list((tmp_path / "cache" / "packages").iterdir())) == 1
    assert not list((tmp_path / "cache" / "scratch").iterdir())


def test_pyspark_is_never_shipped_and_the_user_is_told(tmp_path: Path, uv: CountingUv) -> None:
    told: list[str] = []
    wanted = needs(tmp_path, "pyspark[sql]==3.4.0", "low")

    built = build_dependencies(
        wanted, ARM, cache=tmp_path / "cache", uv=uv, report=told.append, spark="3.5.8"
    )

    assert built is not None
    assert built.pins == ("low==1.1",)
    assert told == [
        "pyspark comes from the cluster and is not shipped",
        "pyspark[sql]==3.4.0: name the packages of the extras sql yourself, such as pandas",
        "requirements.txt asks for pyspark[sql]==3.4.0, but the cluster has Spark 3.5.8",
        f"installing 1 package for {in_words(ARM)}",
    ]


def test_pyspark_that_a_package_needs_is_not_shipped_either(tmp_path: Path, uv: CountingUv) -> None:
    told: list[str] = []

    built = build_dependencies(
        needs(tmp_path, "spark-tool"), ARM, cache=tmp_path / "c", uv=uv, report=told.append
    )

    assert built is not None
    assert built.pins == ("spark-tool==1.0",)
    assert told[-1] == "pyspark comes from the cluster and is not shipped"


@pytest.mark.parametrize("line", ["pyspark==3.5.8", "py4j", "# nothing"])
def test_nothing_left_to_install_is_no_archive(tmp_path: Path, uv: CountingUv, line: str) -> None:
    built = build_dependencies(
        needs(tmp_path, line), ARM, cache=tmp_path / "c", uv=uv, report=lambda _: None
    )

    assert built is None
    assert uv.calls == 0


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        pytest.param(
            "source-only",
            "source-only==1.0 has no wheel for Python 3.11 on arm64, "
            r"Linux with glibc 2.34 \(as Amazon Linux 2023\), and only wheels are shipped\.",
            "uvx pip wheel --no-deps -w wheels 'source-only==1.0'",
            id="sdist-only",
        ),
        pytest.param(
            "needs-source",
            "source-only==1.0 has no wheel.*needs-source needs it",
            "uvx",
            id="indirect",
        ),
        pytest.param("newer==2.0", "newer==2.0 has no wheel", "newer==1.0", id="other-version"),
        pytest.param(
            "x86only", "x86only==1.0 has no wheel", "Python 3.11 on x86_64", id="other-cpu"
        ),
        pytest.param("absent", "no package absent", "spelt", id="no-such-package"),
        pytest.param("low==9", "no version low==9", "pypi.org/project/low", id="no-such-version"),
        pytest.param("low<1.1\nlow>1", "do not go together.*low<1.1", "Widen", id="conflict"),
    ],
)
def test_what_cannot_be_had_is_refused_with_what_helps(
    tmp_path: Path, uv: CountingUv, line: str, message: str, hint: str
) -> None:
    with pytest.raises(BadInputError, match=message) as caught:
        build(needs(tmp_path, *line.splitlines()), tmp_path / "cache", uv)

    assert hint in caught.value.hint
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "cache").glob("packages/*"))


def test_the_hashes_that_the_author_gives_bind(tmp_path: Path, uv: CountingUv) -> None:
    lock = build(needs(tmp_path, "low==1.0"), tmp_path / "cache", uv).lock
    right = needs(tmp_path, *lock.splitlines())
    again = build(right, tmp_path / "cache2", uv)
    wrong = needs(tmp_path, f"low==1.0 --hash=sha256:{'0' * 64}")

    with pytest.raises(BadInputError, match=r"low==1\.0 is not the file"):
        build(wrong, tmp_path / "cache", uv)

    assert again.lock == lock


def test_a_python_that_is_not_the_clusters_is_refused(tmp_path: Path, uv: CountingUv) -> None:
    wanted = Requirements(RequirementsKind.PYPROJECT, tmp_path / "pyproject.toml", ">=3.12")

    with pytest.raises(BadInputError, match=r"requires Python >=3\.12"):
        build_dependencies(wanted, ARM, cache=tmp_path, uv=uv, report=lambda _: None)

    assert uv.calls == 0


def test_without_a_network_the_error_says_so_and_keeps_the_password(tmp_path: Path) -> None:
    environment = {"UV_DEFAULT_INDEX": "http://joe:secret@127.0.0.1:9/simple", "UV_NO_CACHE": "1"}
    uv = Uv({**environment, "UV_HTTP_RETRIES": "0", "UV_NO_CONFIG": "1"})

    with pytest.raises(NoAnswerError, match=r"http://\S*127\.0\.0\.1:9/simple") as caught:
        build(needs(tmp_path, "low"), tmp_path / "cache", uv)

    assert "secret" not in str(caught.value)
    assert "HTTPS_PROXY" in caught.value.hint


def test_a_cache_that_cannot_be_written_is_an_error_with_a_hint(
    tmp_path: Path, uv: CountingUv
) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(BadInputError, match="Not a directory") as caught:
        build(needs(tmp_path, "low"), tmp_path / "file" / "cache", uv)

    assert "SELFSERVE_CACHE" in caught.value.hint


@pytest.mark.parametrize(
    ("said", "kind", "message"),
    [
        ("error: failed to write: No space left on device (os error 28)", BadInputError, "space"),
        ("error: (401 Unauthorized) for url (https://joe:secret@h/simple/)", BadInputError,
         "credentials: https://***@h/simple/"),
        ("error: a was not found in the cache. hint: the network was disabled.", BadInputError,
         "may not use the network"),
        ("error: Hash mismatch for `a==1`\n Expected: x", BadInputError, "a==1 is not the file"),
        ("error: the moon fell", BadInputError, "the moon fell"),
        ("error: No interpreter found for Python 3.8", BadInputError, "No interpreter found"),
    ],
)  # fmt: skip
def test_what_uv_says_becomes_an_error_for_people(
    said: str, kind: type[SelfserveError], message: str
) -> None:
    error = explain(UvError("", hint="", said=said), ARM, lambda *_: None)

    assert type(error) is kind
    assert message in str(error)
    assert "secret" not in f"{error} {error.hint}"


PROJECT = """[project]
name = "mine"
version = "1"
requires-python = ">=3.11"
dependencies = ["high", "pyspark; python_version < '3'"]
"""


def test_a_projects_lock_decides_until_it_is_out_of_date(
    tmp_path: Path, index: Path, uv: CountingUv
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    uv.run(["lock", "--quiet"], folder=project)
    write_wheel(index, "low", "1.2")

    found = find_requirements(project / "job.py", project=project)
    assert found is not None
    locked = build(found, tmp_path / "cache", uv)
    (project / "pyproject.toml").write_text(PROJECT.replace("high", "native"), encoding="utf-8")
    changed = find_requirements(project / "job.py", project=project)
    assert changed is not None

    with pytest.raises(BadInputError, match=r"older than pyproject\.toml") as caught:
        build(changed, tmp_path / "cache", uv)
    assert locked.pins == ("high==2.0", "low==1.1")
    assert caught.value.hint == f"Bring it up to date: uv lock --project '{project}'"


def test_a_scripts_lock_pins_it(tmp_path: Path, index: Path, uv: CountingUv) -> None:
    job = tmp_path / "job.py"
    job.write_text('# /// script\n# dependencies = ["high"]\n# ///\n', encoding="utf-8")
    uv.run(["lock", "--quiet", "--script", str(job)])
    write_wheel(index, "low", "1.2")
    found = find_requirements(job)
    assert found is not None

    built = build(found, tmp_path / "cache", uv)

    assert built.pins == ("high==2.0", "low==1.1")


def age(path: Path, seconds: float) -> Path:
    then = path.stat().st_mtime - seconds
    os.utime(path, (then, then))
    return path


def test_a_use_counts_when_the_cache_is_pruned(tmp_path: Path, uv: CountingUv) -> None:
    built = build(needs(tmp_path, "low"), tmp_path / "cache", uv)
    age(built.archive.path, 61 * DAY_S)
    build(needs(tmp_path, "low"), tmp_path / "cache", uv)

    prune(tmp_path / "cache")

    assert built.archive.path.exists()


def test_no_password_of_an_index_is_kept_in_the_cache(tmp_path: Path, index: Path) -> None:
    uv = CountingUv(index, {"UV_OFFLINE": "1"})
    wanted = needs(tmp_path, "--extra-index-url https://joe:secret@h.invalid/simple", "low")

    build(wanted, tmp_path / "cache", uv)

    kept = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert kept
    assert all(b"secret" not in path.read_bytes() for path in kept)
    [entry] = (tmp_path / "cache" / "dependencies").iterdir()
    assert set(json.loads(entry.read_text("utf-8"))) == {"archive", "lock", "pins"}
