"""Read the files of a run and put into S3 what is not there yet."""

import io
import zipfile
from functools import cache
from importlib.resources import files
from pathlib import Path

from selfserve.backends.base import ObjectStore
from selfserve.core.package import Package, ShippedFile
from selfserve.core.run import JobKind, job_kind
from selfserve.errors import BadInputError

RUNNER_NAME = "driver.py"
_RUNNER_PACKAGE = "selfserve_runner"  # not `selfserve`: a job may import the real one
_RUNNER_MAIN = f"from {_RUNNER_PACKAGE}.driver import start\n\nstart()\n"
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


def read_package(job: Path) -> Package:
    """Return what must be shipped to run the file `job`.

    Raises:
        BadInputError: there is no such file, or it is nothing that can be submitted.
    """
    if not job.exists():
        raise BadInputError(
            f"There is no file {job}.",
            hint=f"Give the path of a .py or .sql file; this folder is {Path.cwd()}.",
        )
    kind = job_kind(job.name)
    if kind is None or not job.is_file():
        what = "a folder" if job.is_dir() else "neither"
        raise BadInputError(
            f"Only .py and .sql files can be submitted; {job} is {what}.",
            hint="selfserve submit JOB.py -- ARGS",
        )
    shipped = ShippedFile.of(job.name, _read(job))
    runner = build_runner() if kind is JobKind.PYTHON else None
    return Package(kind=kind, job=shipped, runner=runner)


def upload(package: Package, store: ObjectStore) -> int:
    """Store what S3 lacks of `package`; returns how many files that were."""
    missing = [file for file in package.files if not store.exists(file.key)]
    for file in missing:
        store.put(file.key, file.body)
    return len(missing)


@cache
def build_runner() -> ShippedFile:
    """The runner as one file: a zip archive that Python can start, the same bytes every time.

    spark-submit takes a Python program by its suffix alone, and Python recognises
    an archive by its content (https://docs.python.org/3/library/zipapp.html).
    """
    sources = {
        f"{_RUNNER_PACKAGE}/{source.name}": source.read_bytes()
        for source in files("selfserve.runner").iterdir()
        if source.name.endswith(".py")
    }
    sources["__main__.py"] = _RUNNER_MAIN.encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(sources):
            archive.writestr(zipfile.ZipInfo(name, _ZIP_EPOCH), sources[name])
    return ShippedFile.of(RUNNER_NAME, buffer.getvalue())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInputError(
            f"Cannot read {path}: {error.strerror}.", hint=f"ls -l {path}"
        ) from error
