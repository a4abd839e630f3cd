"""What a run runs: the user's code, its dependencies and its secrets, as data.

Pure. It stands in the run's record (`runs/<id>/submission.json`), from which the
runner on the cluster reads it; so these names are a contract with
`selfserve.runner`, which knows nothing of this module.
"""

from dataclasses import dataclass
from enum import StrEnum


class JobKind(StrEnum):
    """What a job is written in."""

    PYTHON = "py"
    SQL = "sql"
    JAR = "jar"


class EntryKind(StrEnum):
    """How Python starts a job."""

    PATH = "path"
    """A file, or a folder with `__main__.py`, in the code archive: `python PATH`."""
    MODULE = "module"
    """`python -m MODULE`"""
    FUNCTION = "function"
    """`package.module:function`, as an entry of `[project.scripts]`."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a Python job starts."""

    kind: EntryKind
    target: str
    """A POSIX path inside the code archive (`.` is its root), a module, or `module:function`."""


@dataclass(frozen=True, slots=True)
class ArchiveRef:
    """A .tar.gz in S3 that is unpacked on the cluster.

    Its member `SHA256SUMS` lists every other member, sorted by path, as
    `sha256sum` does ("<hex>  <path>"), so what was unpacked can be verified.
    """

    uri: str
    sha256: str
    """Of the archive itself, in hexadecimal; also its name."""
    size: int
    """Bytes of the archive."""
    sums_sha256: str
    """Of its member SHA256SUMS."""


@dataclass(frozen=True, slots=True)
class PythonTarget:
    """The Python that a job runs on, as uv names it."""

    version: str
    """Such as 3.11."""
    platform: str
    """A value of uv's --python-platform, such as aarch64-manylinux_2_34."""


@dataclass(frozen=True, slots=True)
class SecretRef:
    """A secret by reference; the runner resolves it on the cluster."""

    name: str
    """The environment variable that the job finds it in."""
    reference: str
    """An ARN of Secrets Manager or of an SSM parameter, or an s3:// URI."""


@dataclass(frozen=True, slots=True)
class Program:
    """Everything that a run executes, by reference."""

    kind: JobKind
    name: str
    """The job as people know it: the name of its file or folder."""
    main_uri: str
    """The object that the step starts: the runner for Python, else the job's own file."""
    entry: Entry | None = None
    """Python only, as are those below."""
    code: ArchiveRef | None = None
    dependencies: ArchiveRef | None = None
    lock: tuple[str, ...] = ()
    """`name==version` of every package in `dependencies`, sorted."""
    lock_uri: str | None = None
    """The same with hashes, in the format of requirements.txt."""
    python: PythonTarget | None = None
