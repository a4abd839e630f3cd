"""What is shipped to the cluster for a run: files, addressed by their content.

Pure. Because a file's S3 key is made of its SHA-256, submitting an unchanged
job again uploads nothing, and a key never changes its content.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Self

from selfserve.core.naming import package_key
from selfserve.core.run import JobKind


@dataclass(frozen=True, slots=True)
class ShippedFile:
    """One file as it goes to S3."""

    name: str
    body: bytes = field(repr=False)
    sha256: str

    @classmethod
    def of(cls, name: str, body: bytes) -> Self:
        """A file of this name and content."""
        return cls(name=name, body=body, sha256=hashlib.sha256(body).hexdigest())

    @property
    def key(self) -> str:
        """Its S3 key."""
        return package_key(self.sha256, self.name)

    def uri(self, bucket: str) -> str:
        """Where the cluster reads it."""
        return f"s3://{bucket}/{self.key}"


@dataclass(frozen=True, slots=True)
class Package:
    """Everything that one run needs from S3."""

    kind: JobKind
    job: ShippedFile
    runner: ShippedFile | None
    """Spark's entry point around a Python job; None for a script that EMR runs itself."""

    @property
    def files(self) -> tuple[ShippedFile, ...]:
        """All of it."""
        return (self.job,) if self.runner is None else (self.job, self.runner)
