"""Remove from the cache what nobody has used for long, and what killed builds have left.

What it may hold: `packages/<sha256>.tar.gz` and notes beside them, `dependencies/<key>.json`,
`projects/<fingerprint>/`, and drafts. Whoever uses one of them sets its time.
"""

import contextlib
import itertools
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

Now = Callable[[], float]
"""Seconds since 1970, as files have it."""

_DAY_S = 24 * 3600
_KEPT = ("packages/*.json", "dependencies/*.json", "projects/[!.]*")
_DRAFTS = ("scratch/*", "packages/.packing-*", "packages/.note-*", "projects/.building-*")


@dataclass(frozen=True, slots=True)
class Limits:
    """What the cache may keep."""

    total_bytes: int = 5 * 1000**3
    """Of archives."""
    unused_s: float = 60 * _DAY_S
    in_use_s: float = 3600
    """Somebody may still be uploading what was used this recently."""
    draft_s: float = _DAY_S
    """A build that is older than this has been killed."""


def prune(cache: Path, *, limits: Limits | None = None, now: Now = time.time) -> None:
    """Keep within the limits; of archives, the longest unused go first. Raises OSError."""
    limits, moment = limits or Limits(), now()
    archives = _by_last_use(cache.glob("packages/*.tar.gz"))
    total = sum(size for _, size, _ in archives)
    for used, size, path in archives:
        is_too_much = total > limits.total_bytes and moment - used > limits.in_use_s
        if is_too_much or moment - used > limits.unused_s:
            _remove(path)
            total -= size
    for patterns, limit_s in ((_KEPT, limits.unused_s), (_DRAFTS, limits.draft_s)):
        for used, _, path in _by_last_use(itertools.chain(*map(cache.glob, patterns))):
            if moment - used > limit_s:
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
