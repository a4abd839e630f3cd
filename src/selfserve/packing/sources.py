"""Find out what a job is: where it starts, and which of the user's files belong to it.

Reads names, sizes and Python's imports, and nothing else; it runs at every submission.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from selfserve.core.did_you_mean import closest
from selfserve.core.inline_metadata import has_inline_metadata
from selfserve.core.program import Entry, EntryKind, JobKind
from selfserve.core.shipping import why_file_is_not_shipped
from selfserve.errors import BadInputError
from selfserve.packing.files import LeftOut, SourceFile, Walk
from selfserve.packing.imports import find_local_modules, read_imports
from selfserve.packing.pyproject import Project, choose_entry, find_project_above, read_project

SIZE_LIMIT = 100 * 1024 * 1024
"""Bytes of a job's own code; dependencies do not count."""

_MAIN = "__main__.py"
_KINDS = {".py": JobKind.PYTHON, ".sql": JobKind.SQL, ".jar": JobKind.JAR}
_HINTS = {
    ".ipynb": "Make a script of it: jupyter nbconvert --to script '{path}'",
    ".zip": "Unpack it and submit the folder: unzip '{path}' -d job && selfserve submit job",
    ".egg": "Submit the script that uses it: selfserve submit JOB.py --py-files '{path}'",
    ".whl": "Submit the script that uses it: selfserve submit JOB.py --py-files '{path}'",
}


@dataclass(frozen=True, slots=True)
class JobSource:
    """A job on this machine, before anything of it is built or packed."""

    kind: JobKind
    name: str
    """As people know it: the name of its file or folder."""
    path: Path
    """What was submitted, absolute."""
    root: Path
    """The folder that `files` come from."""
    files: tuple[SourceFile, ...]
    left_out: tuple[LeftOut, ...] = ()
    entry: Entry | None = None
    """Where Python starts; None for SQL and jars."""
    project: Path | None = None
    """The folder with the pyproject.toml of a package that is built and shipped as well."""
    size_limit: int = SIZE_LIMIT


def find_job(path: Path, *, size_limit: int = SIZE_LIMIT) -> JobSource:
    """Return the job at `path`: a .py, .sql or .jar file, a folder, or a project.

    Raises:
        BadInputError: it is nothing that can be submitted, or its code is larger than
            `size_limit` bytes.
    """
    path = path.absolute()
    if not path.exists():
        raise _missing(path)
    job = _find_in_folder(path, size_limit) if path.is_dir() else _find_file(path, size_limit)
    if job.kind is JobKind.PYTHON:
        require_size(job.files, job)
    return job


def require_size(files: tuple[SourceFile, ...], job: JobSource) -> None:
    """Raises BadInputError, with the largest of `files`, when they are over the job's limit."""
    total = sum(file.size for file in files)
    if total <= job.size_limit:
        return
    largest = sorted(files, key=lambda file: -file.size)[:10]
    listed = "".join(f"\n  {_megabytes(file.size):>9}  {file.path}" for file in largest)
    raise BadInputError(
        f"{job.name} has {_megabytes(total)} of code and data; the limit is "
        f"{_megabytes(job.size_limit)}. The largest files:{listed}",
        hint="Move data to S3 and read it from there: aws s3 cp FILE s3://BUCKET/PATH",
    )


def _find_file(path: Path, size_limit: int) -> JobSource:
    kind = _KINDS.get(path.suffix.lower())
    source = path.resolve()
    if kind is None or not source.is_file():
        raise _unsupported(path)
    for name in (path.name, source.name):
        _require_shippable(path, name)
    if kind is JobKind.PYTHON:
        return _find_script(path, source, size_limit)
    file = SourceFile(PurePosixPath(path.name), source, source.stat().st_size)
    return JobSource(kind, path.name, path, source.parent, (file,), size_limit=size_limit)


def _find_script(path: Path, source: Path, size_limit: int) -> JobSource:
    """A script and what it imports from beside it; Python looks beside the real file of a link."""
    walk = _walk_script(source)
    return JobSource(
        kind=JobKind.PYTHON,
        name=path.name,
        path=path,
        root=source.parent,
        files=tuple(walk.files),
        left_out=tuple(walk.left_out),
        entry=Entry(EntryKind.PATH, source.name),
        project=_project_of(source),
        size_limit=size_limit,
    )


def _walk_script(source: Path) -> Walk:
    walk = Walk(source.parent)
    names = (source.name, *find_local_modules(source))
    for name in names:
        walk.add(name)
    _require_shipped(names, walk)
    return walk


def _require_shipped(names: Collection[str], walk: Walk) -> None:
    """Without these the job cannot run."""
    for one in walk.left_out:
        if one.path.rstrip("/") in names:
            raise BadInputError(
                f"The job needs {walk.root / one.path}, which is never shipped: {one.reason}.",
                hint="Put a copy in its place, or make a package of it that the job depends on.",
            )


def _project_of(script: Path) -> Path | None:
    """The project whose package `script` is in or imports; a script with its own metadata has none.

    uv does the same: https://docs.astral.sh/uv/guides/scripts/
    """
    project = find_project_above(script.parent)
    if project is None or has_inline_metadata(script.read_bytes()):
        return None
    packages = project.packages()
    is_inside = any(script.is_relative_to(package) for package in packages.values())
    imported = {name.partition(".")[0] for name in read_imports(script).absolute}
    return project.folder if is_inside or imported & packages.keys() else None


def _find_in_folder(path: Path, size_limit: int) -> JobSource:
    folder = path.resolve()
    project = read_project(folder)
    main = folder / _MAIN
    if project is not None:
        return _find_project(path, project, size_limit)
    if not main.is_file():
        raise _no_main(path, folder)
    walk = Walk(folder)
    walk.add_all()
    _require_shipped([_MAIN], walk)
    files, entry = _as_python_runs_it(folder, tuple(walk.files))
    return JobSource(
        kind=JobKind.PYTHON,
        name=folder.name,
        path=path,
        root=folder,
        files=files,
        left_out=tuple(walk.left_out),
        entry=entry,
        project=_project_of(main),
        size_limit=size_limit,
    )


def _as_python_runs_it(
    folder: Path, files: tuple[SourceFile, ...]
) -> tuple[tuple[SourceFile, ...], Entry]:
    """As `python FOLDER`, or as `python -m FOLDER` for a package that uses its own name."""
    imported = read_imports(folder / _MAIN)
    tops = {name.partition(".")[0] for name in imported.absolute}
    is_package = (folder / "__init__.py").is_file() and folder.name.isidentifier()
    if not is_package or not (imported.relative or folder.name in tops):
        return files, Entry(EntryKind.PATH, ".")
    inside = tuple(SourceFile(folder.name / file.path, file.source, file.size) for file in files)
    return inside, Entry(EntryKind.MODULE, folder.name)


def _find_project(path: Path, project: Project, size_limit: int) -> JobSource:
    """A project's package is built; only a `__main__.py` beside it is shipped as a file."""
    main = project.folder / _MAIN
    walk = _walk_script(main) if main.is_file() else None
    return JobSource(
        kind=JobKind.PYTHON,
        name=project.folder.name,
        path=path,
        root=project.folder,
        files=tuple(walk.files) if walk else (),
        left_out=tuple(walk.left_out) if walk else (),
        entry=Entry(EntryKind.PATH, ".") if walk else choose_entry(project),
        project=project.folder,
        size_limit=size_limit,
    )


def _require_shippable(path: Path, name: str) -> None:
    reason = why_file_is_not_shipped(PurePosixPath(name))
    if reason:
        raise BadInputError(
            f"{path} is never shipped ({name}: {reason}).",
            hint=f"If it is a job, give it another name: mv '{path}' job{path.suffix}",
        )


def _missing(path: Path) -> BadInputError:
    place = path.parent
    if not place.is_dir():
        return BadInputError(f"There is no folder {place}.", hint="See where you are: pwd")
    names = [entry.name for entry in place.iterdir()]
    match = closest(path.name, names)
    return BadInputError(
        f"There is no {path.name} in {place}.",
        hint=f"Did you mean {match}?" if match else f"See what there is: ls '{place}'",
    )


def _unsupported(path: Path) -> BadInputError:
    what = "not a file" if not path.is_file() else f"a {path.suffix or 'nameless kind of'} file"
    hint = _HINTS.get(path.suffix.lower(), "selfserve submit JOB.py -- ARGS")
    return BadInputError(
        f"{path} is {what}; a job is a .py, .sql or .jar file, or a folder with {_MAIN} "
        "or pyproject.toml.",
        hint=hint.format(path=path),
    )


def _no_main(path: Path, folder: Path) -> BadInputError:
    scripts = sorted(script.name for script in folder.glob("*.py"))
    if not any(folder.iterdir()):
        return BadInputError(f"The folder {path} is empty.", hint="selfserve submit JOB.py")
    hint = "Submit one of its files" if scripts else f"Write {path / _MAIN}, where it starts"
    example = f": selfserve submit '{path / scripts[0]}'" if scripts else "."
    return BadInputError(
        f"{path} has no {_MAIN}, so nothing says where it starts.", hint=hint + example
    )


def _megabytes(size: int) -> str:
    return f"{size / 1024 / 1024:.1f} MiB"
