"""Walk a folder of the user's: what of it may be shipped, what is left out, and why."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from selfserve.core.shipping import why_file_is_not_shipped, why_folder_is_not_shipped
from selfserve.errors import BadInputError

MAX_FILES = 20_000
"""More than any job has; a home folder submitted by mistake does not hang."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that is shipped."""

    path: PurePosixPath
    """Inside the archive."""
    source: Path
    size: int


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file or folder that is not shipped."""

    path: str
    """Relative to the folder that was walked; a folder's ends with a slash."""
    reason: str


class Walk:
    """What was found in `root`; links are followed as long as they stay inside it."""

    def __init__(self, root: Path, *, max_files: int | None = None) -> None:
        self.root = root.resolve()
        self.files: list[SourceFile] = []
        self.left_out: list[LeftOut] = []
        self._entries = _entries(self.root)
        self._max_files = max_files or MAX_FILES

    def add_all(self) -> None:
        """Take everything in the root that may be shipped."""
        self._visit_all(self._entries, PurePosixPath(), (self.root,))

    def add(self, name: str) -> None:
        """Take the file or folder `name` of the root, if it may be shipped."""
        entry = self._entries.get(name)
        if entry is None:  # a file system may find it all the same
            raise BadInputError(
                f"{self.root} has no {name!r} in exactly these letters.",
                hint=f"See how it is written: ls '{self.root}'",
            )
        self._visit(entry, PurePosixPath(name), self._entries, (self.root,))

    def _visit_all(
        self,
        entries: Mapping[str, "os.DirEntry[str]"],
        path: PurePosixPath,
        above: tuple[Path, ...],
    ) -> None:
        for name in sorted(entries):
            self._visit(entries[name], path / name, entries, above)

    def _visit(
        self,
        entry: "os.DirEntry[str]",
        path: PurePosixPath,
        beside: Mapping[str, object],
        above: tuple[Path, ...],
    ) -> None:
        """`above` are the real folders that lead here; a link back to one is a loop."""
        source = Path(entry.path)
        if entry.is_symlink() and (reason := self._why_not_followed(source, above)):
            self._leave_out(str(path), reason)
        elif entry.is_dir():
            self._visit_folder(source, path, beside, above)
        elif not entry.is_file():
            self._leave_out(str(path), "neither a file nor a folder")
        elif reason := why_file_is_not_shipped(path):
            self._leave_out(str(path), reason)
        else:
            self._take(SourceFile(path, source, entry.stat().st_size))

    def _visit_folder(
        self,
        source: Path,
        path: PurePosixPath,
        beside: Mapping[str, object],
        above: tuple[Path, ...],
    ) -> None:
        inside = _entries(source)
        reason = why_folder_is_not_shipped(path, inside=inside, beside=beside)
        if reason:
            self._leave_out(f"{path}/", reason)
        else:
            self._visit_all(inside, path, (*above, source.resolve()))

    def _why_not_followed(self, link: Path, above: tuple[Path, ...]) -> str | None:
        try:
            target = link.resolve(strict=True)
        except (OSError, RuntimeError):  # RuntimeError: a loop, before Python 3.13
            return "a link that leads nowhere"
        if not target.is_relative_to(self.root):
            return "a link that leaves the folder"
        if target in above:
            return "a link to a folder that it is in"
        reason = self._why_target_is_not_shipped(target)
        return reason and f"a link to {target.relative_to(self.root)}: {reason}"

    def _why_target_is_not_shipped(self, target: Path) -> str | None:
        """A link gives a file another name, but a secret stays one."""
        path = PurePosixPath(target.relative_to(self.root))
        if target.is_file() and (reason := why_file_is_not_shipped(path)):
            return reason
        for folder in (path, *path.parents):
            place = self.root / folder
            if folder.name and place.is_dir():
                reason = why_folder_is_not_shipped(
                    folder, inside=_entries(place), beside=_entries(place.parent)
                )
                if reason:
                    return reason
        return None

    def _take(self, file: SourceFile) -> None:
        self.files.append(file)
        if len(self.files) > self._max_files:
            raise BadInputError(
                f"{self.root} has more than {self._max_files:,} files.",
                hint="Submit a folder that holds the job's code alone; data belongs into S3.",
            )

    def _leave_out(self, path: str, reason: str) -> None:
        self.left_out.append(LeftOut(path, reason))


def _entries(folder: Path) -> dict[str, "os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as found:
            return {entry.name: entry for entry in found}
    except OSError as error:
        raise BadInputError(
            f"Cannot read the folder {folder}: {error.strerror}.",
            hint=f"See who may read it: ls -ld '{folder}'",
        ) from error
