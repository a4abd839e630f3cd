"""One local endpoint per test process, in a folder of its own, ended with its processes."""

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from selfserve.local import server
from selfserve.local.endpoint import LocalEndpoint
from selfserve.local.engine.leftovers import find_leftovers
from selfserve.local.home import Home


def processes_of(home: Path) -> list[psutil.Process]:
    """The home's daemon, and every process that was started for it."""
    return [*_daemons(home), *find_leftovers(home)]


def _daemons(home: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            command = process.cmdline()
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
        if "selfserve.local.daemon" in command and str(home) in command:
            found.append(process)
    return found


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home of its own; whatever runs from it is ended, and nothing may be left."""
    home = Home(tmp_path / "home")
    yield home
    server.stop(home)
    assert processes_of(home.root) == []


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEndpoint]:
    """A running local endpoint that the tests of this process share."""
    home = Home(tmp_path_factory.mktemp("local") / "home")
    yield server.ensure_running(home)
    server.stop(home)
    assert processes_of(home.root) == []
