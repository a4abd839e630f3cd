"""The runner on a folder in place of S3, as a program of its own, for any Python from 3.7.

python runner_folder.py DRIVER.PY RUN/ {"settings": {"watch.CANCEL_EVERY": 1}, "failures": 2}
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selfserve.runner.storage import Storage, StorageGoneError
else:
    sys.path.insert(0, sys.argv[1])
    from selfserve_runner.storage import Storage, StorageGoneError


class FolderStorage(Storage):
    """A run's prefix as a folder. URIs are paths; those of S3 lie in the folder `s3` beside it."""

    def __init__(self, folder: Path, *, failures: int = 0, dies_after: int | None = None) -> None:
        self.folder = folder
        self.failures = failures
        self.dies_after = dies_after
        self.writes = 0

    def fetch(self, uri: str, path: str) -> None:
        Path(path).write_bytes(Path(uri).read_bytes())

    def read(self, uri: str) -> bytes:
        return Path(uri.replace("s3:/", str(self.folder.parent / "s3"))).read_bytes()

    def write(self, name: str, body: bytes) -> None:
        self.writes += 1
        if self.dies_after is not None and self.writes > self.dies_after:
            raise StorageGoneError("the JVM has ended")
        if name != "result.json" and self.failures:
            self.failures -= 1
            raise ConnectionError("S3 is not there")
        target = self.folder / name
        if target.exists() and name != "result.json":
            raise AssertionError(f"{name} is written twice")
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = self.folder / ".writing"
        aside.write_bytes(body)
        aside.rename(target)

    def exists(self, name: str) -> bool:
        return (self.folder / name).exists()

    def names(self, folder: str) -> list[str]:
        return [path.name for path in (self.folder / folder).glob("*")]

    def application_id(self) -> str | None:
        return "app-1"

    def versions(self) -> dict[str, str]:
        return {"python": ".".join(map(str, sys.version_info[:2]))}

    def close(self) -> None:
        (self.folder / "closed").touch()


def main() -> int:
    runner, run, options = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    for name, value in options.pop("settings", {}).items():
        module, _, constant = name.partition(".")
        setattr(importlib.import_module(f"selfserve_runner.{module}"), constant, value)
    driver = importlib.import_module("selfserve_runner.driver")
    return int(driver.main(["--run", run], runner, lambda _: FolderStorage(Path(run), **options)))


if __name__ == "__main__":
    sys.exit(main())
