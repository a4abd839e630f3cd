"""What was shipped is used only if it is exactly what was submitted."""

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from runner_bench import PYTHONS, Bench, Job, tar
from selfserve.runner.archives import unpack
from selfserve.runner.checksums import verify
from selfserve.runner.errors import PackageDamagedError

JOB = Job(
    {"job.py": "import lib\nprint(lib.__file__)", "big.bin": bytes(3 << 20), "a b/ü.txt": "x"},
    dependencies={"lib.py": "pass"},
)


@pytest.mark.parametrize("python", PYTHONS)
def test_unpacked_archives_are_used_where_they_are(tmp_path: Path, python: str) -> None:
    bench = Bench(tmp_path, python)
    bench.submit(JOB)
    bench.localize()
    for archive in ("code", "deps"):
        (bench.root / f"{archive}.tar.gz").rename(bench.root / f"{archive}-elsewhere")

    with bench.start() as process:
        out, err = process.communicate()

    assert process.returncode == 0, err
    assert out.decode() == f"{bench.cwd}/selfserve_deps/lib.py\n"


def test_archives_that_nobody_has_unpacked_are_fetched_and_removed_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    finished = bench.run(JOB)

    assert finished.copied_stdout.endswith("/selfserve_deps/lib.py\n")
    assert not Path(finished.copied_stdout.strip()).exists()
    assert list(bench.cwd.iterdir()) == []


def test_what_executors_write_beside_the_packages_is_no_damage(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.submit(JOB)
    bench.localize()
    cache = bench.cwd / "selfserve_deps" / "__pycache__"
    cache.mkdir()
    (cache / "lib.cpython-311.pyc").write_bytes(b"")

    with bench.start() as process:
        process.communicate()

    assert process.returncode == 0


@pytest.mark.parametrize("file", ["job.py", "big.bin", "a b/ü.txt", "SHA256SUMS"])
@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_a_damaged_package_is_named_and_the_job_not_started(
    tmp_path: Path, file: str, damage: str
) -> None:
    bench = Bench(tmp_path)
    bench.submit(JOB)
    bench.localize()
    path = bench.cwd / "selfserve_code" / file
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes() + b"#")

    with bench.start() as process:
        out, err = process.communicate()

    result = bench.result
    assert process.returncode == result["exit_code"] == 70
    assert result["exception"]["type"] == "selfserve.PackageDamagedError"
    assert f"selfserve_code/{file} " in result["exception"]["message"]
    assert result["exception"]["traceback"] == ""
    assert result["job_started"] is None
    assert out == b""
    assert f"selfserve_code/{file} ".encode() in err


def test_an_archive_that_cannot_be_fetched_is_named(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.submit(JOB)
    (bench.root / "deps.tar.gz").unlink()

    with bench.start() as process:
        process.communicate()

    assert process.returncode == 70
    assert bench.result["exception"]["type"] == "selfserve.PackageUnavailableError"
    assert "deps.tar.gz" in bench.result["exception"]["message"]


def test_an_archive_that_arrives_cut_is_damaged(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.submit(JOB)
    packed = bench.root / "code.tar.gz"
    packed.write_bytes(packed.read_bytes()[:-20])

    with bench.start() as process:
        process.communicate()

    assert bench.result["exception"]["type"] == "selfserve.PackageDamagedError"


@pytest.mark.parametrize("name", ["../out", "/out", "a/../../out"])
def test_nothing_is_unpacked_outside_the_folder(tmp_path: Path, name: str) -> None:
    packed = tmp_path / "x.tar.gz"
    name = str(tmp_path / "out") if name == "/out" else name
    packed.write_bytes(tar({name: b"x"}))

    with pytest.raises(PackageDamagedError, match="outside"):
        unpack(packed, tmp_path / "root")

    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_not_unpacked(tmp_path: Path, kind: bytes) -> None:
    data = io.BytesIO()
    member = tarfile.TarInfo("link")
    member.type, member.linkname = kind, "/etc/passwd"
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        archive.addfile(member)
    packed = tmp_path / "x.tar.gz"
    packed.write_bytes(data.getvalue())

    with pytest.raises(PackageDamagedError, match="link is neither a file nor a folder"):
        unpack(packed, tmp_path / "root")


def test_every_file_is_verified_however_many_there_are(tmp_path: Path) -> None:
    for number in range(300):
        (tmp_path / f"{number}.txt").write_text(str(number))
    sums = "".join(
        f"{hashlib.sha256(str(number).encode()).hexdigest()}  {number}.txt\n"
        for number in range(300)
    )
    (tmp_path / "SHA256SUMS").write_text(sums)
    digest = hashlib.sha256(sums.encode()).hexdigest()
    verify(tmp_path, digest)

    for number in (0, 150, 299):
        path = tmp_path / f"{number}.txt"
        path.write_text("other")
        with pytest.raises(PackageDamagedError, match=rf"/{number}\.txt"):
            verify(tmp_path, digest)
        path.write_text(str(number))
