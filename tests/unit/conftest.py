"""A profile, and a target in memory, for use cases that need no more."""

from pathlib import Path

import pytest

from fakes import FakeBackend, FakeClock
from selfserve.core.resolve import Resolved
from selfserve.usecases.targets.target import Target
from targets import make_target, resolve_small


@pytest.fixture
def small(tmp_path: Path) -> Resolved:
    return resolve_small(tmp_path)


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend(FakeClock())


@pytest.fixture
def target(backend: FakeBackend) -> Target:
    return make_target(backend=backend, clock=backend.clock)
