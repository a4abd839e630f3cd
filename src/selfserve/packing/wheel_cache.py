"""Archives of dependencies that were built before, so that an unchanged job builds nothing.

Below the cache folder: `packages/<sha256>.tar.gz`, `dependencies/<key>.json` beside it,
and `scratch/` for what is being built. Several processes may use it at once: a file
appears whole or not at all, and what was used within the last hour is never removed.
"""

import contextlib
import itertools
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from selfserve.packing.archive import PackedArchive

Now = Callable[[], float]
"""Seconds since 1970, as files have it."""

_DAY_S = 24 * 3600


@dataclass(frozen=True, slots=True)
class Limits:
    """What the cache may keep."""

    total_bytes: int = 5 * 1000**3
    unused_s: float = 60 * _DAY_S
    in_use_s: float = 3600
    """Somebody may still be uploading what was used this recently."""
    scratch_s: float = _DAY_S
    """A build that is older than this has been killed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What came out of a build; no archive where nothing had to be installed."""

    archive: PackedArchive | None
    lock: str
    pins: tuple[str, ...]


class WheelCache:
    """The archives of dependencies below `folder`."""

    def __init__(self, folder: Path, *, limits: Limits | None = None, now: Now = time.time) -> None:
        self._folder = folder
        self._limits = limits or Limits()
        self._now = now
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

    def prune(self) -> None:
        """Remove what nobody has used for long, and the oldest above the limit of size."""
        now, limits = self._now(), self._limits
        archives = _by_last_use(self.packages.glob("*.tar.gz"))
        total = sum(size for _, size, _ in archives)
        for used, size, path in archives:
            is_too_much = total > limits.total_bytes and now - used > limits.in_use_s
            if is_too_much or now - used > limits.unused_s:
                path.unlink(missing_ok=True)
                total -= size
        for used, _, path in _by_last_use(self._entries.glob("*.json")):
            if now - used > limits.unused_s:
                path.unlink(missing_ok=True)
        left = itertools.chain(self._scratch.glob("*"), self.packages.glob(".packing-*"))
        for used, _, path in _by_last_use(left):
            if now - used > limits.scratch_s:
                _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _by_last_use(paths: Iterable[Path]) -> list[tuple[float, int, Path]]:
    """Time of last use, bytes and path, oldest first, of those that are still there."""
    found = []
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            facts = path.stat()
            found.append((facts.st_mtime, facts.st_size, path))
    return sorted(found)
