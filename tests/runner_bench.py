"""Run jobs under the runner as it is shipped, on a folder in place of S3. No Spark."""

import hashlib
import json
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from selfserve.usecases.packages.packaging import build_runner

DEADLINE_S = 60.0
_PROGRAM = Path(__file__).with_name("runner_folder.py")
_OLD = {
    "3.7": Path.home() / ".pyenv/versions/3.7.16/bin/python3.7",
    "3.9": Path.home() / ".pyenv/versions/3.9.18/bin/python3.9",
}
PYTHONS = [
    pytest.param(sys.executable, id="this"),
    *(
        pytest.param(
            str(path),
            id=version,
            marks=pytest.mark.skipif(not path.exists(), reason=f"there is no Python {version}"),
        )
        for version, path in _OLD.items()
    ),
]


@dataclass
class Job:
    """What is submitted: files, and where they start."""

    files: Mapping[str, str | bytes]
    kind: str = "path"
    target: str = "job.py"
    args: Sequence[str] = ()
    dependencies: Mapping[str, str | bytes] | None = None
    secrets: Mapping[str, str] = field(default_factory=dict)
    name: str = "job.py"


@dataclass
class Finished:
    """How a run has ended."""

    code: int
    copied_stdout: str
    copied_stderr: str


@dataclass
class Bench:
    """One run's prefix, working directory and runner."""

    root: Path
    python: str = sys.executable

    def __post_init__(self) -> None:
        self.run_folder = self.root / "run"
        self.cwd = self.root / "cwd"
        for folder in (self.run_folder, self.cwd, self.root / "tmp", self.root / "s3"):
            folder.mkdir(exist_ok=True, parents=True)
        self.runner = self.root / "driver.py"
        self.runner.write_bytes(build_runner().body)

    def submit(self, job: Job | str) -> None:
        """Put the archives and submission.json where the runner looks for them."""
        job = Job({"job.py": job}) if isinstance(job, str) else job
        dependencies = job.dependencies
        program = {
            "kind": "py",
            "name": job.name,
            "entry": {"kind": job.kind, "target": job.target},
            "code": self.archive("code", job.files),
            "dependencies": self.archive("deps", dependencies) if dependencies else None,
            "lock": ["unknown==to the runner"],
        }
        secrets = [{"name": name, "reference": where} for name, where in job.secrets.items()]
        record = {"run_id": "r-1", "args": [*job.args], "program": program, "secrets": secrets}
        (self.run_folder / "submission.json").write_text(json.dumps(record))

    def archive(self, name: str, files: Mapping[str, str | bytes]) -> dict[str, object]:
        """Pack an archive as `selfserve.packing` does; its ArchiveRef."""
        bodies = {
            path: text.encode() if isinstance(text, str) else text for path, text in files.items()
        }
        sums = "".join(
            f"{hashlib.sha256(body).hexdigest()}  {path}\n" for path, body in sorted(bodies.items())
        ).encode()
        packed = self.root / f"{name}.tar.gz"
        packed.write_bytes(tar({"SHA256SUMS": sums, **bodies}))
        return {
            "uri": str(packed),
            "sha256": hashlib.sha256(packed.read_bytes()).hexdigest(),
            "size": packed.stat().st_size,
            "sums_sha256": hashlib.sha256(sums).hexdigest(),
        }

    def localize(self) -> None:
        """Unpack the archives and link them into the working directory, as YARN does."""
        for name in ("code", "deps"):
            packed = self.root / f"{name}.tar.gz"
            if packed.exists():
                cached = self.root / "filecache" / name
                with tarfile.open(packed) as archive:
                    archive.extractall(cached, filter="data")
                (self.cwd / f"selfserve_{name}").symlink_to(cached)

    def start(
        self, *, options: Mapping[str, object] | None = None, **environment: str
    ) -> "subprocess.Popen[bytes]":
        """Start the runner on what was submitted."""
        run = f"{self.run_folder}/"
        return subprocess.Popen(
            [self.python, str(_PROGRAM), str(self.runner), run, json.dumps(options or {})],
            cwd=self.cwd,
            env={**os.environ, "TMPDIR": str(self.root / "tmp"), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def run(
        self,
        job: Job | str,
        *,
        options: Mapping[str, object] | None = None,
        **environment: str,
    ) -> Finished:
        """Submit a job and run it to its end."""
        self.submit(job)
        with self.start(options=options, **environment) as process:
            try:
                out, err = process.communicate(timeout=DEADLINE_S)
            except BaseException:
                process.kill()
                raise
        return Finished(process.returncode, out.decode(), err.decode())

    def parts(self, stream: str) -> list[Path]:
        """The objects of a stream, in order."""
        return sorted((self.run_folder / stream).glob("*"))

    def output(self, stream: str) -> str:
        """What S3 has of a stream."""
        return b"".join(part.read_bytes() for part in self.parts(stream)).decode()

    @property
    def result(self) -> dict[str, Any]:
        return dict(json.loads((self.run_folder / "result.json").read_text()))


def tar(files: Mapping[str, bytes]) -> bytes:
    """A .tar.gz of these files."""
    data = BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for path, body in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(body)
            archive.addfile(member, BytesIO(body))
    return data.getvalue()


def wait_until(is_true: Callable[[], object]) -> None:
    """Poll until it holds; a minute is a failure."""
    deadline = time.monotonic() + DEADLINE_S
    while not is_true():
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.02)
