"""A cluster that is up, and jobs submitted to it by the command line, as users do."""

import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from homes import DEADLINE_S, QUICK_JOBS, Laptop, processes_of
from selfserve.core.naming import run_prefix
from selfserve.local import daemon_client
from selfserve.local.home import Home

CLUSTER = "shared"
ON_CLUSTER = ("-c", CLUSTER)
JOB_FAILED, INTERRUPTED = 5, 130


@contextmanager
def spark_cluster(root: Path, environment: Mapping[str, str] | None = None) -> Iterator[Laptop]:
    """The command line on a local target of its own, with a Spark cluster; nothing is left."""
    laptop = Laptop(Home(root / "home"), environment or {})
    try:
        laptop.must("up", "spark-ml", "--name", CLUSTER, *QUICK_JOBS)
        yield laptop
    finally:
        daemon_client.stop(laptop.home)
    assert processes_of(laptop.home.root) == []


def lay_out(folder: Path, contents: Mapping[str, str]) -> Path:
    """Write files below `folder`; returns it."""
    for name, text in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def run_id_of(done: "subprocess.CompletedProcess[str]") -> str:
    """The run that a `submit` has told of."""
    found = re.search(r"Run (r-[\w-]+): ", done.stderr)
    assert found, done.stderr
    return found[1]


def record_of(laptop: Laptop, run_id: str, name: str = "submission.json") -> Path:
    """An object of the run's record."""
    return laptop.path_of(f"{run_prefix(run_id)}{name}")


def package_of(laptop: Laptop, program: Mapping[str, Any], name: str = "code") -> Path:
    """Where an archive lies that a run has shipped; `program` is that of its submission."""
    uri: str = program[name]["uri"]
    return laptop.path_of(uri.split("/", 3)[3])


@dataclass
class Lines:
    """What a running command prints, line by line, each with what `stamp` says on its arrival."""

    process: "subprocess.Popen[str]"
    stamp: Callable[[], float] = lambda: 0.0
    seen: list[tuple[str, float]] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _threads: list[threading.Thread] = field(default_factory=list)
    _has_ended: bool = False
    _stderr: str = ""

    def __enter__(self) -> Self:
        for read in (self._read_stdout, self._read_stderr):
            thread = threading.Thread(target=read)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()  # does nothing to one that has ended
        self._wait()

    def until(self, wanted: Callable[[str], bool]) -> str:
        """The first line that is wanted, however long ago it came."""
        looked_at = 0
        deadline = time.monotonic() + DEADLINE_S
        while True:
            with self._changed:
                news = self.seen[looked_at:]
                is_over = self._has_ended
                if not news and not is_over:
                    self._changed.wait(deadline - time.monotonic())
            looked_at += len(news)
            found = next((line for line, _ in news if wanted(line)), None)
            if found is not None:
                return found
            assert not is_over, f"no such line; {self._stderr}"
            assert time.monotonic() < deadline, f"no such line yet; {self._stderr}"

    def finish(self) -> "subprocess.CompletedProcess[str]":
        """Wait for the command's end."""
        self.process.wait(DEADLINE_S)
        self._wait()
        stdout = "".join(line for line, _ in self.seen)
        return subprocess.CompletedProcess(
            self.process.args, self.process.returncode, stdout, self._stderr
        )

    def _wait(self) -> None:
        for thread in self._threads:
            thread.join()
        self.process.wait()

    def _read_stdout(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stdout:
            for line in stdout:
                with self._changed:
                    self.seen.append((line, self.stamp()))
                    self._changed.notify_all()
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()

    def _read_stderr(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stderr:
            for line in stderr:
                self._stderr += line
