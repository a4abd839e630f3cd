"""What a submission ships: the runner, the job's code, its packages; each by its content."""

import ast
import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from selfserve.core.package import Upload
from selfserve.core.program import Entry, EntryKind, JobKind
from selfserve.errors import BadInputError
from selfserve.packing.sources import find_job
from selfserve.usecases.packages.packaging import Bench, Package, Wish, build_runner, make_package
from selfserve.usecases.placement.destination import Destination

SOMEWHERE = Destination(
    applications=("Spark",), profile="small", release="emr-7.14.0", python=None, hourly_cost=None
)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(bucket="lake", cache=tmp_path / "cache", report=lambda _: None)


def package(path: Path, bench: Bench) -> Package:
    return make_package(find_job(path), Wish(), SOMEWHERE, bench)


def test_a_key_is_made_of_content_and_name() -> None:
    upload = Upload.of_bytes("job.py", b"print(1)")

    digest = hashlib.sha256(b"print(1)").hexdigest()
    assert upload.key == f"selfserve/packages/{digest}/job.py"
    assert upload.uri("lake") == f"s3://lake/{upload.key}"
    assert Upload.of_bytes("job.py", b"print(2)").key != upload.key


def test_a_file_and_the_same_bytes_have_one_key(tmp_path: Path) -> None:
    path = tmp_path / "a.jar"
    path.write_bytes(b"classes")

    assert Upload.of_file(path).key == Upload.of_bytes("a.jar", b"classes").key


def test_a_python_job_is_the_runner_and_an_archive_of_its_code(
    tmp_path: Path, bench: Bench
) -> None:
    job = tmp_path / "job.py"
    job.write_text("import helper")
    (tmp_path / "helper.py").write_text("x = 1")

    made = package(job, bench)

    runner, code = made.uploads
    assert made.program.kind is JobKind.PYTHON
    assert made.program.entry == Entry(EntryKind.PATH, "job.py")
    assert made.program.main_uri == runner.uri("lake")
    assert made.program.code is not None
    assert made.program.code.uri == code.uri("lake")
    assert made.program.code.uri.endswith(f"packages/{made.program.code.sha256}.tar.gz")
    assert code.path is not None
    body = code.path.read_bytes()
    assert hashlib.sha256(body).hexdigest() == made.program.code.sha256
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        assert archive.getnames() == ["SHA256SUMS", "helper.py", "job.py"]


@pytest.mark.parametrize(("name", "kind"), [("a.sql", JobKind.SQL), ("a.jar", JobKind.JAR)])
def test_other_jobs_go_as_they_are(tmp_path: Path, bench: Bench, name: str, kind: JobKind) -> None:
    (tmp_path / name).write_bytes(b"as it is")

    made = package(tmp_path / name, bench)

    assert made.program.kind is kind
    assert [upload.uri("lake") for upload in made.uploads] == [made.program.main_uri]
    assert made.program.code is None


def test_packages_cannot_be_chosen_for_an_unknown_cpu(tmp_path: Path, bench: Bench) -> None:
    job = tmp_path / "job.py"
    job.write_text('# /// script\n# dependencies = ["numpy"]\n# ///\n')

    with pytest.raises(BadInputError, match=r"job\.py.*launch record is lost"):
        package(job, bench)


def test_the_runner_is_the_same_bytes_every_time() -> None:
    first = build_runner()
    build_runner.cache_clear()

    assert build_runner() == first


def test_the_runner_uses_the_syntax_of_python_3_7(tmp_path: Path) -> None:
    path = tmp_path / "driver.py"
    path.write_bytes(build_runner().body)

    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            ast.parse(archive.read(name), feature_version=(3, 7))
