"""Make of a job what goes to S3: the program by reference, and the objects behind it."""

import io
import zipfile
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from selfserve.core.naming import lock_key
from selfserve.core.package import Upload
from selfserve.core.program import ArchiveRef, JobKind, Program
from selfserve.errors import BadInputError
from selfserve.packing.archive import PackedArchive
from selfserve.packing.code import build_code
from selfserve.packing.needs import may_need_packages
from selfserve.packing.sources import JobSource
from selfserve.packing.uv_tool import Uv
from selfserve.usecases.placement.destination import Destination
from selfserve.usecases.progress import Note, Report

if TYPE_CHECKING:
    from selfserve.packing.dependencies import Dependencies

RUNNER_NAME = "driver.py"
_RUNNER_PACKAGE = "selfserve_runner"  # not `selfserve`: a job may import the real one
_RUNNER_MAIN = f"from {_RUNNER_PACKAGE}.driver import start\n\nstart()\n"
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user says of the packages that a job needs."""

    requirements: Path | None = None
    """A file to take instead of what is found beside the job."""
    upgrade: bool = False
    """Choose the versions anew, although nothing has changed."""


@dataclass(frozen=True, slots=True)
class Bench:
    """Where packages are made, and for whom."""

    bucket: str
    cache: Path
    report: Report


@dataclass(frozen=True, slots=True)
class Package:
    """A program, and what S3 must have for it."""

    program: Program
    uploads: tuple[Upload, ...]


def make_package(source: JobSource, wish: Wish, destination: Destination, place: Bench) -> Package:
    """Pack a job for the clusters that `destination` stands for.

    Raises:
        BadInputError: the job's files cannot be shipped, or its packages are not to be had.
    """
    if source.kind is not JobKind.PYTHON:
        main = Upload.of_file(source.path)
        return Package(Program(source.kind, source.name, main.uri(place.bucket)), (main,))
    runner = build_runner()
    code = build_code(source, cache=place.cache)
    program = Program(
        kind=source.kind,
        name=source.name,
        main_uri=runner.uri(place.bucket),
        entry=source.entry,
        code=_reference(code, place.bucket),
        python=destination.python,
    )
    uploads = (runner, Upload.of_archive(code.path, code.sha256, code.size))
    dependencies = _dependencies(source, wish, destination, place)
    if dependencies is None:
        return Package(program, uploads)
    archive, lock = dependencies.archive, dependencies.lock.encode()
    locked = Upload(lock_key(archive.sha256), len(lock), body=lock)
    packed = Upload.of_archive(archive.path, archive.sha256, archive.size)
    program = replace(
        program,
        dependencies=_reference(archive, place.bucket),
        lock=dependencies.pins,
        lock_uri=locked.uri(place.bucket),
    )
    return Package(program, (*uploads, replace(packed, companions=(locked,))))


def _dependencies(
    source: JobSource, wish: Wish, destination: Destination, place: Bench
) -> "Dependencies | None":
    if not may_need_packages(source.path, explicit=wish.requirements, project=source.project):
        return None
    from selfserve.packing.requirements import find_requirements

    requirements = find_requirements(
        source.path, explicit=wish.requirements, project=source.project
    )
    if requirements is None:
        return None
    from selfserve.packing.dependencies import build_dependencies

    if destination.python is None:
        raise BadInputError(
            f"No packages can be chosen for {source.name}. {destination.no_python}",
            hint="Launch another cluster with: selfserve up PROFILE --name NAME",
        )
    return build_dependencies(
        requirements,
        destination.python,
        cache=place.cache,
        uv=Uv(),
        upgrade=wish.upgrade,
        report=lambda text: place.report(Note(text)),
    )


def _reference(archive: PackedArchive, bucket: str) -> ArchiveRef:
    uri = Upload.of_archive(archive.path, archive.sha256, archive.size).uri(bucket)
    return ArchiveRef(uri, archive.sha256, archive.size, archive.sums_sha256)


@cache
def build_runner() -> Upload:
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
    return Upload.of_bytes(RUNNER_NAME, buffer.getvalue())
