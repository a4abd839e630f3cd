"""The files of a table: found anew for each statement, since anybody may add some."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file as the engine opens it."""

    path: str
    """A path of this machine, or an s3:// URI."""
    size: int
    version: str
    """Changes when the content does: a time of change, an ETag."""


class FileSource(Protocol):
    """Where locations of tables lead. Raises only `SelfserveError`s."""

    def list_files(self, location: str) -> Sequence[DataFile]:
        """The files right below an s3:// URI, in the order of their names; empty if there is none.

        Without hidden ones, whose names begin with `_` or `.`, as Hive, Spark and Trino leave
        them out.
        """


def is_hidden(name: str) -> bool:
    """Whether Hive leaves a file of this name out, such as `_SUCCESS`."""
    return name.startswith(("_", "."))


class FolderFiles:
    """A lake of plain folders; `to_path` finds the folder behind an s3:// URI."""

    def __init__(self, to_path: Callable[[str], Path]) -> None:
        self._to_path = to_path

    def list_files(self, location: str) -> Sequence[DataFile]:
        """See `FileSource.list_files`."""
        try:
            entries = sorted(os.scandir(self._to_path(location)), key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return []
        return [
            _to_file(entry) for entry in entries if entry.is_file() and not is_hidden(entry.name)
        ]


def _to_file(entry: os.DirEntry[str]) -> DataFile:
    found = entry.stat()
    return DataFile(entry.path, found.st_size, str(found.st_mtime_ns))
