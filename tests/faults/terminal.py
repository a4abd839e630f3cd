"""Somebody's terminal: the command line in this process, in virtual time, or as a process."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from threading import Lock
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.loaders import create_loader
from typer.testing import CliRunner, Result

from fakes import FakeClock
from faults.account import Account
from selfserve.cli.app import app
from selfserve.usecases.targets.configured_targets import ConfiguredTargets
from selfserve.usecases.targets.target import Place, Target

_create_loader = cache(create_loader)  # AWS's models are large, and read anew by each session
SELFSERVE = Path(sys.executable).with_name("selfserve")


@dataclass
class VirtualTargets:
    """The configured targets, in the account's time; all users share the connections."""

    clock: FakeClock
    configured: ConfiguredTargets = field(default_factory=ConfiguredTargets)
    opened: Target | None = None

    def place(self, on: str | None) -> Place:
        """See Targets."""
        return self.configured.place(on)

    def open(self, on: str | None) -> Target:
        """See Targets."""
        if self.opened is None:
            self.opened = replace(self.configured.open(on), clock=self.clock)
        return replace(self.opened, user=self.place(on).user)

    def peek(self, on: str | None) -> Target | None:
        """See Targets."""
        return self.open(on)


@dataclass(frozen=True)
class Terminal:
    """A working directory with profiles and a job, and an account to work on."""

    account: Account
    folder: Path
    targets: VirtualTargets
    monkeypatch: pytest.MonkeyPatch

    def run(self, *args: str, user: str = "ada") -> Result:
        """Type a command and wait for its end; a bug in it fails the test."""
        for name, value in self.account.environment(self.folder, user=user).items():
            self.monkeypatch.setenv(name, value)
        return CliRunner().invoke(app, args, obj=self.targets, catch_exceptions=False)

    def must(self, *args: str, user: str = "ada") -> str:
        """What a command prints that must succeed."""
        done = self.run(*args, user=user)
        assert done.exit_code == 0, done.output
        return done.stdout

    def start(self, *args: str) -> "subprocess.Popen[str]":
        """Type a command, and do something else meanwhile."""
        import os

        return subprocess.Popen(
            [str(SELFSERVE), *args],
            cwd=self.folder,
            env={**os.environ, **self.account.environment(self.folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@contextmanager
def aws_time(clock: FakeClock) -> Iterator[None]:
    """Let botocore sign by, and wait in, the time of `clock`, and moto's S3 write by it."""
    lock = Lock()

    def sleep(seconds: float) -> None:
        with lock:
            clock.sleep(timedelta(seconds=seconds))

    def now(*, remove_tzinfo: bool = True) -> datetime:
        return clock.now().replace(tzinfo=None) if remove_tzinfo else clock.now()

    class Condition:
        """Stands in for threading.Condition in botocore's token bucket."""

        def __init__(self, held: Any) -> None:
            self._held = held

        def __enter__(self) -> None:
            self._held.acquire()

        def __exit__(self, *_: object) -> None:
            self._held.release()

        def wait(self, seconds: float) -> None:
            sleep(max(seconds, 0.001))  # the clock knows no less than microseconds

        def notify(self) -> None:
            """Nobody waits in real time."""

    in_time = SimpleNamespace(sleep=sleep, time=lambda: clock.now().timestamp())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("moto.s3.models.utcnow", now)
        patch.setattr("botocore.auth.get_current_datetime", now)
        patch.setattr("botocore.endpoint.time", in_time)
        patch.setattr("botocore.loaders.create_loader", _create_loader)
        patch.setattr("botocore.retries.bucket.time", in_time)
        in_bucket = SimpleNamespace(Lock=Lock, Condition=Condition)
        patch.setattr("botocore.retries.bucket.threading", in_bucket)
        yield
