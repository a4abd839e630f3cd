"""Build the package of a project, and return the files that installing it would give.

uv builds a copy that holds only what may be shipped: so no secret can get into the
wheel, nothing is left behind in the user's folder, and what an earlier build left
there is not shipped again.
"""

import os
import re
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from selfserve.errors import BadInputError
from selfserve.packing.files import LeftOut, SourceFile, Walk
from selfserve.packing.fingerprint import fingerprint
from selfserve.packing.pyproject import FILE_NAME
from selfserve.packing.uv_tool import Uv, UvError

BUILD_ENVIRONMENT = {
    "SOURCE_DATE_EPOCH": "315532800",  # 1980, the first time that a zip file can hold
    # The copy has no .git, from which these would take a version.
    "SETUPTOOLS_SCM_PRETEND_VERSION": "0",  # hatch-vcs listens to it, too
    "PDM_BUILD_SCM_VERSION": "0",
    "POETRY_DYNAMIC_VERSIONING_BYPASS": "0",
}
"""What uv needs in its environment for a build that depends on the sources alone."""

_MAX_FILES = 200_000
"""A project may have its data beside its package."""
_LARGE = 64 * 1024
"""Files above this are linked instead of copied."""
_SETUPTOOLS_SCM = re.compile(rb"setuptools[-_]scm")
_BACKEND_FAILED = "cause: The build backend returned an error"


@dataclass(frozen=True, slots=True)
class BuiltProject:
    """What a project puts into the archive of a job."""

    files: tuple[SourceFile, ...]
    left_out: tuple[LeftOut, ...]
    """Relative to the project's folder."""


def build_project(folder: Path, cache: Path, uv: Uv | None = None) -> BuiltProject:
    """Return the files of the package in `folder`; build it unless `cache` has it unchanged.

    Its version is 0 where it would come from version control.

    Raises:
        BadInputError: it cannot be built, or only for one kind of machine.
    """
    walk = Walk(folder, max_files=_MAX_FILES)
    walk.add_all()
    built = cache / "projects" / fingerprint(walk.files)
    if not built.is_dir():
        _build(folder, walk.files, built, uv or Uv(BUILD_ENVIRONMENT))
    os.utime(built)  # when it was last used, for `pruning.py`
    result = Walk(built)
    result.add_all()
    return BuiltProject(tuple(result.files), (*walk.left_out, *result.left_out))


def _unreadable(file: SourceFile, error: OSError) -> BadInputError:
    return BadInputError(
        f"Cannot read {file.source}: {error.strerror}.",
        hint=f"See who may read it: ls -l '{file.source}'",
    )


def _build(folder: Path, files: Iterable[SourceFile], built: Path, uv: Uv) -> None:
    """Fill the folder `built`; it appears whole or not at all."""
    built.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=built.parent, prefix=".building-") as name:
        scratch = Path(name)
        _copy(files, scratch / "source")
        _stand_in_for_git(scratch / "source")
        wheel = _build_wheel(folder, scratch, uv)
        _require_pure(wheel, folder)
        _unpack(wheel, scratch / "files")
        try:
            (scratch / "files").rename(built)
        except OSError:
            if not built.is_dir():  # else another submission was faster
                raise


def _copy(files: Iterable[SourceFile], destination: Path) -> None:
    destination.mkdir()
    for file in files:
        target = destination / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            if file.size > _LARGE and _link(file.source.resolve(), target):
                continue
            shutil.copy2(file.source, target)
        except PermissionError as error:
            raise _unreadable(file, error) from error


def _stand_in_for_git(project: Path) -> None:
    """Tell setuptools which files are the package's data, where it would have asked git.

    Source: https://setuptools-scm.readthedocs.io/en/latest/usage/
    """
    if _SETUPTOOLS_SCM.search((project / FILE_NAME).read_bytes()):
        with (project / "MANIFEST.in").open("a", encoding="utf-8") as manifest:
            manifest.write("\nglobal-include *\n")


def _link(source: Path, target: Path) -> bool:
    try:
        os.link(source, target)
    except OSError:  # another disk, or a file system without links
        return False
    return True


def _build_wheel(folder: Path, scratch: Path, uv: Uv) -> Path:
    wheels = scratch / "wheels"
    options = ["--wheel", "--no-create-gitignore", "--python", sys.executable]
    try:
        uv.run(["build", *options, "--out-dir", str(wheels), str(scratch / "source")])
    except UvError as error:
        raise BadInputError(
            f"The project {folder} cannot be built: {_last_meaningful_line(error.said)}",
            hint=f"See all that the build says: uv build --wheel '{folder}'",
        ) from error
    return next(wheels.glob("*.whl"))


def _last_meaningful_line(said: str) -> str:
    """The build backend's own words, if it had any, else uv's."""
    lines = [line.strip() for line in said.partition("\nhint:")[0].splitlines() if line.strip()]
    start = next((n for n, line in enumerate(lines) if _is_uvs_summary(line)), len(lines))
    backend = [line for line in lines[:start] if not line.startswith("Building ")]
    if backend and any(line.startswith(_BACKEND_FAILED) for line in lines[start:]):
        return next((line for line in backend if line.startswith("error: ")), backend[-1])
    return lines[-1].removeprefix("cause: ") if lines else "uv does not say why"


def _is_uvs_summary(line: str) -> bool:
    return line.startswith("error: Failed to build `")


def _require_pure(wheel: Path, folder: Path) -> None:
    from packaging.utils import parse_wheel_filename  # noqa: PLC0415 - slow, and seldom needed

    tags = parse_wheel_filename(wheel.name)[3]
    if any(tag.platform != "any" or tag.abi != "none" for tag in tags):
        raise BadInputError(
            f"The project {folder} has compiled code: {wheel.name} runs on this kind of machine "
            "only, perhaps not on the cluster's.",
            hint="Publish wheels of it for Linux, and name it among the job's dependencies.",
        )


def _unpack(wheel: Path, destination: Path) -> None:
    destination.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        for info in archive.infolist():
            path = _installed_path(PurePosixPath(info.filename))
            if info.is_dir() or path is None:
                continue
            target = destination / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read(info))
            if info.external_attr >> 16 & 0o111:  # as pip does
                target.chmod(0o755)


def _installed_path(path: PurePosixPath) -> PurePosixPath | None:
    """Where installing puts a wheel's file below site-packages; None when it goes elsewhere.

    Source: https://packaging.python.org/specifications/binary-distribution-format/
    """
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"a wheel with the path {path}")
    top = path.parts[0]
    if top.endswith(".data"):
        is_library = len(path.parts) > 2 and path.parts[1] in ("purelib", "platlib")
        return PurePosixPath(*path.parts[2:]) if is_library else None
    if top.endswith(".dist-info") and path.name == "RECORD":
        return None
    return path
