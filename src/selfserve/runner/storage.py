"""What the runner needs of S3: the objects below the prefix of one run, and those it names.

`hadoop.py` is the real one; tests bring a folder.
"""

from abc import ABC, abstractmethod
from typing import Dict, List, Optional


class StorageGoneError(Exception):
    """S3 cannot be reached any more, and never will be: the JVM that reaches it has ended."""


class Storage(ABC):
    """Usable from several threads. May raise anything when S3 does not answer.

    Raises StorageGoneError when there is no sense in trying again.
    """

    @abstractmethod
    def fetch(self, uri: str, path: str) -> None:
        """Copy the object at `uri`, wherever it is, to the new local file `path`."""

    @abstractmethod
    def read(self, uri: str) -> bytes:
        """The content of the small object at `uri`, wherever it is."""

    @abstractmethod
    def write(self, name: str, body: bytes) -> None:
        """Create or replace an object of the run; readers see it whole or not at all."""

    @abstractmethod
    def exists(self, name: str) -> bool:
        """Whether the run has this object."""

    @abstractmethod
    def names(self, folder: str) -> List[str]:
        """The names below `folder`; none if there is no such folder."""

    @abstractmethod
    def application_id(self) -> Optional[str]:
        """Spark's id of the application that runs at the moment, if any."""

    @abstractmethod
    def versions(self) -> Dict[str, str]:
        """What the job runs on."""

    @abstractmethod
    def close(self) -> None:
        """Let go of all connections."""
