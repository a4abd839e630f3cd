"""Provide the job's two archives as folders: its own code, and the packages it needs.

YARN, and the local target, unpack them into the driver's working directory in
cluster mode. In client mode nobody does (SPARK-36088), so the runner fetches them.
"""

import shutil
import tarfile
from pathlib import Path
from typing import Callable

from .checksums import sha256_of, verify
from .errors import PackageDamagedError, PackageUnavailableError
from .java import reason_of
from .submission import Archive

CODE = "selfserve_code"  # the names behind `#` in the step's --archives
DEPENDENCIES = "selfserve_deps"

Fetch = Callable[[str, str], None]


def provide(archive: Archive, name: str, fetch: Fetch, folder: Path) -> Path:
    """Return the verified folder `name`, below `folder` if it had to be fetched.

    Raises:
        PackageUnavailableError: it is not here and cannot be fetched.
        PackageDamagedError: it is not what was submitted.
    """
    root = Path.cwd() / name
    if not root.is_dir():
        root = folder / name
        packed = folder / f"{name}.tar.gz"
        _fetch(archive, packed, fetch)
        unpack(packed, root)
        packed.unlink()
    verify(root, archive.sums_sha256)
    return root


def unpack(packed: Path, root: Path) -> None:
    """Unpack files and folders, and nothing that would lie outside `root`.

    Own code because the safe filters of `tarfile` are newer than our Python.

    Raises:
        PackageDamagedError: it is no archive, or has a member that is not allowed.
    """
    root.mkdir()
    try:
        with tarfile.open(str(packed), "r:gz") as archive:
            for member in archive:
                _extract(archive, member, root)
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise PackageDamagedError(f"Cannot unpack {packed.name}: {error}.") from error


def _fetch(archive: Archive, packed: Path, fetch: Fetch) -> None:
    try:
        fetch(archive.uri, str(packed))
    except Exception as error:  # py4j, Hadoop and S3 raise what they like
        raise PackageUnavailableError(f"Cannot fetch {archive.uri}: {reason_of(error)}.") from error
    if sha256_of(str(packed)) != archive.sha256:
        raise PackageDamagedError(f"{archive.uri} has another content than was submitted.")


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, root: Path) -> None:
    target = root / member.name
    if target.is_absolute() != root.is_absolute() or ".." in target.parts[len(root.parts) :]:
        raise ValueError(f"{member.name} would lie outside")
    if root not in (target, *target.parents):
        raise ValueError(f"{member.name} would lie outside")
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    source = archive.extractfile(member) if member.isreg() else None
    if source is None:
        raise ValueError(f"{member.name} is neither a file nor a folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    with source, target.open("wb") as file:
        shutil.copyfileobj(source, file, 1 << 20)
    target.chmod(0o755 if member.mode & 0o100 else 0o644)
