"""Objects of the lake as the plain files that they are, for what needs no S3 client.

A record of a query is one small file under a key that nobody else writes. Through S3 it
would cost a client of AWS, which takes longer to load than the query takes.
"""

import os
import shutil
from pathlib import Path
from secrets import token_hex

from selfserve.local.home import Home, cannot_write
from selfserve.local.lake.folders import Lake


class FolderStore:
    """Reads and writes whole objects of one bucket. Raises ClusterFailedError for a full disk."""

    def __init__(self, home: Home, bucket: str) -> None:
        self._drafts = home.root
        self._lake = home.lake
        self.bucket = bucket
        if not (home.lake / bucket).is_dir():
            Lake(home.lake).ensure_bucket(bucket)

    def path_of(self, key: str) -> Path:
        """The file of an object, whether or not it exists."""
        return self._lake / self.bucket / key

    def put(self, key: str, body: bytes) -> None:
        """Store an object; readers see all of it or nothing."""
        draft = self._drafts / f".object.{token_hex(4)}"
        try:
            draft.write_bytes(body)
            self._move(draft, key)
        except OSError as error:
            raise cannot_write(self.path_of(key), error) from error
        finally:
            draft.unlink(missing_ok=True)

    def put_file(self, key: str, path: Path) -> None:
        """Store a file's content."""
        draft = self._drafts / f".object.{token_hex(4)}"
        try:
            shutil.copyfile(path, draft)
            self._move(draft, key)
        except OSError as error:
            raise cannot_write(self.path_of(key), error) from error
        finally:
            draft.unlink(missing_ok=True)

    def get(self, key: str) -> bytes | None:
        """The object's content, or None when there is none."""
        try:
            return self.path_of(key).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def list_folders(self, prefix: str, *, after: str = "") -> list[str]:
        """Folders right below `prefix`; see `ObjectStore.list_folders`."""
        try:
            with os.scandir(self.path_of(prefix)) as entries:
                folders = [f"{prefix}{entry.name}/" for entry in entries if entry.is_dir()]
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(folder for folder in folders if folder > after)

    def _move(self, draft: Path, key: str) -> None:
        path = self.path_of(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.replace(path)
