"""A lake for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded_lake import Lake


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with Lake(tmp_path) as lake:
        yield lake
