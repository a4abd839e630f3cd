"""An AWS account with thousands of clusters at moto's server, which counts what is asked of it.

A process of its own (`moto_server`): it shares neither CPU time nor memory with the client.
"""

import contextlib
import json
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

ACCOUNT = "123456789012"
BUCKET = "bench-bucket"
REGION = "us-east-1"
"""moto's server puts all clusters there, whatever the client says."""
IDLE = "idle over its limit"
"""The clusters that are to end."""
CONTROL = "/-bench-/"
"""Paths that begin so are for the benchmark itself."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as the server has seen it."""

    service: str
    """`emr`, `monitoring` (CloudWatch) or `s3`."""
    operation: str


@dataclass(frozen=True, slots=True)
class MotoAccount:
    """A running server."""

    url: str

    def calls(self) -> list[Asked]:
        """What has been asked since this was last called."""
        return [Asked(*call) for call in self._ask("calls")]

    def later(self, duration: timedelta) -> None:
        """Let time go by: answers are dated so, and the clusters' probes have written again."""
        self._ask(f"later/{duration.total_seconds()}")

    def states(self) -> Counter[tuple[str, str]]:
        """How many clusters of each kind are in each state."""
        return Counter((kind, state) for kind, state in self._ask("states"))

    def _ask(self, what: str) -> list[list[str]]:
        with urllib.request.urlopen(self.url + CONTROL + what) as answer:  # noqa: S310  loopback
            found: list[list[str]] = json.load(answer)
            return found


@contextlib.contextmanager
def moto_account(mix: str, live: int) -> Iterator[MotoAccount]:
    """Start a server with so many live clusters; it ends with the block."""
    command = [sys.executable, "-m", "benchmarks.moto_server", mix, str(live)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            yield MotoAccount(f"http://127.0.0.1:{int(server.stdout.readline())}")
        finally:
            server.stdin.close()
            server.wait()
