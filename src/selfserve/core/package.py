"""Files on their way to S3, addressed by their content.

Pure. Because a key is made of the SHA-256 of what it holds, submitting an
unchanged job again uploads nothing, and a key never changes its content.
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from selfserve.core.naming import archive_key, package_key


@dataclass(frozen=True, slots=True)
class Upload:
    """One object as S3 is to have it; its content is in memory or in a file."""

    key: str
    size: int
    """Bytes."""
    body: bytes = field(default=b"", repr=False)
    path: Path | None = None
    """The file that holds the content instead of `body`."""
    companions: tuple["Upload", ...] = ()
    """What goes with it: it is there whenever this object is, so nobody looks for it."""

    @classmethod
    def of_bytes(cls, name: str, body: bytes) -> Self:
        """A file of this name and content."""
        return cls(package_key(hashlib.sha256(body).hexdigest(), name), len(body), body=body)

    @classmethod
    def of_file(cls, path: Path, name: str | None = None) -> Self:
        """A file as it is on the disk. Raises OSError."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return cls(package_key(digest, name or path.name), path.stat().st_size, path=path)

    @classmethod
    def of_archive(cls, path: Path, sha256: str, size: int) -> Self:
        """An archive whose digest is known already."""
        return cls(archive_key(sha256), size, path=path)

    def uri(self, bucket: str) -> str:
        """Where the cluster reads it."""
        return f"s3://{bucket}/{self.key}"
