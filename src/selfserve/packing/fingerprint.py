"""Recognise files that have not changed, so that nothing is built or packed twice."""

import hashlib
from collections.abc import Iterable

from selfserve.errors import BadInputError
from selfserve.packing.files import SourceFile

_FORMAT = b"1"
"""Changes when what was built or packed before must not be used any more."""
_READ_UP_TO = 64 * 1024


def fingerprint(files: Iterable[SourceFile]) -> str:
    """Return a digest of the paths, x bits and contents of `files`.

    Of files above 64 KiB, inode and times stand for the content: the time of the last
    change of an inode (ctime) cannot be set back.

    Raises:
        BadInputError: a file cannot be read.
    """
    digest = hashlib.sha256(_FORMAT)
    for file in files:
        digest.update(f"{file.path}\0".encode(errors="surrogateescape"))
        try:
            digest.update(_facts(file))
        except OSError as error:
            raise BadInputError(
                f"Cannot read {file.source}: {error.strerror}.",
                hint=f"See who may read it: ls -l '{file.source}'",
            ) from error
    return digest.hexdigest()


def _facts(file: SourceFile) -> bytes:
    facts = file.source.stat()
    parts: tuple[object, ...] = (facts.st_mode & 0o100, facts.st_size)
    if facts.st_size > _READ_UP_TO:
        parts += (facts.st_dev, facts.st_ino, facts.st_mtime_ns, facts.st_ctime_ns)
    else:
        parts += (hashlib.sha256(file.source.read_bytes()).hexdigest(),)
    return repr(parts).encode()
