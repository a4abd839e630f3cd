"""An account, a terminal, and moto's server for all tests of the process."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from fakes import FakeClock
from faults.account import account
from faults.terminal import Terminal, VirtualTargets, aws_time
from targets import write_profiles

_BUCKETS = count(1)


@pytest.fixture(scope="session")
def moto_port() -> Iterator[int]:
    """Where moto answers for all of AWS."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    yield server.get_host_and_port()[1]
    server.stop()


@pytest.fixture
def clock() -> FakeClock:
    """The time of the account and of who works on it."""
    return FakeClock()


@pytest.fixture
def make_terminal(
    tmp_path: Path, clock: FakeClock, moto_port: int, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], Terminal]]:
    """Makes a terminal, each time in a folder and an account of its own.

    The folder has the profile `small` and the job `job.py`.
    """
    with ExitStack() as stack:
        stack.enter_context(aws_time(clock))

        def make() -> Terminal:
            bucket = f"bucket-{next(_BUCKETS)}"
            folder = tmp_path / bucket
            write_profiles(folder / "cluster_profiles")
            (folder / "job.py").write_text("print('done')\n")
            monkeypatch.chdir(folder)
            made = stack.enter_context(
                account(folder, clock=clock, moto_port=moto_port, bucket=bucket)
            )
            return Terminal(made, folder, VirtualTargets(clock), monkeypatch)

        yield make


@pytest.fixture
def terminal(make_terminal: Callable[[], Terminal]) -> Terminal:
    """Somebody's terminal."""
    return make_terminal()
