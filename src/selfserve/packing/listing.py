"""List what is shipped of a job and what is not: what `submit --dry-run` shows."""

from dataclasses import dataclass
from pathlib import Path

from selfserve.packing.files import LeftOut, SourceFile
from selfserve.packing.project import build_project
from selfserve.packing.sources import JobSource, require_size
from selfserve.packing.uv_tool import Uv


@dataclass(frozen=True, slots=True)
class Shipment:
    """The whole of a job's own code; its dependencies are another matter."""

    files: tuple[SourceFile, ...]
    """Sorted by path."""
    left_out: tuple[LeftOut, ...]
    """Sorted by path; of a project, relative to its folder."""


def list_shipment(job: JobSource, *, cache: Path, uv: Uv | None = None) -> Shipment:
    """Return exactly what is shipped of `job`; builds its project unless `cache` has it.

    Raises:
        BadInputError: the project cannot be built, or all is over the job's size limit.
    """
    files = {file.path: file for file in job.files}
    left_out = set(job.left_out)
    if job.project is not None:
        built = build_project(job.project, cache, uv)
        files = {file.path: file for file in built.files} | files  # beside the script comes first
        left_out.update(built.left_out)
        require_size(tuple(files.values()), job)
    return Shipment(
        files=tuple(sorted(files.values(), key=lambda file: file.path.as_posix())),
        left_out=tuple(sorted(left_out, key=lambda one: one.path)),
    )
