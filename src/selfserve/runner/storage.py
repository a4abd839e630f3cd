"""What the runner needs of S3: the objects below the prefix of one run.

`hadoop.py` is the real one; tests bring a folder.
"""

from abc import ABC, abstractmethod
from typing import Dict, List, Optional


class Storage(ABC):
    """The objects below the prefix of one run. May raise anything when S3 does not answer."""

    @abstractmethod
    def fetch(self, uri: str, path: str) -> None:
        """Copy the object at `uri`, wherever it is, to the new local file `path`."""

    @abstractmethod
    def write(self, name: str, body: bytes) -> None:
        """Create an object that readers see whole or not at all."""

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
