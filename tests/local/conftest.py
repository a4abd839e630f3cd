"""A local target of its own for each test that wants one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from homes import processes_of
from selfserve.local import daemon_client
from selfserve.local.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home of its own; whatever runs from it is ended, and nothing may be left."""
    home = Home(tmp_path / "home")
    yield home
    daemon_client.stop(home)
    assert processes_of(home.root) == []
