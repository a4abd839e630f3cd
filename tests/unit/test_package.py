"""What is shipped: addressed by content, the same bytes every time, uploaded once."""

import ast
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from fakes import MemoryStore
from selfserve.core.package import ShippedFile
from selfserve.errors import BadInputError
from selfserve.usecases.packaging import build_runner, read_package, upload


def test_a_files_key_is_made_of_its_content_and_name() -> None:
    file = ShippedFile.of("job.py", b"print(1)")

    assert file.key == f"selfserve/packages/{file.sha256}/job.py"
    assert file.uri("lake") == f"s3://lake/{file.key}"
    assert ShippedFile.of("job.py", b"print(2)").key != file.key


def test_a_python_job_is_shipped_with_the_runner_and_a_sql_job_without(tmp_path: Path) -> None:
    python, sql = tmp_path / "job.py", tmp_path / "report.SQL"
    python.write_text("print(1)")
    sql.write_text("SELECT 1")

    assert [file.name for file in read_package(python).files] == ["job.py", "driver.py"]
    assert [file.name for file in read_package(sql).files] == ["report.SQL"]


def test_a_second_upload_of_the_same_job_uploads_nothing(tmp_path: Path) -> None:
    job = tmp_path / "job.py"
    job.write_text("print(1)")
    store = MemoryStore()

    first = upload(read_package(job), store)
    second = upload(read_package(job), store)
    job.write_text("print(2)")
    third = upload(read_package(job), store)

    assert (first, second, third) == (2, 0, 1)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("missing.py", "There is no file", id="missing"),
        pytest.param("folder", "is a folder", id="folder"),
        pytest.param("folder.py", "is a folder", id="folder-with-suffix"),
        pytest.param("job.jar", "Only .py and .sql", id="jar"),
        pytest.param("job", "Only .py and .sql", id="no-suffix"),
    ],
)
def test_what_cannot_be_submitted_is_refused_with_a_hint(
    tmp_path: Path, name: str, message: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "job.jar").touch()
    (tmp_path / "job").touch()

    with pytest.raises(BadInputError, match=message) as refusal:
        read_package(tmp_path / name)

    assert refusal.value.hint


def test_the_runner_is_the_same_bytes_every_time() -> None:
    first = build_runner()
    build_runner.cache_clear()

    assert build_runner() == first


def test_python_can_start_the_runner(tmp_path: Path) -> None:
    path = tmp_path / "driver.py"
    path.write_bytes(build_runner().body)

    done = subprocess.run(
        [sys.executable, str(path), "--as-job", str(tmp_path / "failure"), str(tmp_path / "none")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert "FileNotFoundError" in done.stderr


def test_the_runner_uses_the_syntax_of_python_3_7(tmp_path: Path) -> None:
    path = tmp_path / "driver.py"
    path.write_bytes(build_runner().body)

    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            ast.parse(archive.read(name), feature_version=(3, 7))
