"""Verify an unpacked archive against the list of SHA-256 sums that it brings along.

Only what the list names is read: Python writes its .pyc files into the same
folder, which executors of other jobs may share.
"""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import List, Optional, Tuple

from .errors import PackageDamagedError

SUMS = "SHA256SUMS"
_CHUNK = 1 << 20


def verify(root: Path, sums_sha256: str) -> None:
    """Check every file that `root`/SHA256SUMS lists, and that list itself.

    Raises:
        PackageDamagedError: a file is missing or has another content; its name is told.
    """
    try:
        sums = (root / SUMS).read_bytes()
    except OSError as error:
        raise _damaged(root, SUMS, f"cannot be read ({error.strerror})") from error
    if hashlib.sha256(sums).hexdigest() != sums_sha256:
        raise _damaged(root, SUMS, "is not the one that was submitted")
    remaining = _parse(sums.decode("utf-8", "surrogateescape"))
    workers = os.cpu_count() or 1
    # hashlib lets go of Python's lock, so threads are as good as processes.
    with ThreadPoolExecutor(workers) as pool:
        found = pool.map(lambda _: _first_damage(str(root), remaining), range(workers))
    for damage in found:
        if damage is not None:
            raise _damaged(root, *damage)


def sha256_of(path: str) -> str:
    """The hexadecimal SHA-256 of a file. Raises OSError."""
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123  ten thousands of files
        while True:
            chunk = file.read(_CHUNK)
            if not chunk:
                return digest.hexdigest()
            digest.update(chunk)


def _parse(text: str) -> List[Tuple[str, str]]:
    """Pairs of sum and path, of lines such as `<sum>  <path>`."""
    lines = [line.partition("  ") for line in text.split("\n") if line]
    return [(digest, path) for digest, _, path in lines]


def _first_damage(root: str, remaining: List[Tuple[str, str]]) -> Optional[Tuple[str, str]]:
    """Take files from `remaining`, as other threads do, until one is wrong or none is left."""
    while True:
        try:
            digest, path = remaining.pop()
        except IndexError:
            return None
        try:
            if sha256_of(os.path.join(root, path)) != digest:  # noqa: PTH118  as above
                return path, "has another content than was submitted"
        except OSError as error:
            return path, f"cannot be read ({error.strerror})"


def _damaged(root: Path, path: str, what: str) -> PackageDamagedError:
    return PackageDamagedError(f"The package on the cluster is damaged: {root.name}/{path} {what}.")
