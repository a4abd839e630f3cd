"""Archives of dependencies that were built before, so that an unchanged job builds nothing.

Below the cache folder: `packages/<sha256>.tar.gz`, `dependencies/<key>.json` beside it,
and `scratch/` for what is being built. Several processes may use it at once: a file
appears whole or not at all. `pruning.py` removes what is not used any more.
"""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from selfserve.packing.archive import PackedArchive


@dataclass(frozen=True, slots=True)
class Entry:
    """What came out of a build; no archive where nothing had to be installed."""

    archive: PackedArchive | None
    lock: str
    pins: tuple[str, ...]


class WheelCache:
    """The archives of dependencies below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.packages = folder / "packages"
        self._entries = folder / "dependencies"
        self._scratch = folder / "scratch"

    def find(self, key: str) -> Entry | None:
        """What was built under this key, if it is still whole; that counts as a use."""
        path = self._entries / f"{key}.json"
        try:
            entry = self._read(path)
            for used in (path, *([entry.archive.path] if entry.archive else [])):
                os.utime(used)
        except (OSError, ValueError, KeyError, TypeError):  # lost or damaged: build anew
            return None
        return entry

    def _read(self, path: Path) -> Entry:
        found = json.loads(path.read_text(encoding="utf-8"))
        archive = None
        if facts := found["archive"]:
            file = self.packages / f"{facts['sha256']}.tar.gz"
            archive = PackedArchive(file, facts["sha256"], facts["size"], facts["sums_sha256"])
            if file.stat().st_size != archive.size:
                raise ValueError(f"{file} is not what was written")
        return Entry(archive, str(found["lock"]), tuple(map(str, found["pins"])))

    def save(self, key: str, entry: Entry) -> None:
        """Remember a build whose archive is in `packages`. Raises OSError."""
        archive = entry.archive and {
            "sha256": entry.archive.sha256,
            "size": entry.archive.size,
            "sums_sha256": entry.archive.sums_sha256,
        }
        text = json.dumps({"archive": archive, "lock": entry.lock, "pins": entry.pins})
        self._entries.mkdir(parents=True, exist_ok=True)
        with self.scratch() as scratch:
            (scratch / "entry.json").write_text(text, encoding="utf-8")
            (scratch / "entry.json").replace(self._entries / f"{key}.json")

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """A private folder on the cache's file system that is removed afterwards."""
        self._scratch.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._scratch, ignore_cleanup_errors=True) as name:
            yield Path(name)
