"""Put in place what a planned step needs before its process starts."""

import shutil
import tarfile
import zipfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

from selfserve.errors import BadInputError
from selfserve.local.home import write_private
from selfserve.local.lake.folders import SCHEMES, Lake
from selfserve.local.steps.command import LocalizedFile, StepCommand


def prepare(command: StepCommand, lake: Lake) -> None:
    """Make the working directory, write the private files, fetch what YARN would localize.

    Raises:
        BadInputError: a file that the step names does not exist or cannot be unpacked.
        ClusterFailedError: the disk is full.
    """
    command.cwd.mkdir(parents=True, exist_ok=True, mode=0o700)
    if temporary := command.env.get("TMPDIR"):
        Path(temporary).mkdir(parents=True, exist_ok=True, mode=0o700)
    for path, text in command.private_files.items():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(path, text)
    for item in command.localized:
        _localize(item, command.cwd, lake)


def _localize(item: LocalizedFile, cwd: Path, lake: Lake) -> None:
    source = _source(item.uri, lake)
    target = cwd / item.name
    if source is None:
        return  # Spark fetches it, and says so if it cannot
    if Path(item.name).name != item.name or item.name in {".", ".."}:
        raise BadInputError(
            f"{item.name!r} cannot be the name of a file beside the job.",
            hint="Write a plain name after the #.",
        )
    if target.exists():
        return  # of two of the same name YARN, too, keeps the first
    if not source.exists():
        raise BadInputError(f"There is no {item.uri}.", hint="Look at --files and --archives.")
    if item.unpack:
        _unpack(source, target, item.uri)
    elif source.is_file():
        shutil.copyfile(source, target)


def _source(uri: str, lake: Lake) -> Path | None:
    parts = urlsplit(uri)
    if parts.scheme in SCHEMES:
        return lake.path_of(uri)
    if parts.scheme in {"", "file"}:
        return Path(unquote(parts.path) if parts.scheme else uri)
    return None


def _unpack(source: Path, target: Path, uri: str) -> None:
    try:
        if zipfile.is_zipfile(source):
            with zipfile.ZipFile(source) as archive:
                archive.extractall(target)  # noqa: S202 - zipfile keeps members inside
        else:
            with tarfile.open(source) as archive:
                archive.extractall(target, filter="tar")
    except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        raise BadInputError(
            f"{uri} cannot be unpacked: {error}.", hint="Use a .zip or .tar.gz file."
        ) from error
