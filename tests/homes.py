"""What runs for a local target's home folder, and the command line on a home of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from selfserve.local.endpoint import BUCKET
from selfserve.local.engine.leftovers import find_leftovers
from selfserve.local.home import Home

SELFSERVE = Path(sys.executable).with_name("selfserve")
DEADLINE_S = 600  # the first use of a Spark version installs it

_JVM = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
QUICK_JVM = {f"spark.{role}.extraJavaOptions": _JVM for role in ("driver", "executor")}
"""Jobs of some seconds spend half of them on compiling what ends before it pays."""
QUICK_JOBS = tuple(
    part
    for name, value in QUICK_JVM.items()
    for part in ("--set", f"conf.spark-defaults.{name}={value}")
)
"""The same for `up`."""


def processes_of(home: Path) -> list[psutil.Process]:
    """The home's daemon, and every process that was started for it."""
    return [*daemons_of(home), *find_leftovers(home)]


def daemons_of(home: Path) -> list[psutil.Process]:
    """The home's daemon, if it runs."""
    found = []
    for process in psutil.process_iter():
        try:
            command = process.cmdline()
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
        if "selfserve.local.daemon" in command and str(home) in command:
            found.append(process)
    return found


@dataclass(frozen=True)
class Laptop:
    """The command line of somebody whose local target is this home."""

    home: Home
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables beside those of the machine."""
    before: tuple[str, ...] = ()
    """A program, with arguments, that runs the command line in other circumstances."""

    def start(self, *args: str) -> "subprocess.Popen[str]":
        """Type a command, and do something else meanwhile."""
        keep = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        ours = {"SELFSERVE_LOCAL_HOME": str(self.home.root), "SELFSERVE_ON": "local"}
        return subprocess.Popen(
            [*self.before, str(SELFSERVE), *args],
            env=keep | ours | dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *args: str) -> "subprocess.CompletedProcess[str]":
        """Type a command, and wait for its end."""
        return finish(self.start(*args))

    def must(self, *args: str) -> str:
        """What a command prints that must succeed."""
        done = self.run(*args)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def path_of(self, key: str) -> Path:
        """Where an object of the default bucket lies."""
        path = self.home.lake / BUCKET / key
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def finish(process: "subprocess.Popen[str]") -> "subprocess.CompletedProcess[str]":
    """Wait for a command's end; one that does not end is killed."""
    with process:
        try:
            stdout, stderr = process.communicate(timeout=DEADLINE_S)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)
